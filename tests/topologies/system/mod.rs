//! The whole system for a test: a Kafka and a database of its own, `topo run` processes, writers and readers.
//!
//! Everything is read with the broker's public traits and by plain SQL, never through the processors under test.

mod input;
mod outputs;
mod tables;
mod worker;

use std::collections::BTreeMap;
use std::time::Duration;

use topo::broker::kafka::KafkaBroker;
use topo::broker::{Assignment, Broker, ConsumerConfig, Fetched, Isolation, NewTopic, StartOffset};
use topo::{Partition, RawRecord};

use crate::support::kafka::Kafka;
use crate::support::postgres::Postgres;
use crate::support::scratch::{Scratch, wait_until};

pub(crate) use input::Input;
pub(crate) use outputs::Outputs;
pub(crate) use worker::Worker;

/// A Kafka, a database, and a directory for the processes.
pub(crate) struct System {
    // The processes' directories go before the services that their watchdogs know nothing of.
    pub(crate) scratch: Scratch,
    pub(crate) kafka: Kafka,
    pub(crate) broker: KafkaBroker,
    pub(crate) database_url: String,
}

impl System {
    /// Starts what is needed; the topics have their usual names, so Kafka is a fresh one.
    pub(crate) fn start() -> Self {
        Self::on(Kafka::start())
    }

    /// The same on a Kafka that was started for it.
    pub(crate) fn on(kafka: Kafka) -> Self {
        let broker = KafkaBroker::new(kafka.bootstrap(), BTreeMap::new());
        let database_url = tables::new_database(Postgres::shared());
        Self { scratch: Scratch::new("system"), kafka, broker, database_url }
    }

    /// Makes topics whose old records stay.
    pub(crate) fn create_topics(&self, names: &[String], partitions: i32) {
        let settings = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let new = |name: &String| NewTopic {
            name: name.clone(),
            partitions,
            replication: 1,
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

    /// Every record of a topic, by partition and offset.
    pub(crate) fn read_all(&self, topic: &str, partitions: i32) -> Vec<(i32, i64, RawRecord)> {
        let config = ConsumerConfig {
            client_id: "read-all".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 16 << 20,
        };
        let mut reader = self.broker.consumer(&config).unwrap();
        let mut all = Vec::new();
        for number in 0..partitions {
            let partition = Partition::new(topic, number);
            let end = reader.watermarks(&partition).unwrap().high;
            let start = StartOffset::Earliest;
            reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
            let mut fetched: Vec<Fetched> = Vec::new();
            wait_until(&format!("the end of {partition}"), Duration::from_secs(60), || {
                reader.poll(10_000, Duration::from_millis(50), &mut fetched).unwrap();
                end == 0 || reader.position(&partition).unwrap().is_some_and(|position| position >= end)
            });
            reader.unassign(&[partition]).unwrap();
            all.extend(fetched.into_iter().map(|it| (number, it.offset, it.record)));
        }
        all
    }
}
