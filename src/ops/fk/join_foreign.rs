//! Answers a subscription with the right row as it is now.

use super::wire::{Instruction, Response, Subscription};
use crate::data::Data;
use crate::fault::Fault;
use crate::ops::Types;
use crate::ops::rows::RowsRef;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// Looks the foreign key up. An answer with a right row has the later timestamp of the two.
pub(crate) struct JoinForeign<FK, K, VR> {
    rows: RowsRef<FK, VR>,
    types: Types<K>,
}

impl<FK, K, VR> JoinForeign<FK, K, VR> {
    pub(crate) fn new(rows: RowsRef<FK, VR>) -> Self {
        Self { rows, types: std::marker::PhantomData }
    }
}

impl<FK: Data<Present = FK>, K: Data, VR: Data> Processor for JoinForeign<FK, K, VR> {
    type KeyIn = Option<FK>;
    type ValueIn = Subscription<K>;
    type KeyOut = K;
    type ValueOut = Response<VR>;

    fn process(
        &mut self,
        record: Record<Option<FK>, Subscription<K>>,
        ctx: &mut Context<'_, '_, K, Response<VR>>,
    ) -> Result<(), Fault> {
        let Record { key: foreign, value: subscription, mut timestamp, headers } = record;
        let Subscription { instruction, hash, key, partition } = subscription;
        let mut found = None;
        if let Some(foreign) = &foreign
            && instruction != Instruction::Delete
        {
            self.rows.read(ctx.stores(), foreign, &mut |row| {
                if let Some((row, time)) = row {
                    found = Some(row.clone());
                    timestamp = timestamp.max(time);
                }
            })?;
        }
        let row = match instruction {
            Instruction::Delete => return Ok(()),
            Instruction::AnswerIfPresent if found.is_none() => return Ok(()),
            Instruction::DeleteAndAnswer => None,
            Instruction::AnswerIfPresent | Instruction::AnswerAlways => found,
        };
        ctx.forward(Record { key, value: Response { hash, row, partition }, timestamp, headers })
    }
}
