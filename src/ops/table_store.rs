//! Where the rows of a table lie: its newest rows, or a history of them.

use topo_state::{KeyValueStore, VersionOutcome, VersionedStore};

use super::rows::TaskStores;
use crate::data::Data;
use crate::fault::Fault;
use crate::processor::{StoreHandle, typed};

/// The store of a table.
pub(crate) enum TableStore<K, V> {
    /// The newest row of each key.
    Plain(StoreHandle<KeyValueStore<K, V>>),
    /// The rows of each key over time.
    Versioned(StoreHandle<VersionedStore<K, V>>),
}

impl<K, V> Clone for TableStore<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for TableStore<K, V> {}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is what the table says of its key now.
    Newest,
    /// It says what the key was worth before the row the table has now.
    Past,
    /// It is older than the store's history: nothing changed.
    Refused,
}

impl<K: Data, V: Data> TableStore<K, V> {
    /// The store's number in the topology.
    pub(crate) fn number(self) -> usize {
        match self {
            Self::Plain(store) => store.store,
            Self::Versioned(store) => store.store,
        }
    }

    /// The newest row of a key, and its timestamp.
    pub(crate) fn get(self, stores: &mut TaskStores, key: &K) -> Result<Option<(V, i64)>, Fault> {
        Ok(match self {
            Self::Plain(store) => {
                typed(stores, store)?.get(key)?.map(|row| (row.value.clone(), row.timestamp))
            }
            Self::Versioned(store) => typed(stores, store)?.get(key)?.map(|row| (row.value, row.timestamp)),
        })
    }

    /// Puts a row, or deletes it. A deletion from newest rows goes to the changelog with `arrived`, the time of the record
    /// that caused it; in a history it counts from `timestamp` on, like any row.
    pub(crate) fn put(
        self,
        stores: &mut TaskStores,
        key: &K,
        row: Option<V>,
        timestamp: i64,
        arrived: i64,
    ) -> Result<Placed, Fault> {
        match (self, row) {
            (Self::Plain(store), Some(row)) => typed(stores, store)?.put(key, row, timestamp)?,
            (Self::Plain(store), None) => typed(stores, store)?.delete(key, arrived)?,
            (Self::Versioned(store), row) => {
                return Ok(match typed(stores, store)?.put(key, row, timestamp)? {
                    VersionOutcome::Newest => Placed::Newest,
                    VersionOutcome::Older => Placed::Past,
                    VersionOutcome::Expired => Placed::Refused,
                });
            }
        }
        Ok(Placed::Newest)
    }
}
