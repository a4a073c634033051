//! The form of a run: short in `make test`, full in `make crash`.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::chance::{moment, number};

/// Whether this is the full form.
pub(crate) fn is_full() -> bool {
    match std::env::var("TOPO_TEST_CRASH").as_deref() {
        Ok("full") => true,
        Ok("short") | Err(_) => false,
        Ok(other) => panic!("TOPO_TEST_CRASH is {other:?}; it can be short or full"),
    }
}

/// One of two, by the form.
pub(crate) fn pick<T>(short: T, full: T) -> T {
    if is_full() { full } else { short }
}

/// The source of chance of a test, and its seed; says how to repeat the run.
pub(crate) fn chance(test: &str) -> (StdRng, u64) {
    let seed = number("TOPO_TEST_SEED").unwrap_or_else(moment);
    eprintln!("{test}: replay with TOPO_TEST_SEED={seed}");
    (StdRng::seed_from_u64(seed), seed)
}
