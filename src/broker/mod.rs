//! The broker behind traits: what the engine needs of Kafka and nothing more.
//!
//! Two implementations: [`kafka`] (the real one; `rdkafka` is named only there) and [`memory`] (a log in this process
//! with transactions, read-committed readers, groups and fencing; it runs `topo demo` and the tests).
//!
//! Every call returns soon: a call that may take time on a real broker takes it in slices and says
//! [`BrokerError::Retriable`] until it is done, so that one worker step stays bounded. No call sleeps for pacing.

mod block;
pub mod kafka;
mod limits;
pub mod memory;
mod orphans;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use orphans::Orphans;

use crate::record::{Headers, Partition, RawRecord};

/// What a client wants of records in open or aborted transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Only records of committed transactions; end offsets are the last stable offset.
    ReadCommitted,
    /// Everything; end offsets are the high watermark.
    ReadUncommitted,
}

/// How to open a reader that is assigned its partitions by hand.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Client id, for the broker's logs.
    pub client_id: String,
    /// The group whose committed offsets [`Consumer::committed`] reads; the reader never joins it.
    pub group: Option<String>,
    /// What it may see.
    pub isolation: Isolation,
    /// Bytes the client may hold prefetched.
    pub buffer_bytes: usize,
}

/// How to open a writer.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// Client id, for the broker's logs.
    pub client_id: String,
    /// Set for transactions; a second writer with the same id fences the first.
    pub transactional_id: Option<String>,
    /// The broker aborts a transaction that stays open longer.
    pub transaction_timeout: Duration,
    /// How long the client may gather records into a batch.
    pub linger: Duration,
}

/// How to join the group that places the tasks.
#[derive(Clone, Debug)]
pub struct MembershipConfig {
    /// Client id, for the broker's logs.
    pub client_id: String,
    /// The group.
    pub group: String,
    /// Static membership (`group.instance.id`): a restart within the session timeout gets the same partitions back.
    pub instance_id: Option<String>,
    /// Topics to subscribe to (the lease topics).
    pub topics: Vec<String>,
    /// Which group protocol.
    pub protocol: GroupProtocol,
    /// A member that is silent for longer is expelled (classic protocol only; the broker decides for `Consumer`).
    pub session_timeout: Duration,
    /// Pause between heartbeats (classic protocol only).
    pub heartbeat_interval: Duration,
}

/// The broker's two ways to run a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// JoinGroup and SyncGroup with the `cooperative-sticky` assignor.
    Classic,
    /// KIP-848 with the broker's `uniform` assignor.
    Consumer,
}

/// Opens clients of one cluster.
pub trait Broker: Send + Sync {
    /// A reader.
    fn consumer(&self, config: &ConsumerConfig) -> Result<Box<dyn Consumer>, BrokerError>;
    /// A writer.
    fn producer(&self, config: &ProducerConfig) -> Result<Box<dyn Producer>, BrokerError>;
    /// A member of a group.
    fn membership(&self, config: &MembershipConfig) -> Result<Arc<dyn Membership>, BrokerError>;
    /// Topics, groups, settings.
    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError>;
}

/// Where to begin reading a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOffset {
    /// The oldest record there is.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// This offset; if it is gone, polling says [`BrokerError::OffsetOutOfRange`].
    At(i64),
}

/// A partition to read.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Which partition.
    pub partition: Partition,
    /// From where.
    pub start: StartOffset,
    /// The caller's own number for it; comes back with every record, so that no topic name is compared on the hot path.
    pub slot: usize,
}

/// A record that was read.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The caller's number of the partition, from [`Assignment::slot`].
    pub slot: usize,
    /// The record's offset.
    pub offset: i64,
    /// The record.
    pub record: RawRecord,
}

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// Free text that was committed with it.
    pub metadata: String,
}

/// First and next offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// Offset of the oldest record.
    pub low: i64,
    /// One past the newest record: the high watermark, or the last stable offset for a read-committed reader.
    pub high: i64,
}

