//! Which warm copies this process keeps. Every process decides for itself, by the same rule over the same announcements:
//! rendezvous hashing over the living, away from the process that runs the task and, where there is a choice, from its rack.
//! So a process that comes or goes moves only its own share.

use std::collections::{BTreeMap, BTreeSet};

use super::super::observer::TaskId;
use crate::partitioner::murmur2;

/// Milliseconds between two decisions.
const EVERY_MS: i64 = 500;

/// A process that can keep a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) process: String,
    pub(super) rack: String,
    /// Names of the tasks it has the lease of.
    pub(super) active: BTreeSet<String>,
}

/// The copies this process keeps.
#[derive(Debug, Default)]
pub(super) struct StandbyPlacement {
    decided: Option<i64>,
    kept: BTreeSet<TaskId>,
}

impl StandbyPlacement {
    /// Whether it is time to decide.
    pub(super) fn is_due(&mut self, now: i64) -> bool {
        let due = self.decided.is_none_or(|at| now - at >= EVERY_MS);
        if due {
            self.decided = Some(now);
        }
        due
    }

    /// Decides over all `tasks` with a changelog, of which this process has the lease of `held`. Returns what is kept from
    /// now on, when that is something else than before.
    ///
    /// A task that nobody has at the moment keeps its copies where they are: one of them is about to be needed.
    pub(super) fn decide(
        &mut self,
        own: &str,
        tasks: &BTreeMap<TaskId, String>,
        held: &BTreeSet<TaskId>,
        living: &[Candidate],
        replicas: usize,
    ) -> Option<&BTreeSet<TaskId>> {
        let keeps = |(task, name): &(&TaskId, &String)| {
            if held.contains(*task) {
                return false;
            }
            let active = living.iter().find(|it| it.process != own && it.active.contains(*name));
            match active {
                Some(active) => chosen(name, living, active, replicas).contains(&own),
                None => self.kept.contains(*task),
            }
        };
        let next: BTreeSet<TaskId> = tasks.iter().filter(keeps).map(|(task, _)| *task).collect();
        if next == self.kept {
            return None;
        }
        self.kept = next;
        Some(&self.kept)
    }

    /// What is kept now.
    pub(super) fn kept(&self) -> &BTreeSet<TaskId> {
        &self.kept
    }

    /// The lease of this task came: it is no copy any more.
    pub(super) fn taken(&mut self, task: TaskId) {
        self.kept.remove(&task);
    }
}

/// The processes that keep a copy of a task: one rack after the other, the highest hash first.
fn chosen<'a>(task: &str, living: &'a [Candidate], active: &Candidate, replicas: usize) -> Vec<&'a str> {
    let mut racks = BTreeSet::from([active.rack.as_str()]);
    let mut left: Vec<&Candidate> = living.iter().filter(|it| it.process != active.process).collect();
    left.sort_by_key(|it| std::cmp::Reverse((rank(&it.process, task), it.process.as_str())));
    let mut chosen = Vec::new();
    while chosen.len() < replicas && !left.is_empty() {
        let place = left.iter().position(|it| !racks.contains(it.rack.as_str())).unwrap_or(0);
        let next = left.remove(place);
        racks.insert(next.rack.as_str());
        chosen.push(next.process.as_str());
    }
    chosen
}

/// The same in every process and every version.
fn rank(process: &str, task: &str) -> u32 {
    murmur2(format!("{process}/{task}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(process: &str, rack: &str, active: &[&str]) -> Candidate {
        let active = active.iter().map(|it| (*it).to_owned()).collect();
        Candidate { process: process.to_owned(), rack: rack.to_owned(), active }
    }

    fn names(count: i32) -> BTreeMap<TaskId, String> {
        (0..count)
            .map(|partition| (TaskId { sub_topology: 0, partition }, format!("t-{partition}")))
            .collect()
    }

    #[test]
    fn copies_are_elsewhere_and_on_other_racks_where_there_is_a_choice() {
        let living = [candidate("a", "r1", &[]), candidate("b", "r1", &[]), candidate("c", "r2", &[])];
        for task in names(50).values() {
            assert_eq!(chosen(task, &living, &living[0], 1), ["c"]);
            assert_eq!(chosen(task, &living, &living[0], 2), ["c", "b"]);
            assert_eq!(chosen(task, &living[..2], &living[0], 2), ["b"]);
            let copies = chosen(task, &living, &living[2], 2);
            assert!(copies == ["a", "b"] || copies == ["b", "a"]);
        }
    }

    #[test]
    fn copies_are_spread_and_one_more_process_takes_only_its_share() {
        let of = |count: i32| {
            let living: Vec<_> =
                (0..count).map(|n| candidate(&format!("p{n}"), &format!("r{n}"), &[])).collect();
            let choice = |task: &String| chosen(task, &living, &living[0], 1)[0].to_owned();
            names(300).values().map(choice).collect::<Vec<_>>()
        };
        let (four, five) = (of(4), of(5));
        for process in ["p1", "p2", "p3"] {
            let share = four.iter().filter(|it| *it == process).count();
            assert!((60..140).contains(&share), "{process} has {share} of 300");
        }
        assert!(four.iter().zip(&five).all(|(before, after)| before == after || after == "p4"));
    }

    #[test]
    fn a_copy_stays_while_nobody_has_the_task_and_goes_when_it_comes_here() {
        let (tasks, none) = (names(1), BTreeSet::new());
        let task = *tasks.keys().next().unwrap();
        let mut placement = StandbyPlacement::default();
        let with = [candidate("a", "r1", &["t-0"]), candidate("b", "r2", &[])];
        let without = [candidate("b", "r2", &[])];
        assert_eq!(placement.decide("b", &tasks, &none, &without, 1), None, "nothing to copy from");
        assert_eq!(placement.decide("b", &tasks, &none, &with, 1), Some(&BTreeSet::from([task])));
        assert_eq!(placement.decide("b", &tasks, &none, &without, 1), None, "the other process died");
        assert_eq!(placement.kept(), &BTreeSet::from([task]));
        placement.taken(task);
        assert_eq!(placement.decide("b", &tasks, &BTreeSet::from([task]), &without, 1), None);
        assert!(placement.kept().is_empty());
    }
}
