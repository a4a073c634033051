//! What tests call: records and time in, records out.

use std::collections::BTreeMap;
use std::sync::Arc;

use topo_state::{CodecRef, MemoryBudget};

use super::builder::DriverBuilder;
use super::error::DriverError;
use super::logs::Logs;
use super::placing::Placing;
use crate::data::Data;
use crate::graph::{Naming, SubTopology, Topology};
use crate::record::{Headers, RawRecord, Record};
use crate::task::{GlobalTask, Output, Task, TaskError};
use crate::topic::Topic;

/// Runs a topology without a broker, in the calling thread: the way to test one.
///
/// Each piped record is processed to its end before the call returns: through all steps, through repartition topics
/// and back, with a commit after every record ([`commit_by_hand`](DriverBuilder::commit_by_hand) changes that). Every topic has one
/// partition. All sub-topologies run as one task and share its stream time, as in Kafka Streams' `TopologyTestDriver`.
/// The wall clock stands still until [`advance_wall_clock`](Self::advance_wall_clock).
///
/// What lies waiting in several topics is taken by lowest timestamp first.
///
/// ```
/// use topo::state::{i64_be, utf8};
/// use topo::testkit::Driver;
/// use topo::{Builder, Codecs, KeyValue, Topic};
///
/// let words: Topic<Option<String>, String> = Topic::new("words", utf8(), utf8());
/// let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
/// let app = Builder::new("word-count");
/// app.stream("words", &words)
///     .group_by("by-word", |_, word| word.clone(), Codecs::new(utf8(), utf8()))
///     .count("count", KeyValue::new("counts-store", utf8(), i64_be()))
///     .to_stream("updates")
///     .to("counts", &counts);
///
/// let mut driver = Driver::new(app.build()?)?;
/// for (time, word) in ["tea", "milk", "tea"].into_iter().enumerate() {
///     driver.pipe(&words, None, word.to_owned(), time as i64)?;
/// }
/// let seen: Vec<_> = driver.read(&counts)?.into_iter().map(|it| (it.key, it.value)).collect();
/// assert_eq!(seen, [("tea".into(), Some(1)), ("milk".into(), Some(1)), ("tea".into(), Some(2))]);
///
/// // A crash takes the store with it; the changelog brings it back.
/// driver.crash();
/// driver.restore()?;
/// assert_eq!(driver.value::<String, i64>("counts-store", &"tea".to_owned())?, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Driver {
    pub(super) setup: DriverBuilder,
    pub(super) naming: Naming,
    /// Everything that is not global.
    pub(super) sub: SubTopology,
    pub(super) running: Option<Running>,
    pub(super) logs: Logs,
    placing: Placing,
    pub(super) now: i64,
    /// Next offset per input topic, as committed.
    pub(super) committed: BTreeMap<Arc<str>, usize>,
    /// Stream times as committed: a broker keeps them beside the offsets.
    pub(super) times: BTreeMap<String, i64>,
    pub(super) memory: MemoryBudget,
    /// What tasks before the running one have dropped.
    pub(super) dropped_before: u64,
    /// What they have skipped.
    pub(super) skipped_before: u64,
    /// Up to where each topic was read by the test.
    cursors: BTreeMap<String, usize>,
}

/// What a crash takes away.
pub(super) struct Running {
    pub(super) task: Task,
    pub(super) globals: Vec<GlobalTask>,
    /// Per input, the next offset to hand to the task.
    pub(super) fed: Vec<usize>,
}

impl Driver {
    /// A driver with stores in memory and a commit after every record.
    ///
    /// # Errors
    /// A processor's `init` failed.
    pub fn new(topology: Topology) -> Result<Self, DriverError> {
        Self::builder(topology).build()
    }

    /// A driver with other options.
    pub fn builder(topology: Topology) -> DriverBuilder {
        DriverBuilder::new(topology)
    }

    pub(super) fn start(setup: DriverBuilder) -> Result<Self, DriverError> {
        let mut driver = Self {
            naming: Naming { application: setup.application.as_str().into() },
            sub: setup.topology.undivided(),
            running: None,
            logs: Logs::default(),
            placing: Placing::default(),
            now: setup.wall_clock,
            committed: BTreeMap::new(),
            times: BTreeMap::new(),
            memory: MemoryBudget::new(16 << 20),
            dropped_before: 0,
            skipped_before: 0,
            cursors: BTreeMap::new(),
            setup,
        };
        driver.open()?;
        Ok(driver)
    }

