//! So many bytes a second and no more; time is handed in.

/// An allowance that grows with time up to what one second gives.
#[derive(Debug)]
pub(super) struct Throttle {
    /// 0 = no limit.
    bytes_per_second: i64,
    left: i64,
    filled_at: Option<i64>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        let bytes_per_second = i64::try_from(bytes_per_second).unwrap_or(i64::MAX);
        Self { bytes_per_second, left: bytes_per_second, filled_at: None }
    }

    /// Whether something may be taken in at `now`, milliseconds.
    pub(super) fn is_open(&mut self, now: i64) -> bool {
        let passed = now - *self.filled_at.get_or_insert(now);
        let more = self.bytes_per_second.saturating_mul(passed.clamp(0, 1_000)) / 1_000;
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.bytes_per_second);
            self.filled_at = Some(now);
        }
        self.bytes_per_second == 0 || self.left > 0
    }

    /// So much was taken in.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_a_seconds_worth_and_debts_are_waited_for() {
        let mut throttle = Throttle::new(1_000);
        assert!(throttle.is_open(0));
        throttle.spend(2_500);
        assert!(!throttle.is_open(1_000));
        assert!(!throttle.is_open(1_500));
        assert!(throttle.is_open(1_501));
        // Time without use is not saved up.
        assert!(throttle.is_open(60_000));
        throttle.spend(1_001);
        assert!(!throttle.is_open(60_000));
    }

    #[test]
    fn zero_is_no_limit() {
        let mut throttle = Throttle::new(0);
        throttle.spend(usize::MAX);
        assert!(throttle.is_open(0));
    }
}
