//! The coordinator of one process: takes part in the group, places tasks on workers, watches over the layout.
//!
//! ```text
//!   Connect -> Topics -> Guard -> Globals -> Run -> Stop -> Ended
//!               ^          ^------------------'        (silent for too long: claims anew)
//!               '---------------------------'           (other topics match: lays out anew)
//! ```
//! Owns: the membership, the leases, the topics' existence, the announcement of this process. Never: a record, a store, a
//! thread, a clock.

mod crew;
mod holding;
mod lag;
mod leases;
mod members;
mod patterns;
mod purge;
mod standbys;
mod start;
mod stop;
mod topics;
mod wanted;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use self::crew::{Crew, Resize};
use self::lag::Lag;
use self::leases::Leases;
use self::members::Members;
pub(crate) use self::members::{Announcement, Layout};
use self::patterns::Patterns;
use self::purge::Purge;
use self::standbys::StandbyPlacement;
pub(crate) use self::topics::trimmed_changelogs;
use self::wanted::Wanted;
use super::error::{Error, Reaction};
use super::mailbox::{Progress, Report, ToRestorer, ToWorker};
use super::observer::{Event, TaskId};
use super::plan::Plan;
use super::shared::Shared;
use super::waiting::Waiting;
use crate::broker::{Admin, Membership, Orphans};
use crate::task::GlobalStores;

/// Pause after a "not now" of the broker, and between two looks for a missing topic.
const RETRY_MS: i64 = 250;
/// Pause before the group is joined anew: what was refused now is not granted in the next moment.
const REJOIN_MS: i64 = 1_000;

/// Where the coordinator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connect,
    Topics,
    Guard,
    Globals,
    Run,
    Stop { deadline: i64 },
    Ended,
}

/// What the outer loop has to set up: the coordinator decides when, but owns no thread.
pub(crate) enum Launch {
    /// All restorers, for this plan.
    Restorers { plan: Arc<Plan>, cluster_id: String },
    /// Workers with these indices.
    Workers { indices: Range<usize>, plan: Arc<Plan>, membership: Arc<dyn Membership>, globals: GlobalStores },
}

/// The coordinator.
pub(crate) struct Coordinator {
    shared: Arc<Shared>,
    inbox: Receiver<Report>,
    crew: Crew,
    restorers: Vec<Sender<ToRestorer>>,
    launches: Vec<Launch>,
    stage: Stage,
    admin: Option<Box<dyn Admin>>,
    cluster_id: String,
    plan: Arc<Plan>,
    membership: Option<Arc<dyn Membership>>,
    globals: Option<GlobalStores>,
    leases: Leases,
    members: Members,
    purge: Purge,
    lag: Lag,
    wanted: Wanted,
    patterns: Patterns,
    orphans: Orphans,
    standbys: StandbyPlacement,
    /// Offsets that restores and standbys of this process still have to pass, as last heard.
    behind: BTreeMap<TaskId, u64>,
    waiting: Waiting,
    retry_at: i64,
    /// Whether the group has this process as a member now.
    joined: bool,
    /// How often the member has lost its place, as far as was told.
    losses: u64,
    failure: Option<Error>,
    /// Whether the stop has left the group already.
    left: bool,
}

impl Coordinator {
    /// A coordinator that has not begun.
    pub(crate) fn new(shared: Arc<Shared>, inbox: Receiver<Report>) -> Self {
        let workers = shared.config.workers.max(1);
        Self {
            members: Members::new(&shared),
            leases: Leases::new(workers),
            crew: Crew::new(workers),
            inbox,
            restorers: Vec::new(),
            launches: Vec::new(),
            stage: Stage::Connect,
            admin: None,
            cluster_id: String::new(),
            plan: Arc::default(),
            membership: None,
            globals: None,
            purge: Purge::default(),
            waiting: Waiting::new("group", 0),
            retry_at: i64::MIN,
            joined: false,
            losses: 0,
            failure: None,
            left: false,
            lag: Lag::default(),
            wanted: Wanted::default(),
            patterns: Patterns::default(),
            orphans: Orphans::default(),
            standbys: StandbyPlacement::default(),
            behind: BTreeMap::new(),
            shared,
        }
    }

