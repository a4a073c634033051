//! One process of an application without threads: whoever holds it steps its parts, in any order, at any time.
//!
//! The threads of [`App::start`](super::App::start) run exactly these parts; simulators and tests run them by hand.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use topo_state::MemoryDisk;

use super::app::prepare;
use super::config::AppConfig;
use super::coordinator::{Coordinator, Launch};
use super::error::Error;
use super::mailbox::{Progress, Report, ToRestorer, ToWorker};
use super::observer::Observer;
use super::post::Post;
use super::process_id::StateDirectory;
use super::restore::Restorer;
use super::shared::Shared;
use super::worker::Worker;
use crate::broker::Broker;
use crate::graph::Topology;

/// A part of a process that can be stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Group, leases, topics.
    Coordinator,
    /// Stores brought up to date: some of the tasks.
    Restorer(usize),
    /// Processing and commits.
    Worker(usize),
}

/// A process that is stepped by hand. Dropping it is a crash.
pub struct Process {
    shared: Arc<Shared>,
    coordinator: Coordinator,
    mail: Post<Report>,
    restorers: Vec<(Restorer, Post<ToRestorer>)>,
    workers: Vec<(Worker, Post<ToWorker>)>,
    reports: Sender<Report>,
    ended: bool,
    _directory: StateDirectory,
}

impl Process {
    /// A process that has done nothing yet.
    ///
    /// # Errors
    /// The state directory is in use or cannot be used.
    pub fn new(
        topology: Topology,
        broker: Arc<dyn Broker>,
        config: AppConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        Self::with_disk(topology, broker, config, observer, None)
    }

    /// A process whose stores live on a disk in memory instead of below its state directory.
    pub(crate) fn with_disk(
        topology: Topology,
        broker: Arc<dyn Broker>,
        config: AppConfig,
        observer: Arc<dyn Observer>,
        disk: Option<MemoryDisk>,
    ) -> Result<Self, Error> {
        let (shared, directory) = prepare(topology, broker, config, observer, disk)?;
        let (reports, mail, inbox) = Post::new();
        Ok(Self {
            coordinator: Coordinator::new(shared.clone(), inbox),
            mail,
            restorers: Vec::new(),
            workers: Vec::new(),
            reports,
            ended: false,
            shared,
            _directory: directory,
        })
    }

    /// The parts there are now.
    pub fn parts(&self) -> Vec<Part> {
        let restorers = (0..self.restorers.len()).map(Part::Restorer);
        let workers = (0..self.workers.len()).map(Part::Worker);
        [Part::Coordinator].into_iter().chain(restorers).chain(workers).collect()
    }

    /// One step of one part at time `now` (milliseconds). True when it did something.
    ///
    /// # Errors
    /// What ended the application.
    pub fn step(&mut self, part: Part, now: i64) -> Result<bool, Error> {
        match part {
            Part::Coordinator => self.mail.deliver(),
            Part::Restorer(lane) => self.restorers.get_mut(lane).into_iter().for_each(|(_, it)| it.deliver()),
            Part::Worker(index) => self.workers.get_mut(index).into_iter().for_each(|(_, it)| it.deliver()),
        }
        self.step_before_mail(part, now)
    }

    /// Like [`step`](Self::step), and what the other parts have said since the last one comes when this one has looked.
    pub(crate) fn step_before_mail(&mut self, part: Part, now: i64) -> Result<bool, Error> {
        let progress = match part {
            Part::Coordinator => self.coordinate(now)?,
            Part::Restorer(lane) => {
                self.restorers.get_mut(lane).map_or(Progress::Idle, |(it, _)| it.step(now, Duration::ZERO))
            }
            Part::Worker(index) => {
                self.workers.get_mut(index).map_or(Progress::Idle, |(it, _)| it.step(now, Duration::ZERO))
            }
        };
        Ok(progress == Progress::Busy)
    }

    /// Whether the other parts have said something to this one that it has not heard.
    pub(crate) fn has_mail(&mut self, part: Part) -> bool {
        match part {
            Part::Coordinator => self.mail.has_any(),
            Part::Restorer(lane) => self.restorers.get_mut(lane).is_some_and(|(_, it)| it.has_any()),
            Part::Worker(index) => self.workers.get_mut(index).is_some_and(|(_, it)| it.has_any()),
        }
    }

    /// Asks for a clean stop; it is done when [`is_finished`](Self::is_finished).
    pub fn stop(&self) {
        // The coordinator lives as long as this.
        let _ = self.reports.send(Report::Stop);
    }

    /// So many workers from now on; see [`Running::set_workers`](super::Running::set_workers).
    pub fn set_workers(&self, workers: usize) {
        // The coordinator lives as long as this.
        let _ = self.reports.send(Report::Workers(workers));
    }

    /// Whether the application has ended.
    pub fn is_finished(&self) -> bool {
        self.ended
    }

    fn coordinate(&mut self, now: i64) -> Result<Progress, Error> {
        let progress = self.coordinator.step(now);
        for launch in self.coordinator.take_launches() {
            self.launch(launch, now)?;
        }
        if progress == Progress::Done && !self.ended {
            self.ended = true;
            self.workers.clear();
            self.restorers.clear();
            return self.coordinator.failure().map_or(Ok(progress), Err);
        }
        Ok(progress)
    }

    fn launch(&mut self, launch: Launch, now: i64) -> Result<(), Error> {
        match launch {
            Launch::Restorers { plan, cluster_id } => {
                let mut mailboxes = Vec::new();
                for lane in 0..self.shared.config.restorers.max(1) {
                    let (mailbox, post, inbox) = Post::new();
                    let begin = (plan.clone(), cluster_id.clone());
                    let ends = (inbox, self.reports.clone());
                    let restorer = Restorer::new(lane, self.shared.clone(), begin, ends, now)?;
                    self.restorers.push((restorer, post));
                    mailboxes.push(mailbox);
                }
                self.coordinator.attach_restorers(mailboxes);
            }
            Launch::Workers { indices, plan, membership, globals } => {
                let mut mailboxes = Vec::new();
                for index in indices {
                    let (mailbox, post, inbox) = Post::new();
                    let begin = (plan.clone(), membership.clone(), globals.clone());
                    let ends = (inbox, self.reports.clone());
                    let worker = Worker::new(index, self.shared.clone(), begin, ends, now)?;
                    // One of this index has ended before.
                    self.workers.truncate(index);
                    self.workers.push((worker, post));
                    mailboxes.push(mailbox);
                }
                self.coordinator.attach_workers(mailboxes);
            }
        }
        Ok(())
    }
}
