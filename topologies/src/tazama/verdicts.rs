//! Puts the two halves of a verdict together, by the place their payment was read from.

use topo::state::KeyValueStore;
use topo::{Context, Fault, Processor, Record, StoreHandle};

use super::accounts::{Half, Role};
use super::rules::{self, Counts, Spans};

/// Halves by partition and offset.
pub(crate) type HalfStore = KeyValueStore<Vec<u8>, Half>;

/// Halves by transactionId to verdicts. A half is kept only until the other one is here.
pub(crate) struct Verdicts {
    /// Where the first half waits.
    pub halves: StoreHandle<HalfStore>,
    /// The spans, for the verdict's text.
    pub spans: Spans,
}

impl Processor for Verdicts {
    type KeyIn = String;
    type ValueIn = Half;
    type KeyOut = String;
    type ValueOut = Vec<u8>;

    fn process(
        &mut self,
        record: Record<String, Half>,
        ctx: &mut Context<'_, '_, String, Vec<u8>>,
    ) -> Result<(), Fault> {
        let origin = record.value.payment.origin;
        let place = [&origin.partition.to_be_bytes()[..], &origin.offset.to_be_bytes()].concat();
        let halves = ctx.store(self.halves)?;
        let other = halves.get(&place)?.map(|found| found.value.clone());
        // The same side twice is a repetition of at-least-once processing: the newer one stands.
        let Some(other) = other.filter(|other| other.role != record.value.role) else {
            halves.put(&place, record.value, record.timestamp)?;
            return Ok(());
        };
        halves.delete(&place, record.timestamp)?;
        let (debtor, creditor) = match record.value.role {
            Role::Debtor => (&record.value, &other),
            Role::Creditor => (&other, &record.value),
        };
        let counts = Counts {
            outgoing: debtor.window.clone(),
            rapid: debtor.rapid.clone(),
            incoming: creditor.window.clone(),
        };
        let json = rules::verdict(&debtor.payment, &counts, self.spans)
            .map_err(|error| Fault::poison("UNWRITABLE_VERDICT", error.to_string()))?;
        ctx.forward(record.with_value(json))
    }
}
