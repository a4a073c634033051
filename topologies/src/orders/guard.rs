//! The version guard: what the database says last about a row wins, however often and late its events come.
//!
//! Behind a repartition by primary key, so that one task sees all events of a row, whatever the bytes of their keys.
//! Rules (`debezium.md` 3):
//! - an event is applied only if its version is newer than the stored one; the same or an older one is counted;
//! - a deleted row keeps its version, so that a late update does not bring it back, for
//!   [`Guard::keep_deleted_ms`] of stream time;
//! - the tombstone right behind a delete says nothing new, applied or not; a tombstone alone deletes, but not what came after it in
//!   its partition (with `at_least_once` a repartition brings it again);
//! - a column that holds the placeholder of an unchanged large value keeps the stored value;
//! - an event that changes nothing of what is joined goes no further.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use topo::state::KeyValueStore;
use topo::{Context, Data, Fault, Processor, Record, StoreHandle};

use crate::cdc::{Freshness, Version};
use crate::timers::{self, TimerStore};

/// A row that knows how to fill in what an event leaves out.
pub(crate) trait Guardable: Data<Present = Self> + PartialEq + Serialize + DeserializeOwned {
    /// Takes the value of `column` from the stored row; null when nothing is stored.
    fn keep(&mut self, column: &str, stored: Option<&Self>);
}

/// An event about one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Captured<R> {
    /// What happened.
    pub change: RowChange<R>,
    /// Partition of the source topic; offsets of different ones are not comparable.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
}

/// What happened to a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum RowChange<R> {
    /// It is like this now.
    Put {
        /// The row.
        row: R,
        /// Columns that hold the placeholder.
        unavailable: Vec<String>,
        /// Its version.
        version: Version,
    },
    /// It is gone.
    Delete {
        /// Version of the delete.
        version: Version,
    },
    /// A null value.
    Tombstone,
}

/// What is known of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guarded<R> {
    row: Option<R>,
    version: Option<Version>,
    partition: i32,
    /// The last event was a delete: its tombstone may follow.
    tombstone_due: bool,
    /// When it may be forgotten, if it is deleted: stream time, milliseconds.
    forget_at: Option<i64>,
}

topo::data!(<R: Guardable> Captured<R>);
topo::data!(<R: Guardable> Guarded<R>);

/// The guard of one table.
pub(crate) struct Guard<R> {
    /// Rows and versions by primary key.
    pub rows: StoreHandle<KeyValueStore<i64, Guarded<R>>>,
    /// When versions of deleted rows may be forgotten.
    pub forgets: StoreHandle<TimerStore>,
    /// How long they are kept, milliseconds of stream time.
    pub keep_deleted_ms: i64,
}

/// What to do with an event.
#[derive(Debug, PartialEq)]
enum Decision<R> {
    Apply(Option<R>),
    /// It says nothing new, for this reason.
    Ignore(&'static str),
}

impl<R: Guardable> Guarded<R> {
    fn unknown(partition: i32) -> Self {
        Self { row: None, version: None, partition, tombstone_due: false, forget_at: None }
    }

    /// Takes an event in, and says what becomes of the row.
    fn hear(&mut self, event: Captured<R>) -> Decision<R> {
        let partition = event.partition;
        match event.change {
            RowChange::Put { mut row, unavailable, version } => {
                self.tombstone_due = false;
                if let Some(old) = self.is_old(&version, partition) {
                    return Decision::Ignore(old);
                }
                for column in &unavailable {
                    row.keep(column, self.row.as_ref());
                }
                self.remember(version, partition);
                Decision::Apply(Some(row))
            }
            RowChange::Delete { version } => {
                self.tombstone_due = true;
                if let Some(old) = self.is_old(&version, partition) {
                    return Decision::Ignore(old);
                }
                self.remember(version, partition);
                Decision::Apply(None)
            }
            RowChange::Tombstone if self.is_before_what_is_known(partition, event.offset) => {
                Decision::Ignore("stale")
            }
            RowChange::Tombstone => {
                if std::mem::take(&mut self.tombstone_due) {
                    Decision::Ignore("tombstone_after_delete")
                } else {
                    Decision::Apply(None)
                }
            }
        }
    }

