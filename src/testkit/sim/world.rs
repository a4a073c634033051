//! One run: machines, a broker, the input, and time that moves only here.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::archive::{self, Archive};
use super::chaos::{Chaos, Crashed};
use super::events::Weather;
use super::fault::Fault;
use super::inlet;
use super::ledger::Ledger;
use super::plan::Plan;
use super::random::Random;
use super::scenario::{Input, Scenario};
use super::slot::{Life, Parts, Slot};
use super::stores::Stores;
use crate::broker::memory::MemoryBroker;
use crate::broker::{Assignment, Broker, ConsumerConfig, Isolation, Producer, StartOffset};
use crate::graph::{Naming, Topology};
use crate::record::Partition;
use crate::runtime::{Error, Part, Process};

/// Virtual time at the start: far from 0, so that nothing takes it for "never".
const BEGIN: i64 = 1_000_000;
/// Virtual time within which everything must be processed once nothing fails any more.
const LIVENESS_MS: i64 = 60_000;
/// Rounds between two looks whether everything is processed.
const LOOK_EVERY: u32 = 16;

/// A run that has not ended.
pub(super) struct World<'s> {
    pub(super) scenario: &'s dyn Scenario,
    pub(super) plan: Plan,
    pub(super) parts: Parts,
    pub(super) slots: Vec<Slot>,
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) now: i64,
    pub(super) naming: Naming,
    /// The topology over all topics there will be.
    whole: Topology,
    /// Topics that are made with their first record.
    later: Vec<String>,
    input: VecDeque<(i64, Input)>,
    writer: Box<dyn Producer>,
    ghosts: Box<dyn Producer>,
    /// Input partitions of all tasks, internal ones too; known once the processes have made the topics.
    order: Vec<(usize, Part)>,
    pub(super) steps: u64,
}

/// Why a run ended before its time.
pub(super) type Broken = String;

impl<'s> World<'s> {
    /// A world before its first moment.
    pub(super) fn new(
        scenario: &'s dyn Scenario,
        plan: Plan,
        seed: u64,
        traced: bool,
    ) -> Result<Self, Broken> {
        let mut random = Random::new(seed);
        let topology = scenario.topology();
        let naming = Naming { application: topology.name.as_str().into() };
        let whole = topology.over(&scenario.topics().into_iter().map(|(name, _)| name).collect());
        let whole = whole.map_err(text)?;
        let leases = whole
            .sub_topologies()
            .iter()
            .filter(|sub| !sub.global)
            .flat_map(|sub| {
                let lease: Arc<str> = format!("{}-{}-tasks", naming.application, sub.name).into();
                sub.sources.iter().map(move |topic| (topic.clone(), lease.clone()))
            })
            .map(|(topic, lease)| (naming.resolve(&topic), lease))
            .collect();
        let ledger = Ledger::new(leases);
        let chaos = Arc::new(Chaos::new(Random::new(random.draw()), ledger, traced));
        let broker = MemoryBroker::new();
        broker.hold_markers(true);
        broker.advance(BEGIN);
        inlet::create(&broker, scenario, None)?;
        let stores = Arc::new(Stores::new(&topology, &naming, plan.is_exactly_once()));
        let weather = Weather::new(&mut random, &plan);
        let config = plan.config(&mut random);
        let parts = Parts { topology, broker, chaos, stores, config, scratch: plan.scratch.clone() };
        let rocks = plan.uses_rocks(&mut random);
        let machines = random.between(1, 3);
        let slots = (0..).take(usize::try_from(machines).unwrap_or(1));
        let slots = slots.map(|place| Slot::new(&parts, place, rocks)).collect();
        let writer = parts.broker.producer(&inlet::writer_config(None)).map_err(text)?;
        let mut ghosts = parts.broker.producer(&inlet::writer_config(Some("ghosts"))).map_err(text)?;
        ghosts.init_transactions().map_err(text)?;
        let mut world = Self {
            input: VecDeque::new(),
            scenario,
            plan,
            parts,
            slots,
            weather,
            now: BEGIN,
            naming,
            whole,
            later: scenario.later(),
            writer,
            ghosts,
            order: Vec::new(),
            steps: 0,
            random,
        };
        world.schedule_input();
        Ok(world)
    }

