//! Reads payments and tells each one its place in time: the first stage, one task per input partition.

use topo::{Context, Fault, Processor, Record};

use super::payment::{Origin, Payment};

/// Bytes to payments. Stream time and lateness are those of the input partition, in its order.
///
/// A tombstone is no payment and no error: it is counted as skipped.
pub(crate) struct Intake {
    /// A payment older than the stream time by more than this is late, milliseconds.
    pub grace_ms: i64,
}

impl Processor for Intake {
    type KeyIn = Option<Vec<u8>>;
    type ValueIn = Option<Vec<u8>>;
    type KeyOut = String;
    type ValueOut = Payment;

    fn process(
        &mut self,
        record: Record<Option<Vec<u8>>, Option<Vec<u8>>>,
        ctx: &mut Context<'_, '_, String, Payment>,
    ) -> Result<(), Fault> {
        let Some(bytes) = &record.value else {
            ctx.skipped("tombstone");
            return Ok(());
        };
        let position =
            ctx.position().ok_or_else(|| Fault::fatal("TOPOLOGY", "a payment without a position"))?;
        let origin = Origin { partition: position.partition, offset: position.offset };
        let mut payment = Payment::parse(bytes, origin)?;
        payment.stream_time = ctx.observe(payment.time);
        payment.late = payment.time < payment.stream_time.saturating_sub(self.grace_ms);
        let key = payment.transaction_id.clone();
        ctx.forward(record.with_key(key).with_value(payment))
    }
}
