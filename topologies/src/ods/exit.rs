//! The exit's loop, one bounded step at a time.
//!
//! ```text
//! step:  1. keep the membership alive; take over, or give back, what it says; see that every partition has a reader
//!        2. without a batch in hand: read one
//!        3. apply the batch; while the database is away it stays in hand and only step 1 goes on
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use topo::Partition;
use topo::broker::{
    Admin, Broker, BrokerError, CommittedOffset, Fetched, GroupProtocol, Membership, MembershipConfig,
    MembershipEvent, NewTopic, Orphans,
};

use super::batch::Batch;
use super::database::{Applied, Database};
use super::dead_letters::DeadLetters;
use super::error::OdsError;
use super::partitions::Partitions;

/// Records per transaction at most.
const BATCH_MAX: usize = 1000;
/// First and longest pause while the database is away, milliseconds.
const PAUSES_MS: (i64, i64) = (200, 10_000);

/// What the exit is told.
#[derive(Clone, Debug)]
pub struct OdsConfig {
    /// Consumer group, and name in the table of offsets.
    pub group: String,
    /// Names this process to the broker; no other process of the group has this name.
    pub client_id: String,
    /// Name of this process in the group, kept over restarts; `None` for a new name each time.
    pub instance_id: Option<String>,
    /// The topic to read.
    pub topic: String,
    /// Where unreadable records go.
    pub dead_letters: String,
    /// `postgres://user:password@host:port/database`.
    pub database_url: String,
    /// Length of the windows of the order date, microseconds.
    pub window_us: i64,
    /// How the group is kept.
    pub protocol: GroupProtocol,
    /// A silent member is expelled after this time.
    pub session_timeout: Duration,
    /// Pause between heartbeats.
    pub heartbeat_interval: Duration,
    /// Replication of topics the exit creates; -1 for the broker's default.
    pub replication: i32,
}

/// What the exit does now, for health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits; the reason is for an operator.
    Waiting(String),
    /// It reads and writes.
    Working,
}

/// What the exit has done since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Records that were read and are applied.
    pub read: u64,
    /// Orders that were written or deleted for them.
    pub orders: u64,
    /// Dead letters, by error type.
    pub dead_letters: BTreeMap<&'static str, u64>,
}

/// A running exit.
pub struct Exit {
    config: OdsConfig,
    broker: Arc<dyn Broker>,
    database: Database,
    dead_letters: DeadLetters,
    joined: Option<Joined>,
    /// Partitions that are ours but not being read yet.
    taking_over: Vec<i32>,
    batch: Batch,
    retry: Retry,
    fetched: Vec<Fetched>,
    done: Done,
}

struct Joined {
    membership: Arc<dyn Membership>,
    /// One lease per partition.
    leases: BTreeSet<Partition>,
    orphans: Orphans,
    admin: Box<dyn Admin>,
    partitions: Partitions,
}

/// When to try again.
#[derive(Default)]
struct Retry {
    at_ms: i64,
    pause_ms: i64,
    /// What went wrong the last time.
    reason: String,
}

impl Exit {
    /// Prepares an exit; it connects in [`step`](Self::step).
    ///
    /// # Errors
    /// When the database URL cannot be read.
    pub fn new(config: OdsConfig, broker: Arc<dyn Broker>) -> Result<Self, OdsError> {
        let database = Database::new(&config.database_url, &config.group, &config.topic)?;
        let dead_letters = DeadLetters::new(&config.dead_letters, &config.client_id);
        Ok(Self {
            config,
            broker,
            database,
            dead_letters,
            joined: None,
            taking_over: Vec::new(),
            batch: Batch::default(),
            retry: Retry::default(),
            fetched: Vec::new(),
            done: Done::default(),
        })
    }

    /// Does a bounded piece of work at wall clock `now_ms`, waiting at most `wait` for records.
    ///
    /// # Errors
    /// What ends the exit. What passes by itself is a [`Status::Waiting`].
    pub fn step(&mut self, now_ms: i64, wait: Duration) -> Result<Status, OdsError> {
        let result = match self.keep_membership(now_ms) {
            Ok(()) if now_ms < self.retry.at_ms => {
                std::thread::sleep(wait);
                return Ok(Status::Waiting(self.retry.reason.clone()));
            }
            Ok(()) => self.work(now_ms, wait),
            Err(error) => Err(error),
        };
        match result {
            Ok(status) => {
                self.retry = Retry::default();
                Ok(status)
            }
            Err(OdsError::Broker(BrokerError::Fenced(reason))) => {
                self.drop_everything();
                Ok(Status::Waiting(format!("expelled from the group ({reason}); joining again")))
            }
            Err(error) if error.is_passing() => {
                let (first, longest) = PAUSES_MS;
                self.retry.pause_ms = (self.retry.pause_ms * 2).clamp(first, longest);
                self.retry.at_ms = now_ms + self.retry.pause_ms;
                self.retry.reason = error.to_string();
                Ok(Status::Waiting(self.retry.reason.clone()))
            }
            Err(error) => Err(error),
        }
    }

