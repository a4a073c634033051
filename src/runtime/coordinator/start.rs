//! From nothing to running: broker, topics, layout guard, global stores, group. And what running means.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::Error;
use super::super::held::Laid;
use super::super::internal;
use super::super::mailbox::{Restored, ToRestorer, ToWorker};
use super::super::matching::{self, Matched};
use super::super::observer::{Event, TaskId};
use super::super::outside;
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::leases::Move;
use super::members::Verdict;
use super::{Coordinator, Launch, RETRY_MS, Resize, Stage, topics};
use crate::broker::{MembershipConfig, MembershipEvent};
use crate::flaw::{Flaw, planted};
use crate::observe::TaskState;
use crate::record::Partition;

impl Coordinator {
    /// Finds the cluster. An unreachable one is waited for.
    pub(super) fn connect(&mut self) -> Result<bool, Error> {
        let admin = match &mut self.admin {
            Some(admin) => admin,
            none => none.insert(self.shared.broker.admin()?),
        };
        self.cluster_id = admin.cluster_id()?;
        self.stage = Stage::Topics;
        Ok(true)
    }

    /// Waits for input topics, lays the topology over them, makes the topics it owns.
    pub(super) fn lay_out(&mut self, now: i64) -> Result<bool, Error> {
        let Some(admin) = &mut self.admin else { return Ok(false) };
        let Matched { topology, unmatched } = matching::topology(&self.shared, admin.as_mut())?;
        let inputs = internal::inputs(&topology);
        let counts = admin.partitions(&inputs)?;
        let missing: Vec<&str> =
            inputs.iter().filter(|name| !counts.contains_key(*name)).map(String::as_str).collect();
        if !missing.is_empty() || unmatched.is_some() {
            let what = match unmatched {
                Some(patterns) => format!("a topic that matches {patterns}: none exists"),
                None => format!("input topic {}: it does not exist", missing.join(", ")),
            };
            let reason = format!("waiting for {what} yet, or this user may not see it");
            self.waiting.because(&self.shared, now, &reason);
            self.retry_at = now + RETRY_MS;
            return Ok(false);
        }
        let outputs = internal::outputs(&self.shared, &topology, &counts);
        let Some(written) = topics::ensure_outputs(admin.as_mut(), &outputs)? else { return Ok(true) };
        let all: BTreeMap<String, i32> = counts.into_iter().chain(written).collect();
        let mut plan = Plan::new(&self.shared, topology, &all)?;
        let mut internal = plan.internal.clone();
        internal.push(self.members.topic(&self.shared).into());
        let Some(found) = topics::ensure(admin.as_mut(), &internal)? else { return Ok(true) };
        found.remarks.iter().for_each(|remark| self.shared.warn(remark));
        plan.trimmed = found.trimmed;
        self.members.set_layout(&plan);
        self.shared.held.lay_out(laid(&self.shared, &plan));
        self.plan = Arc::new(plan);
        for mailbox in &self.restorers {
            // One that is gone has reported why.
            let _ = mailbox.send(ToRestorer::Layout(self.plan.clone()));
        }
        self.stage = Stage::Guard;
        Ok(true)
    }

    /// Waits until no other layout of this application runs.
    pub(super) fn guard(&mut self, now: i64) -> Result<bool, Error> {
        self.members.step(&self.shared, now)?;
        match self.members.verdict(&self.shared, now) {
            Verdict::Undecided => Ok(false),
            Verdict::WaitFor(others) => {
                let others = others.join(", ");
                let reason = format!("waiting for {others}: another layout of this application runs there");
                self.waiting.because(&self.shared, now, &reason);
                self.look_for_topics(now)
            }
            Verdict::Namesake(host) => {
                let id = &self.shared.process_id;
                let reason = format!(
                    "waiting for another process on {host} that calls itself {id}, too, to answer or to be gone"
                );
                self.waiting.because(&self.shared, now, &reason);
                Ok(false)
            }
            Verdict::Clear => {
                if self.restorers.is_empty() {
                    let (plan, cluster_id) = (self.plan.clone(), self.cluster_id.clone());
                    self.launches.push(Launch::Restorers { plan, cluster_id });
                }
                self.stage = Stage::Globals;
                Ok(true)
            }
        }
    }

