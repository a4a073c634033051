//! The output topics as any consumer sees them: committed records only, the newest value per key, and whatever was
//! said twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use topo::broker::{Admin, Assignment, Broker, Consumer, ConsumerConfig, Fetched, Isolation, StartOffset};
use topo::{Partition, RawRecord, partition_of};

use super::System;

/// What a topic holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Enriched,
    Revenue,
    Alerts,
    Verdicts,
    Letters,
}

/// A partition that is read.
struct Slot {
    topic: String,
    kind: Kind,
    number: i32,
    count: i32,
}

/// A value that was written although it stood there already, or a second answer.
#[derive(Debug)]
pub(crate) struct Repeat {
    /// Topic, partition, offset and key.
    pub(crate) place: String,
    /// The key.
    pub(crate) key: String,
    /// What was said.
    pub(crate) value: Option<Value>,
}

/// Everything read so far.
pub(crate) struct Outputs {
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    topics: Vec<(String, Kind)>,
    slots: Vec<Slot>,
    last_change: Instant,
    /// Newest value per order.
    pub(crate) enriched: BTreeMap<i64, Value>,
    /// Newest value per group.
    pub(crate) revenue: BTreeMap<String, Value>,
    /// The alert per order.
    pub(crate) alerts: BTreeMap<i64, Value>,
    /// The verdict per transactionId.
    pub(crate) verdicts: BTreeMap<String, Value>,
    /// What must never be: records in the wrong partition, unreadable ones, dead letters.
    pub(crate) anomalies: Vec<String>,
    /// What exactly-once processing never does.
    pub(crate) repeats: Vec<Repeat>,
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
        let topic = |usual: &str, kind| (system.names.topic(usual), kind);
        let mut topics = vec![
            topic("orders.enriched", Kind::Enriched),
            topic("orders.revenue", Kind::Revenue),
            topic("orders.alerts", Kind::Alerts),
            topic("velocity.verdicts", Kind::Verdicts),
        ];
        let letters = ["orders", "velocity", "orders-ods"].map(|runnable| system.names.letters(runnable));
        topics.extend(letters.into_iter().map(|topic| (topic, Kind::Letters)));
        Self {
            consumer: system.broker.consumer(&config).unwrap(),
            admin: system.broker.admin().unwrap(),
            topics,
            slots: Vec::new(),
            last_change: Instant::now(),
            enriched: BTreeMap::new(),
            revenue: BTreeMap::new(),
            alerts: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            anomalies: Vec::new(),
            repeats: Vec::new(),
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
        let unread = |(topic, _): &&(String, Kind)| self.slots.iter().all(|slot| slot.topic != *topic);
        let unread: Vec<(String, Kind)> = self.topics.iter().filter(unread).cloned().collect();
        let names: Vec<String> = unread.iter().map(|(topic, _)| topic.clone()).collect();
        if names.is_empty() {
            return;
        }
        let Ok(counts) = self.admin.partitions(&names) else { return };
        for (topic, kind) in unread {
            let Some(count) = counts.get(&topic).copied() else { continue };
            for number in 0..count {
                let slot = self.slots.len();
                let partition = Partition::new(topic.as_str(), number);
                self.consumer
                    .assign(&[Assignment { partition, start: StartOffset::Earliest, slot }])
                    .unwrap();
                self.slots.push(Slot { topic: topic.clone(), kind, number, count });
            }
        }
    }

    fn take(&mut self, slot: usize, offset: i64, record: &RawRecord) {
        self.records += 1;
        let Slot { topic, kind, number, count } = &self.slots[slot];
        let (kind, number) = (*kind, *number);
        let key = record.key.as_deref().unwrap_or_default();
        let text = String::from_utf8_lossy(key).into_owned();
        let place = format!("{topic}-{number} at {offset}, key {text}");
        if kind == Kind::Letters {
            return self.anomalies.push(format!("{place}: dead letter {:?}", record.headers));
        }
        let right = partition_of(key, *count);
        if right != number {
            self.anomalies.push(format!("{place}: belongs into partition {right}"));
        }
        let value: Option<Value> = match record.value.as_deref().map(serde_json::from_slice).transpose() {
            Ok(value) => value,
            Err(error) => return self.anomalies.push(format!("{place}: {error}")),
        };
        let key = text.clone();
        let said_twice = match (kind, text.parse::<i64>(), value.clone()) {
            (Kind::Enriched, Ok(id), value) => says_again(&mut self.enriched, id, value),
            (Kind::Revenue, _, value) => says_again(&mut self.revenue, text, value),
            (Kind::Alerts, Ok(id), Some(value)) => self.alerts.insert(id, value).is_some(),
            (Kind::Verdicts, _, Some(value)) => self.verdicts.insert(text, value).is_some(),
            (_, _, value) => return self.anomalies.push(format!("{place}: unexpected {value:?}")),
        };
        if said_twice {
            self.repeats.push(Repeat { place, key, value });
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
