//! Which tasks this process holds, and how far each is on its way in or out. Pure: events in, moves out.
//!
//! ```text
//!   lease assigned -> Restoring -> Running(worker) -> Closing -> released
//!                        |  ^----------'   ^ dropped without commit: restored again
//!                        '-----------------+--------> Closing -> released
//! ```

use std::collections::BTreeMap;

use super::super::observer::TaskId;
use crate::flaw::{Flaw, planted};

/// A task that failed to commit is restored again after this pause, when the group has settled.
const AGAIN_MS: i64 = 200;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its stores are to be brought up to date, from this time on.
    Waiting { from: i64 },
    /// Its stores are being brought up to date.
    Restoring,
    /// It runs on this worker.
    Running { worker: usize },
    /// It is being closed; its lease goes back when it is.
    Closing,
}

/// What the coordinator has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Bring up its stores.
    Restore(TaskId),
    /// Stop bringing up its stores.
    CancelRestore(TaskId),
    /// Commit and close it.
    Revoke { worker: usize, task: TaskId },
    /// Close it without a commit.
    Lose { worker: usize, task: TaskId },
    /// It is closed: give the lease back.
    Release(TaskId),
}

#[derive(Debug)]
struct Lease {
    phase: Phase,
    /// The lease is to be given back (or is gone, and nothing is to be given back).
    leaving: Option<Leaving>,
    /// Assigned again while it was still being closed.
    again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Revoked,
    Lost,
}

/// The leases of one process.
#[derive(Debug)]
pub(super) struct Leases {
    leases: BTreeMap<TaskId, Lease>,
    /// How many workers there have been at most.
    workers: usize,
    /// The first so many of them are given tasks.
    staying: usize,
    moves: Vec<Move>,
}

impl Leases {
    pub(super) fn new(workers: usize) -> Self {
        Self { leases: BTreeMap::new(), workers, staying: workers, moves: Vec::new() }
    }

    /// Whether no task is held.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Whether every task that is held runs.
    pub(super) fn all_running(&self) -> bool {
        self.leases.values().all(|lease| matches!(lease.phase, Phase::Running { .. }))
    }

    /// These are ours now.
    pub(super) fn assigned(&mut self, tasks: &[TaskId], now: i64) {
        for task in tasks {
            match self.leases.get_mut(task) {
                // Still on its way out: in again when that is done. A lease that was not asked back stays as it is.
                Some(lease) if lease.leaving.is_some() => lease.again = true,
                Some(_) => {}
                None => {
                    let phase = Phase::Waiting { from: now };
                    self.leases.insert(*task, Lease { phase, leaving: None, again: false });
                }
            }
        }
    }

    /// These are to be given back.
    pub(super) fn revoked(&mut self, tasks: &[TaskId]) {
        self.leave(tasks, Leaving::Revoked);
    }

    /// These are gone.
    pub(super) fn lost(&mut self, tasks: &[TaskId]) {
        let how = if planted(Flaw::LostTreatedAsRevoked) { Leaving::Revoked } else { Leaving::Lost };
        // What was about to go back is not ours to give: it may be assigned anew before the moves are carried out.
        self.moves.retain(|next| !matches!(next, Move::Release(task) if tasks.contains(task)));
        self.leave(tasks, how);
    }

    /// Everything that is held and stays was given out anew: it begins again as if it had been lost and assigned.
    pub(super) fn begin_anew(&mut self, now: i64) {
        let stays = |(task, lease): (&TaskId, &Lease)| lease.leaving.is_none().then_some(*task);
        let tasks: Vec<TaskId> = self.leases.iter().filter_map(stays).collect();
        self.lost(&tasks);
        self.assigned(&tasks, now);
    }

    fn leave(&mut self, tasks: &[TaskId], how: Leaving) {
        for &task in tasks {
            let Some(lease) = self.leases.get_mut(&task) else {
                // Never held, or closed already: nothing keeps it here.
                if how == Leaving::Revoked {
                    self.moves.push(Move::Release(task));
                }
                continue;
            };
            lease.again = false;
            let before = lease.leaving.replace(how);
            match (lease.phase, how) {
                (Phase::Waiting { .. }, _) => self.closed(task),
                (Phase::Restoring, _) => {
                    lease.phase = Phase::Closing;
                    self.moves.push(Move::CancelRestore(task));
                }
                (Phase::Running { worker }, Leaving::Revoked) => {
                    lease.phase = Phase::Closing;
                    self.moves.push(Move::Revoke { worker, task });
                    if planted(Flaw::ReleasedBeforeClosed) {
                        self.moves.push(Move::Release(task));
                    }
                }
                (Phase::Running { worker }, Leaving::Lost) => {
                    lease.phase = Phase::Closing;
                    self.moves.push(Move::Lose { worker, task });
                }
                // Lost while it was committing to be closed: the commit is void. Whichever worker has it knows it.
                (Phase::Closing, Leaving::Lost) if before != Some(Leaving::Lost) => {
                    self.moves.extend((0..self.workers).map(|worker| Move::Lose { worker, task }));
                }
                (Phase::Closing, _) => {}
            }
        }
    }

