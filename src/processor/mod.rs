//! The contract between a topology's steps and the engine: [`Processor`], [`Context`], [`Punctuation`].
//!
//! A processor owns no I/O, no clock and no thread. Records come in through [`Processor::process`]; stores, time,
//! the record's position and the way onward come through the context.

mod context;
mod erased;
mod expiring;
mod pipeline;
mod read_only;
mod schedule;
mod tally;

pub use context::{Context, StoreHandle};
pub(crate) use context::{SharedTime, typed};
pub(crate) use erased::{Erased, Node, take};
pub(crate) use expiring::{DueIndex, due_at, split_due, until_codec};
pub use expiring::{ExpiringHandle, ExpiringStore, Until};
pub(crate) use pipeline::{Captured, Chooser, Emitted, Env, Given, Hop, Pipeline, Scheduled, Ticks};
pub use read_only::{ReadHandle, ReadOnly};
pub use tally::LeftOut;
pub(crate) use tally::{Count, Tally};

use crate::data::Data;
use crate::fault::Fault;
use crate::record::Record;

/// One step of a topology.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a processor",
    label = "this type does not implement `topo::Processor`",
    note = "say in `impl Processor for {Self}` which keys and values come in and go on, and what `process` does"
)]
pub trait Processor: Send + 'static {
    /// Key of the records that come in.
    type KeyIn: Data;
    /// Value of the records that come in.
    type ValueIn: Data;
    /// Key of the records that go on.
    type KeyOut: Data;
    /// Value of the records that go on.
    type ValueOut: Data;

    /// Called once before the first record, with the stores restored: the place to schedule punctuations.
    ///
    /// # Errors
    /// After a [`Fault::Retry`] the task is brought up again in a moment, and until it has begun it takes no input; the other
    /// tasks go on. Any other fault ends the application. The same holds after an interval that was taken back: nodes are made
    /// anew then.
    fn init(&mut self, _ctx: &mut Context<'_, '_, Self::KeyOut, Self::ValueOut>) -> Result<(), Fault> {
        Ok(())
    }

    /// Handles one record.
    ///
    /// # Errors
    /// The fault says what becomes of the record and of the task. Changes made to stores before the fault stay.
    fn process(
        &mut self,
        record: Record<Self::KeyIn, Self::ValueIn>,
        ctx: &mut Context<'_, '_, Self::KeyOut, Self::ValueOut>,
    ) -> Result<(), Fault>;

    /// Handles a punctuation that was scheduled in [`init`](Self::init) or later.
    ///
    /// # Errors
    /// After a [`Fault::Retry`] the interval is taken back and tried again in a moment. Any other fault ends the application.
    fn punctuate(
        &mut self,
        _event: Punctuation,
        _ctx: &mut Context<'_, '_, Self::KeyOut, Self::ValueOut>,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// Nothing has come for the [idle timeout](crate::Builder::idle_timeout_ms), if the topology has one: whoever waits for a
    /// stream time of his own ([`Context::observe`]) asks [`Context::idle_time`] how far it is now. Called again and again
    /// while it stays quiet.
    ///
    /// # Errors
    /// A fault here stops the task.
    fn idle(&mut self, _ctx: &mut Context<'_, '_, Self::KeyOut, Self::ValueOut>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Which clock drives a punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The task's stream time: the highest timestamp of its records so far. Does not move without records.
    Stream,
    /// The wall clock handed to the task.
    Wall,
}

/// A punctuation that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Punctuation {
    /// Which schedule fired, as returned by [`Context::schedule`].
    pub schedule: ScheduleId,
    /// Its clock.
    pub clock: Clock,
    /// The clock's time, milliseconds since the epoch.
    pub time: i64,
}

/// Names a schedule of one processor, to tell several apart and to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScheduleId(pub(crate) usize);

/// Where the record in hand came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic, as the broker knows it.
    pub topic: std::sync::Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}
