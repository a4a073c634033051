//! Whether a task waits for an input of which it has nothing in hand. What is on the broker already may be older than the
//! records in the other queues, and the oldest comes first (KIP-695: `max.task.idle.ms`).

use crate::broker::BrokerError;

/// Milliseconds without any move after which an input is not waited for, whatever its end: the cleaner may have taken all that
/// was left before it.
const PATIENCE_MS: i64 = 30_000;

/// How far one input has been read, and how far it is known to go.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// One past the last record read; past control records and aborted records too, once the reader was asked.
    next: i64,
    /// The end that was last heard of.
    end: i64,
    /// Since when there has been nothing in hand and no move.
    still_since: Option<i64>,
}

impl Awaited {
    /// An input that is read from `next` on, and was seen to go up to `end`.
    pub(crate) fn new(next: i64, end: i64) -> Self {
        Self { next, end, still_since: None }
    }

    /// A record was read.
    pub(crate) fn read(&mut self, offset: i64) {
        self.next = offset + 1;
    }

    /// It is read from there again.
    pub(crate) fn rewind(&mut self, next: i64) {
        self.next = next;
        self.still_since = None;
    }

    /// It goes up to here now. That may be less than before, if its topic was made anew.
    pub(crate) fn reaches(&mut self, end: i64) {
        if end > self.end {
            self.still_since = None;
        }
        self.end = end;
    }

    /// Whether the other inputs wait once this one has nothing in hand, which is so already if `empty`. `idle_ms` is how long
    /// they wait for records that are not known to be there; `position` asks the reader.
    pub(crate) fn look(
        &mut self,
        now: i64,
        empty: bool,
        idle_ms: i64,
        position: impl FnOnce() -> Result<Option<i64>, BrokerError>,
    ) -> Result<bool, BrokerError> {
        if !empty {
            self.still_since = None;
            return Ok(self.next < self.end || idle_ms > 0);
        }
        if self.next < self.end
            && let Some(position) = position()?
            && position > self.next
        {
            (self.next, self.still_since) = (position, None);
        }
        let still_ms = now - *self.still_since.get_or_insert(now);
        if self.next < self.end && still_ms >= PATIENCE_MS {
            // There is nothing up to there, and saying so again changes nothing.
            self.next = self.end;
        }
        Ok(self.next < self.end || still_ms < idle_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: i64) -> impl FnOnce() -> Result<Option<i64>, BrokerError> {
        move || Ok(Some(position))
    }

    #[test]
    fn an_input_is_waited_for_until_the_reader_has_passed_its_end() {
        let mut input = Awaited::new(3, 6);
        assert!(input.look(0, true, 0, at(3)).unwrap());
        input.read(4);
        assert!(input.look(1, false, 0, at(5)).unwrap(), "there is one more before the end");
        // The last offset is a control record: nothing comes, the reader moves.
        assert!(!input.look(2, true, 0, at(6)).unwrap());
    }

    #[test]
    fn a_later_end_and_a_rewind_make_it_waited_for_again() {
        let mut input = Awaited::new(6, 6);
        assert!(!input.look(0, true, 0, at(6)).unwrap());
        input.reaches(7);
        assert!(input.look(PATIENCE_MS, true, 0, at(6)).unwrap());
        input.read(6);
        assert!(!input.look(PATIENCE_MS, true, 0, at(7)).unwrap());
        input.rewind(2);
        assert!(input.look(PATIENCE_MS, true, 0, at(2)).unwrap());
    }

    #[test]
    fn what_never_comes_is_not_waited_for_for_ever() {
        let mut input = Awaited::new(0, 9);
        assert!(input.look(0, true, 0, at(0)).unwrap());
        assert!(input.look(PATIENCE_MS - 1, true, 0, at(4)).unwrap(), "it moved");
        assert!(input.look(2 * PATIENCE_MS - 2, true, 0, at(4)).unwrap());
        assert!(!input.look(2 * PATIENCE_MS - 1, true, 0, at(4)).unwrap());
        input.reaches(9);
        assert!(!input.look(2 * PATIENCE_MS, true, 0, at(4)).unwrap(), "nor is it again");
        input.reaches(10);
        assert!(input.look(2 * PATIENCE_MS, true, 0, at(4)).unwrap(), "unless somebody has seen more");
    }

    #[test]
    fn an_input_whose_topic_was_made_anew_is_not_waited_for_up_to_its_old_end() {
        let mut input = Awaited::new(0, 900);
        input.read(0);
        input.reaches(1);
        assert!(!input.look(0, true, 0, at(1)).unwrap());
    }

    #[test]
    fn an_input_at_its_end_is_waited_for_as_long_as_asked() {
        let mut input = Awaited::new(0, 0);
        assert!(input.look(0, false, 50, at(0)).unwrap(), "when its queue runs dry the wait begins");
        assert!(input.look(10, true, 50, at(0)).unwrap());
        assert!(input.look(59, true, 50, at(0)).unwrap());
        assert!(!input.look(60, true, 50, at(0)).unwrap());
    }
}