    /// Tasks read global stores: none starts before those are up to date.
    pub(super) fn await_globals(&mut self, now: i64) -> Result<bool, Error> {
        self.members.step(&self.shared, now)?;
        if self.globals.is_none() {
            self.waiting.because(&self.shared, now, "waiting for the global stores to be restored");
            return Ok(false);
        }
        let membership = self.shared.broker.membership(&self.group())?;
        self.losses = membership.losses();
        self.membership = Some(membership.clone());
        self.crew.tell_all(|| ToWorker::Begin { plan: self.plan.clone(), membership: membership.clone() });
        self.waiting.because(&self.shared, now, "joining the group");
        self.stage = Stage::Run;
        Ok(true)
    }

    fn group(&self) -> MembershipConfig {
        let config = &self.shared.config;
        MembershipConfig {
            client_id: self.shared.client_id("group"),
            group: self.shared.application().to_owned(),
            instance_id: Some(self.shared.process_id.clone()),
            topics: self.plan.leases(),
            protocol: config.group_protocol,
            session_timeout: config.session_timeout,
            heartbeat_interval: config.heartbeat,
        }
    }

    /// The normal state: events become moves, moves become messages.
    pub(super) fn run(&mut self, now: i64) -> Result<bool, Error> {
        if self.members.was_silent(&self.shared, now) {
            self.rejoin(now, "this process was silent for too long");
            self.members.renew_claim();
            return Ok(true);
        }
        if self.look_for_topics(now)? {
            return Ok(true);
        }
        self.resize();
        let mut moved = self.poll_group(now)?;
        if self.membership.is_none() {
            return Ok(true);
        }
        self.tend_standbys(now);
        self.members.step(&self.shared, now)?;
        for next in self.leases.moves(now) {
            moved = true;
            self.carry_out(next)?;
        }
        if let Some(admin) = &mut self.admin {
            self.purge.step(admin.as_mut(), now, self.shared.config.purge_interval_ms)?;
        }
        if let Some((partition, end)) = self.lag.step(&self.shared, now)? {
            self.crew.tell_all(|| ToWorker::End { partition: partition.clone(), end });
        }
        if let Some(count) = self.look_for_orphans(now)? {
            self.rejoin(now, &format!("{count} tasks have no holder, and the group does not see it"));
            return Ok(true);
        }
        if self.joined && self.shared.is_paused() {
            self.waiting.because(&self.shared, now, "paused: nothing is processed until it is told to go on");
        } else if self.joined && self.leases.all_running() {
            self.waiting.over(&self.shared);
        } else if self.joined {
            self.waiting.because(&self.shared, now, "restoring tasks");
        }
        Ok(moved)
    }

    /// As many workers as are wanted: their tasks are shared out among them.
    fn resize(&mut self) {
        let (Some(membership), Some(globals)) = (&self.membership, &self.globals) else { return };
        match self.crew.resize() {
            None => {}
            Some(Resize::Retire { staying }) => self.leases.share_among(staying),
            Some(Resize::Launch(indices)) => {
                self.leases.share_among(indices.end);
                let (plan, membership, globals) = (self.plan.clone(), membership.clone(), globals.clone());
                self.launches.push(Launch::Workers { indices, plan, membership, globals });
            }
        }
    }

    fn look_for_orphans(&mut self, now: i64) -> Result<Option<usize>, Error> {
        if !self.joined || !self.orphans.is_due(now) {
            return Ok(None);
        }
        let (group, wanted) = (self.group(), self.plan.lease_partitions());
        let Some(admin) = &mut self.admin else { return Ok(None) };
        Ok(self.orphans.look(admin.as_mut(), &group.group, &group.client_id, &wanted)?)
    }

