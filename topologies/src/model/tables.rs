//! The current rows of one table, rebuilt from its events.

use std::collections::BTreeMap;

use crate::cdc::{ChangeEvent, Freshness, Operation, Row, Version};

/// What is known of a primary key.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// Version of the last event that was applied; kept when the row is deleted.
    version: Option<Version>,
    row: Option<Current>,
    /// The last event of this key was a delete, applied or not: a tombstone now says nothing new.
    delete_seen: bool,
}

/// A live row.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) row: Row,
    pub(super) source_ts: Option<i64>,
}

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Applied,
    Duplicate,
    Stale,
    NothingNew,
}

/// One table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    slots: BTreeMap<i64, Slot>,
}

impl Table {
    pub(super) fn apply(&mut self, id: i64, change: &ChangeEvent) -> Effect {
        let slot = self.slots.entry(id).or_default();
        slot.delete_seen = change.op == Operation::Delete;
        match slot.version.map(|stored| change.version.against(&stored)) {
            Some(Freshness::Duplicate) => return Effect::Duplicate,
            Some(Freshness::Stale) => return Effect::Stale,
            Some(Freshness::Newer) | None => {}
        }
        slot.version = Some(change.version);
        slot.row = change.after.clone().map(|mut row| {
            row.fill_unavailable_from(slot.row.as_ref().map(|current| &current.row));
            Current { row, source_ts: change.source_ts }
        });
        Effect::Applied
    }

    pub(super) fn tombstone(&mut self, id: i64) -> Effect {
        let slot = self.slots.entry(id).or_default();
        if slot.delete_seen || slot.row.is_none() {
            return Effect::NothingNew;
        }
        slot.row = None;
        Effect::Applied
    }

    pub(super) fn get(&self, id: i64) -> Option<&Current> {
        self.slots.get(&id)?.row.as_ref()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (i64, &Current)> {
        self.slots.iter().filter_map(|(id, slot)| Some((*id, slot.row.as_ref()?)))
    }
}
