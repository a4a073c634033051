//! What a task wants to send, and for which record it came to be.

use crate::processor::Emitted;

/// The record of an input that caused an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Number of the task's input.
    pub(crate) input: usize,
    /// The record's offset there.
    pub(crate) offset: i64,
}

/// A record to send.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) record: Emitted,
    /// What caused it; `None` for a punctuation. Needed when the broker refuses the record.
    pub(crate) origin: Option<Origin>,
}

/// Where the outputs of one cause end among all outputs. Cheaper than an origin beside each record.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: usize,
    origin: Option<Origin>,
}

/// Remembers causes; the records themselves wait where the sinks put them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    marks: Vec<Mark>,
}

impl Outbox {
    /// Everything up to `end` that has no cause yet was caused by `origin`.
    pub(crate) fn mark(&mut self, end: usize, origin: Option<Origin>) {
        if self.marks.last().map_or(0, |mark| mark.end) < end {
            self.marks.push(Mark { end, origin });
        }
    }

    pub(crate) fn clear(&mut self) {
        self.marks.clear();
    }

    /// Hands out what waits, in order.
    pub(crate) fn take<'o>(&'o mut self, emitted: &'o mut Vec<Emitted>) -> Outputs<'o> {
        Outputs { records: emitted.drain(..), marks: self.marks.drain(..), current: None, taken: 0 }
    }
}

/// Records to send, in order.
pub(crate) struct Outputs<'o> {
    records: std::vec::Drain<'o, Emitted>,
    marks: std::vec::Drain<'o, Mark>,
    current: Option<Mark>,
    taken: usize,
}

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        let record = self.records.next()?;
        while self.current.is_none_or(|mark| mark.end <= self.taken) {
            let Some(mark) = self.marks.next() else { break };
            self.current = Some(mark);
        }
        let origin = self.current.filter(|mark| mark.end > self.taken).and_then(|mark| mark.origin);
        self.taken += 1;
        Some(Output { record, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    fn emitted(timestamp: i64) -> Emitted {
        let (key, value, headers) = (None, None, Headers::new());
        Emitted {
            topic: "t".into(),
            partition: None,
            chooser: None,
            unhashed: 0,
            key,
            value,
            timestamp,
            headers,
        }
    }

    #[test]
    fn each_output_knows_its_cause() {
        let mut outbox = Outbox::default();
        let mut waiting: Vec<Emitted> = (0..4).map(emitted).collect();
        let (first, second) = (Origin { input: 0, offset: 5 }, Origin { input: 1, offset: 9 });
        outbox.mark(2, Some(first));
        outbox.mark(2, Some(second));
        outbox.mark(3, None);
        outbox.mark(4, Some(second));
        let seen: Vec<_> = outbox.take(&mut waiting).map(|it| (it.record.timestamp, it.origin)).collect();
        assert_eq!(seen, [(0, Some(first)), (1, Some(first)), (2, None), (3, Some(second))]);
        outbox.mark(0, Some(first));
        assert_eq!(outbox.take(&mut waiting).count(), 0);
    }
}
