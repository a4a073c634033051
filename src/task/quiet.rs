//! Time goes on where no records come, if the topology says so.

use super::error::TaskError;
use super::task::Task;
use crate::processor::Clock;

/// How long nothing has come.
#[derive(Debug)]
pub(super) struct Quiet {
    timeout_ms: Option<i64>,
    /// Wall clock of the last record, or of the start.
    heard: i64,
    /// Wall clock of the next look.
    look: i64,
}

impl Quiet {
    pub(super) fn new(timeout_ms: Option<i64>, now: i64) -> Self {
        Self { timeout_ms, heard: now, look: now }
    }

    /// A record has come.
    pub(super) fn heard(&mut self, now: i64) {
        self.heard = now;
    }

    /// The time without records, if it is idle and time to look.
    fn time(&mut self, now: i64) -> Option<i64> {
        let timeout_ms = self.timeout_ms?;
        // A clock that was set back must not hold results up for longer than the timeout.
        let early = now < self.look && self.look.saturating_sub(now) <= timeout_ms;
        if early || now.saturating_sub(self.heard) < timeout_ms {
            return None;
        }
        self.look = now.saturating_add((timeout_ms / 4).max(1));
        Some(now.saturating_sub(timeout_ms))
    }
}

impl Task {
    /// Lets stream time go on if nothing has come for the idle timeout.
    pub(super) fn go_on(&mut self, now: i64) -> Result<(), TaskError> {
        let Some(time) = self.quiet.time(now) else { return Ok(()) };
        let env = &mut self.pipeline.env;
        // Before the first record there is no time, and behind a newer one it does not go back.
        if env.stream_time.is_none_or(|known| time <= known) {
            return Ok(());
        }
        (env.stream_time, env.idle) = (Some(time), Some(time));
        self.dirty = true;
        let nodes: Vec<usize> = self.recipe.nodes().collect();
        for node in nodes {
            if let Err(fault) = self.pipeline.with_node(node, |running, hop| running.idle(hop)) {
                self.pipeline.env.idle = None;
                return Err(self.interrupted(fault));
            }
        }
        self.pipeline.env.idle = None;
        self.outbox.mark(self.pipeline.env.emitted.len(), None);
        self.fire(Clock::Stream, time).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_after_the_timeout_and_is_looked_at_four_times_in_it() {
        let mut quiet = Quiet::new(Some(100), 1_000);
        let mut times = |nows: &[i64]| nows.iter().map(|now| quiet.time(*now)).collect::<Vec<_>>();
        assert_eq!(times(&[1_099, 1_100, 1_124, 1_125]), [None, Some(1_000), None, Some(1_025)]);
        assert_eq!(times(&[900, 1_000]), [None, None], "the clock was set back");
        quiet.heard(1_000);
        assert_eq!([1_099, 1_200].map(|now| quiet.time(now)), [None, Some(1_100)]);
        assert_eq!(Quiet::new(None, 0).time(i64::MAX), None);
    }
}