    /// What was done since the last call.
    pub fn take_done(&mut self) -> Done {
        std::mem::take(&mut self.done)
    }

    /// Gives everything back. With `keep_place`, a restart within the session timeout gets the same partitions.
    ///
    /// # Errors
    /// The broker's; the exit is gone all the same once the session times out.
    pub fn leave(mut self, keep_place: bool) -> Result<(), OdsError> {
        match self.joined.take() {
            Some(joined) => Ok(joined.membership.leave(keep_place)?),
            None => Ok(()),
        }
    }

    fn work(&mut self, now_ms: i64, wait: Duration) -> Result<Status, OdsError> {
        if self.joined.is_none() {
            self.joined = self.join()?;
            if self.joined.is_none() {
                std::thread::sleep(wait);
                return Ok(Status::Waiting(format!("waiting for topic {}", self.config.topic)));
            }
        }
        self.database.migrate()?;
        let Some(joined) = &mut self.joined else { return Ok(Status::Working) };
        if !self.taking_over.is_empty() {
            joined.partitions.add(&self.taking_over, &mut self.database)?;
            self.taking_over.clear();
        }
        if self.batch.is_empty() {
            self.read(now_ms, wait)?;
        }
        self.write()?;
        Ok(Status::Working)
    }

    /// Joins the group by its lease topic, once the topic to read is there.
    fn join(&self) -> Result<Option<Joined>, OdsError> {
        let mut admin = self.broker.admin()?;
        let leases = format!("{}-tasks", self.config.group);
        let topics = [self.config.topic.clone(), leases.clone(), self.config.dead_letters.clone()];
        let counts = admin.partitions(&topics)?;
        let Some(partitions) = counts.get(&self.config.topic).copied() else { return Ok(None) };
        let missing = |name: &&String| !counts.contains_key(*name);
        let new = |name: &String| NewTopic {
            name: name.clone(),
            partitions,
            replication: self.config.replication,
            settings: BTreeMap::new(),
        };
        let made: Vec<NewTopic> =
            [&leases, &self.config.dead_letters].into_iter().filter(missing).map(new).collect();
        admin.create(&made)?.into_iter().try_for_each(|created| created.map(|_| ()))?;
        let membership = self.broker.membership(&MembershipConfig {
            client_id: self.config.client_id.clone(),
            group: self.config.group.clone(),
            instance_id: self.config.instance_id.clone(),
            topics: vec![leases.clone()],
            protocol: self.config.protocol,
            session_timeout: self.config.session_timeout,
            heartbeat_interval: self.config.heartbeat_interval,
        })?;
        let reader = {
            let OdsConfig { topic, group, client_id, .. } = &self.config;
            Partitions::open(&*self.broker, topic, group, client_id)?
        };
        let leases = (0..counts.get(&leases).copied().unwrap_or(partitions))
            .map(|number| Partition::new(leases.as_str(), number))
            .collect();
        Ok(Some(Joined { membership, leases, orphans: Orphans::default(), admin, partitions: reader }))
    }

    fn keep_membership(&mut self, now_ms: i64) -> Result<(), OdsError> {
        let Some(joined) = &mut self.joined else { return Ok(()) };
        let mut ended = false;
        for event in joined.membership.poll()? {
            match event {
                MembershipEvent::Assigned(leases) => self.taking_over.extend(numbers(&leases)),
                MembershipEvent::Revoked(leases) => {
                    let gone = numbers(&leases);
                    forget(joined, &gone, &mut self.batch, &mut self.taking_over)?;
                    joined.membership.release(&leases)?;
                }
                MembershipEvent::Lost(leases) => {
                    forget(joined, &numbers(&leases), &mut self.batch, &mut self.taking_over)?;
                }
                MembershipEvent::Ended => ended = true,
            }
        }
        if ended {
            tracing::warn!("joining the group anew: it has forgotten this process");
            self.leave_for_now();
        }
        self.look_for_orphans(now_ms)
    }