/// Reads partitions it is given by hand. Belongs to one thread.
pub trait Consumer: Send {
    /// Starts reading more partitions; the others go on undisturbed.
    fn assign(&mut self, more: &[Assignment]) -> Result<(), BrokerError>;
    /// Stops reading these; nothing of them is returned afterwards.
    fn unassign(&mut self, gone: &[Partition]) -> Result<(), BrokerError>;
    /// Goes to another offset of an assigned partition; nothing buffered of it is returned afterwards.
    fn seek(&mut self, partition: &Partition, offset: i64) -> Result<(), BrokerError>;
    /// Holds back an assigned partition.
    fn pause(&mut self, partitions: &[Partition]) -> Result<(), BrokerError>;
    /// Lets a paused partition go on.
    fn resume(&mut self, partitions: &[Partition]) -> Result<(), BrokerError>;
    /// Appends at most `max` records to `out`, waiting at most `wait` for the first.
    fn poll(&mut self, max: usize, wait: Duration, out: &mut Vec<Fetched>) -> Result<(), BrokerError>;
    /// The next offset this reader would read of an assigned partition: past control records and aborted records too.
    /// `None` until something is known.
    fn position(&mut self, partition: &Partition) -> Result<Option<i64>, BrokerError>;
    /// Offsets the group has committed. For a read-committed reader the answer waits until offsets pending in a
    /// transaction are decided: until then it is [`BrokerError::Retriable`].
    fn committed(&mut self, partitions: &[Partition]) -> Result<Vec<Option<CommittedOffset>>, BrokerError>;
    /// First and end offset, freshly asked for.
    fn watermarks(&mut self, partition: &Partition) -> Result<Watermarks, BrokerError>;
    /// Offset of the first record whose timestamp is at least this, milliseconds since the epoch; `None` if there is none.
    fn offset_at(&mut self, partition: &Partition, timestamp: i64) -> Result<Option<i64>, BrokerError>;
    /// Commits offsets outside any transaction, under a member's authority when `group` is given (at-least-once
    /// processing, offsets kept alive).
    fn commit(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: Option<&GroupToken>,
    ) -> Result<(), BrokerError>;
}

/// A record to write. The bytes are copied before `send` returns.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Key bytes or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes or null.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Headers.
    pub headers: &'a Headers,
    /// The caller's own number; the highest offset written under it is reported by [`Producer::delivered`].
    pub slot: Option<usize>,
}

/// What became of the records sent since the last call.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// Per slot, the highest offset written, plus one.
    pub next_offsets: BTreeMap<usize, i64>,
    /// The first record that could not be written, if any; the transaction must then be aborted.
    pub failure: Option<BrokerError>,
}

/// Writes records, in transactions when it has a transactional id. Belongs to one thread.
pub trait Producer: Send {
    /// Resolves what an earlier writer with this transactional id left open, and fences it. Call again while retriable.
    fn init_transactions(&mut self) -> Result<(), BrokerError>;
    /// Opens a transaction. Never waits.
    fn begin(&mut self) -> Result<(), BrokerError>;
    /// Queues a record. [`BrokerError::QueueFull`]: call `delivered`, then again. [`BrokerError::Retriable`]: the
    /// broker was asked how large a record this topic takes and did not answer: nothing was queued, call again.
    /// A topic that does not exist may be refused here or by `delivered`.
    /// [`BrokerError::RecordTooLarge`], [`BrokerError::TimestampRefused`]: this record can never be written as it is; nothing was
    /// queued.
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), BrokerError>;
    /// Records queued or on their way.
    fn in_flight(&self) -> usize;
    /// Serves delivery reports without waiting longer than `wait`, and hands out what they said since the last call.
    fn delivered(&mut self, wait: Duration) -> Deliveries;
    /// Adds the offsets to the transaction under the authority of a group member. Call again while retriable.
    fn send_offsets(
        &mut self,
        offsets: &[(Partition, CommittedOffset)],
        group: &GroupToken,
    ) -> Result<(), BrokerError>;
    /// Commits. Call only with nothing in flight; call again while retriable.
    fn commit(&mut self) -> Result<(), BrokerError>;
    /// Aborts and purges what is queued. Call again while retriable.
    fn abort(&mut self) -> Result<(), BrokerError>;
}

/// Proof of membership at one moment; a stale one is refused by the broker, and one from before a loss by the client too.
pub struct GroupToken {
    /// What the clients of one broker tell each other.
    pub proof: Box<dyn Any + Send>,
    /// [`Membership::losses`] when it was taken.
    pub losses: u64,
}

/// A change of what this member holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipEvent {
    /// These are ours from now on.
    Assigned(Vec<Partition>),
    /// Give these back: finish, then [`Membership::release`] them. They stay ours until then.
    Revoked(Vec<Partition>),
    /// These are gone already (expelled, session timed out): nothing of them may be committed.
    Lost(Vec<Partition>),
    /// This membership can be of no use any more: leave it, and open another. What was held has been lost before.
    Ended,
}

/// One member of a group that is subscribed to lease topics. Shared by the threads of a process.
pub trait Membership: Send + Sync {
    /// Keeps the membership alive and tells what changed. Call it often (at least every second).
    fn poll(&self) -> Result<Vec<MembershipEvent>, BrokerError>;
    /// Gives revoked partitions back. The group may wait until all that were revoked together are back.
    fn release(&self, revoked: &[Partition]) -> Result<(), BrokerError>;
    /// Fresh proof of membership, if this process is a member now. It belongs to the member as it is: whoever acts for what was
    /// held before a loss must look at [`GroupToken::losses`], because the member may have got a new place since.
    fn token(&self) -> Option<GroupToken>;
    /// How often this member has lost its place in the group. It rises before the member asks for a new one, and
    /// for whoever polls it not before the [`poll`](Self::poll) that tells of the loss has returned.
    fn losses(&self) -> u64;
    /// Leaves the group; call again while retriable. With `keep_place` a static member only stays away: its place is
    /// kept for the session timeout.
    fn leave(&self, keep_place: bool) -> Result<(), BrokerError>;
}

