//! Punctuations that are due: the earliest first, each once however many ticks were missed.

use super::error::TaskError;
use super::task::Task;
use crate::processor::{Clock, Punctuation, Scheduled};

impl Task {
    /// Runs what is due on a clock that stands at `time`; whether anything was.
    pub(super) fn fire(&mut self, clock: Clock, time: i64) -> Result<bool, TaskError> {
        let mut fired = false;
        while let Some(at) = due(&self.pipeline.env.schedules, clock, time) {
            fired = true;
            let scheduled = &mut self.pipeline.env.schedules[at];
            scheduled.due = following(scheduled.due, scheduled.interval_ms, time);
            let (node, schedule) = (scheduled.node, scheduled.id);
            let event = Punctuation { schedule, clock, time };
            if let Err(fault) = self.pipeline.with_node(node, |running, hop| running.punctuate(event, hop)) {
                return Err(self.interrupted(fault));
            }
        }
        if fired {
            self.outbox.mark(self.pipeline.env.emitted.len(), None);
        }
        Ok(fired)
    }
}

/// The schedule that is due first; the older one among equals.
fn due(schedules: &[Scheduled], clock: Clock, time: i64) -> Option<usize> {
    let due = schedules.iter().enumerate().filter(|(_, it)| it.clock == clock && it.due <= time);
    due.min_by_key(|(_, it)| (it.due, it.id)).map(|(at, _)| at)
}

/// The first tick behind `time`, counted from the old due time: missed ticks coalesce into one.
fn following(due: i64, interval_ms: i64, time: i64) -> i64 {
    let missed = time.saturating_sub(due) / interval_ms;
    due.saturating_add(interval_ms.saturating_mul(missed.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_tick_is_a_multiple_of_the_interval_behind_now() {
        assert_eq!(following(0, 10, 0), 10);
        assert_eq!(following(10, 10, 19), 20);
        assert_eq!(following(10, 10, 20), 30);
        assert_eq!(following(10, 10, 95), 100);
        assert_eq!(following(0, 1, i64::MAX), i64::MAX);
    }
}
