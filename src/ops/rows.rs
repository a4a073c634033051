//! Looking up a table's row, stored or computed.

use std::sync::Arc;

use topo_state::{KeyValueStore, SessionStore, Store, VersionedStore, WindowStore, Windowed};

use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{StoreHandle, typed};

/// The stores of a task, by number.
pub(crate) type TaskStores = [Option<Box<dyn Store>>];

/// Shows the present row of a key and its timestamp to `seen`, exactly once.
pub(crate) trait Rows<K, V>: Send + Sync {
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault>;

    /// The same for the row as it was at a time; tables without a history show the present one.
    fn read_as_of(
        &self,
        stores: &mut TaskStores,
        key: &K,
        _time: i64,
        seen: &mut Seen<'_, V>,
    ) -> Result<(), Fault> {
        self.read(stores, key, seen)
    }

    /// How far back rows can be read, milliseconds, where there is a history.
    fn history_ms(&self) -> Option<i64> {
        None
    }
}

/// Takes a row that was looked up.
pub(crate) type Seen<'s, V> = dyn FnMut(Option<(&V, i64)>) + 's;

pub(crate) type RowsRef<K, V> = Arc<dyn Rows<K, V>>;

/// The rows of a stored table.
pub(crate) struct StoreRows<K, V>(pub(crate) StoreHandle<KeyValueStore<K, V>>);

impl<K: Data, V: Data> Rows<K, V> for StoreRows<K, V> {
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        let row = typed(stores, self.0)?.get(key)?;
        seen(row.map(|row| (&row.value, row.timestamp)));
        Ok(())
    }
}

/// The rows of a table with a history.
pub(crate) struct VersionedRows<K, V> {
    pub(crate) store: StoreHandle<VersionedStore<K, V>>,
    pub(crate) history_ms: i64,
}

impl<K: Data, V: Data> Rows<K, V> for VersionedRows<K, V> {
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        let row = typed(stores, self.store)?.get(key)?;
        seen(row.as_ref().map(|row| (&row.value, row.timestamp)));
        Ok(())
    }

    fn read_as_of(
        &self,
        stores: &mut TaskStores,
        key: &K,
        time: i64,
        seen: &mut Seen<'_, V>,
    ) -> Result<(), Fault> {
        let row = typed(stores, self.store)?.get_as_of(key, time)?;
        seen(row.as_ref().map(|row| (&row.value, row.timestamp)));
        Ok(())
    }

    fn history_ms(&self) -> Option<i64> {
        Some(self.history_ms)
    }
}

/// The rows of a windowed aggregation.
pub(crate) struct WindowRows<K, V>(pub(crate) StoreHandle<WindowStore<K, V>>);

impl<K: Data, V: Data> Rows<Windowed<K>, V> for WindowRows<K, V> {
    fn read(&self, stores: &mut TaskStores, key: &Windowed<K>, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        let row = typed(stores, self.0)?.fetch(&key.key, key.window.start)?;
        seen(row.map(|row| (&row.value, row.timestamp)));
        Ok(())
    }
}

/// The rows of an aggregation in sessions; a row's timestamp is its session's end.
pub(crate) struct SessionRows<K, V>(pub(crate) StoreHandle<SessionStore<K, V>>);

impl<K: Data, V: Data> Rows<Windowed<K>, V> for SessionRows<K, V> {
    fn read(&self, stores: &mut TaskStores, key: &Windowed<K>, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        let row = typed(stores, self.0)?.fetch_session(&key.key, key.window)?;
        seen(row.map(|value| (value, key.window.end)));
        Ok(())
    }
}

/// No rows: stands in where the builder has already reported that none are kept.
pub(crate) struct NoRows;

impl<K, V> Rows<K, V> for NoRows {
    fn read(&self, _: &mut TaskStores, _: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        seen(None);
        Ok(())
    }
}

/// The rows that a predicate keeps.
pub(crate) struct FilteredRows<K, V, F> {
    pub(crate) rows: RowsRef<K, V>,
    pub(crate) keep: Arc<F>,
}

