//! Example 7: an application, and what a crash does to it.
//!
//! The word count of example 1 runs as an application on the broker in memory: threads aside, this is what runs on Kafka. The
//! idea: input, state and output are committed together, so a process that is killed anywhere loses nothing and repeats nothing.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use topo::broker::memory::MemoryBroker;
use topo::broker::{
    Assignment, Broker, ConsumerConfig, Fetched, Isolation, NewTopic, Outgoing, ProducerConfig, StartOffset,
};
use topo::state::{i64_be, utf8};
use topo::{
    AppConfig, Builder, Codecs, Headers, KeyValue, Partition, Process, Silent, Topic, Topology,
    TopologyErrors,
};

const WORDS: [&str; 4] = ["tea", "milk", "tea", "tea"];

fn topology() -> Result<Topology, TopologyErrors> {
    let app = Builder::new("word-count");
    let words: Topic<Option<String>, String> = Topic::new("words", utf8(), utf8());
    let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
    app.stream("read", &words)
        .group_by("by-word", |_, word| word.clone(), Codecs::new(utf8(), utf8()))
        .count("count", KeyValue::new("counts-store", utf8(), i64_be()))
        .to_stream("updates")
        .to("write", &counts);
    app.build()
}

/// A cluster with the input topic, and `times` times all words in it.
fn cluster(times: usize) -> Result<MemoryBroker, Box<dyn Error>> {
    let broker = MemoryBroker::new();
    let topic = NewTopic { name: "words".into(), partitions: 1, replication: -1, settings: BTreeMap::new() };
    broker.admin()?.create(&[topic])?;
    let mut producer = broker.producer(&ProducerConfig {
        client_id: "example".into(),
        transactional_id: None,
        transaction_timeout: Duration::from_secs(10),
        linger: Duration::ZERO,
    })?;
    for word in WORDS.iter().cycle().take(times * WORDS.len()) {
        let value = Some(word.as_bytes());
        let (topic, headers) = ("words", &Headers::new());
        producer.send(Outgoing {
            topic,
            partition: 0,
            key: None,
            value,
            timestamp: 0,
            headers,
            slot: None,
        })?;
    }
    while producer.in_flight() > 0 {
        producer.delivered(Duration::ZERO);
    }
    Ok(broker)
}

/// Every count that is committed, in order.
fn counts(broker: &MemoryBroker) -> Result<Vec<(String, i64)>, Box<dyn Error>> {
    let isolation = Isolation::ReadCommitted;
    let config =
        ConsumerConfig { client_id: "example".into(), group: None, isolation, buffer_bytes: 1 << 20 };
    let mut reader = broker.consumer(&config)?;
    let partition = Partition::new("counts", 0);
    if broker.admin()?.partitions(&["counts".into()])?.is_empty() {
        return Ok(Vec::new());
    }
    reader.assign(&[Assignment { partition, start: StartOffset::Earliest, slot: 0 }])?;
    let mut fetched: Vec<Fetched> = Vec::new();
    reader.poll(usize::MAX, Duration::ZERO, &mut fetched)?;
    let read = |it: Fetched| {
        let word = String::from_utf8(it.record.key.unwrap_or_default().to_vec())?;
        let count = i64::from_be_bytes(it.record.value.unwrap_or_default()[..].try_into()?);
        Ok((word, count))
    };
    fetched.into_iter().map(read).collect()
}

/// Starts the application again and again and kills it after more and more steps, until all of the input is counted.
/// Returns how often it was killed.
fn run_through_crashes(broker: &MemoryBroker, inputs: usize) -> Result<usize, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let config = AppConfig {
        state_dir: dir.path().to_owned(),
        commit_interval_ms: 10,
        step_records: 3,
        ..AppConfig::default()
    };
    let mut now = 0;
    for crashes in 0..100 {
        let mut process =
            Process::new(topology()?, Arc::new(broker.clone()), config.clone(), Arc::new(Silent))?;
        for _ in 0..(50 + 37 * crashes) {
            for part in process.parts() {
                process.step(part, now)?;
            }
            now += 5;
            broker.advance(now);
        }
        // Dropping it is `kill -9`: nothing is said, nothing is flushed, the session is left to run out.
        drop(process);
        if counts(broker)?.len() == inputs {
            return Ok(crashes);
        }
    }
    Err("it never got there".into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = cluster(25)?;
    let crashes = run_through_crashes(&broker, 100)?;
    let newest: BTreeMap<String, i64> = counts(&broker)?.into_iter().collect();
    println!("after {crashes} crashes: {newest:?}");
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
    fn every_count_is_committed_once_however_often_it_is_killed() {
        let broker = cluster(25).unwrap();
        let crashes = run_through_crashes(&broker, 100).unwrap();
        assert!(crashes > 0, "it was never killed half-way");
        let mut next: BTreeMap<String, i64> = BTreeMap::new();
        for (word, count) in counts(&broker).unwrap() {
            let expected = next.entry(word.clone()).or_insert(1);
            assert_eq!(count, *expected, "{word}");
            *expected += 1;
        }
        assert_eq!(next, BTreeMap::from([("milk".to_owned(), 26), ("tea".to_owned(), 76)]));
    }
}