    /// Spreads the input over the time of the faults.
    fn schedule_input(&mut self) {
        let records = self.scenario.input(&mut self.random);
        let end = self.weather.until - BEGIN;
        let mut times: Vec<i64> =
            records.iter().map(|_| BEGIN + self.random.between(0, end * 9 / 10)).collect();
        times.sort_unstable();
        self.input = times.into_iter().zip(records).collect();
    }

    /// Runs until everything is processed.
    pub(super) fn run(&mut self) -> Result<(), Broken> {
        let mut rounds = 0_u32;
        let mut done_since = None;
        loop {
            self.round()?;
            rounds += 1;
            if self.weather.calm && rounds.is_multiple_of(LOOK_EVERY) {
                let rest = self.scenario.rest_ms() + 300;
                match (self.is_done(), done_since) {
                    (Some(true), Some(since)) if self.now - since >= rest => return Ok(()),
                    (Some(true), None) => done_since = Some(self.now),
                    (Some(false), _) => done_since = None,
                    // A commit is on its way: another look.
                    (Some(true), Some(_)) | (None, _) => {}
                }
                if self.now > self.weather.until + LIVENESS_MS + rest {
                    return Err(self.what_is_left());
                }
            }
        }
    }

    /// Weather, input, one step of most parts in some order, then time goes on.
    fn round(&mut self) -> Result<(), Broken> {
        self.change_weather()?;
        self.write_input()?;
        let mut busy = false;
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        for (place, slot) in self.slots.iter().enumerate() {
            if let Life::Up { process, .. } = &slot.life {
                order.extend(process.parts().into_iter().map(|part| (place, part)));
            }
        }
        self.random.shuffle(&mut order);
        for &(place, part) in &order {
            if self.weather.calm || !self.random.chance(1, 6) {
                busy |= self.step(place, part)?;
            }
        }
        self.order = order;
        if let Some(violation) = self.parts.chaos.state().ledger.violation() {
            return Err(violation.to_owned());
        }
        let idle = if self.weather.calm { 40 } else { 20 };
        self.now += if busy { self.random.between(0, 3) } else { self.random.between(1, idle) };
        self.parts.chaos.state().now = self.now;
        if !self.weather.broker_is_away(self.now) {
            let before = self.parts.broker.timed_out();
            self.parts.broker.advance(self.now);
            for _ in before..self.parts.broker.timed_out() {
                self.parts.chaos.state().befall(Fault::TransactionTimeout, "broker");
            }
        }
        Ok(())
    }

