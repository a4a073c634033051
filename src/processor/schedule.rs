//! Punctuations: when a processor is called without a record.

use super::context::Context;
use super::pipeline::Scheduled;
use super::{Clock, ScheduleId};
use crate::data::Data;

impl<K: Data, V: Data> Context<'_, '_, K, V> {
    /// Calls [`Processor::punctuate`](super::Processor::punctuate) every `interval_ms` of a clock. Missed ticks coalesce
    /// into one. Stream time: first due at 0, that is with the first record; wall clock: first due after one interval.
    ///
    /// A schedule made in [`init`](super::Processor::init) goes on after a restart, a crash or an abort where it was at the
    /// last commit: no tick comes twice and none is lost. Kafka Streams begins anew. Kafka Streams: `schedule`
    /// (KIP-138).
    pub fn schedule(&mut self, clock: Clock, interval_ms: i64) -> ScheduleId {
        let due = match clock {
            Clock::Stream => 0,
            Clock::Wall => self.wall_clock().saturating_add(interval_ms.max(1)),
        };
        self.add_schedule(clock, interval_ms, due)
    }

    /// The same with ticks at `first` and every `interval_ms` from there, whenever the processor is started: at full
    /// hours, for example. Ticks before the present time of the clock are passed over. Kafka Streams: `schedule` with a start
    /// time (KIP-1146).
    pub fn schedule_from(&mut self, clock: Clock, first: i64, interval_ms: i64) -> ScheduleId {
        let now = match clock {
            Clock::Stream => self.stream_time(),
            Clock::Wall => Some(self.wall_clock()),
        };
        let passed = now.map_or(0, |now| now.saturating_sub(first)).max(0);
        let ticks = passed / interval_ms.max(1) + i64::from(passed % interval_ms.max(1) > 0);
        self.add_schedule(clock, interval_ms, first.saturating_add(ticks.saturating_mul(interval_ms.max(1))))
    }

    fn add_schedule(&mut self, clock: Clock, interval_ms: i64, due: i64) -> ScheduleId {
        let node = self.hop.node;
        let env = &mut self.hop.pipeline.env;
        let id = ScheduleId(env.next_schedule);
        env.next_schedule += 1;
        let mut scheduled = Scheduled { id, node, clock, interval_ms: interval_ms.max(1), due, place: None };
        if let Some(before) = &env.starting {
            scheduled.place = Some(env.schedules.iter().filter(|it| it.node == node).count());
            let known = before.iter().find(|(ticks, _)| Some(*ticks) == scheduled.ticks());
            scheduled.due = known.map_or(due, |(_, due)| *due);
        }
        env.schedules.push(scheduled);
        id
    }

    /// Ends a schedule; one that is over already is none. Kafka Streams: `Cancellable.cancel`.
    pub fn cancel(&mut self, schedule: ScheduleId) {
        self.hop.pipeline.env.schedules.retain(|scheduled| scheduled.id != schedule);
    }
}
