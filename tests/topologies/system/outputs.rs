//! The output topics as any consumer sees them: committed records only, the newest value per key, and whatever was
//! said twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use topo::broker::{Admin, Assignment, Broker, Consumer, ConsumerConfig, Fetched, Isolation, StartOffset};
use topo::{Partition, RawRecord, partition_of};

use super::System;

const ENRICHED: &str = "orders.enriched";
const REVENUE: &str = "orders.revenue";
const ALERTS: &str = "orders.alerts";
const VERDICTS: &str = "velocity.verdicts";
const LETTERS: [&str; 3] = ["orders-dead-letters", "velocity-dead-letters", "orders-ods-dead-letters"];
const TOPICS: [&str; 4] = [ENRICHED, REVENUE, ALERTS, VERDICTS];

/// Everything read so far.
pub(crate) struct Outputs {
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    /// Topic, partition and partition count per slot.
    slots: Vec<(&'static str, i32, i32)>,
    last_change: Instant,
    /// Newest value per order.
    pub(crate) enriched: BTreeMap<i64, Value>,
    /// Newest value per group.
    pub(crate) revenue: BTreeMap<String, Value>,
    /// The alert per order.
    pub(crate) alerts: BTreeMap<i64, Value>,
    /// The verdict per transactionId.
    pub(crate) verdicts: BTreeMap<String, Value>,
    /// What must never be: repetitions, records in the wrong partition, unreadable ones, dead letters.
    pub(crate) anomalies: Vec<String>,
    /// Committed records.
    pub(crate) records: u64,
}

impl Outputs {
    /// A reader of topics that need not exist yet.
    pub(crate) fn new(system: &System) -> Self {
        let config = ConsumerConfig {
            client_id: "outputs".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 16 << 20,
        };
        Self {
            consumer: system.broker.consumer(&config).unwrap(),
            admin: system.broker.admin().unwrap(),
            slots: Vec::new(),
            last_change: Instant::now(),
            enriched: BTreeMap::new(),
            revenue: BTreeMap::new(),
            alerts: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            anomalies: Vec::new(),
            records: 0,
        }
    }

    /// Reads what is there, for at most about `time`.
    pub(crate) fn read(&mut self, time: Duration) {
        let until = Instant::now() + time;
        self.find_topics();
        let mut fetched = Vec::new();
        loop {
            fetched.clear();
            let left = until.saturating_duration_since(Instant::now());
            // A broker that is busy elsewhere is asked again at the next look.
            let _ = self.consumer.poll(2_000, left.min(Duration::from_millis(20)), &mut fetched);
            for Fetched { slot, offset, record } in &fetched {
                self.take(*slot, *offset, record);
                self.last_change = Instant::now();
            }
            if left.is_zero() || fetched.is_empty() {
                return;
            }
        }
    }

    /// How long nothing new has come.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.last_change.elapsed()
    }

    fn find_topics(&mut self) {
        let unread = TOPICS.into_iter().chain(LETTERS);
        let unread: Vec<&'static str> =
            unread.filter(|topic| self.slots.iter().all(|(known, ..)| known != topic)).collect();
        let names: Vec<String> = unread.iter().map(|topic| (*topic).to_owned()).collect();
        if names.is_empty() {
            return;
        }
        let Ok(counts) = self.admin.partitions(&names) else { return };
        for topic in unread {
            let Some(count) = counts.get(topic).copied() else { continue };
            for number in 0..count {
                let slot = self.slots.len();
                let partition = Partition::new(topic, number);
                self.consumer
                    .assign(&[Assignment { partition, start: StartOffset::Earliest, slot }])
                    .unwrap();
                self.slots.push((topic, number, count));
            }
        }
    }

    fn take(&mut self, slot: usize, offset: i64, record: &RawRecord) {
        self.records += 1;
        let (topic, number, count) = self.slots[slot];
        let key = record.key.as_deref().unwrap_or_default();
        let text = String::from_utf8_lossy(key).into_owned();
        let place = format!("{topic}-{number} at {offset}, key {text}");
        if LETTERS.contains(&topic) {
            return self.anomalies.push(format!("{place}: dead letter {:?}", record.headers));
        }
        if partition_of(key, count) != number {
            self.anomalies.push(format!("{place}: belongs into partition {}", partition_of(key, count)));
        }
        let value: Option<Value> = match record.value.as_deref().map(serde_json::from_slice).transpose() {
            Ok(value) => value,
            Err(error) => return self.anomalies.push(format!("{place}: {error}")),
        };
        let said_twice = match (topic, text.parse::<i64>(), value) {
            (ENRICHED, Ok(id), value) => says_again(&mut self.enriched, id, value),
            (REVENUE, _, value) => says_again(&mut self.revenue, text, value),
            (ALERTS, Ok(id), Some(value)) => self.alerts.insert(id, value).is_some(),
            (VERDICTS, _, Some(value)) => self.verdicts.insert(text, value).is_some(),
            (_, _, value) => return self.anomalies.push(format!("{place}: unexpected {value:?}")),
        };
        if said_twice {
            self.anomalies.push(format!("{place}: said again"));
        }
    }

    /// Orders that were alerted.
    pub(crate) fn alerted(&self) -> BTreeSet<i64> {
        self.alerts.keys().copied().collect()
    }
}

/// Takes the newest value; says whether it is what was known.
fn says_again<K: Ord>(known: &mut BTreeMap<K, Value>, key: K, value: Option<Value>) -> bool {
    match value {
        None => known.remove(&key).is_none(),
        Some(value) => {
            let again = known.get(&key) == Some(&value);
            known.insert(key, value);
            again
        }
    }
}
