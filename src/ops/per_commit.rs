//! One update per key and commit: what Kafka Streams' record cache does to the updates of a table.

use std::any::Any;

use rustc_hash::FxHashMap;
use topo_state::CodecRef;

use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Captured, Context, Hop, Node, Processor, Punctuation, take};
use crate::record::Record;

/// That the updates of a table wait for the commit.
pub(crate) struct Waits<K> {
    /// By what updates to the same row are told.
    pub(crate) key: CodecRef<K>,
    /// Whether a deletion has the time of the record that came in, as in the changelog, instead of the one it is sent with.
    pub(crate) deletes_at_cause: bool,
}

impl<K> Clone for Waits<K> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), deletes_at_cause: self.deletes_at_cause }
    }
}

/// Runs the processor that keeps a table. If its updates wait, it holds them back until the commit: of several to
/// one key the newest goes on, with the old row of the first; one that goes from nothing to nothing does not. The order is
/// that in which keys were last touched, as in Kafka Streams' cache. What is held belongs to the interval: an abort forgets
/// both.
pub(crate) struct PerCommit<P: Processor, A> {
    inner: P,
    waits: Option<Waits<P::KeyOut>>,
    held: Vec<Held<P::KeyOut, A>>,
    places: FxHashMap<Vec<u8>, usize>,
    touches: u64,
}

/// An update, and which touch of the interval it was.
type Held<K, A> = (u64, Record<K, Change<A>>);

impl<P, A: Data> PerCommit<P, A>
where
    P: Processor<ValueOut = Change<A>>,
{
    pub(crate) fn new(inner: P, waits: Option<Waits<P::KeyOut>>) -> Self {
        Self { inner, waits, held: Vec::new(), places: FxHashMap::default(), touches: 0 }
    }

    /// Lets the processor work and holds back what it forwards.
    fn holding(
        &mut self,
        hop: &mut Hop<'_>,
        cause: Option<i64>,
        work: impl FnOnce(&mut P, &mut Hop<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(waits) = self.waits.clone() else { return work(&mut self.inner, hop) };
        let cause = cause.filter(|_| waits.deletes_at_cause);
        let list: Vec<Record<P::KeyOut, Change<A>>> = Vec::new();
        hop.pipeline.env.captured = Some(Captured { node: hop.node, records: Box::new(list) });
        let done = work(&mut self.inner, hop);
        let captured = hop.pipeline.env.captured.take().map(|it| it.records);
        done?;
        let updates = captured.and_then(|it| it.downcast::<Vec<Record<P::KeyOut, Change<A>>>>().ok());
        for mut update in updates.map(|list| *list).unwrap_or_default() {
            if let (None, Some(cause)) = (&update.value.new, cause) {
                update.timestamp = cause;
            }
            self.hold(update, &waits.key)?;
        }
        hop.pipeline.env.holding |= !self.held.is_empty();
        Ok(())
    }

    fn hold(
        &mut self,
        mut update: Record<P::KeyOut, Change<A>>,
        key: &CodecRef<P::KeyOut>,
    ) -> Result<(), Fault> {
        let mut bytes = Vec::new();
        key.encode(&update.key, &mut bytes).map_err(|error| {
            Fault::poison("UNWRITABLE", format!("a key to hold back cannot be written: {error}"))
        })?;
        self.touches += 1;
        match self.places.get(&bytes).and_then(|place| self.held.get_mut(*place)) {
            Some((touched, held)) => {
                update.value.old = held.value.old.take();
                (*touched, *held) = (self.touches, update);
            }
            None => {
                self.places.insert(bytes, self.held.len());
                self.held.push((self.touches, update));
            }
        }
        Ok(())
    }
}

impl<P, A: Data> Node for PerCommit<P, A>
where
    P: Processor<ValueOut = Change<A>>,
    P::KeyOut: Data<Present = P::KeyOut>,
{
    fn init(&mut self, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.inner.init(&mut Context::new(&mut hop))
    }

    fn process(&mut self, input: &mut dyn Any, mut hop: Hop<'_>) -> Result<(), Fault> {
        let record = take::<Record<P::KeyIn, P::ValueIn>>(input)?;
        let cause = Some(record.timestamp);
        self.holding(&mut hop, cause, |inner, hop| inner.process(record, &mut Context::new(hop)))
    }

    fn punctuate(&mut self, event: Punctuation, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.holding(&mut hop, None, |inner, hop| inner.punctuate(event, &mut Context::new(hop)))
    }

    fn idle(&mut self, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.holding(&mut hop, None, |inner, hop| inner.idle(&mut Context::new(hop)))
    }

    fn flush(&mut self, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.places.clear();
        self.touches = 0;
        let mut held = std::mem::take(&mut self.held);
        held.sort_unstable_by_key(|(touched, _)| *touched);
        for (_, update) in held {
            if update.value.old.is_some() || update.value.new.is_some() {
                hop.forward(update)?;
            }
        }
        Ok(())
    }
}
