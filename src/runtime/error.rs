//! The engine's error. What to do about one is asked with [`Error::reaction`].

use std::path::PathBuf;

use topo_state::StateError;

use crate::broker::BrokerError;
use crate::fault::Reason;
use crate::record::Partition;
use crate::task::TaskError;

/// What ended or delays an application.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The broker or its client.
    #[error("broker: {0}")]
    Broker(#[from] BrokerError),
    /// A store, its directory or its disk.
    #[error("state: {0}")]
    State(#[from] StateError),
    /// A record stopped its task: a fatal fault, or a policy that says stop.
    #[error("{place}: {reason}")]
    Task {
        /// Task, node and record.
        place: String,
        /// Why.
        reason: Reason,
    },
    /// A bug in the engine. State is safe, as after a crash.
    #[error("{0}; this is a bug in the engine")]
    Bug(String),
    /// The state directory is in use.
    #[error("{} is used by another process; stop it or give this one a state directory of its own", dir.display())]
    DirectoryInUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process calls itself the same.
    #[error(
        "process id {id} is used by another process, on {host}, with another state directory; set another \
         group.instance.id for this one, or none"
    )]
    ProcessIdInUse {
        /// The process id.
        id: String,
        /// Where the other one runs.
        host: String,
    },
    /// The state directory cannot be used.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Topics that do not fit the topology (partition counts, co-partitioning).
    #[error("{0}")]
    Layout(String),
    /// An internal topic exists with other settings than the topology needs.
    #[error(
        "internal topic {topic} has {setting} = {found}, but {wanted} is needed; change or delete it (`topo reset`)"
    )]
    InternalTopic {
        /// The topic.
        topic: String,
        /// Which setting.
        setting: String,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: String,
    },
    /// A changelog ends before, or begins behind, what the local store has already seen of it.
    #[error(
        "changelog {partition} holds offsets {low} to {high}, but the local store in {} has it up to {checkpoint}: \
         a store is never ahead of its changelog, so the topic was truncated, or deleted and made anew. Nothing was \
         changed. Stop every process of the application; then `topo restore {application} --rebuild` rebuilds the \
         stores from what is left, or `topo reset {application}` begins anew from the input",
        dir.display()
    )]
    ChangelogTruncated {
        /// The changelog's partition.
        partition: Partition,
        /// Its first offset.
        low: i64,
        /// Its end.
        high: i64,
        /// The next offset the store wanted.
        checkpoint: i64,
        /// The task's directory.
        dir: PathBuf,
        /// The application, as the command line calls it.
        application: String,
    },
    /// The beginning of a changelog is gone, and there is no local store to make up for it.
    #[error(
        "changelog {partition} begins at offset {low}: its first records were deleted, and no local store has them. \
         Nothing was changed. Start a process that still has the store (its checkpoint must be {low} or more), or stop \
         every process and run `topo reset {application}`, which computes everything anew from the input"
    )]
    ChangelogCut {
        /// The changelog's partition.
        partition: Partition,
        /// Its first offset.
        low: i64,
        /// The application, as the command line calls it.
        application: String,
    },
    /// Somebody else has deleted more of a changelog than the engine has let go.
    #[error(
        "changelog {partition} begins at offset {low}, but only what lies before {cut} had expired and was allowed to go: somebody \
         else has deleted records of it, and the local store has it up to {} only. Nothing was changed. Start a process that still \
         has the store (its checkpoint must be {low} or more), or stop every process and run `topo reset {application}`, which \
         computes everything anew from the input",
        checkpoint.max(&0)
    )]
    ChangelogCutByOthers {
        /// The changelog's partition.
        partition: Partition,
        /// Its first offset.
        low: i64,
        /// Before which offset it may have been cut.
        cut: i64,
        /// The next offset the store wanted; negative without a store.
        checkpoint: i64,
        /// The application, as the command line calls it.
        application: String,
    },
    /// The broker has deleted records of a changelog by their age, as Kafka Streams has it done, that a local store has not seen.
    #[error(
        "changelog {partition} begins at offset {low} by now: the broker has deleted records by their age that store {store}, \
         which has it up to {checkpoint}, has not seen"
    )]
    ChangelogAged {
        /// The changelog's partition.
        partition: Partition,
        /// Its first offset.
        low: i64,
        /// The store.
        store: String,
        /// The next offset the store wanted.
        checkpoint: i64,
    },
    /// A changelog holds records that cannot belong to the store.
    #[error(
        "changelog {partition} holds {count} records whose keys do not fit store {store}; it belongs to another kind of store"
    )]
    ForeignChangelog {
        /// The changelog's partition.
        partition: Partition,
        /// The store.
        store: String,
        /// How many did not fit.
        count: u64,
    },
    /// The group has committed nothing for an input that is read from committed offsets only.
    #[error(
        "the group has committed no offset of input {partition}, and its source begins nowhere else (`from_committed`); \
         commit one, or choose another beginning"
    )]
    NothingCommitted {
        /// The input's partition.
        partition: Partition,
    },
    /// An input topic ends before the offset the group has committed.
    #[error(
        "input {partition} ends at {high}, but offset {wanted} was committed: the topic was truncated or recreated; reset the application"
    )]
    InputTruncated {
        /// The input's partition.
        partition: Partition,
        /// Its end.
        high: i64,
        /// The offset that was wanted.
        wanted: i64,
    },
    /// A record that must not be lost cannot be written.
    #[error(
        "{what} of {bytes} bytes cannot be written to {topic}: {detail}; raise max.message.bytes of the topic and max.record.bytes"
    )]
    Unwritable {
        /// What kind of record.
        what: &'static str,
        /// The topic.
        topic: String,
        /// Its size.
        bytes: usize,
        /// What the broker said.
        detail: String,
    },
    /// A thread of the engine panicked: a bug. State is safe, as after any crash.
    #[error("thread {0} panicked; the log has the place")]
    Panicked(String),
    /// The process id is not one.
    #[error("{what} {found:?} is not usable: {rule}")]
    Name {
        /// Which name.
        what: &'static str,
        /// What it was.
        found: String,
        /// What it has to be.
        rule: &'static str,
    },
}

