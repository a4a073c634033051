//! What one commit takes along: offsets, and beside them what the next owner of each task must know.

use std::collections::BTreeMap;

use super::super::times;
use super::active::{Active, Cut};
use crate::broker::CommittedOffset;
use crate::flaw::{Flaw, planted};
use crate::record::Partition;

/// Everything since the last commit.
pub(crate) struct Interval {
    pub(super) started: i64,
    /// Input offsets of all tasks.
    pub(super) offsets: Vec<(Partition, CommittedOffset)>,
    pub(super) parts: Vec<Part>,
    /// Highest changelog offsets by slot, plus one.
    pub(super) delivered: BTreeMap<usize, i64>,
}

/// A task's part in it.
pub(super) struct Part {
    /// The task's place among the worker's.
    pub(super) place: usize,
    /// Input offsets that moved.
    pub(super) moved: Vec<(Partition, i64)>,
    /// How far its changelogs may be cut from then on: as its offsets say it, or none at all.
    pub(super) cuts: Vec<Cut>,
}

impl Interval {
    /// Nothing yet.
    pub(super) fn new(started: i64) -> Self {
        Self { started, offsets: Vec::new(), parts: Vec::new(), delivered: BTreeMap::new() }
    }

    /// Adds a task that is prepared: `moved` are the input offsets that moved, the others are committed again with `keep_alive`.
    pub(super) fn add(
        &mut self,
        place: usize,
        active: &Active,
        moved: Vec<(Partition, i64)>,
        keep_alive: bool,
    ) {
        // Work without input (a punctuation) goes out under the authority of the group too: without an offset in the
        // transaction the broker would not look whether this process still holds the task.
        let idle_work = active.task.dirty() && moved.is_empty() && !planted(Flaw::IdleWorkUnfenced);
        let (metadata, mut cuts) = note(active);
        let before = self.offsets.len();
        for input in active.inputs.iter().filter(|input| input.committed >= 0) {
            let next = moved.iter().find(|(partition, _)| *partition == input.partition);
            let offset = match next {
                Some((_, next)) => *next,
                None if keep_alive || idle_work || !input.known => input.committed,
                None => continue,
            };
            let metadata = metadata.clone();
            self.offsets.push((input.partition.clone(), CommittedOffset { offset, metadata }));
        }
        if self.offsets.len() == before {
            cuts.clear();
        }
        self.parts.push(Part { place, moved, cuts });
    }
}

/// What stands beside the offsets of a task, and the cuts that are in it: only those may be made once it is committed.
fn note(active: &Active) -> (String, Vec<Cut>) {
    let (times, mut cuts) = (active.task.stream_times(), active.coming_cuts());
    let told = |cut: &Cut| if planted(Flaw::CutUncommitted) { 0 } else { cut.before };
    let (text, noted) = times::encode(&times, cuts.iter().map(|cut| (cut.store.as_str(), told(cut))));
    cuts.truncate(noted);
    (text, cuts)
}