    /// Pipes a record without headers into a topic and runs until nothing moves.
    ///
    /// # Errors
    /// [`DriverError::UnknownTopic`], [`DriverError::Codec`], or what processing says: see [`run`](Self::run).
    pub fn pipe<K: Data, V: Data>(
        &mut self,
        topic: &Topic<K, V>,
        key: K,
        value: V,
        timestamp: i64,
    ) -> Result<(), DriverError> {
        self.pipe_record(topic, &Record { key, value, timestamp, headers: Headers::new() })
    }

    /// As [`pipe`](Self::pipe), with headers.
    ///
    /// # Errors
    /// As [`pipe`](Self::pipe).
    pub fn pipe_record<K: Data, V: Data>(
        &mut self,
        topic: &Topic<K, V>,
        record: &Record<K, V>,
    ) -> Result<(), DriverError> {
        let key = encode(topic.name(), record.key.as_present(), &topic.key)?;
        let value = encode(topic.name(), record.value.as_present(), &topic.value)?;
        let (timestamp, headers) = (record.timestamp, record.headers.clone());
        let raw = RawRecord { key: key.map(Into::into), value: value.map(Into::into), timestamp, headers };
        self.pipe_raw(topic.name(), raw)
    }

    /// Pipes bytes, also such as no codec would write.
    ///
    /// # Errors
    /// As [`pipe`](Self::pipe).
    pub fn pipe_raw(&mut self, topic: &str, record: RawRecord) -> Result<(), DriverError> {
        let running = self.running.as_ref().ok_or(DriverError::Crashed)?;
        let known: Vec<Arc<str>> = running.topics().collect();
        let Some(topic) = known.iter().find(|name| ***name == *topic) else {
            let known = known.iter().map(ToString::to_string).collect();
            return Err(DriverError::UnknownTopic { topic: topic.to_owned(), known });
        };
        self.logs.append(topic, record);
        self.run()
    }