impl From<TaskError> for Error {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Retry { place, reason } | TaskError::Stop { place, reason } => {
                Self::Task { place: place.to_string(), reason }
            }
            TaskError::State { source, .. } => Self::State(source),
            TaskError::Misused { task, detail } => Self::Bug(format!("task {task}: {detail}")),
        }
    }
}

/// What to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Wait and try the same again.
    Retry,
    /// Drop the tasks and take part in the group anew.
    Rejoin,
    /// Move the task's directory aside and rebuild it from the changelogs.
    Restore,
    /// End the application; a person has to act.
    Stop,
}

impl Error {
    /// What to do about it.
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::Broker(
                BrokerError::Retriable(_) | BrokerError::QueueFull | BrokerError::UnknownTopic { .. },
            )
            | Self::State(StateError::Locked { .. }) => Reaction::Retry,
            Self::Broker(BrokerError::Fenced(_) | BrokerError::AbortRequired(_)) => Reaction::Rejoin,
            Self::State(error) if error.is_damage() => Reaction::Restore,
            Self::ChangelogAged { .. } => Reaction::Restore,
            _ => Reaction::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_reaction() {
        let dir = PathBuf::from("x");
        assert_eq!(Error::from(BrokerError::Retriable("away".into())).reaction(), Reaction::Retry);
        assert_eq!(Error::from(BrokerError::Fenced("old".into())).reaction(), Reaction::Rejoin);
        assert_eq!(Error::from(BrokerError::Unauthorized("topic x".into())).reaction(), Reaction::Stop);
        assert_eq!(Error::from(StateError::Locked { dir: dir.clone() }).reaction(), Reaction::Retry);
        let damaged = StateError::Damaged { dir, detail: "bad block".into() };
        assert_eq!(Error::from(damaged).reaction(), Reaction::Restore);
        assert_eq!(Error::Layout("a has 3".into()).reaction(), Reaction::Stop);
    }
}
