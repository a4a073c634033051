//! Stages two and three of a restore: where the inputs stand, then where the changelogs end.

use super::super::error::Error;
use super::super::mailbox::InputStart;
use super::super::observer::TaskId;
use super::super::plan::{InputPlan, Plan};
use super::super::shared::Shared;
use super::super::times;
use super::job::{Job, Log, Stage};
use crate::broker::{CommittedOffset, Consumer, Watermarks};
use crate::flaw::{Flaw, planted};
use crate::graph::OffsetReset;
use crate::record::Partition;

impl Job {
    /// What the group has committed. Retriable while offsets of an open transaction are pending.
    pub(super) fn read_offsets(
        &mut self,
        plan: &Plan,
        group: &mut dyn Consumer,
        ends: &mut dyn Consumer,
        now: i64,
    ) -> Result<(), Error> {
        let mut starts = Vec::new();
        for (input, partition, committed) in committed(plan, self.task, group)? {
            // Where committed records end: the reader of ends counts those of open transactions too, which may never come.
            let end = group.watermarks(&partition)?.high;
            let (offset, pin) = match &committed {
                Some(committed) => (committed.offset, false),
                None => reset(&partition, input.reset, ends, now)?,
            };
            let is_committed = committed.is_some();
            starts.push(InputStart { partition, offset, end, committed: is_committed, pin });
            if let Some(committed) = committed {
                self.learn(&committed.metadata);
            }
        }
        self.inputs = starts;
        self.trouble = None;
        self.stage = Stage::Ends;
        Ok(())
    }

    /// What was committed with the inputs, times and cuts: here it may be older.
    pub(super) fn learn_committed(&mut self, plan: &Plan, group: &mut dyn Consumer) -> Result<(), Error> {
        for (.., committed) in committed(plan, self.task, group)? {
            self.learn(committed.as_ref().map_or("", |committed| &committed.metadata));
        }
        Ok(())
    }

    fn learn(&mut self, metadata: &str) {
        times::raise(&mut self.checkpoint, metadata);
        for log in &mut self.logs {
            let cut = times::cut(metadata, &log.name);
            log.beginning.learn(cut);
        }
    }

    /// The end of every changelog, and whether the store fits the log.
    pub(super) fn read_ends(
        &mut self,
        shared: &Shared,
        plan: &Plan,
        ends: &mut dyn Consumer,
        now: i64,
    ) -> Result<(), Error> {
        let name = shared.task_name(plan, self.task);
        let mut behind = None;
        for log in &mut self.logs {
            let marks = ends.watermarks(&log.partition)?;
            let committed = self.inputs.iter().find(|input| input.partition == log.partition);
            let warm = log.end < 0 && planted(Flaw::StandbyPromotedEarly);
            log.end = match (log.source, committed) {
                _ if warm => log.next.max(0),
                (false, _) => marks.high,
                (true, Some(input)) if input.committed => input.offset.min(marks.high),
                (true, _) => 0,
            };
            if !log.source && log.outran(marks) {
                self.stage = Stage::Offsets;
                return Ok(());
            }
            if !log.source {
                log.check(marks, shared, plan, self.task)?;
                log.adopt(marks, shared);
            } else if log.next >= 0 && log.next < marks.low || log.next > log.end {
                behind = Some(gap(log, marks));
            }
            log.next = log.next.max(marks.low.min(log.end));
        }
        match behind {
            Some(why) => self.start_over(shared, &name, now, &why),
            None => {
                self.trouble = None;
                self.stage = Stage::Queue;
                Ok(())
            }
        }
    }
}

/// An input of a task, and what the group has committed of it.
type Asked<'p> = (&'p InputPlan, Partition, Option<CommittedOffset>);

/// The inputs of a task, and what the group has committed of each.
fn committed<'p>(plan: &'p Plan, task: TaskId, group: &mut dyn Consumer) -> Result<Vec<Asked<'p>>, Error> {
    let inputs = plan.subs.get(task.sub_topology).map_or(&[][..], |sub| &sub.inputs);
    // A topic with fewer partitions than there are tasks has nothing for the last ones.
    let exists = |topic: &str| plan.partitions(topic).is_some_and(|count| task.partition < count);
    let inputs: Vec<_> = inputs.iter().filter(|input| exists(&input.topic)).collect();
    let partitions: Vec<Partition> =
        inputs.iter().map(|input| Partition::new(input.topic.clone(), task.partition)).collect();
    let committed = group.committed(&partitions)?;
    Ok(inputs.into_iter().zip(partitions).zip(committed).map(|((a, b), c)| (a, b, c)).collect())
}

fn gap(log: &Log, marks: Watermarks) -> String {
    format!(
        "store {} holds {} up to offset {}; the topic begins at {} and the group has committed {}",
        log.name, log.partition, log.next, marks.low, log.end
    )
}

/// Where an input begins of which nothing is committed, and whether that must be.
fn reset(
    partition: &Partition,
    policy: OffsetReset,
    ends: &mut dyn Consumer,
    now: i64,
) -> Result<(i64, bool), Error> {
    let marks = ends.watermarks(partition)?;
    // The oldest record may be deleted any time, and the beginning stays the beginning: nothing to pin. The newest must
    // be pinned, or a crash before the first commit would skip what came in between.
    Ok(match policy {
        OffsetReset::Earliest => (marks.low, false),
        OffsetReset::Latest => (marks.high, true),
        OffsetReset::Ago(age_ms) => {
            (ends.offset_at(partition, now.saturating_sub(age_ms))?.unwrap_or(marks.high), true)
        }
        OffsetReset::Committed => return Err(Error::NothingCommitted { partition: partition.clone() }),
    })
}
