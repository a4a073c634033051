//! Random numbers of a test: new ones in every run, the same again when it is told their seed.

use std::hash::{BuildHasher, Hasher, RandomState};

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Says how to repeat a run that failed.
pub(crate) struct Announce(u64);

#[expect(clippy::print_stderr, reason = "the seed of a failure must reach whoever reads the test's output")]
impl Drop for Announce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with TOPO_TEST_SEED={}", self.0);
        }
    }
}

/// The numbers of a run; keep what comes with them until its end.
pub(crate) fn seeded() -> (Announce, StdRng) {
    let given = std::env::var("TOPO_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    (Announce(seed), StdRng::seed_from_u64(seed))
}
