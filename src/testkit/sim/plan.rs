//! What is the same for all runs of a simulation, and what each seed draws from it.

use std::path::PathBuf;
use std::time::Duration;

use super::random::Random;
use crate::runtime::{AppConfig, Guarantee};

/// The settings of a simulation.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) guarantee: Guarantee,
    /// One run in so many keeps its stores in RocksDB; 0 = none.
    pub(super) rocks_every: usize,
    /// Nothing fails.
    pub(super) quiet: bool,
    pub(super) scratch: PathBuf,
}

impl Plan {
    pub(super) fn is_exactly_once(&self) -> bool {
        self.guarantee == Guarantee::ExactlyOnce
    }

    pub(super) fn uses_rocks(&self, random: &mut Random) -> bool {
        self.rocks_every > 0 && random.chance(1, self.rocks_every)
    }

    /// Settings of the processes: production's, with shorter times, so that much happens in little time.
    pub(super) fn config(&self, random: &mut Random) -> AppConfig {
        let small = |random: &mut Random, low, high| usize::try_from(random.between(low, high)).unwrap_or(1);
        AppConfig {
            processing: self.guarantee,
            workers: small(random, 1, 2),
            commit_interval_ms: random.between(1, 60),
            step_records: small(random, 1, 8),
            buffered_records: small(random, 1, 20),
            max_task_idle_ms: if random.chance(1, 4) { random.between(1, 60) } else { 0 },
            session_timeout: millis(random.between(500, 1_000)),
            heartbeat: Duration::from_millis(50),
            transaction_timeout: millis(random.between(500, 1_500)),
            memory_bytes: 8 << 20,
            keep_place: random.chance(1, 2),
            purge_interval_ms: random.between(20, 1_000),
            metadata_max_age_ms: 400,
            members_heartbeat_ms: 300,
            members_expiry_ms: 1_500,
            standby_replicas: small(random, 0, 2) / 2,
            host: "simulation".to_owned(),
            ..AppConfig::default()
        }
    }
}

fn millis(time: i64) -> Duration {
    Duration::from_millis(time.unsigned_abs())
}
