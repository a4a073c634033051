//! The layout guard: two layouts of one application never run at once.
//!
//! Every process announces itself in `<application>-members` (one partition, compacted): who it is, which layout it
//! runs, that it lives. The offset of its first announcement is its *claim*. A process goes on when no live process with
//! another layout has an older claim. Everybody announces before reading, and the partition has one order, so of two
//! processes the later one always sees the earlier.
//!
//! The same order decides between two processes that call themselves the same: the later one ends with an error. An
//! announcement under our id by an earlier start of this very state directory is harmless, its process is dead: the
//! directory was locked. One by another directory may be alive; it answers ours at once, and it is waited for that long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::error::Error;
use super::super::plan::Plan;
use super::super::shared::Shared;
use super::standbys::Candidate;
use crate::broker::{
    Assignment, Consumer, Fetched, Isolation, NewTopic, Outgoing, Producer, ProducerConfig, StartOffset,
};
use crate::record::{Headers, Partition};

/// Milliseconds between two announcements of a process whose tasks change.
const CHANGED_MS: i64 = 500;

/// Sub-topology -> source topic -> partition count.
pub(crate) type Layout = BTreeMap<String, BTreeMap<String, i32>>;

/// What a process says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) process: String,
    pub(crate) host: String,
    /// What fails together with it.
    #[serde(default)]
    pub(crate) rack: String,
    pub(crate) layout: Layout,
    /// Which state directory it has, and which start of the process this is.
    #[serde(default)]
    pub(crate) home: String,
    #[serde(default)]
    pub(crate) life: String,
    /// Offset of its first announcement since its start; absent in that one.
    pub(crate) claim: Option<i64>,
    /// Milliseconds since the epoch, by its own clock.
    pub(crate) last_seen: i64,
    /// What it holds.
    #[serde(default)]
    pub(crate) holding: Holding,
    /// Where its stores can be looked into, host:port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<String>,
}

/// The tasks of a process, by the names of their directories, each with the offsets it still has to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holding {
    /// Those it has the lease of; 0 = it runs, `null` = that is not known yet.
    pub(crate) active: BTreeMap<String, Option<u64>>,
    /// Those it keeps a warm copy of.
    pub(crate) standby: BTreeMap<String, Option<u64>>,
}

/// What is known of another process.
#[derive(Clone, Debug)]
struct Member {
    announcement: Announcement,
    claim: i64,
    /// When it was last heard of, by our clock.
    heard: i64,
}

/// What the guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing known yet.
    Undecided,
    /// Go on.
    Clear,
    /// These run another layout.
    WaitFor(Vec<String>),
    /// A process on this host had our name and another directory until a moment ago.
    Namesake(String),
}

/// This process's voice and ear in the members topic.
pub(super) struct Members {
    topic: String,
    partition: Partition,
    writer: Option<Box<dyn Producer>>,
    reader: Option<Box<dyn Consumer>>,
    layout: Layout,
    holding: Holding,
    /// Which tasks it holds is not announced yet.
    changed: bool,
    claim: Option<i64>,
    announced: Option<i64>,
    /// Whoever had our name before us in another directory: where, and until when it is given time to answer.
    namesake: Option<(String, i64)>,
    members: BTreeMap<String, Member>,
    fetched: Vec<Fetched>,
}

impl Members {
    pub(super) fn new(shared: &Shared) -> Self {
        let topic = format!("{}-members", shared.application());
        Self {
            partition: Partition::new(topic.as_str(), 0),
            topic,
            writer: None,
            reader: None,
            layout: Layout::new(),
            holding: Holding::default(),
            changed: false,
            claim: None,
            announced: None,
            namesake: None,
            members: BTreeMap::new(),
            fetched: Vec::new(),
        }
    }

    /// The topic, to be created when it is missing.
    pub(super) fn topic(&self, shared: &Shared) -> NewTopic {
        let settings = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        let replication = shared.config.replication;
        NewTopic { name: self.topic.clone(), partitions: 1, replication, settings }
    }

    /// The layout this process runs.
    pub(super) fn set_layout(&mut self, plan: &Plan) {
        self.layout = plan.layout();
    }

