//! Commits, crashes, and how state comes back: the order of the runtime, in one thread.

use topo_state::{Identity, Place, Restorer, TaskState, WriteBatch};

use super::driver::{Driver, Running, as_offset};
use super::error::DriverError;
use super::logs::Logs;
use crate::graph::{Changelog, SubTopology};
use crate::record::{Partition, RawRecord};
use crate::task::{GlobalStores, GlobalTask, Task, TaskConfig};

impl Driver {
    /// Commits what was processed, then runs what became readable by it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn commit(&mut self) -> Result<(), DriverError> {
        self.commit_interval()?;
        self.run()
    }

    /// Aborts what was processed since the last commit: outputs vanish, stores and times go back. The same records are
    /// the next ones again; [`run`](Self::run) processes them.
    ///
    /// # Errors
    /// A processor's `init` failed, or the task has crashed.
    pub fn abort(&mut self) -> Result<(), DriverError> {
        self.roll_back()
    }

    /// Kills the task: what was not committed is gone, and with it all that lived in memory. Follow with
    /// [`restore`](Self::restore) or [`reopen`](Self::reopen).
    pub fn crash(&mut self) {
        self.logs.abort();
        if let Some(running) = self.running.take() {
            self.dropped_before += running.dropped();
            self.skipped_before += running.task.stats().skipped;
        }
    }

    /// Kills the task in the middle of a commit, as it can happen at least once: outputs and changelogs of the interval are
    /// written, the offsets of its input are not. Follow with [`restore`](Self::restore) or [`reopen`](Self::reopen): the same
    /// records come again, to stores that know them already.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn crash_before_offsets(&mut self) -> Result<(), DriverError> {
        let (offsets, times) = (self.committed.clone(), self.times.clone());
        self.commit_interval()?;
        (self.committed, self.times) = (offsets, times);
        self.crash();
        Ok(())
    }

    /// Brings the task up with empty stores, rebuilt from their changelogs, and goes on where the last commit was.
    ///
    /// # Errors
    /// A store cannot be opened or removed, or as [`run`](Self::run).
    pub fn restore(&mut self) -> Result<(), DriverError> {
        self.crash();
        if let Some(directory) = &self.setup.directory
            && directory.exists()
        {
            std::fs::remove_dir_all(directory)?;
        }
        self.open()?;
        self.run()
    }

    /// Brings the task up over the stores it left on disk; only what they have missed comes from the changelogs. Stores in
    /// memory come from the changelogs altogether.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub fn reopen(&mut self) -> Result<(), DriverError> {
        self.crash();
        self.open()?;
        self.run()
    }

    /// The commit of an interval, in the order of the runtime: changelog, transaction, stores.
    pub(super) fn commit_interval(&mut self) -> Result<(), DriverError> {
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        if !running.task.dirty() {
            return Ok(());
        }
        let flushed = running.task.flush();
        self.after(flushed)?;
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        let prepared = match running.task.prepare() {
            Ok(prepared) => prepared,
            Err(error) => {
                self.roll_back()?;
                return Err(error.into());
            }
        };
        let mut changelogs: Vec<(usize, i64)> = Vec::new();
        for change in prepared.changelog.iter() {
            let record = RawRecord {
                key: Some(change.key.to_vec().into()),
                value: change.value.map(|value| value.to_vec().into()),
                timestamp: change.timestamp,
                headers: change.headers.clone(),
            };
            let next = as_offset(self.logs.send(change.topic, change.partition, record) + 1);
            match changelogs.iter_mut().find(|(store, _)| *store == change.store) {
                Some((_, known)) => *known = next,
                None => changelogs.push((change.store, next)),
            }
        }
        self.logs.commit();
        for (partition, next) in prepared.offsets {
            self.committed.insert(partition.topic, usize::try_from(next).unwrap_or_default());
        }
        self.times = running.task.stream_times();
        Ok(running.task.committed(&changelogs)?)
    }

    /// Back to the last commit.
    pub(super) fn roll_back(&mut self) -> Result<(), DriverError> {
        let running = self.running.as_mut().ok_or(DriverError::Crashed)?;
        self.logs.abort();
        running.task.aborted()?;
        for (input, fed) in running.fed.iter_mut().enumerate() {
            *fed = self.committed.get(&running.task.inputs()[input].topic).copied().unwrap_or_default();
        }
        Ok(())
    }

    /// Opens the stores, replays what they miss, starts the task.
    pub(super) fn open(&mut self) -> Result<(), DriverError> {
        let topology = &self.setup.topology;
        let mut globals = Vec::new();
        for sub in topology.sub_topologies().into_iter().filter(|sub| sub.global) {
            let state = self.open_state(&sub)?;
            let policy = self.setup.deserialization;
            globals.push(GlobalTask::new(topology, &sub, &self.naming, state, policy, self.now)?);
        }
        let mut state = self.open_state(&self.sub)?;
        self.replay(&mut state)?;
        let mut config = TaskConfig::new(&self.naming.application);
        config.deserialization = self.setup.deserialization;
        config.processing = self.setup.processing;
        let views = GlobalStores::of(&globals);
        let task = Task::new(topology, &self.sub, 0, &self.naming, state, &views, config, self.now)?;
        let start = |partition: &Partition| self.committed.get(&partition.topic).copied().unwrap_or_default();
        let fed = task.inputs().iter().map(start).collect();
        let mut running = Running { task, globals, fed };
        running.feed_globals(&self.logs)?;
        self.running = Some(running);
        Ok(())
    }

    fn open_state(&self, sub: &SubTopology) -> Result<TaskState, DriverError> {
        let name = if sub.global { sub.name.as_str() } else { "task" };
        let place = match &self.setup.directory {
            Some(directory) => {
                std::fs::create_dir_all(directory)?;
                Place::Rocks { dir: directory.join(name), memory: self.memory.clone() }
            }
            None => Place::Memory,
        };
        let identity = Identity {
            application: self.naming.application.to_string(),
            task: name.to_owned(),
            ..Identity::default()
        };
        let stores = sub.stores.iter();
        let specs: Vec<_> = stores.map(|store| self.setup.topology.stores[*store].spec.clone()).collect();
        let place = if sub.global { place.together(&specs) } else { place };
        Ok(TaskState::open(&place, &identity, specs)?.state)
    }

    /// Brings a state up to the last commit.
    fn replay(&self, state: &mut TaskState) -> Result<(), DriverError> {
        let mut batch = WriteBatch::new();
        let mut checkpoint = state.checkpoint().clone();
        for (name, time) in &self.times {
            checkpoint.stream_times.insert(name.clone(), *time);
        }
        for (index, number) in self.sub.stores.iter().enumerate() {
            let def = &self.setup.topology.stores[*number];
            let name = &def.spec.name;
            let (topic, end) = match &def.changelog {
                Changelog::Own => {
                    let topic = self.naming.changelog(name);
                    let end = self.logs.end_of(&topic);
                    (topic, end)
                }
                Changelog::Source(topic) => {
                    let topic = self.naming.resolve(topic);
                    let end = self.committed.get(&topic).copied().unwrap_or_default();
                    (topic, end)
                }
                Changelog::None => continue,
            };
            let from = checkpoint.changelog.get(name).copied().unwrap_or_default();
            let from = usize::try_from(from).unwrap_or_default();
            let observed = state.checkpoint().stream_times.get(&format!("store:{name}"));
            let mut restorer =
                Restorer::new(&def.spec, index, observed.copied().unwrap_or(topo_state::NO_TIME));
            for (_, record) in self.logs.from(&topic, from).take_while(|(offset, _)| *offset < end) {
                // A null key never reaches a store.
                let Some(key) = &record.key else { continue };
                restorer.add(key, record.value.as_deref(), record.timestamp, &mut batch);
            }
            checkpoint.changelog.insert(name.clone(), as_offset(end));
        }
        Ok(state.apply(batch, checkpoint)?)
    }
}

impl Running {
    /// Gives global tables all there is to read.
    pub(super) fn feed_globals(&mut self, logs: &Logs) -> Result<(), DriverError> {
        for global in &mut self.globals {
            let partitions: Vec<Partition> =
                global.topics().map(|topic| Partition::new(topic.clone(), 0)).collect();
            for partition in partitions {
                loop {
                    let from = usize::try_from(global.next_offset(&partition)).unwrap_or_default();
                    let Some((offset, record)) = logs.next(&partition.topic, from) else { break };
                    global.apply(&partition, as_offset(offset), record.clone())?;
                }
            }
            global.flush()?;
        }
        Ok(())
    }
}
