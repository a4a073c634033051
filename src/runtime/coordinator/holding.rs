//! What this process holds, told to the others; and from what the others hold, which copies it keeps.

use std::collections::{BTreeMap, BTreeSet};

use super::super::mailbox::ToRestorer;
use super::super::observer::TaskId;
use super::super::plan::Backed;
use super::Coordinator;
use super::members::Holding;

impl Coordinator {
    /// Tells the others, and decides about standbys when it is time.
    pub(super) fn tend_standbys(&mut self, now: i64) {
        if !self.standbys.is_due(now) {
            return;
        }
        let held: BTreeMap<TaskId, bool> = self.leases.held().collect();
        let replicas = self.shared.config.standby_replicas;
        if replicas > 0 && self.joined {
            let living = self.members.living(&self.shared, now);
            let (own, tasks) = (self.shared.process_id.as_str(), self.logged_tasks());
            let held = held.keys().copied().collect();
            if let Some(kept) = self.standbys.decide(own, &tasks, &held, &living, replicas) {
                let kept = kept.clone();
                self.behind.retain(|task, _| kept.contains(task) || held.contains(task));
                self.follow(&kept);
            }
        }
        let name = |task: &TaskId| self.shared.task_name(&self.plan, *task);
        let behind = |task: &TaskId| self.behind.get(task).copied();
        let active = held.iter().map(|(task, runs)| (name(task), if *runs { Some(0) } else { behind(task) }));
        let standby = self.standbys.kept().iter().map(|task| (name(task), behind(task)));
        let holding = Holding { active: active.collect(), standby: standby.collect() };
        let not_running = holding.active.iter().filter(|(_, behind)| **behind != Some(0));
        let copies = not_running.chain(&holding.standby);
        self.shared.held.lag(copies.map(|(task, behind)| (task.clone(), *behind)).collect());
        self.members.set_holding(holding);
    }

    /// Each restorer hears of its own.
    fn follow(&self, kept: &BTreeSet<TaskId>) {
        let lanes = self.restorers.len();
        for (lane, mailbox) in self.restorers.iter().enumerate() {
            let own = kept.iter().filter(|task| task.lane(lanes) == lane).copied().collect();
            // One that is gone has reported why.
            let _ = mailbox.send(ToRestorer::Follow(own));
        }
    }

    /// Tasks with a store that can be built up from a topic.
    fn logged_tasks(&self) -> BTreeMap<TaskId, String> {
        let mut tasks = BTreeMap::new();
        for (sub_topology, sub) in self.plan.subs.iter().enumerate() {
            if sub.stores.iter().any(|store| store.backed != Backed::Nothing) {
                for partition in 0..sub.tasks {
                    let task = TaskId { sub_topology, partition };
                    tasks.insert(task, self.shared.task_name(&self.plan, task));
                }
            }
        }
        tasks
    }
}
