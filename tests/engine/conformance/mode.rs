//! The ways to run a case. All of them must give the same results.

use std::fmt;
use std::str::FromStr;

use tempfile::TempDir;
use topo::Topology;
use topo::testkit::{Driver, DriverError};

/// Where stores live, and how often they are taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Stores in memory.
    Memory,
    /// Stores in RocksDB.
    Rocks,
    /// In memory; after every so many entries a crash, and everything comes back from the changelogs.
    Crash(usize),
    /// In RocksDB; after every so many entries closed and opened again.
    Reopen(usize),
    /// Declared in memory beside a RocksDB; after every so many entries closed and opened again.
    Refill(usize),
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "mode {text:?} is none of memory, rocksdb, crash:K, reopen:K and refill:K with K at least 1"
            )
        };
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            None if text == "rocksdb" => Ok(Self::Rocks),
            Some((name @ ("crash" | "reopen" | "refill"), every)) => {
                let every = every.parse().ok().filter(|every| *every > 0).ok_or_else(unknown)?;
                Ok(match name {
                    "crash" => Self::Crash(every),
                    "reopen" => Self::Reopen(every),
                    _ => Self::Refill(every),
                })
            }
            _ => Err(unknown()),
        }
    }
}

impl Mode {
    /// Whether what is not in a store gets lost.
    pub(super) fn loses(self) -> bool {
        matches!(self, Self::Crash(_) | Self::Reopen(_) | Self::Refill(_))
    }

    /// Whether the topology says that its stores are in memory.
    pub(super) fn declares_memory(self) -> bool {
        matches!(self, Self::Refill(_))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => write!(out, "memory"),
            Self::Rocks => write!(out, "rocksdb"),
            Self::Crash(every) => write!(out, "crash:{every}"),
            Self::Reopen(every) => write!(out, "reopen:{every}"),
            Self::Refill(every) => write!(out, "refill:{every}"),
        }
    }
}

/// A driver in its mode, with the directory it may need.
pub(super) struct Machine {
    pub(super) driver: Driver,
    /// Dropped by the entries so far; a global table that is rebuilt drops again, which is nobody's answer.
    pub(super) dropped: u64,
    mode: Mode,
    /// Entries so far.
    fed: usize,
    _directory: Option<TempDir>,
}

impl Machine {
    /// `by_hand`: it commits when it is told to, not after every entry.
    pub(super) fn start(
        topology: Topology,
        mode: Mode,
        wall_clock: i64,
        by_hand: bool,
    ) -> Result<Self, String> {
        let mut builder = Driver::builder(topology).application("app").wall_clock(wall_clock);
        if by_hand {
            builder = builder.commit_by_hand();
        }
        let mut directory = None;
        if matches!(mode, Mode::Rocks | Mode::Reopen(_) | Mode::Refill(_)) {
            let made = tempfile::tempdir().map_err(|error| error.to_string())?;
            builder = builder.rocks(made.path().join("state"));
            directory = Some(made);
        }
        let driver = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { driver, dropped: 0, mode, fed: 0, _directory: directory })
    }

    /// Called behind each entry: takes the stores away when it is time to.
    pub(super) fn entry_done(&mut self) -> Result<(), DriverError> {
        self.fed += 1;
        match self.mode {
            Mode::Crash(every) if self.fed.is_multiple_of(every) => self.driver.restore(),
            Mode::Reopen(every) | Mode::Refill(every) if self.fed.is_multiple_of(every) => {
                self.driver.reopen()
            }
            _ => Ok(()),
        }
    }
}
