//! Keeps subscriptions beside the right table.

use topo_state::CodecRef;

use super::wire::{Instruction, Subscription};
use super::{Subscriptions, encode, prefix};
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// Remembers or forgets each subscription, and passes it on to be answered. One without a foreign key is only answered.
pub(crate) struct Receive<FK, K> {
    store: StoreHandle<Subscriptions<K>>,
    foreign: CodecRef<FK>,
    key: CodecRef<K>,
}

impl<FK, K> Receive<FK, K> {
    pub(crate) fn new(store: StoreHandle<Subscriptions<K>>, foreign: CodecRef<FK>, key: CodecRef<K>) -> Self {
        Self { store, foreign, key }
    }
}

impl<FK: Data<Present = FK>, K: Data> Processor for Receive<FK, K> {
    type KeyIn = Option<FK>;
    type ValueIn = Subscription<K>;
    type KeyOut = Option<FK>;
    type ValueOut = Subscription<K>;

    fn process(
        &mut self,
        record: Record<Option<FK>, Subscription<K>>,
        ctx: &mut Context<'_, '_, Option<FK>, Subscription<K>>,
    ) -> Result<(), Fault> {
        if let Some(foreign) = &record.key {
            let mut at = prefix(foreign, &self.foreign)?;
            encode(&record.value.key, &self.key, &mut at)?;
            let store = ctx.store(self.store)?;
            match record.value.instruction {
                Instruction::Delete | Instruction::DeleteAndAnswer => store.delete(&at, record.timestamp)?,
                Instruction::AnswerAlways | Instruction::AnswerIfPresent => {
                    store.put(&at, record.value.clone(), record.timestamp)?;
                }
            }
        }
        ctx.forward(record)
    }
}