    /// Why an event is not newer than what is stored; `None` when it is.
    fn is_old(&self, version: &Version, partition: i32) -> Option<&'static str> {
        let mut stored = self.version?;
        if partition != self.partition {
            // Offsets of two partitions say nothing about each other: what arrives later is later.
            stored.offset = i64::MIN;
        }
        match version.against(&stored) {
            Freshness::Newer => None,
            Freshness::Duplicate => Some("duplicate"),
            Freshness::Stale => Some("stale"),
        }
    }

    /// A tombstone has no version of its own, but a place.
    fn is_before_what_is_known(&self, partition: i32, offset: i64) -> bool {
        self.partition == partition && self.version.is_some_and(|version| version.offset > offset)
    }

    fn remember(&mut self, version: Version, partition: i32) {
        self.version = Some(version);
        self.partition = partition;
    }
}

impl<R: Guardable> Guard<R> {
    /// Versions of deleted rows whose time has come.
    fn forget(&self, now: i64, ctx: &mut Context<'_, '_, i64, Option<R>>) -> Result<(), Fault> {
        while let Some((due, key)) = timers::take_due(ctx.store(self.forgets)?, 0, now)? {
            let Ok(key) = <[u8; 8]>::try_from(key.as_slice()) else { continue };
            let id = i64::from_be_bytes(key);
            let rows = ctx.store(self.rows)?;
            // The row may be back, or deleted once more.
            if rows.get(&id)?.is_some_and(|found| found.value.forget_at == Some(due)) {
                rows.delete(&id, now)?;
            }
        }
        Ok(())
    }
}

impl<R: Guardable> Processor for Guard<R> {
    type KeyIn = i64;
    type ValueIn = Captured<R>;
    type KeyOut = i64;
    type ValueOut = Option<R>;

