//! The optional store of a view.

use std::sync::{Arc, OnceLock};

use topo_state::KeyValueStore;

use super::expiry::Expiry;
use super::olds::OldWanted;
use super::per_commit::Waits;
use super::table_store::{Placed, TableStore};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::Context;
use crate::record::Record;

/// Where the builder puts the store of a view after its node was wired.
pub(crate) struct Kept<K, V>(Arc<OnceLock<Place<K, V>>>);

/// The store, whether somebody wants to know what a row was before, and what else is done with the rows.
type Place<K, V> = (TableStore<K, V>, OldWanted, Upkeep<K, V>);

/// What is done with the rows of a table beside keeping them.
pub(crate) struct Upkeep<K, V> {
    /// Whether updates wait for the commit.
    pub(crate) waits: Option<Waits<K>>,
    /// How rows are forgotten, if they are.
    pub(crate) expiry: Option<Expiry<K, V>>,
}

impl<K, V> Upkeep<K, V> {
    /// The numbers of the stores of a table that is kept in this one.
    pub(crate) fn stores(&self, kept: usize) -> Vec<usize> {
        std::iter::once(kept).chain(self.expiry.as_ref().map(|expiry| expiry.index.store)).collect()
    }
}

impl<K, V> Default for Upkeep<K, V> {
    fn default() -> Self {
        Self { waits: None, expiry: None }
    }
}

impl<K, V> Clone for Upkeep<K, V> {
    fn clone(&self) -> Self {
        Self { waits: self.waits.clone(), expiry: self.expiry.clone() }
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Clone for Kept<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Kept<K, V> {
    /// Gives the view a store. Returns the flag that asks for its old rows.
    pub(crate) fn fill(&self, store: TableStore<K, V>, upkeep: Upkeep<K, V>) -> OldWanted {
        self.0.get_or_init(|| (store, OldWanted::default(), upkeep)).1.clone()
    }

    /// What else is done with the rows.
    pub(crate) fn upkeep(&self) -> Upkeep<K, V> {
        self.0.get().map(|place| place.2.clone()).unwrap_or_default()
    }

    /// What the running node needs.
    pub(crate) fn keep(&self) -> Keep<K, V> {
        match self.0.get() {
            Some((store, old, _)) => Keep { store: Some(*store), old: old.wanted() },
            None => Keep { store: None, old: false },
        }
    }
}

/// Writes the rows of a view to its store, if it has one, and passes updates on.
pub(crate) struct Keep<K, V> {
    store: Option<TableStore<K, V>>,
    old: bool,
}

impl<K: Data, V: Data> Keep<K, V> {
    /// Whether rows are kept here.
    pub(crate) fn is_stored(&self) -> bool {
        self.store.is_some()
    }

    /// Whether old rows come from the store here.
    pub(crate) fn knows_old(&self) -> bool {
        self.store.is_some() && self.old
    }

    /// The old row: that of the store if there is one, else what `computed` says.
    pub(crate) fn old(
        &self,
        key: &K,
        computed: impl FnOnce() -> Option<V>,
        ctx: &mut Context<'_, '_, K, Change<V>>,
    ) -> Result<Option<V>, Fault> {
        match self.store {
            None => Ok(computed()),
            Some(_) if !self.old => Ok(None),
            Some(store) => Ok(store.get(ctx.stores(), key)?.map(|(row, _)| row)),
        }
    }

    /// Stores the new row and passes the update on.
    pub(crate) fn pass(
        &self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, K, Change<V>>,
    ) -> Result<(), Fault> {
        let Some(store) = self.store else { return ctx.forward(record) };
        let (row, time) = (record.value.new.clone(), record.timestamp);
        match store.put(ctx.stores(), &record.key, row, time, time)? {
            Placed::Refused => {
                ctx.dropped();
                Ok(())
            }
            placed => ctx.forward_update(record, placed == Placed::Past),
        }
    }
}

/// Puts a row, or deletes it.
pub(crate) fn put_row<K: Data, V: Data>(
    store: &mut KeyValueStore<K, V>,
    key: &K,
    row: Option<V>,
    timestamp: i64,
) -> Result<(), Fault> {
    match row {
        Some(row) => store.put(key, row, timestamp)?,
        None => store.delete(key, timestamp)?,
    }
    Ok(())
}
