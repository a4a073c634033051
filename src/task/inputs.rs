//! The queues of a task, and which record comes next: the one whose queue head has the lowest timestamp.

use std::collections::{BTreeMap, VecDeque};

use crate::processor::Position;
use crate::record::{Partition, RawRecord};
use crate::topic::{Moment, Stamp, Stamper};

/// What a task reads: a source node, one of its topics, and what says the time of its records if not they themselves.
pub(crate) type Reading = (usize, Partition, Option<Stamper>);

/// A record whose turn it is.
pub(crate) struct Taken {
    pub(crate) source: usize,
    pub(crate) position: Option<Position>,
    pub(crate) record: RawRecord,
    /// Its time, where that is not its own timestamp.
    pub(crate) stamp: Option<Stamp>,
}

/// The inputs of a task, in the order of its sources' topics.
#[derive(Debug)]
pub(crate) struct Inputs {
    partitions: Vec<Partition>,
    inputs: Vec<Input>,
}

#[derive(Debug)]
struct Input {
    /// The source node.
    source: usize,
    queue: VecDeque<(i64, RawRecord)>,
    /// While its queue is empty, the others wait.
    awaited: bool,
    /// Lent to the nodes while a record of this input is in hand, so that no name is counted or copied per record.
    position: Option<Position>,
    /// One past the last processed offset.
    next: Option<i64>,
    committed: Option<i64>,
    stamper: Option<Stamper>,
    /// What the stamper said of the head of the queue.
    head: Option<Stamp>,
    /// Highest time of the partition's records so far; known where there is a stamper.
    time: Option<i64>,
}

/// The key of a partition's time in a checkpoint.
fn time_of(topic: &str) -> String {
    format!("partition:{topic}")
}

impl Input {
    /// The time of the head of the queue, asked for once; a head without a time counts as what its timestamp says.
    fn head_time(&mut self, wall_clock: i64) -> Option<i64> {
        let (_, record) = self.queue.front()?;
        let Some(stamper) = &self.stamper else { return Some(record.timestamp) };
        let moment = Moment { partition_time: self.time, wall_clock };
        match self.head.get_or_insert_with(|| stamper.stamp(record, moment)) {
            Ok(Some(time)) => Some(*time),
            Ok(None) | Err(_) => Some(record.timestamp),
        }
    }
}

impl Inputs {
    /// Empty queues.
    pub(crate) fn new(inputs: impl IntoIterator<Item = Reading>) -> Self {
        let (partitions, inputs) = inputs
            .into_iter()
            .map(|(source, partition, stamper)| {
                let position =
                    Some(Position { topic: partition.topic.clone(), partition: partition.number, offset: 0 });
                let (queue, head, time, awaited) = (VecDeque::new(), None, None, false);
                let (next, committed) = (None, None);
                let input = Input { source, queue, awaited, position, next, committed, stamper, head, time };
                (partition, input)
            })
            .unzip();
        Self { partitions, inputs }
    }

    /// Notes the times of partitions.
    pub(crate) fn save_times(&self, times: &mut BTreeMap<String, i64>) {
        for (partition, input) in self.partitions.iter().zip(&self.inputs) {
            times.extend(input.time.map(|time| (time_of(&partition.topic), time)));
        }
    }

    /// Sets the times of partitions to what was noted.
    pub(crate) fn load_times(&mut self, times: &BTreeMap<String, i64>) {
        for (partition, input) in self.partitions.iter().zip(&mut self.inputs) {
            if input.stamper.is_some() {
                input.time = times.get(&time_of(&partition.topic)).copied();
            }
        }
    }

    pub(crate) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    pub(crate) fn enqueue(&mut self, input: usize, offset: i64, record: RawRecord) {
        self.inputs[input].queue.push_back((offset, record));
    }

    pub(crate) fn buffered(&self, input: usize) -> usize {
        self.inputs[input].queue.len()
    }

    /// Whether the others wait for this input while its queue is empty. They do not unless told to.
    pub(crate) fn hold(&mut self, input: usize, awaited: bool) {
        self.inputs[input].awaited = awaited;
    }

    fn held(&self) -> bool {
        self.inputs.iter().any(|it| it.awaited && it.queue.is_empty())
    }

    /// Whether a record's turn has come.
    pub(crate) fn can_go_on(&self) -> bool {
        !self.held() && self.inputs.iter().any(|it| !it.queue.is_empty())
    }