    fn process(
        &mut self,
        record: Record<i64, Captured<R>>,
        ctx: &mut Context<'_, '_, i64, Option<R>>,
    ) -> Result<(), Fault> {
        let Record { key: id, value: event, timestamp, headers } = record;
        let now = ctx.observe(timestamp);
        let stored = ctx.store(self.rows)?.get(&id)?.map(|found| found.value.clone());
        let mut guarded = stored.unwrap_or_else(|| Guarded::unknown(event.partition));
        let decision = guarded.hear(event);
        let before = guarded.row.clone();
        let changed = match decision {
            Decision::Apply(row) => {
                guarded.row = row;
                guarded.row != before
            }
            Decision::Ignore(why) => {
                ctx.dropped_because(why);
                false
            }
        };
        if guarded.row.is_some() {
            guarded.forget_at = None;
        } else if guarded.forget_at.is_none() {
            let due = now.saturating_add(self.keep_deleted_ms);
            guarded.forget_at = Some(due);
            timers::add(ctx.store(self.forgets)?, 0, due, &id.to_be_bytes())?;
        }
        let row = guarded.row.clone();
        ctx.store(self.rows)?.put(&id, guarded, timestamp)?;
        if changed {
            ctx.forward(Record { key: id, value: row, timestamp, headers })?;
        }
        self.forget(now, ctx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::model::Product;

    fn version(scn: u64, offset: i64) -> Version {
        Version { scn, sequence: 0, exact: false, offset }
    }

    fn product(name: &str) -> Product {
        Product { name: Some(name.into()), category: Some("TOYS".into()) }
    }

    fn put(name: &str, scn: u64, offset: i64) -> Captured<Product> {
        let change =
            RowChange::Put { row: product(name), unavailable: vec![], version: version(scn, offset) };
        Captured { change, partition: 0, offset }
    }

    fn delete(scn: u64, offset: i64) -> Captured<Product> {
        Captured { change: RowChange::Delete { version: version(scn, offset) }, partition: 0, offset }
    }

    fn tombstone(offset: i64) -> Captured<Product> {
        Captured { change: RowChange::Tombstone, partition: 0, offset }
    }

    /// Applies what is to be applied, as the processor does.
    fn hear(guarded: &mut Guarded<Product>, event: Captured<Product>) -> bool {
        match guarded.hear(event) {
            Decision::Apply(row) => {
                guarded.row = row;
                true
            }
            Decision::Ignore(_) => false,
        }
    }

    #[test]
    fn older_and_equal_versions_are_ignored() {
        let mut row = Guarded::unknown(0);
        assert!(hear(&mut row, put("new", 10, 5)));
        assert!(!hear(&mut row, put("stale", 9, 6)));
        assert!(!hear(&mut row, put("again", 10, 5)));
        assert!(hear(&mut row, put("same scn, later offset", 10, 7)));
        assert_eq!(Some("same scn, later offset"), row.row.as_ref().and_then(|row| row.name.as_deref()));
    }

    #[test]
    fn a_deleted_row_does_not_come_back_by_a_late_update() {
        let mut row = Guarded::unknown(0);
        hear(&mut row, put("a", 10, 1));
        assert!(hear(&mut row, delete(20, 2)));
        assert!(!hear(&mut row, put("late", 15, 3)));
        assert_eq!(None, row.row);
        assert!(hear(&mut row, put("created again", 30, 4)));
    }

    #[test]
    fn the_tombstone_behind_a_delete_is_nothing_even_when_the_delete_was_stale() {
        let mut row = Guarded::unknown(0);
        hear(&mut row, put("a", 10, 1));
        assert!(!hear(&mut row, delete(5, 2)));
        assert!(!hear(&mut row, tombstone(3)));
        assert_eq!(Some(product("a")), row.row);
    }

    #[test]
    fn a_tombstone_alone_deletes() {
        let mut row = Guarded::unknown(0);
        hear(&mut row, put("a", 10, 1));
        assert!(hear(&mut row, tombstone(2)));
        assert_eq!(None, row.row);
        assert!(!hear(&mut row, put("replayed", 10, 1)), "the version of the deleted row stays");
    }

    #[test]
    fn a_tombstone_that_comes_again_takes_nothing_that_came_after_it() {
        let mut row = Guarded::unknown(0);
        hear(&mut row, put("a", 10, 1));
        let again = |row: &mut Guarded<Product>| {
            hear(row, delete(20, 2));
            hear(row, tombstone(3));
            hear(row, put("created again", 30, 4));
        };
        again(&mut row);
        hear(&mut row, tombstone(3));
        hear(&mut row, put("created again", 30, 4));
        assert_eq!(Some(product("created again")), row.row);
        again(&mut row);
        assert_eq!(Some(product("created again")), row.row);
        // And it is not taken for the tombstone of a later delete.
        hear(&mut row, delete(40, 5));
        hear(&mut row, tombstone(3));
        hear(&mut row, tombstone(6));
        assert!(hear(&mut row, put("once more", 50, 7)));
    }

    #[test]
    fn offsets_of_two_partitions_are_not_compared() {
        let mut row = Guarded::unknown(0);
        hear(&mut row, put("a", 10, 100));
        let elsewhere = Captured { partition: 3, ..put("b", 10, 1) };
        assert!(hear(&mut row, elsewhere));
    }

    #[test]
    fn a_placeholder_keeps_the_stored_value_and_is_null_without_one() {
        let event = |row: Product, scn| {
            let unavailable = vec!["NAME".to_owned()];
            let change = RowChange::Put { row, unavailable, version: version(scn, 1) };
            Captured { change, partition: 0, offset: 1 }
        };
        let mut row = Guarded::unknown(0);
        let blank = Product { name: None, category: None };
        hear(&mut row, event(blank.clone(), 1));
        assert_eq!(Some(&blank), row.row.as_ref());
        hear(&mut row, put("stored", 2, 2));
        hear(&mut row, event(blank, 3));
        assert_eq!(Some(Product { name: Some("stored".into()), category: None }), row.row);
    }
}