    /// Hears of the group. No membership is left if it ended.
    fn poll_group(&mut self, now: i64) -> Result<bool, Error> {
        let Some(membership) = &self.membership else { return Ok(false) };
        let events = membership.poll()?;
        self.joined = membership.token().is_some();
        let losses = membership.losses();
        let (moved, ended) = (!events.is_empty(), events.contains(&MembershipEvent::Ended));
        if moved {
            self.shared.tell(&Event::Rebalanced);
        }
        for event in events {
            match event {
                MembershipEvent::Assigned(leases) => {
                    let tasks = self.tasks_of(&leases);
                    self.leases.assigned(&tasks, now);
                }
                MembershipEvent::Revoked(leases) => {
                    let tasks = self.tasks_of(&leases);
                    self.leases.revoked(&tasks);
                }
                MembershipEvent::Lost(leases) => {
                    let tasks = self.tasks_of(&leases);
                    self.shared.warn(&format!(
                        "{} tasks were taken away: the group gave this process up",
                        tasks.len()
                    ));
                    self.leases.lost(&tasks);
                }
                MembershipEvent::Ended => {}
            }
        }
        if self.losses != losses {
            // What is held all the same is another member's by now: what was begun with it before is void.
            self.losses = losses;
            self.leases.begin_anew(now);
        }
        if ended {
            self.rejoin(now, "it has forgotten this process");
        }
        Ok(moved)
    }

    pub(super) fn tasks_of(&self, leases: &[Partition]) -> Vec<TaskId> {
        let task = |lease: &Partition| {
            let sub_topology = self.plan.subs.iter().position(|sub| sub.lease == lease.topic)?;
            Some(TaskId { sub_topology, partition: lease.number })
        };
        leases.iter().filter_map(task).collect()
    }

    pub(super) fn carry_out(&mut self, next: Move) -> Result<(), Error> {
        match next {
            Move::Restore(task) => {
                self.standbys.taken(task);
                self.behind.remove(&task);
                self.tell_restorer_of(task, ToRestorer::Restore(task));
            }
            Move::CancelRestore(task) => self.tell_restorer_of(task, ToRestorer::Cancel(task)),
            Move::Revoke { worker, task } => self.crew.tell(worker, ToWorker::Revoke(vec![task])),
            Move::Lose { worker, task } => self.crew.tell(worker, ToWorker::Lost(vec![task])),
            Move::Release(task) => {
                if let (Some(membership), Some(sub)) =
                    (&self.membership, self.plan.subs.get(task.sub_topology))
                {
                    membership.release(&[Partition::new(sub.lease.clone(), task.partition)])?;
                }
            }
        }
        Ok(())
    }

    /// A task's stores are up to date: to a worker, unless its lease went meanwhile.
    pub(super) fn place(&mut self, restored: Restored) {
        let task = restored.task;
        let stopping = matches!(self.stage, Stage::Stop { .. });
        match self.leases.restored(task).filter(|_| !stopping) {
            Some(worker) => {
                let start = ToWorker::Start { restored: Box::new(restored), losses: self.losses };
                self.crew.tell(worker, start);
            }
            None => {
                // The stores are closed before the lease goes.
                drop(restored);
                if !planted(Flaw::GoneUntold) {
                    self.shared.tell(&Event::Task { task, from: Some(TaskState::Restoring), to: None });
                }
                self.leases.closed(task);
            }
        }
    }

    /// Out of the group and in again, from the guard on.
    pub(super) fn rejoin(&mut self, now: i64, why: &str) {
        self.shared.warn(&format!("joining the group anew: {why}"));
        let tasks = self.leases.tasks();
        self.leases.lost(&tasks);
        for next in self.leases.moves(now) {
            // Nothing is released: the membership is gone.
            if let Err(error) = self.carry_out(next) {
                tracing::debug!(%error, "while leaving the group");
            }
        }
        if let Some(membership) = self.membership.take()
            && let Err(error) = membership.leave(false)
        {
            tracing::debug!(%error, "the group could not be left; it will notice");
        }
        self.joined = false;
        self.stage = Stage::Guard;
    }
}

/// All tasks, for those who look in.
fn laid(shared: &Shared, plan: &Plan) -> Vec<(TaskId, Laid)> {
    let stores = |task: TaskId| {
        plan.subs[task.sub_topology].stores.iter().map(|store| store.spec.name.clone()).collect()
    };
    let tasks = outside::tasks(shared, plan).into_iter();
    tasks.map(|(task, name)| (task, Laid { name, stores: stores(task) })).collect()
}