    /// A task's stores are up to date: the worker with the fewest tasks gets it. `None` when the lease went meanwhile:
    /// close the stores, then say [`closed`](Self::closed).
    pub(super) fn restored(&mut self, task: TaskId) -> Option<usize> {
        let worker = self.least_loaded();
        let lease = self.leases.get_mut(&task)?;
        if lease.phase != Phase::Restoring {
            return None;
        }
        lease.phase = Phase::Running { worker };
        Some(worker)
    }

    /// The first so many workers have tasks from now on. Those of others, which end, are on their way out; where there are more
    /// workers than before, those that have too many tasks give some up. What is closed so is brought up again at once.
    pub(super) fn share_among(&mut self, workers: usize) {
        self.staying = workers;
        self.workers = self.workers.max(workers);
        for lease in self.leases.values_mut() {
            if matches!(lease.phase, Phase::Running { worker } if worker >= workers) {
                lease.phase = Phase::Closing;
            }
        }
        let most = self.leases.len().div_ceil(workers.max(1));
        for worker in 0..workers {
            let running =
                self.leases.iter_mut().filter(|(_, lease)| lease.phase == Phase::Running { worker });
            for (task, lease) in running.skip(most) {
                lease.phase = Phase::Closing;
                self.moves.push(Move::Revoke { worker, task: *task });
            }
        }
    }

    fn least_loaded(&self) -> usize {
        let load = |worker: usize| {
            self.leases.values().filter(|lease| lease.phase == Phase::Running { worker }).count()
        };
        (0..self.staying).min_by_key(|worker| load(*worker)).unwrap_or(0)
    }

    /// Nothing of this task is open any more.
    pub(super) fn closed(&mut self, task: TaskId) {
        let Some(lease) = self.leases.remove(&task) else { return };
        if lease.leaving == Some(Leaving::Revoked) {
            self.moves.push(Move::Release(task));
        }
        // Closed although nobody asked (a commit was refused), or assigned again meanwhile: from the start.
        if lease.leaving.is_none() || lease.again {
            let phase = Phase::Waiting { from: i64::MIN };
            self.leases.insert(task, Lease { phase, leaving: None, again: false });
        }
    }

    /// A worker dropped these without a commit. Those still ours are restored again.
    pub(super) fn dropped(&mut self, tasks: &[TaskId], now: i64) {
        for task in tasks {
            self.closed(*task);
            if let Some(lease) = self.leases.get_mut(task) {
                lease.phase = Phase::Waiting { from: now + AGAIN_MS };
            }
        }
    }

    /// Tasks whose time to be restored has come, and everything else there is to do, in order.
    pub(super) fn moves(&mut self, now: i64) -> Vec<Move> {
        for (task, lease) in &mut self.leases {
            if matches!(lease.phase, Phase::Waiting { from } if from <= now) {
                lease.phase = Phase::Restoring;
                self.moves.push(Move::Restore(*task));
            }
        }
        std::mem::take(&mut self.moves)
    }

    /// All tasks that are held, and whether each runs.
    pub(super) fn held(&self) -> impl Iterator<Item = (TaskId, bool)> {
        self.leases.iter().map(|(task, lease)| (*task, matches!(lease.phase, Phase::Running { .. })))
    }

