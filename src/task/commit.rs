//! The commit of a task, driven by its owner: prepare, then committed or aborted.

use topo_state::{StateError, Store, WriteBatch};

use super::changelog::Changelog;
use super::error::TaskError;
use super::stage::Stage;
use super::task::{Backing, Task};
use super::times;
use crate::flaw::{Flaw, planted};
use crate::record::Partition;

/// What belongs into the transaction beside the outputs.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Changes of the stores, each under the store's number.
    pub(crate) changelog: Changelog,
    /// Next offsets of the inputs that moved.
    pub(crate) offsets: Vec<(Partition, i64)>,
}

/// What the store gets once the transaction is committed.
#[derive(Default)]
pub(crate) struct Pending {
    batch: WriteBatch,
}

impl Task {
    /// Drains the stores: every change is encoded once. Outputs should be taken before.
    pub(crate) fn prepare(&mut self) -> Result<Prepared, TaskError> {
        self.require("prepare")?;
        let mut changelog = Changelog::new(self.pipeline.env.partition);
        self.pending.batch.clear();
        self.expiring.forget();
        let drained = self.drain(&mut changelog);
        if let Err(source) = drained {
            self.stage = Stage::Unwound;
            return Err(self.broken(source));
        }
        self.stage = Stage::Prepared;
        Ok(Prepared { changelog, offsets: self.inputs.moved() })
    }

    /// Stream times as the next [`committed`](Self::committed) will write them. The caller commits them beside the offsets
    /// too, so that they survive the loss of the directory.
    pub(crate) fn stream_times(&self) -> std::collections::BTreeMap<String, i64> {
        let mut checkpoint = self.state.checkpoint().clone();
        let own: Vec<usize> = self.stores.iter().map(|(number, _)| *number).collect();
        times::save(&self.pipeline, &self.recipe.names, &own, &mut checkpoint);
        self.inputs.save_times(&mut checkpoint.stream_times);
        checkpoint.stream_times
    }

    /// Name of a store, by number, and the next offset of its changelog as of the last commit.
    pub(crate) fn changelog_offset(&self, number: usize) -> Option<(&str, i64)> {
        let name = self.pipeline.stores.get(number)?.as_ref()?.spec().name.as_str();
        Some((name, *self.state.checkpoint().changelog.get(name)?))
    }

    fn drain(&mut self, changelog: &mut Changelog) -> Result<(), StateError> {
        let (batch, expiring) = (&mut self.pending.batch, &mut self.expiring);
        for (number, backing) in &self.stores {
            let Some(store) = &mut self.pipeline.stores[*number] else { continue };
            match backing {
                Backing::Changelog(topic) => {
                    changelog.begin(*number, topic.clone(), store.value_version());
                    store.drain(batch, &mut |change| {
                        expiring.touch(*number, change.key);
                        changelog.push(change);
                    })?;
                }
                Backing::Source(_) | Backing::Nothing => store.drain(batch, &mut |_| {})?,
            }
        }
        Ok(())
    }

    /// The transaction is committed: data, changelog offsets and stream times go to the store in one write.
    /// `changelog_offsets` are the next offsets of the changelogs that were written, by store number. For a store that is
    /// restored from a source topic the task knows the offset itself.
    pub(crate) fn committed(&mut self, changelog_offsets: &[(usize, i64)]) -> Result<(), TaskError> {
        self.require("committed")?;
        let mut checkpoint = self.state.checkpoint().clone();
        for (number, backing) in &self.stores {
            let Some(store) = &self.pipeline.stores[*number] else { continue };
            let reported =
                changelog_offsets.iter().find(|(written, _)| written == number).map(|(_, next)| *next);
            let next = match backing {
                Backing::Source(topic) => reported.or_else(|| self.inputs.next_of(topic)),
                Backing::Changelog(_) | Backing::Nothing => reported,
            };
            let name = store.spec().name.clone();
            let since = checkpoint.changelog.get(&name).copied().unwrap_or(0);
            self.expiring.commit(*number, store.as_ref(), since, &mut checkpoint);
            if let Some(next) = next {
                checkpoint.changelog.insert(name, next);
            }
        }
        let own: Vec<usize> = self.stores.iter().map(|(number, _)| *number).collect();
        times::save(&self.pipeline, &self.recipe.names, &own, &mut checkpoint);
        self.inputs.save_times(&mut checkpoint.stream_times);
        let batch = std::mem::take(&mut self.pending.batch);
        if !(batch.is_empty() && checkpoint == *self.state.checkpoint())
            && let Err(source) = self.state.apply(batch, checkpoint)
        {
            self.stage = Stage::Closed;
            return Err(self.broken(source));
        }
        self.each_store(|store| store.committed());
        self.inputs.committed();
        self.settle();
        Ok(())
    }

    /// The transaction is aborted, or nothing of it was sent: back to the last commit, as after a crash. Queues are
    /// empty; the owner reads again from the committed offsets. Nodes are made anew, so that what they remember outside
    /// of stores cannot differ from what a restart would give.
    pub(crate) fn aborted(&mut self) -> Result<(), TaskError> {
        self.require("aborted")?;
        if !planted(Flaw::BufferSurvivesAbort) {
            self.each_store(|store| store.discard());
        }
        self.inputs.rewind();
        self.outbox.clear();
        let env = &mut self.pipeline.env;
        env.emitted.clear();
        env.position = None;
        env.failed = None;
        env.tally.forget();
        self.pending.batch.clear();
        self.expiring.forget();
        self.settle();
        self.start_nodes()
    }

    fn settle(&mut self) {
        self.pipeline.env.commit_requested = false;
        // Outputs that were not taken yet belong to the next interval.
        self.dirty = !self.pipeline.env.emitted.is_empty();
        self.stage = Stage::Running;
    }

    fn each_store(&mut self, mut work: impl FnMut(&mut dyn Store)) {
        for (number, _) in &self.stores {
            if let Some(store) = &mut self.pipeline.stores[*number] {
                work(store.as_mut());
            }
        }
    }

    fn broken(&self, source: StateError) -> TaskError {
        TaskError::State { task: self.pipeline.env.task.to_string(), source }
    }
}
