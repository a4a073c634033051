//! A stream's record waits for the rows of its own time.

use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use topo_state::{CodecRef, Direction, KeyValueStore, bytes};

use super::Types;
use super::rows::RowsRef;
use super::stream_table_join::Missing;
use super::with_headers::{WithHeaders, called};
use crate::data::Data;
use crate::dsl::Codecs;
use crate::fault::Fault;
use crate::processor::{Context, Processor, StoreHandle};
use crate::record::Record;

/// A record that waits; time, key and place are in the row's key.
type Waiting<V> = WithHeaders<V>;

/// Rows by `timestamp (8 bytes, sign bit flipped) ++ key ++ place among equals (4)`: byte order is the order of leaving.
pub(crate) type WaitingStore<V> = KeyValueStore<Vec<u8>, Waiting<V>>;

/// The codecs of a buffer's store.
pub(crate) fn waiting_codecs<V: Data>(value: CodecRef<V>) -> (CodecRef<Vec<u8>>, CodecRef<Waiting<V>>) {
    (bytes(), called("waiting", value))
}

/// Holds records back until the operator's stream time is `grace` past them, then joins each with the row as it was at the
/// record's time. One that comes later than that is joined at once.
pub(crate) struct GraceJoin<K: Data, V: Data, VT, R, F> {
    store: StoreHandle<WaitingStore<V::Present>>,
    key: CodecRef<K::Present>,
    rows: RowsRef<K::Present, VT>,
    missing: Missing,
    grace_ms: i64,
    join: Arc<F>,
    types: Types<R>,
    /// No record that waits has an earlier time than this; found again after a restart. Without it each look would go over all
    /// that has left since the last commit.
    first: i64,
}