    /// All tasks that are held.
    pub(super) fn tasks(&self) -> Vec<TaskId> {
        self.leases.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(partition: i32) -> TaskId {
        TaskId { sub_topology: 0, partition }
    }

    fn running(leases: &mut Leases, partitions: std::ops::Range<i32>) -> Vec<usize> {
        let tasks: Vec<TaskId> = partitions.map(task).collect();
        leases.assigned(&tasks, 0);
        leases.moves(0);
        tasks.iter().filter_map(|task| leases.restored(*task)).collect()
    }

    #[test]
    fn a_task_that_was_asked_back_then_lost_and_is_assigned_anew_is_not_given_back() {
        let mut leases = Leases::new(1);
        leases.assigned(&[task(0), task(1)], 0);
        leases.revoked(&[task(0)]);
        leases.lost(&[task(0), task(1)]);
        leases.assigned(&[task(0)], 0);
        assert_eq!(leases.moves(0), [Move::Restore(task(0))]);
    }

    #[test]
    fn restored_tasks_go_to_the_worker_with_the_fewest() {
        let mut leases = Leases::new(2);
        assert_eq!(running(&mut leases, 0..5), [0, 1, 0, 1, 0]);
        leases.revoked(&[task(0), task(2)]);
        assert_eq!(running(&mut leases, 5..8), [0, 0, 1]);
    }

    #[test]
    fn tasks_are_shared_out_anew_when_there_are_more_workers_or_fewer() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..5);
        leases.share_among(2);
        let moved = [3, 4].map(task);
        assert_eq!(leases.moves(0), moved.map(|task| Move::Revoke { worker: 0, task }));
        moved.iter().for_each(|task| leases.closed(*task));
        assert_eq!(leases.moves(0), moved.map(Move::Restore), "they are ours as before");
        assert_eq!(moved.map(|task| leases.restored(task)), [Some(1); 2]);

        leases.share_among(1);
        assert_eq!(leases.moves(0), [], "the worker that ends closes them by itself");
        leases.lost(&moved[..1]);
        let lost = [0, 1].map(|worker| Move::Lose { worker, task: moved[0] });
        assert_eq!(leases.moves(0), lost, "it commits, and must not");
        moved.iter().for_each(|task| leases.closed(*task));
        assert_eq!(leases.moves(0), [Move::Restore(moved[1])]);
        assert_eq!(leases.restored(moved[1]), Some(0));
    }

    #[test]
    fn a_revoked_lease_is_released_only_when_its_task_is_closed() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..1);
        leases.revoked(&[task(0)]);
        assert_eq!(leases.moves(0), [Move::Revoke { worker: 0, task: task(0) }]);
        assert_eq!(leases.moves(1), []);
        leases.closed(task(0));
        assert_eq!(leases.moves(2), [Move::Release(task(0))]);
        assert!(leases.is_empty());
    }

    #[test]
    fn a_lost_lease_is_closed_without_commit_and_never_released() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..1);
        leases.lost(&[task(0)]);
        assert_eq!(leases.moves(0), [Move::Lose { worker: 0, task: task(0) }]);
        leases.closed(task(0));
        assert_eq!(leases.moves(0), []);
        assert!(leases.is_empty());
    }

    #[test]
    fn a_lease_lost_during_its_revocation_is_discarded() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..1);
        leases.revoked(&[task(0)]);
        leases.moves(0);
        leases.lost(&[task(0)]);
        assert_eq!(leases.moves(0), [Move::Lose { worker: 0, task: task(0) }]);
        leases.closed(task(0));
        assert_eq!(leases.moves(0), []);
    }

    #[test]
    fn a_task_that_a_worker_dropped_is_restored_again_while_the_lease_is_held() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..2);
        leases.revoked(&[task(1)]);
        leases.moves(0);
        leases.dropped(&[task(0), task(1)], 10);
        assert_eq!(leases.moves(10), [Move::Release(task(1))]);
        assert_eq!(leases.moves(10 + AGAIN_MS), [Move::Restore(task(0))]);
    }

    #[test]
    fn a_lease_that_comes_back_while_closing_starts_from_the_beginning() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..1);
        leases.lost(&[task(0)]);
        leases.moves(0);
        leases.assigned(&[task(0)], 0);
        assert_eq!(leases.moves(0), []);
        leases.closed(task(0));
        assert_eq!(leases.moves(0), [Move::Restore(task(0))]);
    }

    #[test]
    fn what_is_held_by_a_member_that_lost_its_place_begins_anew_and_what_was_leaving_leaves() {
        let mut leases = Leases::new(1);
        running(&mut leases, 0..2);
        leases.revoked(&[task(1)]);
        leases.moves(0);
        leases.begin_anew(5);
        assert_eq!(leases.moves(5), [Move::Lose { worker: 0, task: task(0) }]);
        leases.closed(task(0));
        leases.closed(task(1));
        assert_eq!(leases.moves(5), [Move::Release(task(1)), Move::Restore(task(0))]);
    }

    #[test]
    fn a_restore_that_ends_after_its_lease_is_gone_is_not_placed() {
        let mut leases = Leases::new(1);
        leases.assigned(&[task(0)], 0);
        assert_eq!(leases.moves(0), [Move::Restore(task(0))]);
        leases.revoked(&[task(0)]);
        assert_eq!(leases.moves(0), [Move::CancelRestore(task(0))]);
        assert_eq!(leases.restored(task(0)), None);
    }
}