    /// Partitions that nobody reads, although the group believes that all is well: joins it anew.
    fn look_for_orphans(&mut self, now_ms: i64) -> Result<(), OdsError> {
        let Some(joined) = &mut self.joined else { return Ok(()) };
        if joined.membership.token().is_none() || !joined.orphans.is_due(now_ms) {
            return Ok(());
        }
        let (group, me) = (&self.config.group, &self.config.client_id);
        let Some(count) = joined.orphans.look(joined.admin.as_mut(), group, me, &joined.leases)? else {
            return Ok(());
        };
        tracing::warn!(
            count,
            "joining the group anew: partitions have no reader, and the group does not see it"
        );
        self.leave_for_now();
        Ok(())
    }

    fn leave_for_now(&mut self) {
        if let Some(joined) = &self.joined
            && let Err(error) = joined.membership.leave(false)
        {
            tracing::debug!(%error, "the group could not be left; it will notice");
        }
        self.drop_everything();
    }

    fn read(&mut self, now_ms: i64, wait: Duration) -> Result<(), OdsError> {
        let Some(Joined { partitions, .. }) = &mut self.joined else { return Ok(()) };
        if partitions.applied.is_empty() {
            std::thread::sleep(wait);
            return Ok(());
        }
        self.fetched.clear();
        let polled = partitions.consumer().poll(BATCH_MAX, wait, &mut self.fetched);
        polled.map_err(|error| partitions.named(error))?;
        for Fetched { slot, offset, record } in &self.fetched {
            let number = i32::try_from(*slot).unwrap_or_default();
            let Some(begun_at) = partitions.applied.get(&number).copied() else { continue };
            if let Err(why) = self.batch.add(number, begun_at, *offset, record, self.config.window_us) {
                let place = (self.config.topic.as_str(), number, *offset);
                let written = self.dead_letters.write(&*self.broker, place, record, &why, now_ms);
                if let Err(error) = written {
                    // The batch is half-read: read it again from where the database is.
                    self.batch = Batch::default();
                    let applied = partitions.applied.clone();
                    partitions.follow(&applied)?;
                    return Err(error.into());
                }
                tracing::warn!(partition = number, offset, reason = %why.message, "wrote a dead letter");
                *self.done.dead_letters.entry(why.error_type).or_default() += 1;
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), OdsError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let applied = self.database.apply(&self.batch)?;
        let batch = std::mem::take(&mut self.batch);
        let Some(joined) = &mut self.joined else { return Ok(()) };
        match applied {
            Applied::Done => {
                self.done.read += batch.records;
                self.done.orders += u64::try_from(batch.orders.len()).unwrap_or_default();
                for (number, progress) in &batch.progress {
                    joined.partitions.applied.insert(*number, progress.to);
                }
                show_progress(joined, &batch);
            }
            Applied::Moved(stored) => {
                tracing::info!("the offsets in the database were moved; reading on from there");
                joined.partitions.follow(&stored)?;
            }
        }
        Ok(())
    }

    fn drop_everything(&mut self) {
        self.joined = None;
        self.batch = Batch::default();
        self.taking_over.clear();
    }
}

/// Commits the offsets to the group too, so that tools can show its lag. Nothing is ever read from there.
fn show_progress(joined: &mut Joined, batch: &Batch) {
    let token = joined.membership.token();
    let offset = |(number, progress): (&i32, &super::batch::Progress)| {
        let committed = CommittedOffset { offset: progress.to, metadata: String::new() };
        (joined.partitions.partition(*number), committed)
    };
    let offsets: Vec<(Partition, CommittedOffset)> = batch.progress.iter().map(offset).collect();
    if let Err(error) = joined.partitions.consumer().commit(&offsets, token.as_ref()) {
        tracing::debug!(%error, "the group's offsets lag behind the database for a moment");
    }
}

/// Partitions that are not ours any more: not read, not applied. Their records in hand belong to the next owner; the
/// other partitions of the same batch are read again.
fn forget(
    joined: &mut Joined,
    gone: &[i32],
    batch: &mut Batch,
    taking_over: &mut Vec<i32>,
) -> Result<(), BrokerError> {
    taking_over.retain(|number| !gone.contains(number));
    joined.partitions.remove(gone)?;
    if batch.progress.keys().any(|number| gone.contains(number)) {
        let again = batch.progress.iter().map(|(number, progress)| (*number, progress.from)).collect();
        *batch = Batch::default();
        joined.partitions.follow(&again)?;
    }
    Ok(())
}

fn numbers(leases: &[Partition]) -> Vec<i32> {
    leases.iter().map(|lease| lease.number).collect()
}