    /// The input with the oldest head, the lower number among equals, and the head's offset. `None` too while an empty queue
    /// is waited for.
    pub(crate) fn next(&mut self, wall_clock: i64) -> Option<(usize, i64)> {
        if self.held() {
            return None;
        }
        let heads = self.inputs.iter_mut().enumerate().filter_map(|(input, it)| {
            let time = it.head_time(wall_clock)?;
            let (offset, _) = it.queue.front()?;
            Some((time, input, *offset))
        });
        heads.min_by_key(|(timestamp, ..)| *timestamp).map(|(_, input, offset)| (input, offset))
    }

    /// Takes the head of an input.
    pub(crate) fn take(&mut self, input: usize) -> Option<Taken> {
        let it = &mut self.inputs[input];
        let (offset, record) = it.queue.pop_front()?;
        let mut position = it.position.take();
        if let Some(position) = &mut position {
            position.offset = offset;
        }
        it.next = Some(offset + 1);
        let stamp = it.head.take();
        if let Some(Ok(Some(time))) = stamp {
            it.time = it.time.max(Some(time));
        }
        Some(Taken { source: it.source, position, record, stamp })
    }

    /// Gives the position back that [`take`](Self::take) lent.
    pub(crate) fn put_back(&mut self, input: usize, position: Option<Position>) {
        self.inputs[input].position = position;
    }

    /// Next offsets of the inputs that moved since the last commit.
    pub(crate) fn moved(&self) -> Vec<(Partition, i64)> {
        let all = self.partitions.iter().zip(&self.inputs);
        all.filter(|(_, it)| it.next != it.committed)
            .filter_map(|(partition, it)| Some((partition.clone(), it.next?)))
            .collect()
    }

    /// One past the last processed offset of the input that reads this topic.
    pub(crate) fn next_of(&self, topic: &str) -> Option<i64> {
        let input = self.partitions.iter().position(|partition| &*partition.topic == topic)?;
        self.inputs[input].next
    }

    pub(crate) fn committed(&mut self) {
        self.inputs.iter_mut().for_each(|it| it.committed = it.next);
    }

    /// Back to the last commit, with empty queues: the owner reads again from there.
    pub(crate) fn rewind(&mut self) {
        for (it, partition) in self.inputs.iter_mut().zip(&self.partitions) {
            it.queue.clear();
            it.head = None;
            it.next = it.committed;
            let (topic, partition) = (partition.topic.clone(), partition.number);
            it.position.get_or_insert(Position { topic, partition, offset: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Inputs {
        Inputs::new([(0, Partition::new("a", 1), None), (1, Partition::new("b", 1), None)])
    }

    fn record(timestamp: i64) -> RawRecord {
        RawRecord { timestamp, ..RawRecord::default() }
    }

    #[test]
    fn the_oldest_head_comes_first_and_the_lower_input_among_equals() {
        let mut inputs = inputs();
        for (input, offset, timestamp) in [(0, 0, 5), (0, 1, 1), (1, 10, 3), (1, 11, 5)] {
            inputs.enqueue(input, offset, record(timestamp));
        }
        let mut order = Vec::new();
        while let Some((input, offset)) = inputs.next(0) {
            let position = inputs.take(input).unwrap().position;
            assert_eq!(position.as_ref().map(|it| it.offset), Some(offset));
            inputs.put_back(input, position);
            order.push((input, offset));
        }
        assert_eq!(order, [(1, 10), (0, 0), (0, 1), (1, 11)]);
    }

    #[test]
    fn an_empty_queue_holds_the_others_up_only_if_it_is_waited_for() {
        let mut inputs = inputs();
        inputs.enqueue(0, 0, record(5));
        assert!(inputs.can_go_on());
        inputs.hold(1, true);
        assert!(!inputs.can_go_on());
        assert_eq!(inputs.next(0), None);
        inputs.enqueue(1, 0, record(7));
        assert_eq!((inputs.can_go_on(), inputs.next(0)), (true, Some((0, 0))));
    }

    #[test]
    fn only_moved_inputs_have_offsets_and_a_rewind_forgets_them() {
        let mut inputs = inputs();
        inputs.enqueue(1, 7, record(0));
        inputs.take(1);
        assert_eq!(inputs.moved(), [(Partition::new("b", 1), 8)]);
        inputs.committed();
        assert_eq!(inputs.moved(), []);
        inputs.enqueue(1, 8, record(0));
        inputs.enqueue(1, 9, record(0));
        inputs.take(1);
        inputs.rewind();
        assert_eq!((inputs.moved(), inputs.buffered(1), inputs.next_of("b")), (vec![], 0, Some(8)));
    }
}