    /// One bounded piece of work at time `now` (milliseconds):
    ///
    /// 1. mailbox: what workers and restorer report, or the wish to stop; topics that workers wait to know of;
    /// 2. the members topic: announce this process, hear of others;
    /// 3. one step of the stage: connect, topics, guard, globals, or
    /// 4. running: group events to leases, leases to restores, restored tasks to workers, consumed records purged.
    pub(crate) fn step(&mut self, now: i64) -> Progress {
        let mut moved = self.read_mailbox(now);
        if self.stage == Stage::Ended {
            return Progress::Done;
        }
        moved |= self.answer(now);
        if now < self.retry_at && !matches!(self.stage, Stage::Stop { .. }) {
            return Progress::of(moved);
        }
        match self.work(now) {
            Ok(progress) => moved |= progress,
            Err(error) => self.react(error, now),
        }
        if self.stage == Stage::Ended { Progress::Done } else { Progress::of(moved) }
    }

    fn work(&mut self, now: i64) -> Result<bool, Error> {
        match self.stage {
            Stage::Connect => self.connect(),
            Stage::Topics => self.lay_out(now),
            Stage::Guard => self.guard(now),
            Stage::Globals => self.await_globals(now),
            Stage::Run => self.run(now),
            Stage::Stop { deadline } => self.wind_down(now, deadline),
            Stage::Ended => Ok(false),
        }
    }

    /// What the outer loop has to set up now.
    pub(crate) fn take_launches(&mut self) -> Vec<Launch> {
        std::mem::take(&mut self.launches)
    }

    /// Where the restorers that were asked for listen.
    pub(crate) fn attach_restorers(&mut self, mailboxes: Vec<Sender<ToRestorer>>) {
        self.restorers = mailboxes;
    }

    /// Where the workers that were asked for listen.
    pub(crate) fn attach_workers(&mut self, mailboxes: Vec<Sender<ToWorker>>) {
        self.crew.attach(mailboxes);
    }

    /// Why the application ended, if it was not told to.
    pub(crate) fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn react(&mut self, error: Error, now: i64) {
        self.retry_at = now + RETRY_MS;
        match error.reaction() {
            Reaction::Retry => self.waiting.because(&self.shared, now, &error.to_string()),
            Reaction::Rejoin if self.stage == Stage::Run => {
                self.retry_at = now + REJOIN_MS;
                self.rejoin(now, &error.to_string());
                self.waiting.because(&self.shared, now, &error.to_string());
            }
            _ => self.fail(error, now),
        }
    }

    /// Ends the application; what can still be committed is.
    fn fail(&mut self, error: Error, now: i64) {
        if self.failure.is_none() {
            self.shared.tell(&Event::Failed { error: &error.to_string() });
            self.failure = Some(error);
        }
        self.begin_stop(now);
    }

    fn read_mailbox(&mut self, now: i64) -> bool {
        let mut moved = false;
        loop {
            match self.inbox.try_recv() {
                Ok(report) => self.hear(report, now),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return moved,
            }
            moved = true;
        }
    }

    fn hear(&mut self, report: Report, now: i64) {
        match report {
            Report::Closed { worker, task } => {
                self.leases.closed(task);
                self.lag.forget(&self.shared, &self.plan, task);
                tracing::debug!(worker, %task, "task closed");
            }
            Report::Dropped { worker, tasks, reason } => {
                self.shared.warn(&format!("worker {worker} dropped {} tasks: {reason}", tasks.len()));
                self.leases.dropped(&tasks, now);
                tasks.iter().for_each(|task| self.lag.forget(&self.shared, &self.plan, *task));
            }
            Report::Progress { committed, expired } => {
                self.lag.note(&committed);
                self.purge.note(&self.plan, committed, expired);
            }
            Report::Wanted { worker, topic } => self.wanted.note(worker, topic),
            Report::Stopped { worker } => {
                self.crew.ended();
                tracing::debug!(worker, "worker ended");
            }
            Report::Restored(restored) => self.place(*restored),
            Report::Behind { task, offsets } => drop(self.behind.insert(task, offsets)),
            Report::Cancelled(task) => self.leases.closed(task),
            Report::GlobalsReady(globals) => self.globals = Some(globals),
            Report::Workers(count) => self.crew.want(count),
            Report::Failed(error) => self.fail(error, now),
            Report::Stop => self.begin_stop(now),
        }
    }

    /// A task is always one restorer's: only one of them has its directory.
    fn tell_restorer_of(&self, task: TaskId, message: ToRestorer) {
        if let Some(mailbox) = self.restorers.get(task.lane(self.restorers.len())) {
            let _ = mailbox.send(message);
        }
    }
}
