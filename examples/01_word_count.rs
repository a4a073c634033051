//! Example 1: a stream, a grouping, a count.
//!
//! Lines come in, words are counted, and every new count goes out. The idea: verbs read like the sentence they implement, each
//! takes its name first, and codecs are said where bytes are written.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use topo::state::{i64_be, utf8};
use topo::testkit::Driver;
use topo::{Builder, Codecs, KeyValue, Topic, Topology, TopologyErrors};

/// Lines of text. Their key says nothing, and may be null.
fn lines() -> Topic<Option<String>, String> {
    Topic::new("lines", utf8(), utf8())
}

/// How often each word was seen. `Option`: a table's update may be a deletion (a count never is).
fn counts() -> Topic<String, Option<i64>> {
    Topic::new("word-counts", utf8(), i64_be())
}

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("word-count");
    app.stream("read", &lines())
        .flat_map_values("split", |_, line| {
            line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>()
        })
        // The key changes, so records travel through the topic `word-count-by-word-repartition`.
        .group_by("by-word", |_, word| word.clone(), Codecs::new(utf8(), utf8()))
        // Counts live in the store `counts`, and on its changelog `word-count-counts-changelog`.
        .count("count", KeyValue::new("counts", utf8(), i64_be()))
        .to_stream("updates")
        .to("write", &counts());
    app.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(topology()?)?;
    for (time, line) in ["All streams lead to Kafka", "Hello Kafka"].into_iter().enumerate() {
        driver.pipe(&lines(), None, line.to_owned(), i64::try_from(time)?)?;
    }
    for update in driver.read(&counts())? {
        println!("{} {}", update.key, update.value.unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs() {
        main().unwrap();
    }

    #[test]
    fn every_word_gives_its_new_count() {
        let mut driver = Driver::new(topology().unwrap()).unwrap();
        driver.pipe(&lines(), None, "to be or not to be".to_owned(), 7).unwrap();
        let seen: Vec<_> = driver.read(&counts()).unwrap().into_iter().map(|it| (it.key, it.value)).collect();
        let expected = [("to", 1), ("be", 1), ("or", 1), ("not", 1), ("to", 2), ("be", 2)];
        assert_eq!(seen, expected.map(|(word, count)| (word.to_owned(), Some(count))));
    }
}
