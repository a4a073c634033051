//! What may be gone from the beginning of a changelog, and whether a store can do without it.

use super::super::error::Error;
use super::super::observer::TaskId;
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::job::{Job, Log};
use crate::broker::{Isolation, Watermarks};

/// What may be gone from the beginning of a changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Nothing: a topic that is only compacted keeps its beginning.
    Kept,
    /// Records that have expired by stream time: the engine deletes them, and commits before how far it may. `None` while
    /// nothing of that is known, as from versions that did not commit it.
    Trimmed { cut: Option<i64> },
    /// Records that were old by the broker's clock, as Kafka Streams has it.
    Aged,
}

impl Beginning {
    /// Before which offset the engine may have cut, as far as that is known.
    pub(super) fn cut(self) -> Option<i64> {
        match self {
            Self::Trimmed { cut } => cut,
            Self::Kept | Self::Aged => None,
        }
    }

    /// An offset that was committed for that; the highest counts.
    pub(super) fn learn(&mut self, committed: Option<i64>) {
        if let Self::Trimmed { cut } = self {
            *cut = committed.max(*cut);
        }
    }
}

impl Log {
    /// Whether a store can be completed from its changelog: it is never ahead of it, and needs no record that is gone.
    pub(super) fn check(
        &self,
        marks: Watermarks,
        shared: &Shared,
        plan: &Plan,
        task: TaskId,
    ) -> Result<(), Error> {
        // -1 is an empty store.
        if self.next.max(0) >= marks.low && self.next <= marks.high {
            return Ok(());
        }
        if self.lacks_old_records(marks) {
            return self.fits(marks, shared);
        }
        if self.next >= 0 {
            let dir = shared.task_dir(plan, task);
            return Err(shared.changelog_truncated(&self.partition, marks, self.next, dir));
        }
        let application = shared.topology.name.to_string();
        Err(Error::ChangelogCut { partition: self.partition.clone(), low: marks.low, application })
    }

    /// Whether all that is missing is a beginning of a kind that may go: the store forgets.
    pub(super) fn lacks_old_records(&self, marks: Watermarks) -> bool {
        self.beginning != Beginning::Kept && self.next.max(0) < marks.low
    }

    /// Whether the beginning has gone further than was committed when that was asked for: the task's owner, who is not this
    /// process any more, may have cut it between the two questions. Only what is committed behind a look at the beginning tells
    /// whether it was the owner.
    pub(super) fn outran(&mut self, marks: Watermarks) -> bool {
        let unexplained = matches!(self.beginning, Beginning::Trimmed { cut: Some(cut) } if marks.low > cut);
        let newly = marks.low > self.begins;
        self.begins = self.begins.max(marks.low);
        unexplained && newly && self.lacks_old_records(marks)
    }

    /// Whether the store can go on at the beginning that is left. What the engine deletes has expired, here too once the rest
    /// is replayed; more than that somebody else has deleted. By the broker's clock anything may have gone, also what changed
    /// rows that are here.
    pub(super) fn fits(&self, marks: Watermarks, shared: &Shared) -> Result<(), Error> {
        let (partition, low, checkpoint) = (self.partition.clone(), marks.low, self.next);
        match self.beginning {
            Beginning::Trimmed { cut: Some(cut) } if low > cut => {
                let application = shared.topology.name.to_string();
                Err(Error::ChangelogCutByOthers { partition, low, cut, checkpoint, application })
            }
            Beginning::Trimmed { .. } => Ok(()),
            Beginning::Kept | Beginning::Aged if checkpoint < 0 => Ok(()),
            Beginning::Kept | Beginning::Aged => {
                Err(Error::ChangelogAged { partition, low, store: self.name.clone(), checkpoint })
            }
        }
    }

    /// Takes the beginning as it is where nobody has committed what may be gone of it: from here on that is known. So it is
    /// with a changelog that an older version has cut, and with one that is new, or made anew.
    pub(super) fn adopt(&mut self, marks: Watermarks, shared: &Shared) {
        let lacks = self.lacks_old_records(marks);
        let Beginning::Trimmed { cut } = &mut self.beginning else { return };
        if cut.is_some_and(|cut| cut <= marks.high) {
            return;
        }
        *cut = Some(marks.low);
        if lacks {
            shared.warn(&format!(
                "changelog {} begins at offset {}, and it is not committed how far the engine itself has cut it, as older \
                 versions did not: store {} goes on with what is left",
                self.partition, marks.low, self.name
            ));
        }
    }
}

/// Whether the changelogs of a task have everything: what is there must not be given up for less.
///
/// # Errors
/// As a restore without any state would end; [`Retry`](super::super::error::Reaction::Retry) while the broker does not answer.
pub(crate) fn has_beginning(shared: &Shared, plan: &Plan, task: TaskId) -> Result<(), Error> {
    let reader = |group, isolation| shared.broker.consumer(&shared.reader("ends", group, isolation));
    let mut job = Job::new(plan, task, 0);
    job.learn_committed(plan, reader(true, Isolation::ReadCommitted)?.as_mut())?;
    let mut ends = reader(false, Isolation::ReadUncommitted)?;
    for log in job.logs.iter().filter(|log| !log.source) {
        log.check(ends.watermarks(&log.partition)?, shared, plan, task)?;
    }
    Ok(())
}
