//! What came out, read as any consumer would: committed records only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use topo::broker::memory::MemoryBroker;
use topo::broker::{
    Admin, Assignment, Broker, BrokerError, Consumer, ConsumerConfig, Fetched, Isolation, StartOffset,
};
use topo::{Partition, RawRecord};

use super::check;
use super::input::Input;

const ENRICHED: &str = "orders.enriched";
const REVENUE: &str = "orders.revenue";
const ALERTS: &str = "orders.alerts";
const VERDICTS: &str = "velocity.verdicts";
const TOPICS: [&str; 6] =
    [ENRICHED, REVENUE, ALERTS, VERDICTS, "orders-dead-letters", "velocity-dead-letters"];
/// The outputs are compared with the model when nothing has come for this long.
const PAUSE: Duration = Duration::from_millis(400);

/// Everything read so far.
pub(super) struct Outputs {
    broker: MemoryBroker,
    reader: Option<Reader>,
    expected_verdicts: usize,
    last_change: Instant,
    last_compared: Option<Instant>,
    read: u64,
    /// Newest value per order.
    pub(super) enriched: BTreeMap<i64, Value>,
    /// Newest value per group.
    pub(super) revenue: BTreeMap<String, Value>,
    /// Orders that were alerted.
    pub(super) alerts: BTreeSet<i64>,
    /// Verdicts by transactionId.
    pub(super) verdicts: BTreeMap<String, Value>,
    /// Dead letters by topic, partition and offset of the original.
    pub(super) dead_letters: BTreeSet<(String, i32, i64)>,
    /// Records that say again what was said.
    pub(super) duplicates: Vec<String>,
    /// Records nobody can read.
    pub(super) unreadable: Vec<String>,
}

struct Reader {
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    /// Topic per slot.
    slots: Vec<&'static str>,
}

impl Outputs {
    pub(super) fn new(broker: MemoryBroker, expected_verdicts: usize) -> Self {
        Self {
            broker,
            reader: None,
            expected_verdicts,
            last_change: Instant::now(),
            last_compared: None,
            read: 0,
            enriched: BTreeMap::new(),
            revenue: BTreeMap::new(),
            alerts: BTreeSet::new(),
            verdicts: BTreeMap::new(),
            dead_letters: BTreeSet::new(),
            duplicates: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// Reads what is new.
    pub(super) fn read(&mut self) -> Result<(), BrokerError> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.broker)?,
        };
        let mut fetched = Vec::new();
        reader.find_topics()?;
        loop {
            fetched.clear();
            reader.consumer.poll(10_000, Duration::ZERO, &mut fetched)?;
            if fetched.is_empty() {
                break;
            }
            self.last_change = Instant::now();
            for Fetched { slot, record, .. } in &fetched {
                self.read += 1;
                self.take(reader.slots.get(*slot).copied().unwrap_or_default(), record);
            }
        }
        self.reader = Some(reader);
        Ok(())
    }

    fn take(&mut self, topic: &str, record: &RawRecord) {
        if topic.ends_with("-dead-letters") {
            return self.take_dead_letter(record);
        }
        let key = record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let value: Option<Value> = match record.value.as_deref().map(serde_json::from_slice).transpose() {
            Ok(value) => value,
            Err(error) => return self.unreadable.push(format!("{topic} {key}: {error}")),
        };
        let said_again = match (topic, key.parse::<i64>(), value) {
            (ENRICHED, Ok(id), value) => put(&mut self.enriched, id, value),
            (ALERTS, Ok(id), Some(_)) => !self.alerts.insert(id),
            (REVENUE, _, value) => put(&mut self.revenue, key.clone(), value),
            (VERDICTS, _, Some(value)) => self.verdicts.insert(key.clone(), value).is_some(),
            (_, _, value) => return self.unreadable.push(format!("{topic} {key}: {value:?}")),
        };
        if said_again {
            self.duplicates.push(format!("{topic} {key}"));
        }
    }

    fn take_dead_letter(&mut self, record: &RawRecord) {
        let text = |name: &str| {
            record.headers.last(name).map(String::from_utf8_lossy).unwrap_or_default().into_owned()
        };
        let number = |name: &str| text(name).parse().unwrap_or(-1);
        let topic = text("__streams.errors.topic");
        let partition = i32::try_from(number("__streams.errors.partition")).unwrap_or(-1);
        let place = (topic, partition, number("__streams.errors.offset"));
        if !self.dead_letters.insert(place.clone()) {
            self.duplicates.push(format!("dead letter {place:?}"));
        }
    }

    /// How much of the input has become output, as far as can be told from outside.
    pub(super) fn share_done(&self, records: u64) -> u64 {
        let share = self.verdicts.len() as f64 / self.expected_verdicts.max(1) as f64;
        (share * records as f64) as u64
    }

    /// Whether half of the verdicts are written.
    pub(super) fn is_half_way(&self) -> bool {
        self.verdicts.len() * 2 >= self.expected_verdicts && !self.enriched.is_empty()
    }

    /// Whether everything is as the model says. Compares only after a pause in the output, and once per pause.
    pub(super) fn are_settled(&mut self, input: &Input) -> bool {
        let paused = self.last_change.elapsed() > PAUSE && self.last_compared != Some(self.last_change);
        if !paused || self.verdicts.len() < self.expected_verdicts {
            return false;
        }
        self.last_compared = Some(self.last_change);
        check::check(input, self).is_right()
    }

    /// How long nothing new has come.
    pub(super) fn quiet_for(&self) -> Duration {
        self.last_change.elapsed()
    }
}

/// Puts or removes a value; says whether it was there just so.
fn put<K: Ord>(map: &mut BTreeMap<K, Value>, key: K, value: Option<Value>) -> bool {
    match value {
        Some(value) if map.get(&key) == Some(&value) => true,
        Some(value) => {
            map.insert(key, value);
            false
        }
        None => map.remove(&key).is_none(),
    }
}

impl Reader {
    fn open(broker: &MemoryBroker) -> Result<Self, BrokerError> {
        let config = ConsumerConfig {
            client_id: "demo-reader".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 64 << 20,
        };
        Ok(Self { consumer: broker.consumer(&config)?, admin: broker.admin()?, slots: Vec::new() })
    }

    /// Begins to read output topics that have come into being.
    fn find_topics(&mut self) -> Result<(), BrokerError> {
        let unread: Vec<&'static str> =
            TOPICS.into_iter().filter(|topic| !self.slots.contains(topic)).collect();
        if unread.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = unread.iter().map(|topic| (*topic).to_owned()).collect();
        let counts = self.admin.partitions(&names)?;
        for topic in unread {
            let Some(count) = counts.get(topic) else { continue };
            let slot = self.slots.len();
            let assign = |number| Assignment {
                partition: Partition::new(topic, number),
                start: StartOffset::Earliest,
                slot,
            };
            self.consumer.assign(&(0..*count).map(assign).collect::<Vec<_>>())?;
            self.slots.push(topic);
        }
        Ok(())
    }
}
