//! One side of a join: looks the partners of its records up.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use topo_state::WindowStore;

use super::row::Row;
use super::sides::Side;
use super::waiting::{Over, Waiting};
use crate::data::Data;
use crate::dsl::JoinWindows;
use crate::fault::Fault;
use crate::ops::Types;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::{Headers, Record};

/// Joins each record of side `S` with the records of the other side that lie within the span, by ascending time, equal ones
/// in the order they came. The result has the later timestamp of the two and the headers of the record in hand. `I` and `V`
/// are key and value as they come in, `K` is the key of the result.
pub(crate) struct JoinSide<S: Side<V1, V2>, I: Data, V, K: Data, V1, V2, R, F> {
    parts: SideParts<S, I, K, V1, V2, F>,
    /// Room for the results of one record.
    results: Vec<(i64, R)>,
    types: Types<V>,
}

/// What a side is made of.
pub(crate) struct SideParts<S: Side<V1, V2>, I: Data, K: Data, V1, V2, F> {
    /// The join's name for a key of this side.
    pub(crate) key: fn(I::Present) -> K::Present,
    /// The other side's records.
    pub(crate) partners: StoreHandle<WindowStore<K::Present, S::Other>>,
    /// The span as the left side sees it.
    pub(crate) windows: JoinWindows,
    /// Records that wait for partners: in a left or outer join.
    pub(crate) waiting: Option<Waiting<K::Present, V1, V2>>,
    /// Whether a record of this side gives a result without a partner.
    pub(crate) keeps_own: bool,
    /// Whether a record of the other side does.
    pub(crate) keeps_other: bool,
    pub(crate) join: Arc<F>,
}

type Ctx<'a, 'h, 'p, K, R> = &'a mut Context<'h, 'p, K, R>;

impl<S, I, V, K, V1, V2, R, F> JoinSide<S, I, V, K, V1, V2, R, F>
where
    S: Side<V1, V2>,
    I: Data,
    K: Data,
    V1: Data,
    V2: Data,
    R: Data,
    F: Fn(&K, Option<&V1>, Option<&V2>) -> Option<R>,
{
    pub(crate) fn new(parts: SideParts<S, I, K, V1, V2, F>) -> Self {
        Self { parts, results: Vec::new(), types: PhantomData }
    }

    fn joined(&self, key: &K, own: Option<&S::Own>, other: Option<&S::Other>) -> Option<R> {
        S::join(own, other, |left, right| (self.parts.join)(key, left, right))
    }

    /// Gives the records of both sides away whose span is over.
    fn release(&mut self, (time, headers): (i64, &Headers), ctx: Ctx<'_, '_, '_, K, R>) -> Result<(), Fault> {
        let Some(waiting) = &self.parts.waiting else { return Ok(()) };
        for Over { place, key, values } in waiting.over::<S, K, R>(time, ctx)? {
            // Before the results go on: one that cannot be written must not come again and again.
            Waiting::<K::Present, V1, V2>::left(ctx.store(waiting.store)?, &place, time)?;
            let key = K::of(key);
            let join = |left: Option<&V1>, right: Option<&V2>| (self.parts.join)(&key, left, right);
            let results: Vec<R> = match &values {
                Row::Left(values) => values.iter().filter_map(|value| join(Some(value), None)).collect(),
                Row::Right(values) => values.iter().filter_map(|value| join(None, Some(value))).collect(),
            };
            for value in results {
                let (key, headers) = (key.clone(), headers.clone());
                ctx.forward(Record { key, value, timestamp: place.time, headers })?;
            }
        }
        Ok(())
    }

    /// Joins a record with its partners; whether there were any.
    fn meet(
        &mut self,
        key: &K,
        value: &S::Own,
        (timestamp, headers): (i64, &Headers),
        ctx: Ctx<'_, '_, '_, K, R>,
    ) -> Result<bool, Fault> {
        let Some(present) = key.as_present() else { return Ok(false) };
        let interval = S::windows(self.parts.windows).partners(timestamp);
        let mut results = std::mem::take(&mut self.results);
        let mut times = 0;
        ctx.store(self.parts.partners)?.fetch_range(present, interval, &mut |time, partner| {
            times += 1;
            results.extend(self.joined(key, Some(value), Some(&partner.value)).map(|result| (time, result)));
            ControlFlow::Continue(())
        })?;
        for (time, value) in results.drain(..) {
            if self.parts.keeps_other
                && let Some(waiting) = &mut self.parts.waiting
            {
                waiting.met(ctx.store(waiting.store)?, (S::OTHER, time), present, timestamp)?;
            }
            let (key, timestamp, headers) = (key.clone(), timestamp.max(time), headers.clone());
            ctx.forward(Record { key, value, timestamp, headers })?;
        }
        self.results = results;
        Ok(times > 0)
    }
}

impl<S, I, V, K, V1, V2, R, F> Processor for JoinSide<S, I, V, K, V1, V2, R, F>
where
    S: Side<V1, V2>,
    I: Data,
    V: Data<Present = S::Own>,
    K: Data,
    V1: Data,
    V2: Data,
    R: Data,
    F: Fn(&K, Option<&V1>, Option<&V2>) -> Option<R> + Send + Sync + 'static,
{
    type KeyIn = I;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = R;

    fn init(&mut self, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        self.parts.waiting.as_ref().map_or(Ok(()), |waiting| waiting.open(ctx))
    }

    fn process(&mut self, record: Record<I, V>, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let time =
            self.parts.waiting.as_ref().map(|waiting| ctx.observe_shared(waiting.times.stream, timestamp));
        let key = match key.present() {
            Some(key) => Some(K::of((self.parts.key)(key))),
            None if self.parts.keeps_own => K::null(),
            None => None,
        };
        let (Some(key), Some(value)) = (key, value.present()) else {
            ctx.dropped_because("null_key_or_value");
            return Ok(());
        };
        if time == Some(timestamp) && !key.is_null() {
            self.release((timestamp, &headers), ctx)?;
        }
        if self.meet(&key, &value, (timestamp, &headers), ctx)? || !self.parts.keeps_own {
            return Ok(());
        }
        let end = *S::windows(self.parts.windows).partners(timestamp).end();
        match (&mut self.parts.waiting, key.as_present()) {
            // Kafka Streams knows no record from before the epoch; its order of waiting rows has no place for one.
            (Some(waiting), Some(present)) if timestamp >= 0 && time.is_none_or(|time| end >= time) => {
                waiting.add::<S, K, R>(present, timestamp, value, ctx)
            }
            _ => match self.joined(&key, Some(&value), None) {
                Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
                None => Ok(()),
            },
        }
    }

    fn idle(&mut self, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        let Some(shared) = self.parts.waiting.as_ref().map(|waiting| waiting.times.stream) else {
            return Ok(());
        };
        match ctx.idle_shared(shared) {
            Some(time) => self.release((time, &Headers::new()), ctx),
            None => Ok(()),
        }
    }
}