    /// Moves the wall clock on, fires what is due, and runs until nothing moves.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn advance_wall_clock(&mut self, milliseconds: i64) -> Result<(), DriverError> {
        self.now = self.now.saturating_add(milliseconds);
        let now = self.now;
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        let fired = running.task.punctuate(now);
        self.after(fired)?;
        if self.setup.commit_each {
            self.commit_interval()?;
        }
        self.run()
    }

    /// The wall clock, milliseconds since the epoch.
    pub fn wall_clock(&self) -> i64 {
        self.now
    }

    /// Runs until nothing moves. Every other call does this by itself; it is for what a rolled-back interval left behind.
    ///
    /// # Errors
    /// [`DriverError::Retry`], [`DriverError::Stopped`], [`DriverError::State`]: everything since the last commit was
    /// rolled back, and the record that failed is the next one again. [`DriverError::Crashed`].
    pub fn run(&mut self) -> Result<(), DriverError> {
        loop {
            self.feed()?;
            let now = self.now;
            let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
            let done = running.task.process(now, 1);
            let processed = self.after(done)?;
            if self.setup.commit_each {
                self.commit_interval()?;
            }
            if processed == 0 {
                return Ok(());
            }
        }
    }

    /// The committed records of a topic that were not read before, decoded.
    ///
    /// # Errors
    /// [`DriverError::Codec`] when the bytes are not what the topic says.
    pub fn read<K: Data, V: Data>(&mut self, topic: &Topic<K, V>) -> Result<Vec<Record<K, V>>, DriverError> {
        let name = topic.name();
        let raw = self.read_raw(name);
        raw.into_iter()
            .map(|RawRecord { key, value, timestamp, headers }| {
                let key = decode::<K>(name, "key", key.as_deref(), &topic.key)?;
                let value = decode::<V>(name, "value", value.as_deref(), &topic.value)?;
                Ok(Record { key, value, timestamp, headers })
            })
            .collect()
    }

    /// The committed records of a topic that were not read before, as bytes. Takes the broker's names of internal topics:
    /// `<application>-<store>-changelog`, `<application>-<operator>-repartition`.
    pub fn read_raw(&mut self, topic: &str) -> Vec<RawRecord> {
        let cursor = self.cursors.entry(topic.to_owned()).or_default();
        let mut records = Vec::new();
        for (offset, record) in self.logs.from(topic, *cursor) {
            records.push(record.clone());
            *cursor = offset + 1;
        }
        records
    }

    /// Every committed record of a topic since the beginning, read before or not.
    pub fn written(&self, topic: &str) -> impl Iterator<Item = &RawRecord> {
        self.logs.from(topic, 0).map(|(_, record)| record)
    }

    /// The partition of each committed record of a topic since the beginning. A topic has one partition unless
    /// [`DriverBuilder::partitions`] gave it more.
    pub fn placed(&self, topic: &str) -> Vec<i32> {
        self.logs.partitions(topic).collect()
    }

    /// Names of all topics that hold a record: inputs, outputs and internal ones.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.logs.names().map(|name| &**name)
    }

    /// The dead letters that were not read before.
    pub fn dead_letters(&mut self) -> Vec<RawRecord> {
        let topic = format!("{}-dead-letters", self.naming.application);
        self.read_raw(&topic)
    }

    /// How many records were dropped by rule (null key, too late) since the start. Kafka Streams: `dropped-records-total`.
    pub fn dropped(&self) -> u64 {
        self.dropped_before + self.running.as_ref().map_or(0, Running::dropped)
    }

    /// How many records were skipped since the start: no data, or failed where the policy says skip.
    pub fn skipped(&self) -> u64 {
        self.skipped_before + self.running.as_ref().map_or(0, |running| running.task.stats().skipped)
    }

    /// The highest record timestamp so far; `None` before the first record.
    pub fn stream_time(&self) -> Option<i64> {
        self.running.as_ref().and_then(|running| running.task.stats().stream_time)
    }

    /// Hands the task, and global tables, what can be read by now.
    fn feed(&mut self) -> Result<(), DriverError> {
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        running.feed_globals(&self.logs)?;
        for input in 0..running.fed.len() {
            let topic = running.task.inputs()[input].topic.clone();
            while let Some((offset, record)) = self.logs.next(&topic, running.fed[input]) {
                running.task.enqueue(input, as_offset(offset), record.clone());
                running.fed[input] = offset + 1;
            }
        }
        Ok(())
    }

    /// Writes what a step put out; when it failed, rolls the interval back.
    pub(super) fn after<T>(&mut self, outcome: Result<T, TaskError>) -> Result<T, DriverError> {
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        match outcome {
            Ok(done) => {
                let outputs: Vec<Output> = running.task.take_output().collect();
                for Output { record, .. } in outputs {
                    let partitions = match self.placing.place(&record, &self.setup.partitions) {
                        Ok(partitions) => partitions,
                        Err(error) => {
                            self.roll_back()?;
                            return Err(error);
                        }
                    };
                    let (key, value) = (record.key.map(Into::into), record.value.map(Into::into));
                    let (timestamp, headers) = (record.timestamp, record.headers);
                    let raw = RawRecord { key, value, timestamp, headers };
                    for partition in partitions {
                        self.logs.send(&record.topic, partition, raw.clone());
                    }
                }
                Ok(done)
            }
            Err(error) => {
                self.roll_back()?;
                Err(error.into())
            }
        }
    }
}

impl Running {
    /// Topics it reads.
    fn topics(&self) -> impl Iterator<Item = Arc<str>> {
        let own = self.task.inputs().iter().map(|partition| partition.topic.clone());
        own.chain(self.globals.iter().flat_map(GlobalTask::topics).cloned())
    }

    pub(super) fn dropped(&self) -> u64 {
        self.task.stats().dropped + self.globals.iter().map(GlobalTask::dropped).sum::<u64>()
    }
}

/// Offsets of logs in memory never come near the limit.
pub(super) fn as_offset(offset: usize) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

fn encode<T>(topic: &str, datum: Option<&T>, codec: &CodecRef<T>) -> Result<Option<Vec<u8>>, DriverError>
where
    T: 'static,
{
    let Some(datum) = datum else { return Ok(None) };
    let mut bytes = Vec::new();
    codec.encode(datum, &mut bytes).map_err(|error| DriverError::codec(topic, &error))?;
    Ok(Some(bytes))
}

fn decode<D: Data>(
    topic: &str,
    part: &str,
    bytes: Option<&[u8]>,
    codec: &CodecRef<D::Present>,
) -> Result<D, DriverError> {
    let present = bytes.map(|bytes| codec.decode(bytes)).transpose();
    let present = present.map_err(|error| DriverError::codec(topic, &error))?;
    let null = || DriverError::Codec {
        topic: topic.to_owned(),
        detail: format!("a {part} is null, but its type is not an Option"),
    };
    D::from_present(present).ok_or_else(null)
}
