//! Exit codes, and failures that carry one.

use crate::{
    config::{ConfigError, ConfigErrors},
    observe::{LogError, ServeError},
};
use std::{
    io::{Error, ErrorKind},
    process::ExitCode,
};

/// How a command ended, as the shell sees it. The numbers are part of the contract and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// 0: done; for a running process, stopped as asked.
    Ok = 0,
    /// 1: the command worked and found a difference: a check failed, or the user said no.
    Differs = 1,
    /// 2: the command line or the configuration is wrong.
    Usage = 2,
    /// 3: Kafka cannot be reached, refuses us the right to something, or the group has members that are in the way.
    Broker = 3,
    /// 4: the state directory is locked, foreign, damaged or full.
    State = 4,
    /// 5: processing stopped at a fault whose policy is to stop, or at a topology that does not fit its topics.
    Fault = 5,
    /// 6: a system behind an exit, such as PostgreSQL, refuses for good.
    Outside = 6,
    /// 70: a bug of ours.
    Bug = 70,
}

impl Exit {
    /// Every code with its meaning, for `topo --help`.
    pub(super) const MEANINGS: &'static str = "Exit codes: 0 done; 1 a check found a difference; 2 command line or \
configuration; 3 Kafka unreachable, not permitted, or the group in use; 4 state directory; 5 stopped by a fault; 6 a system behind an exit; \
70 a bug.";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended, for people, and the code for the shell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, where, and what to do.
    pub message: String,
}

impl Failure {
    /// A failure with its code.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::new(Exit::Usage, errors.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let exit = if matches!(error, ConfigError::Undeclared { .. }) { Exit::Bug } else { Exit::Usage };
        Self::new(exit, error.to_string())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

/// Standard output could not be written. A reader that has gone (`| head`) ends the command quietly.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::new(Exit::Ok, ""),
            _ => Self::new(Exit::Bug, format!("cannot write to standard output: {error}")),
        }
    }
}

impl From<crate::broker::BrokerError> for Failure {
    fn from(error: crate::broker::BrokerError) -> Self {
        Self::new(Exit::Broker, error.to_string())
    }
}

impl From<crate::runtime::Error> for Failure {
    fn from(error: crate::runtime::Error) -> Self {
        use crate::runtime::Error;
        let exit = match &error {
            Error::Broker(_) => Exit::Broker,
            Error::State(_) | Error::DirectoryInUse { .. } | Error::Io { .. } => Exit::State,
            Error::Name { .. } | Error::ProcessIdInUse { .. } => Exit::Usage,
            Error::Panicked(_) => Exit::Bug,
            // A record, a topic or a changelog that the topology cannot go on with.
            _ => Exit::Fault,
        };
        Self::new(exit, error.to_string())
    }
}