    fn step(&mut self, place: usize, part: Part) -> Result<bool, Broken> {
        let now = self.now;
        let Some(slot) = self.slots.get_mut(place) else { return Ok(false) };
        let Life::Up { process, .. } = &mut slot.life else { return Ok(false) };
        self.steps += 1;
        let late = process.has_mail(part) && self.parts.chaos.state().mail_is_late(&slot.who.name);
        let step = if late { Process::step_before_mail } else { Process::step };
        let stepped = catch_unwind(AssertUnwindSafe(|| step(process, part, now)));
        let ended = process.is_finished();
        match stepped {
            Ok(Ok(busy)) => {
                if ended {
                    self.stopped(place);
                }
                Ok(busy)
            }
            Ok(Err(error)) => self.failed(place, &error),
            Err(thrown) if thrown.is::<Crashed>() => {
                self.crash(place)?;
                Ok(true)
            }
            Err(thrown) => {
                let words = thrown.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| thrown.downcast_ref::<&str>().copied()).unwrap_or("a panic");
                Err(format!("{} panicked: {words}", self.slots[place].who.name))
            }
        }
    }

    /// An application that ends by itself: only when the disk refused it.
    fn failed(&mut self, place: usize, error: &Error) -> Result<bool, Broken> {
        let name = self.slots[place].who.name.clone();
        let mut state = self.parts.chaos.state();
        state.tell(|| format!("{name} ended: {error}"));
        if !matches!(error, Error::State(_)) || state.refused_writes == 0 {
            return Err(format!("{name} ended: {error}"));
        }
        drop(state);
        self.stopped(place);
        Ok(true)
    }

    /// A process has ended in good order.
    fn stopped(&mut self, place: usize) {
        self.parts.chaos.state().tasks.retain(|(machine, _), _| *machine != place);
        let until = self.now + self.random.between(5, 400);
        self.slots[place].life = Life::Down { until };
    }

    /// A process was killed.
    pub(super) fn crash(&mut self, place: usize) -> Result<(), Broken> {
        let stays = if self.random.chance(1, 4) { 2_000 } else { 300 };
        let until = self.now + self.random.between(5, stays);
        self.parts.chaos.state().tasks.retain(|(machine, _), _| *machine != place);
        self.slots[place].crash(until).map_err(text)
    }

    fn write_input(&mut self) -> Result<(), Broken> {
        while self.input.front().is_some_and(|(due, _)| *due <= self.now) {
            let Some((_, input)) = self.input.pop_front() else { break };
            if let Some(place) = self.later.iter().position(|topic| *topic == input.topic) {
                inlet::create(&self.parts.broker, self.scenario, Some(&self.later.swap_remove(place)))?;
            }
            if self.weather.ghosts && self.random.chance(1, 8) {
                self.write_ghost(&input)?;
            }
            inlet::send(self.writer.as_mut(), &input)?;
        }
        Ok(())
    }

    /// A record in a transaction that is aborted: nobody may see it.
    fn write_ghost(&mut self, input: &Input) -> Result<(), Broken> {
        // The markers of the one before may still be on their way.
        while self.parts.broker.markers() > 0 {
            self.parts.broker.deliver_marker(0);
        }
        self.ghosts.begin().map_err(text)?;
        inlet::send(self.ghosts.as_mut(), input)?;
        self.ghosts.abort().map_err(text)?;
        self.parts.chaos.state().befall(Fault::InputAborted, &input.topic);
        Ok(())
    }

    /// Partitions that the tasks read.
    pub(super) fn inputs(&self) -> Vec<Partition> {
        let subs = self.whole.sub_topologies();
        let topics = subs.iter().filter(|sub| !sub.global).flat_map(|sub| &sub.sources);
        let names: Vec<String> = topics.map(|topic| self.naming.resolve(topic).to_string()).collect();
        let counts = self.parts.broker.admin().and_then(|mut admin| admin.partitions(&names));
        let all = |(topic, count): (String, i32)| {
            (0..count).map(move |number| Partition::new(topic.as_str(), number)).collect::<Vec<_>>()
        };
        counts.unwrap_or_default().into_iter().flat_map(all).collect()
    }

    /// How many tasks there are.
    fn tasks(&self) -> usize {
        let subs = self.whole.sub_topologies();
        let subs = subs.iter().filter(|sub| !sub.global);
        let names: Vec<String> =
            subs.map(|sub| format!("{}-{}-tasks", self.naming.application, sub.name)).collect();
        let counts = self.parts.broker.admin().and_then(|mut admin| admin.partitions(&names));
        let count = |count: i32| usize::try_from(count).unwrap_or_default();
        counts.unwrap_or_default().into_values().map(count).sum()
    }

    /// Whether every input is written, and processed and committed to its end; `None` when that cannot be told in the middle of
    /// a commit.
    fn is_done(&self) -> Option<bool> {
        if !self.input.is_empty() {
            return Some(false);
        }
        // A worker that there is no longer since a crash leaves a transaction that nobody ends but its timeout.
        if self.parts.broker.markers() > 0 || self.parts.broker.has_open_transaction() {
            return None;
        }
        let broker = &self.parts.broker;
        let tasks = self.tasks();
        if !self.parts.chaos.state().all_run(tasks) {
            return Some(false);
        }
        let mut reader = archive::reader(broker, Some(&self.naming.application)).ok()?;
        let config = ConsumerConfig {
            client_id: "simulation".to_owned(),
            group: None,
            isolation: Isolation::ReadUncommitted,
            buffer_bytes: 0,
        };
        let mut ends = broker.consumer(&config).ok()?;
        let partitions = self.inputs();
        let committed = reader.committed(&partitions).ok()?;
        for (partition, committed) in partitions.into_iter().zip(committed) {
            let stable = reader.watermarks(&partition).ok()?;
            if stable.high != ends.watermarks(&partition).ok()?.high {
                return None;
            }
            let from = committed.map_or(stable.low, |committed| committed.offset.max(stable.low));
            let start = StartOffset::At(from);
            reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).ok()?;
            let mut rest = Vec::new();
            reader.poll(1, Duration::ZERO, &mut rest).ok()?;
            if !rest.is_empty() {
                return Some(false);
            }
            reader.unassign(&[partition]).ok()?;
        }
        Some(true)
    }

    /// What keeps the run from ending.
    fn what_is_left(&self) -> Broken {
        let partitions = self.inputs();
        let reader = archive::reader(&self.parts.broker, Some(&self.naming.application));
        let committed = reader.and_then(|mut reader| reader.committed(&partitions));
        format!(
            "{LIVENESS_MS} ms after the last fault not everything is processed; committed: {committed:?} of {partitions:?}"
        )
    }

    /// Everything is processed: whether it was right.
    pub(super) fn judge(&mut self) -> Result<(), Broken> {
        let holders = self.holders()?;
        self.parts.chaos.state().archive.read_all(&self.parts.broker);
        let archive = std::mem::take(&mut self.parts.chaos.state().archive);
        self.check_stores(&archive, &holders)?;
        let outcome = super::outcome::Outcome {
            application: self.naming.application.to_string(),
            exactly_once: self.plan.is_exactly_once(),
            topics: archive.into_topics(),
        };
        self.scenario.check(&outcome)
    }

    /// Who holds which task, by the name of its directory.
    fn holders(&self) -> Result<BTreeMap<String, String>, Broken> {
        let admin = self.parts.broker.admin();
        let held = admin.and_then(|mut admin| admin.holders(&self.naming.application)).map_err(text)?;
        let prefix = format!("{}-", self.naming.application);
        let mut holders = BTreeMap::new();
        for holder in held {
            for lease in holder.held {
                let sub = lease.topic.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix("-tasks"));
                let task = format!("{}-{}", sub.unwrap_or_default(), lease.number);
                holders.insert(task, holder.client_id.clone());
            }
        }
        Ok(holders)
    }

    fn check_stores(&mut self, archive: &Archive, holders: &BTreeMap<String, String>) -> Result<(), Broken> {
        for slot in &mut self.slots {
            let client_id = format!("{}-{}-group", self.naming.application, slot.who.name);
            let running = matches!(slot.life, Life::Up { .. });
            let (images, moved_aside) = slot.images(&self.parts).map_err(text)?;
            for (task, image) in images {
                let last = running && holders.get(&task) == Some(&client_id);
                self.parts
                    .stores
                    .check(&task, &image, archive, last)
                    .map_err(|what| format!("{}: {what}", slot.who.name))?;
            }
            if moved_aside > 0 {
                return Err(format!(
                    "{} moved {moved_aside} states aside that were not damaged",
                    slot.who.name
                ));
            }
        }
        Ok(())
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> Broken {
    error.to_string()
}