impl<K: Data, V: Data, F: Fn(&K, &V) -> bool + Send + Sync> Rows<K, V> for FilteredRows<K, V, F> {
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, V>) -> Result<(), Fault> {
        self.rows.read(stores, key, &mut |row| seen(row.filter(|(value, _)| (self.keep)(key, value))))
    }

    fn read_as_of(
        &self,
        stores: &mut TaskStores,
        key: &K,
        time: i64,
        seen: &mut Seen<'_, V>,
    ) -> Result<(), Fault> {
        let mut kept = |row: Option<(&V, i64)>| seen(row.filter(|(value, _)| (self.keep)(key, value)));
        self.rows.read_as_of(stores, key, time, &mut kept)
    }

    fn history_ms(&self) -> Option<i64> {
        self.rows.history_ms()
    }
}

/// Rows in another form.
pub(crate) struct MappedRows<K, V, F> {
    pub(crate) rows: RowsRef<K, V>,
    pub(crate) map: Arc<F>,
}

impl<K: Data, V: Data, F> MappedRows<K, V, F> {
    fn show<R>(&self, key: &K, row: Option<(&V, i64)>, seen: &mut Seen<'_, R>)
    where
        F: Fn(&K, &V) -> Option<R>,
    {
        let mapped = row.and_then(|(value, timestamp)| Some(((self.map)(key, value)?, timestamp)));
        seen(mapped.as_ref().map(|(value, timestamp)| (value, *timestamp)));
    }
}

impl<K: Data, V: Data, R: Data, F> Rows<K, R> for MappedRows<K, V, F>
where
    F: Fn(&K, &V) -> Option<R> + Send + Sync,
{
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, R>) -> Result<(), Fault> {
        self.rows.read(stores, key, &mut |row| self.show(key, row, seen))
    }

    fn read_as_of(
        &self,
        stores: &mut TaskStores,
        key: &K,
        time: i64,
        seen: &mut Seen<'_, R>,
    ) -> Result<(), Fault> {
        self.rows.read_as_of(stores, key, time, &mut |row| self.show(key, row, seen))
    }

    fn history_ms(&self) -> Option<i64> {
        self.rows.history_ms()
    }
}

/// Which rows a join of two tables has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Outer,
}

impl JoinKind {
    /// Whether a left row without a right one gives a row.
    pub(crate) fn keeps_left(self) -> bool {
        self != Self::Inner
    }

    /// Whether a right row without a left one gives a row.
    pub(crate) fn keeps_right(self) -> bool {
        self == Self::Outer
    }
}

/// The rows of a join of two tables, with the later timestamp of the two.
pub(crate) struct JoinedRows<K, V1, V2, F> {
    pub(crate) left: RowsRef<K, V1>,
    pub(crate) right: RowsRef<K, V2>,
    pub(crate) kind: JoinKind,
    pub(crate) join: Arc<F>,
}

impl<K: Data, V1: Data, V2: Data, R: Data, F> Rows<K, R> for JoinedRows<K, V1, V2, F>
where
    F: Fn(Option<&V1>, Option<&V2>) -> Option<R> + Send + Sync,
{
    fn read(&self, stores: &mut TaskStores, key: &K, seen: &mut Seen<'_, R>) -> Result<(), Fault> {
        let mut left: Option<(V1, i64)> = None;
        self.left
            .read(stores, key, &mut |row| left = row.map(|(value, timestamp)| (value.clone(), timestamp)))?;
        if left.is_none() && !self.kind.keeps_right() {
            seen(None);
            return Ok(());
        }
        self.right.read(stores, key, &mut |right| {
            if right.is_none() && !self.kind.keeps_left() {
                return seen(None);
            }
            let times = [left.as_ref().map(|row| row.1), right.map(|row| row.1)];
            let timestamp = times.into_iter().flatten().max();
            let joined = (self.join)(left.as_ref().map(|row| &row.0), right.map(|row| row.0));
            seen(joined.as_ref().zip(timestamp));
        })
    }
}