    /// What this process holds from now on. Other tasks than before are announced soon, progress with the next heartbeat.
    pub(super) fn set_holding(&mut self, holding: Holding) {
        let tasks = |it: &Holding| (keys(&it.active), keys(&it.standby));
        self.changed |= tasks(&holding) != tasks(&self.holding);
        self.holding = holding;
    }

    /// The processes that live and run this layout, this one included.
    pub(super) fn living(&self, shared: &Shared, now: i64) -> Vec<Candidate> {
        let others = self.members.values().filter(|member| {
            now - member.heard < shared.config.members_expiry_ms && member.announcement.layout == self.layout
        });
        let of = |it: &Announcement| Candidate {
            process: it.process.clone(),
            rack: if it.rack.is_empty() { it.host.clone() } else { it.rack.clone() },
            active: keys(&it.holding.active),
        };
        let own = self.announcement(shared, now);
        others.map(|member| of(&member.announcement)).chain([of(&own)]).collect()
    }

    /// Announces this process when it is time, and listens. Bounded; never waits.
    pub(super) fn step(&mut self, shared: &Shared, now: i64) -> Result<(), Error> {
        self.connect(shared)?;
        let pause = shared.config.members_heartbeat_ms;
        let pause = if self.changed { pause.min(CHANGED_MS) } else { pause };
        let due = self.announced.is_none_or(|at| now - at >= pause);
        if due {
            self.announce(shared, now)?;
        }
        self.serve();
        self.listen(shared, now)
    }

    /// Whether this process was silent for so long that others may take it for dead: its claim is void.
    pub(super) fn was_silent(&self, shared: &Shared, now: i64) -> bool {
        self.announced.is_some_and(|at| now - at >= shared.config.members_expiry_ms)
    }

    /// Gives the claim up; the next announcement makes a new one.
    pub(super) fn renew_claim(&mut self) {
        self.claim = None;
        self.announced = None;
    }

    /// Whether this process may run its layout.
    pub(super) fn verdict(&self, shared: &Shared, now: i64) -> Verdict {
        let Some(claim) = self.claim else { return Verdict::Undecided };
        if let Some((host, until)) = &self.namesake
            && now < *until
        {
            return Verdict::Namesake(host.clone());
        }
        let older: Vec<String> = self
            .members
            .values()
            .filter(|member| now - member.heard < shared.config.members_expiry_ms)
            .filter(|member| member.claim < claim && member.announcement.layout != self.layout)
            .map(|member| format!("{} on {}", member.announcement.process, member.announcement.host))
            .collect();
        if older.is_empty() { Verdict::Clear } else { Verdict::WaitFor(older) }
    }

    /// Whether a process that lives has another layout.
    pub(super) fn hears_of_another_layout(&self, shared: &Shared, now: i64) -> bool {
        let lives = |member: &&Member| now - member.heard < shared.config.members_expiry_ms;
        self.members.values().filter(lives).any(|member| member.announcement.layout != self.layout)
    }

    /// Takes the announcement back: a clean leave. Best effort; silence does the same later.
    pub(super) fn leave(&mut self, shared: &Shared, now: i64) {
        if self.announced.is_some()
            && let Err(error) = self.write(shared, None, now)
        {
            tracing::debug!(%error, "the announcement could not be taken back; it expires");
        }
    }

    /// Whether everything written is with the broker.
    pub(super) fn flushed(&mut self) -> bool {
        self.writer.as_mut().is_none_or(|writer| {
            let _ = writer.delivered(Duration::ZERO);
            writer.in_flight() == 0
        })
    }

    fn connect(&mut self, shared: &Shared) -> Result<(), Error> {
        if self.writer.is_none() {
            self.writer = Some(shared.broker.producer(&ProducerConfig {
                client_id: shared.client_id("members"),
                transactional_id: None,
                transaction_timeout: shared.config.transaction_timeout,
                linger: Duration::ZERO,
            })?);
        }
        if self.reader.is_none() {
            let config = shared.reader("members", false, Isolation::ReadCommitted);
            let mut reader = shared.broker.consumer(&config)?;
            let start = StartOffset::Earliest;
            reader.assign(&[Assignment { partition: self.partition.clone(), start, slot: 0 }])?;
            self.reader = Some(reader);
        }
        Ok(())
    }

