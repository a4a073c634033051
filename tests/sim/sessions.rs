//! Visits gathered into sessions that grow, meet and close.

use std::collections::BTreeMap;

use topo::state::{i64_be, session_windowed, utf8};
use topo::testkit::sim::{Input, Outcome, Random, Scenario};
use topo::{Builder, Codecs, Session, SessionValue, Topic, Topology};

const PARTITIONS: i32 = 2;
const GAP_MS: i64 = 40;
const GRACE_MS: i64 = 60;

type Windowed = topo::state::Windowed<String>;
/// Sessions of one key: start, end, visits.
type Spans = Vec<(i64, i64, i64)>;

pub(crate) struct Sessions;

fn visits() -> Topic<String, String> {
    Topic::new("visits", utf8(), utf8())
}

fn sessions() -> Topic<Windowed, Option<i64>> {
    Topic::new("sessions", session_windowed(utf8()), i64_be())
}

impl Scenario for Sessions {
    fn name(&self) -> &str {
        "sessions"
    }

    fn topology(&self) -> Topology {
        let app = Builder::new("sessions");
        app.stream("visits", &visits())
            .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
            .sessions(Session::gap_ms(GAP_MS).grace_ms(GRACE_MS))
            .count("count", SessionValue::new("counts", utf8(), i64_be()))
            .to_stream("updates")
            .to("sessions", &sessions());
        app.build().expect("the topology is right")
    }

    fn topics(&self) -> Vec<(String, i32)> {
        vec![("visits".into(), PARTITIONS)]
    }

    fn input(&self, random: &mut Random) -> Vec<Input> {
        let visit = |random: &mut Random, number: i64| {
            let visitor = ["a", "b", "c"][random.below(3)].to_owned();
            let time = number * 15 - random.between(0, 200);
            Input::new(&visits(), PARTITIONS, &visitor, &String::new(), time.max(0))
        };
        (0..random.between(10, 50)).map(|number| visit(random, number)).collect()
    }

    /// What every session was worth last is what the records of its partition, one by one, make of it.
    fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let mut expected: BTreeMap<(String, i64, i64), i64> = BTreeMap::new();
        for partition in outcome.read(&visits())? {
            let mut model = Model::default();
            partition.iter().for_each(|record| model.visit(&record.key, record.timestamp));
            expected.extend(model.last);
        }
        let mut found: BTreeMap<(String, i64, i64), Option<i64>> = BTreeMap::new();
        for record in outcome.read(&sessions())?.into_iter().flatten() {
            let window = record.key.window;
            found.insert((record.key.key, window.start, window.end), record.value);
        }
        if !outcome.exactly_once() {
            let missing = expected.keys().find(|session| !found.contains_key(*session));
            return missing.map_or(Ok(()), |session| Err(format!("session {session:?} was never said")));
        }
        let found: BTreeMap<_, _> = found.into_iter().filter_map(|(it, count)| Some((it, count?))).collect();
        if found == expected { Ok(()) } else { Err(format!("sessions {found:?} instead of {expected:?}")) }
    }
}

/// One partition, record by record.
#[derive(Default)]
struct Model {
    open: BTreeMap<String, Spans>,
    /// What each session was worth last.
    last: BTreeMap<(String, i64, i64), i64>,
    stream_time: Option<i64>,
    /// The highest end of a session that was kept.
    highest: Option<i64>,
}

impl Model {
    /// One more visit: it joins the sessions within the gap that are still known, or begins its own.
    fn visit(&mut self, key: &str, time: i64) {
        let stream_time = self.stream_time.map_or(time, |before| before.max(time));
        self.stream_time = Some(stream_time);
        let known = |end: i64, highest: Option<i64>| highest.is_none_or(|it| end > it - GAP_MS - GRACE_MS);
        let spans = self.open.entry(key.to_owned()).or_default();
        spans.retain(|(_, end, _)| known(*end, self.highest));
        let near = |span: &(i64, i64, i64)| span.1 >= time - GAP_MS && span.0 <= time + GAP_MS;
        let (near, far): (Spans, Spans) = spans.drain(..).partition(near);
        let start = near.iter().map(|span| span.0).chain([time]).min().unwrap_or(time);
        let end = near.iter().map(|span| span.1).chain([time]).max().unwrap_or(time);
        *spans = far;
        if end < stream_time - GAP_MS - GRACE_MS {
            spans.extend(near);
            return;
        }
        let count = near.iter().map(|span| span.2).sum::<i64>() + 1;
        for (start, end, _) in near {
            self.last.remove(&(key.to_owned(), start, end));
        }
        self.last.insert((key.to_owned(), start, end), count);
        self.highest = Some(self.highest.map_or(end, |highest| highest.max(end)));
        if known(end, self.highest) {
            spans.push((start, end, count));
        }
    }
}
