//! Visits to pages, one topic per page: pages come up while they are counted.

use std::collections::BTreeMap;

use topo::state::{i64_be, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Codecs, KeyValue, Topic, TopicPattern, Topology};

/// Partitions of the first page; the others have no more.
const PARTITIONS: i32 = 2;
const PAGES: [(&str, i32); 3] =
    [("visits-home", PARTITIONS), ("visits-news", PARTITIONS), ("visits-about", 1)];

pub(crate) struct Matching;

fn visits(page: &str) -> Topic<String, String> {
    Topic::new(page, utf8(), utf8())
}

fn counts() -> Topic<String, Option<i64>> {
    Topic::new("counts", utf8(), i64_be())
}

impl Scenario for Matching {
    fn name(&self) -> &str {
        "matching"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("matching");
        app.stream_matching("visits", &TopicPattern::<String, String>::new("visits-.*", utf8(), utf8()))
            .map("by-page", |visitor, page| (page, visitor))
            .group_by_key("by-page", Codecs::new(utf8(), utf8()))
            .count("count", KeyValue::new("totals", utf8(), i64_be()))
            .to_stream("updates")
            .to("counts", &counts());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        PAGES.iter().map(|(page, partitions)| ((*page).to_owned(), *partitions)).collect()
    }

    fn later(&self) -> Vec<String> {
        PAGES[1..].iter().map(|(page, _)| (*page).to_owned()).collect()
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let visit = |random: &mut Random, time: i64| {
            let (page, partitions) = PAGES[random.below(PAGES.len())];
            let visitor = ["ann", "bob", "cid", "dan"][random.below(4)].to_owned();
            Input::new(&visits(page), partitions, &visitor, &page.to_owned(), time)
        };
        (0..random.between(10, 50)).map(|time| visit(random, time)).collect()
    }

    /// Each visit of every page is counted once, whenever the page came up.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for record in outcome.read(&counts())?.into_iter().flatten() {
            found.entry(record.key).or_default().extend(record.value);
        }
        for (page, _) in PAGES {
            let came = outcome.read(&visits(page))?.iter().map(Vec::len).sum::<usize>();
            let seen = found.remove(page).unwrap_or_default();
            let right = match outcome.exactly_once() {
                true => seen.iter().copied().eq((1..).take(came)),
                false => seen.len() >= came,
            };
            if !right {
                return Err(format!("{page} came {came} times and was counted {seen:?}"));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(format!("counts of nothing: {found:?}")) }
    }
}
