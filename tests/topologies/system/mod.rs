//! The whole system for a test: a Kafka and a database of its own, `topo run` processes, writers and readers.
//!
//! Everything is read with the broker's public traits and by plain SQL, never through the processors under test.

// Each test binary that takes this in uses its own part of it.
#![allow(dead_code, unused_imports)]

mod expected;
mod input;
mod names;
mod outputs;
mod sql;
mod tables;
mod worker;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use topo::broker::kafka::KafkaBroker;
use topo::broker::{Assignment, Broker, ConsumerConfig, Fetched, Isolation, NewTopic, StartOffset};
use topo::{Partition, RawRecord};

use crate::support::kafka::Kafka;
use crate::support::postgres::Postgres;
use crate::support::scratch::{Scratch, wait_until};

pub(crate) use expected::{Expected, PAUSE, mix, settle, states};
pub(crate) use input::Input;
pub(crate) use names::Names;
pub(crate) use outputs::{Outputs, Repeat};
pub(crate) use sql::Sql;
pub(crate) use tables::Tables;
pub(crate) use worker::Worker;

/// A Kafka, a database, and a directory for the processes.
pub(crate) struct System {
    // The processes' directories go before the services that their watchdogs know nothing of.
    pub(crate) scratch: Scratch,
    pub(crate) kafka: Node,
    pub(crate) broker: KafkaBroker,
    /// Empty without a database.
    pub(crate) database_url: String,
    pub(crate) names: Names,
}

/// A Kafka of this system alone, or one that it shares.
pub(crate) enum Node {
    /// May be killed.
    Own(Kafka),
    /// Others use it, too.
    Shared(&'static Kafka),
}

impl Deref for Node {
    type Target = Kafka;

    fn deref(&self) -> &Kafka {
        match self {
            Self::Own(kafka) => kafka,
            Self::Shared(kafka) => kafka,
        }
    }
}

impl System {
    /// Starts what is needed; the topics have their usual names, so Kafka is a fresh one.
    pub(crate) fn start() -> Self {
        Self::on(Kafka::start())
    }

    /// The same on a Kafka that was started for it.
    pub(crate) fn on(kafka: Kafka) -> Self {
        Self::with(Node::Own(kafka), Names::usual()).with_database(Postgres::shared())
    }

    /// A system without a database on the Kafka of all tests; its names begin with `tag`.
    pub(crate) fn shared(tag: &str) -> Self {
        let kafka = Kafka::shared();
        Self::with(Node::Shared(kafka), Names::tagged(kafka.unique(tag)))
    }

    /// A system without a database on this Kafka.
    pub(crate) fn with(kafka: Node, names: Names) -> Self {
        let broker = KafkaBroker::new(kafka.bootstrap(), BTreeMap::new());
        Self { scratch: Scratch::new("system"), kafka, broker, database_url: String::new(), names }
    }

    /// With an empty database of its own.
    pub(crate) fn with_database(self, server: &Postgres) -> Self {
        Self { database_url: tables::new_database(server), ..self }
    }

    /// Makes topics whose old records stay.
    pub(crate) fn create_topics(&self, names: &[String], partitions: i32) {
        let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let new = |name: &String| NewTopic {
            name: name.clone(),
            partitions,
            replication: self.kafka.replication(),
            settings: settings.clone(),
        };
        let mut admin = self.broker.admin().unwrap();
        for created in admin.create(&names.iter().map(new).collect::<Vec<_>>()).unwrap() {
            created.unwrap();
        }
        wait_until("the topics to be known", Duration::from_secs(20), || {
            admin.partitions(names).is_ok_and(|known| known.len() == names.len())
        });
    }

    /// Where records wait for the end of a transaction: partition, last stable offset, end.
    pub(crate) fn open_transactions(&self) -> Vec<String> {
        let reader = |isolation| {
            let (client_id, group) = ("marks".into(), None);
            self.broker
                .consumer(&ConsumerConfig { client_id, group, isolation, buffer_bytes: 1 << 20 })
                .unwrap()
        };
        let (mut stable, mut all) = (reader(Isolation::ReadCommitted), reader(Isolation::ReadUncommitted));
        let mut admin = self.broker.admin().unwrap();
        let topics = admin.topics().unwrap_or_default();
        let mut open = Vec::new();
        for (topic, partitions) in admin.partitions(&topics).unwrap_or_default() {
            for partition in (0..partitions).map(|number| Partition::new(topic.as_str(), number)) {
                match (stable.watermarks(&partition), all.watermarks(&partition)) {
                    (Ok(stable), Ok(all)) if stable == all => {}
                    (stable, all) => open.push(format!("{partition}: {stable:?}, {all:?}")),
                }
            }
        }
        open
    }

    /// Every committed record of a topic, by partition and offset.
    pub(crate) fn read_all(&self, topic: &str, partitions: i32) -> Vec<(i32, i64, RawRecord)> {
        let one = |number| {
            let records = self.read(&Partition::new(topic, number), i64::MAX);
            records.into_iter().map(move |(offset, record)| (number, offset, record))
        };
        (0..partitions).flat_map(one).collect()
    }

    /// The committed records of a partition below an offset.
    pub(crate) fn read(&self, partition: &Partition, below: i64) -> Vec<(i64, RawRecord)> {
        let config = ConsumerConfig {
            client_id: "read".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 16 << 20,
        };
        let mut reader = self.broker.consumer(&config).unwrap();
        // A machine that is busy may be asked twice.
        let mut end = None;
        wait_until(&format!("the end of {partition}"), Duration::from_secs(60), || {
            end = reader.watermarks(partition).ok().map(|marks| marks.high.min(below));
            end.is_some()
        });
        let end = end.unwrap();
        let start = StartOffset::Earliest;
        reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
        let mut fetched: Vec<Fetched> = Vec::new();
        wait_until(&format!("offset {end} of {partition}"), Duration::from_secs(60), || {
            reader.poll(10_000, Duration::from_millis(50), &mut fetched).unwrap();
            end == 0 || reader.position(partition).unwrap().is_some_and(|position| position >= end)
        });
        let records = fetched.into_iter().map(|it| (it.offset, it.record));
        records.filter(|(offset, _)| *offset < below).collect()
    }
}