/// A topic to create.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// Replication factor; -1 takes the broker's default.
    pub replication: i32,
    /// Topic settings, e.g. `cleanup.policy`.
    pub settings: BTreeMap<String, String>,
}

/// What became of a topic that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there before.
    Existed,
}

/// A member of a group as the coordinator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The member's id.
    pub member_id: String,
    /// Its client id.
    pub client_id: String,
    /// Its host.
    pub host: String,
}

/// What a member of a group holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The member's client id.
    pub client_id: String,
    /// What it holds.
    pub held: Vec<Partition>,
}

/// Topics, groups and settings. Calls wait for the broker, at most some seconds.
pub trait Admin: Send {
    /// The cluster's id.
    fn cluster_id(&mut self) -> Result<String, BrokerError>;
    /// Partition counts of these topics; a topic that does not exist is absent.
    fn partitions(&mut self, topics: &[String]) -> Result<BTreeMap<String, i32>, BrokerError>;
    /// Names of all topics.
    fn topics(&mut self) -> Result<Vec<String>, BrokerError>;
    /// Creates topics; one result each.
    fn create(&mut self, topics: &[NewTopic]) -> Result<Vec<Result<Created, BrokerError>>, BrokerError>;
    /// Settings in force of a topic.
    fn settings(&mut self, topic: &str) -> Result<BTreeMap<String, String>, BrokerError>;
    /// Deletes topics; those that do not exist are ignored.
    fn delete(&mut self, topics: &[String]) -> Result<(), BrokerError>;
    /// Deletes the records before an offset (consumed repartition records).
    fn delete_records(&mut self, before: &[(Partition, i64)]) -> Result<(), BrokerError>;
    /// Members of a group; empty when it does not exist. A real broker names none of a group in which the broker decides.
    fn members(&mut self, group: &str) -> Result<Vec<GroupMember>, BrokerError>;
    /// Who holds what in a group whose members share out the partitions themselves (classic protocol). Nothing is held
    /// while the group decides anew, and none are named of a group in which the broker decides. Any trouble is
    /// [`BrokerError::Retriable`].
    fn holders(&mut self, group: &str) -> Result<Vec<Holder>, BrokerError>;
    /// Deletes a group with its offsets; refused while it has members, whatever its protocol.
    fn delete_group(&mut self, group: &str) -> Result<(), BrokerError>;
}

/// What the broker or the client library refused, named after the reaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// Not now: unreachable, timed out, still deciding. Call again.
    #[error("{0}")]
    Retriable(String),
    /// The client's queue is full: serve deliveries, then send again.
    #[error("the producer's queue is full")]
    QueueFull,
    /// The transaction must be aborted; the producer lives on.
    #[error("the transaction must be aborted: {0}")]
    AbortRequired(String),
    /// Another client took this one's place, or the member was expelled: drop the tasks and join again. The producer
    /// that says so may be unusable: open a new one.
    #[error("fenced: {0}")]
    Fenced(String),
    /// The record is larger than the broker or the topic accepts.
    #[error("record of {bytes} bytes for topic {topic} is too large: {detail}")]
    RecordTooLarge {
        /// The topic.
        topic: String,
        /// Size of key and value.
        bytes: usize,
        /// The limit's name and value, as far as known.
        detail: String,
    },
    /// The topic takes no record of this time (KIP-937).
    #[error("a record stamped {timestamp} (milliseconds since 1970) for topic {topic} is refused: {detail}")]
    TimestampRefused {
        /// The topic.
        topic: String,
        /// Timestamp of the record, milliseconds since 1970.
        timestamp: i64,
        /// The limit's name and value.
        detail: String,
    },
    /// The offset to read is not there any more, or not there yet.
    #[error("offset {offset} of {partition} is out of range")]
    OffsetOutOfRange {
        /// Which partition.
        partition: Partition,
        /// Which offset was wanted.
        offset: i64,
    },
    /// The topic does not exist.
    #[error("topic {topic} does not exist")]
    UnknownTopic {
        /// The topic.
        topic: String,
    },
    /// The principal lacks a right.
    #[error("not allowed: {0}; grant the right and start again")]
    Unauthorized(String),
    /// Nothing of the above: this client cannot go on.
    #[error("{0}")]
    Fatal(String),
}
