//! Numbers of a run: given in the environment, or another one each time.

use std::time::{SystemTime, UNIX_EPOCH};

/// A number in the environment.
pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is {text}")))
}

/// Another number in every run.
pub(crate) fn moment() -> u64 {
    u64::from(SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").subsec_nanos())
}