    fn announce(&mut self, shared: &Shared, now: i64) -> Result<(), Error> {
        let announcement = self.announcement(shared, now);
        let text = serde_json::to_vec(&announcement).map_err(|error| Error::Layout(error.to_string()))?;
        self.write(shared, Some(&text), now)?;
        self.announced = Some(now);
        self.changed = false;
        Ok(())
    }

    fn announcement(&self, shared: &Shared, now: i64) -> Announcement {
        Announcement {
            process: shared.process_id.clone(),
            host: shared.config.host.clone(),
            rack: shared.config.rack.clone(),
            layout: self.layout.clone(),
            home: shared.home.clone(),
            life: shared.life.clone(),
            claim: self.claim,
            last_seen: now,
            holding: self.holding.clone(),
            http: shared.config.http.clone(),
        }
    }

    fn write(&mut self, shared: &Shared, value: Option<&[u8]>, now: i64) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.send(Outgoing {
            topic: &self.topic,
            partition: 0,
            key: Some(shared.process_id.as_bytes()),
            value,
            timestamp: now,
            headers: &Headers::new(),
            slot: Some(0),
        })?;
        Ok(())
    }

    /// Serves delivery reports. An announcement that failed is made again, by a new writer.
    fn serve(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        if let Some(error) = writer.delivered(Duration::ZERO).failure {
            tracing::warn!(%error, "this process could not announce itself; it tries again");
            self.writer = None;
            self.announced = None;
        }
    }

    fn listen(&mut self, shared: &Shared, now: i64) -> Result<(), Error> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        reader.poll(1_000, Duration::ZERO, &mut self.fetched)?;
        let heard_any = !self.fetched.is_empty();
        for Fetched { offset, record, .. } in std::mem::take(&mut self.fetched) {
            let process = record.key.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            let heard = record.value.as_deref().map(serde_json::from_slice::<Announcement>);
            match heard {
                None if process == shared.process_id => self.namesake = None,
                None => drop(self.members.remove(&process)),
                // Written by a version with another form; it can only be said that it is there.
                Some(Err(error)) => tracing::warn!(%process, %error, "an announcement could not be read"),
                Some(Ok(announcement)) if announcement.life == shared.life => {
                    self.hear_self(&announcement, offset);
                }
                Some(Ok(announcement)) if process == shared.process_id => {
                    self.hear_namesake(shared, announcement, offset, now)?;
                }
                Some(Ok(announcement)) => self.hear(process, announcement, offset, now),
            }
        }
        if heard_any {
            shared.held.hear(self.members.values().map(|member| member.announcement.clone()).collect());
        }
        Ok(())
    }

    /// Our own first announcement came back: its offset is our claim. Those of an earlier life are not ours.
    fn hear_self(&mut self, announcement: &Announcement, offset: i64) {
        let first = announcement.claim.is_none() && Some(announcement.last_seen) == self.announced;
        if self.claim.is_none() && first {
            self.claim = Some(offset);
        }
    }

    /// Somebody announced himself under our name.
    fn hear_namesake(
        &mut self,
        shared: &Shared,
        other: Announcement,
        offset: i64,
        now: i64,
    ) -> Result<(), Error> {
        match self.claim {
            Some(claim) if offset > claim => {
                // It lives. Whoever was first stays; the other one hears of that at once.
                if other.claim.is_some_and(|other| other < claim) {
                    // Nothing is to be taken back: the name is the other one's.
                    self.announced = None;
                    return Err(Error::ProcessIdInUse { id: shared.process_id.clone(), host: other.host });
                }
                self.announced = None;
            }
            _ => {
                let fresh = now - other.last_seen < shared.config.members_expiry_ms;
                let elsewhere = other.home != shared.home;
                let until = now + 2 * shared.config.members_heartbeat_ms;
                self.namesake = (fresh && elsewhere).then_some((other.host, until));
            }
        }
        Ok(())
    }

    fn hear(&mut self, process: String, announcement: Announcement, offset: i64, now: i64) {
        let claim = announcement.claim.unwrap_or(offset);
        // An old announcement read at our start is as old as it says, as far as clocks agree; never in the future.
        let heard = announcement.last_seen.min(now);
        self.members.insert(process, Member { announcement, claim, heard });
    }
}

fn keys(map: &BTreeMap<String, Option<u64>>) -> BTreeSet<String> {
    map.keys().cloned().collect()
}
