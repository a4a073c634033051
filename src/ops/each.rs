//! Processors without stores: a function, a junction, a switch.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Types;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// One function of a record and the way onward.
pub(crate) struct Each<KI, VI, KO, VO, F> {
    work: Arc<F>,
    types: Types<(KI, VI, KO, VO)>,
}

impl<KI, VI, KO, VO, F> Each<KI, VI, KO, VO, F> {
    pub(crate) fn new(work: Arc<F>) -> Self {
        Self { work, types: PhantomData }
    }
}

impl<KI: Data, VI: Data, KO: Data, VO: Data, F> Processor for Each<KI, VI, KO, VO, F>
where
    F: Fn(Record<KI, VI>, &mut Context<'_, '_, KO, VO>) -> Result<(), Fault> + Send + Sync + 'static,
{
    type KeyIn = KI;
    type ValueIn = VI;
    type KeyOut = KO;
    type ValueOut = VO;

    fn process(&mut self, record: Record<KI, VI>, ctx: &mut Context<'_, '_, KO, VO>) -> Result<(), Fault> {
        (self.work)(record, ctx)
    }
}

/// Passes everything on: where branches begin and streams flow together.
pub(crate) struct Pass<K, V>(Types<(K, V)>);

impl<K, V> Default for Pass<K, V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: Data, V: Data> Processor for Pass<K, V> {
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = V;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, V>) -> Result<(), Fault> {
        ctx.forward(record)
    }
}

/// Stops records with a null key, uncounted, unless they may pass.
pub(crate) struct KeyFilter<K, V> {
    nulls_pass: bool,
    types: Types<(K, V)>,
}

impl<K, V> KeyFilter<K, V> {
    pub(crate) fn new(nulls_pass: bool) -> Self {
        Self { nulls_pass, types: PhantomData }
    }
}

impl<K: Data, V: Data> Processor for KeyFilter<K, V> {
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = V;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, V>) -> Result<(), Fault> {
        if self.nulls_pass || !record.key.is_null() { ctx.forward(record) } else { Ok(()) }
    }
}

/// Whether a record is wanted.
pub(crate) type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> bool + Send + Sync>;

/// Hands each record to the first child that wants it.
pub(crate) struct Split<K, V>(Arc<[Predicate<K, V>]>);

impl<K, V> Split<K, V> {
    pub(crate) fn new(predicates: Arc<[Predicate<K, V>]>) -> Self {
        Self(predicates)
    }
}

impl<K: Data, V: Data> Processor for Split<K, V> {
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = V;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, V>) -> Result<(), Fault> {
        match self.0.iter().position(|wanted| wanted(&record.key, &record.value)) {
            Some(nth) => ctx.forward_nth(nth, record),
            None => Ok(()),
        }
    }
}