impl<K: Data, V: Data, VT: Data, R: Data, F> GraceJoin<K, V, VT, R, F>
where
    F: Fn(&K, &V::Present, Option<&VT>) -> Option<R> + Send + Sync + 'static,
{
    pub(crate) fn new(
        store: StoreHandle<WaitingStore<V::Present>>,
        codecs: &Codecs<K::Present, V::Present>,
        rows: RowsRef<K::Present, VT>,
        missing: Missing,
        grace_ms: i64,
        join: Arc<F>,
    ) -> Self {
        Self {
            store,
            key: codecs.key.clone(),
            rows,
            missing,
            grace_ms,
            join,
            types: PhantomData,
            first: i64::MIN,
        }
    }

    /// Looks the row up as it was then, and passes the result on.
    fn join(
        &self,
        key: K,
        waiting: Waiting<V::Present>,
        timestamp: i64,
        ctx: &mut Context<'_, '_, K, R>,
    ) -> Result<(), Fault> {
        let Waiting { value, headers } = waiting;
        let mut result = None;
        match key.as_present() {
            Some(present) => self.rows.read_as_of(ctx.stores(), present, timestamp, &mut |row| {
                result = (self.join)(&key, &value, row.map(|(row, _)| row));
            })?,
            None => result = (self.join)(&key, &value, None),
        }
        match result {
            Some(value) => ctx.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }

    /// `newest`: no record has had this time or a later one.
    fn hold(
        &mut self,
        key: &K::Present,
        waiting: Waiting<V::Present>,
        timestamp: i64,
        newest: bool,
        ctx: &mut Context<'_, '_, K, R>,
    ) -> Result<(), Fault> {
        let mut row = ordered(timestamp).to_vec();
        self.key.encode(key, &mut row).map_err(|error| {
            Fault::poison("UNWRITABLE", format!("a key to hold back cannot be written: {error}"))
        })?;
        let length = row.len() + PLACE;
        let store = ctx.store(self.store)?;
        let mut place = 0_u32;
        if !newest {
            store.prefix(&row, &mut |at, _| {
                // Keys that only begin alike are longer.
                if at.len() == length {
                    place = at.last_chunk().map_or(0, |place| u32::from_be_bytes(*place)).saturating_add(1);
                }
                ControlFlow::Continue(())
            })?;
        }
        row.extend_from_slice(&place.to_be_bytes());
        store.put(&row, waiting, timestamp)?;
        self.first = self.first.min(timestamp);
        Ok(())
    }

    /// Joins what is not later than `until`.
    fn let_go(&mut self, until: i64, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        for (at, waiting) in self.release(until, ctx)? {
            let Some((timestamp, key)) = split(&at) else { continue };
            let key = self.key.decode(key).map_err(|error| {
                Fault::fatal("STATE_STORE", format!("a key held back cannot be read: {error}"))
            })?;
            self.join(K::of(key), waiting, timestamp, ctx)?;
        }
        Ok(())
    }

    /// Takes out what is not later than `until`, in order.
    fn release(&mut self, until: i64, ctx: &mut Context<'_, '_, K, R>) -> Result<Vec<Released<V>>, Fault> {
        let mut leaving = Vec::new();
        if until < self.first {
            return Ok(leaving);
        }
        let store = ctx.store(self.store)?;
        let (from, mut next) = (ordered(self.first).to_vec(), i64::MAX);
        store.range(Bound::Included(&from), Bound::Unbounded, Direction::Forward, &mut |at, row| {
            match split(&at) {
                Some((time, _)) if time > until => {
                    next = time;
                    return ControlFlow::Break(());
                }
                _ => leaving.push((at, row.value.clone())),
            }
            ControlFlow::Continue(())
        })?;
        self.first = next;
        for (at, _) in &leaving {
            store.delete(at, split(at).map_or(until, |(time, _)| time))?;
        }
        Ok(leaving)
    }
}

/// A record that leaves the buffer, and the row it lay in.
type Released<V> = (Vec<u8>, Waiting<<V as Data>::Present>);

impl<K: Data, V: Data, VT: Data, R: Data, F> Processor for GraceJoin<K, V, VT, R, F>
where
    F: Fn(&K, &V::Present, Option<&VT>) -> Option<R> + Send + Sync + 'static,
{
    type KeyIn = K;
    type ValueIn = V;
    type KeyOut = K;
    type ValueOut = R;

    fn process(&mut self, record: Record<K, V>, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let newest = ctx.observed().is_none_or(|observed| timestamp > observed);
        let until = ctx.observe(timestamp).saturating_sub(self.grace_ms);
        let Some(value) = value.present() else {
            ctx.dropped();
            return Ok(());
        };
        let waiting = Waiting { value, headers };
        match key.as_present() {
            None if self.missing == Missing::Drop => {
                ctx.dropped();
                return Ok(());
            }
            Some(present) if timestamp > until => self.hold(present, waiting, timestamp, newest, ctx)?,
            // Too late to wait, or without a key that rows could come for.
            _ => self.join(key, waiting, timestamp, ctx)?,
        }
        self.let_go(until, ctx)
    }

    fn idle(&mut self, ctx: &mut Context<'_, '_, K, R>) -> Result<(), Fault> {
        match ctx.idle_time() {
            Some(time) => self.let_go(time.saturating_sub(self.grace_ms), ctx),
            None => Ok(()),
        }
    }
}

/// Bytes of the place among equals.
const PLACE: usize = 4;

fn ordered(time: i64) -> [u8; 8] {
    (time ^ i64::MIN).to_be_bytes()
}

/// Timestamp and key bytes of a row.
fn split(at: &[u8]) -> Option<(i64, &[u8])> {
    let (time, rest) = at.split_first_chunk::<8>()?;
    let key = rest.len().checked_sub(PLACE).and_then(|length| rest.get(..length))?;
    Some((i64::from_be_bytes(*time) ^ i64::MIN, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_by_time_then_key_then_arrival_also_before_1970() {
        let row =
            |time, key: &str, place: u32| [&ordered(time)[..], key.as_bytes(), &place.to_be_bytes()].concat();
        let rows = [row(-1, "b", 0), row(0, "a", 0), row(0, "a", 1), row(0, "ab", 0), row(7, "", 0)];
        assert!(rows.is_sorted());
        assert_eq!(split(&rows[3]), Some((0, &b"ab"[..])));
        assert_eq!(split(&rows[4]), Some((7, &b""[..])));
    }
}
