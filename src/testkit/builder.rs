//! How a [`Driver`] runs its topology.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::driver::Driver;
use super::error::DriverError;
use crate::fault::FaultPolicy;
use crate::graph::Topology;

/// Options of a [`Driver`].
#[must_use = "call `build`"]
#[derive(Clone)]
pub struct DriverBuilder {
    pub(super) topology: Topology,
    pub(super) application: String,
    pub(super) directory: Option<PathBuf>,
    pub(super) commit_each: bool,
    pub(super) wall_clock: i64,
    pub(super) deserialization: FaultPolicy,
    pub(super) processing: FaultPolicy,
    pub(super) partitions: BTreeMap<String, i32>,
    topics: BTreeSet<String>,
}

impl DriverBuilder {
    pub(super) fn new(topology: Topology) -> Self {
        Self {
            application: topology.name.clone(),
            topology,
            directory: None,
            commit_each: true,
            wall_clock: 0,
            deserialization: FaultPolicy::DeadLetter,
            processing: FaultPolicy::DeadLetter,
            partitions: BTreeMap::new(),
            topics: BTreeSet::new(),
        }
    }

    /// Another application id than the topology's name; internal topics begin with it.
    pub fn application(mut self, id: impl Into<String>) -> Self {
        self.application = id.into();
        self
    }

    /// Keeps stores in RocksDB below this directory instead of in memory.
    pub fn rocks(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Commits only when [`Driver::commit`] is called, instead of after every record. Until then outputs cannot be read
    /// and records in internal topics wait, as for read-committed readers of a broker.
    pub fn commit_by_hand(mut self) -> Self {
        self.commit_each = false;
        self
    }

    /// Wall clock at the start, milliseconds since the epoch; 0 unless set.
    pub fn wall_clock(mut self, start: i64) -> Self {
        self.wall_clock = start;
        self
    }

    /// How many partitions a topic that is written has, as partitioners see it; 1 unless set. Records are read back as from one:
    /// [`Driver::placed`] says where each went.
    pub fn partitions(mut self, topic: impl Into<String>, count: i32) -> Self {
        self.partitions.insert(topic.into(), count);
        self
    }

    /// Topics there are, for sources that [match](crate::Builder::stream_matching) them; others need not be named.
    pub fn topics<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.topics.extend(names.into_iter().map(Into::into));
        self
    }

    /// What becomes of records that cannot be decoded, and of those a processor refuses; both become dead letters unless
    /// set.
    pub fn policies(mut self, deserialization: FaultPolicy, processing: FaultPolicy) -> Self {
        (self.deserialization, self.processing) = (deserialization, processing);
        self
    }

    /// Starts the topology.
    ///
    /// # Errors
    /// A store cannot be opened, a processor's `init` failed, or a topic matches two patterns.
    pub fn build(mut self) -> Result<Driver, DriverError> {
        let over = self.topology.over(&self.topics);
        self.topology = over.map_err(|twice| DriverError::Stopped(twice.to_string()))?;
        Driver::start(self)
    }
}
