//! The transactional buffer of a store, and its read cache: both are decoded entries by encoded key.
//!
//! ```text
//!   load --> Clean <-- committed -- Drained <-- drain -- Dirty <-- write
//!              |                       |                   ^
//!              +------ write ----------+------ write ------+        discard forgets Drained and Dirty
//! ```
//! Clean entries are a cache, bounded in bytes; the clock hand passes over entries read since its last visit. An entry
//! without value is remembered too: a deleted row, or one that is known to be absent.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::ops::Bound;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::backend::is_empty_range;
use crate::store::Timestamped;

/// Bytes of clean entries a store keeps by default.
pub(crate) const DEFAULT_CACHE_BYTES: usize = 8 << 20;

/// Slots the clock hand may pass per insertion, so that one read never pays for a whole sweep.
const STEPS_PER_INSERT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Clean,
    Dirty,
    Drained,
}

/// One entry.
pub(crate) struct Slot<V> {
    pub(crate) key: Arc<[u8]>,
    pub(crate) value: Option<Timestamped<V>>,
    /// Timestamp of the last write, also of a delete.
    pub(crate) written_at: i64,
    state: State,
    /// Whether a drain has shown it since it was last clean.
    shown: bool,
    /// Whether the backend is known to have no such row, as of the last commit.
    absent: bool,
    referenced: bool,
    bytes: usize,
}

/// Entries of one store.
pub(crate) struct Buffer<V> {
    index: FxHashMap<Arc<[u8]>, usize>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<usize>,
    /// Free places that `dirty` still names.
    vacated: Vec<usize>,
    /// Uncommitted slots, first written first.
    dirty: Vec<usize>,
    /// The same in key order; only kept while scans ask for it.
    ordered: Option<BTreeMap<Arc<[u8]>, usize>>,
    hand: usize,
    clean_bytes: usize,
    dirty_bytes: usize,
    cache_bytes: usize,
    /// Whether a deleted row is remembered behind its commit.
    keeps_deleted: bool,
}

impl<V> Buffer<V> {
    pub(crate) fn new(cache_bytes: usize) -> Self {
        Self {
            index: FxHashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            vacated: Vec::new(),
            dirty: Vec::new(),
            ordered: None,
            hand: 0,
            clean_bytes: 0,
            dirty_bytes: 0,
            cache_bytes,
            keeps_deleted: true,
        }
    }

    /// Deleted rows are not remembered behind their commit.
    pub(crate) fn forget_deleted(&mut self) {
        self.keeps_deleted = false;
    }

    /// The slot of a key, marked as used.
    pub(crate) fn find(&mut self, key: &[u8]) -> Option<usize> {
        let at = *self.index.get(key)?;
        if let Some(slot) = &mut self.slots[at] {
            slot.referenced = true;
        }
        Some(at)
    }

    /// The value in a slot; `None` = no such row.
    pub(crate) fn value(&self, at: usize) -> Option<&Timestamped<V>> {
        self.slots.get(at)?.as_ref()?.value.as_ref()
    }

    /// Takes the value out of a slot that is about to be written.
    pub(crate) fn take(&mut self, at: usize) -> Option<V> {
        Some(self.slots.get_mut(at)?.as_mut()?.value.take()?.value)
    }

    /// Remembers what the backend has (or has not) for a key that is not in the buffer.
    pub(crate) fn load(&mut self, key: &[u8], value: Option<Timestamped<V>>, value_bytes: usize) -> usize {
        self.evict(STEPS_PER_INSERT);
        let absent = value.is_none();
        let at = self.insert(key, value, value_bytes, absent);
        self.clean_bytes += self.bytes_of(at);
        at
    }

    /// Forgets what is known of a committed row, so that the next read asks the backend.
    pub(crate) fn forget_clean(&mut self, key: &[u8]) {
        let Some(at) = self.index.get(key).copied() else { return };
        if self.slots[at].as_ref().is_some_and(|slot| slot.state == State::Clean) {
            self.clean_bytes -= self.bytes_of(at);
            self.remove(at);
        }
    }

    /// Writes an entry; `value_bytes` is an estimate of its encoded size. `absent`: neither the backend nor an uncommitted
    /// entry has the row.
    pub(crate) fn write(
        &mut self,
        key: &[u8],
        value: Option<V>,
        timestamp: i64,
        value_bytes: usize,
        absent: bool,
    ) {
        let value = value.map(|value| Timestamped { value, timestamp });
        let at = match self.index.get(key) {
            Some(at) => *at,
            None => {
                let at = self.insert(key, None, value_bytes, absent);
                self.clean_bytes += self.bytes_of(at);
                at
            }
        };
        let Some(slot) = &mut self.slots[at] else { return };
        slot.value = value;
        slot.written_at = timestamp;
        slot.referenced = true;
        if slot.state == State::Clean {
            self.clean_bytes -= slot.bytes;
            self.dirty_bytes += slot.bytes;
            self.dirty.push(at);
            if let Some(ordered) = &mut self.ordered {
                ordered.insert(slot.key.clone(), at);
            }
        }
        slot.state = State::Dirty;
    }

    /// Whether an entry was written in this interval and no drain has shown it.
    pub(crate) fn is_unseen(&self, at: usize) -> bool {
        self.slots[at].as_ref().is_some_and(|slot| slot.state == State::Dirty && !slot.shown)
    }

    /// Whether the backend is known to have no row for an unseen entry.
    pub(crate) fn is_absent(&self, at: usize) -> bool {
        self.slots[at].as_ref().is_some_and(|slot| slot.absent)
    }

    /// Forgets an unseen entry, as if it had never been written. Its row must not be in the backend.
    pub(crate) fn forget_unseen(&mut self, at: usize) {
        let Some(slot) = self.slots[at].take() else { return };
        self.index.remove(&slot.key);
        if let Some(ordered) = &mut self.ordered {
            ordered.remove(&slot.key);
        }
        self.dirty_bytes -= slot.bytes;
        self.vacated.push(at);
    }

    /// Shows every uncommitted slot, first written first; `drain` tells the encoded size of its value.
    pub(crate) fn drain<E>(&mut self, mut drain: impl FnMut(&Slot<V>) -> Result<usize, E>) -> Result<(), E> {
        for at in &self.dirty {
            let Some(slot) = &mut self.slots[*at] else { continue };
            let value_bytes = drain(slot)?;
            let bytes = cost::<V>(slot.key.len(), value_bytes);
            self.dirty_bytes = self.dirty_bytes - slot.bytes + bytes;
            slot.bytes = bytes;
            slot.state = State::Drained;
            slot.shown = true;
        }
        Ok(())
    }

    /// Drained entries become clean; entries written since the drain stay.
    pub(crate) fn committed(&mut self, keeps_timestamps: bool) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|at| {
            let Some(slot) = &mut self.slots[*at] else { return false };
            if slot.state != State::Drained {
                return true;
            }
            slot.state = State::Clean;
            slot.shown = false;
            slot.absent = slot.value.is_none();
            self.dirty_bytes -= slot.bytes;
            if slot.absent && !self.keeps_deleted {
                self.remove(*at);
                return false;
            }
            self.clean_bytes += slot.bytes;
            if let Some(value) = &mut slot.value
                && !keeps_timestamps
            {
                // What a read from the backend would say, so that a cached entry is no different.
                value.timestamp = -1;
            }
            false
        });
        self.dirty = dirty;
        self.free.append(&mut self.vacated);
        self.ordered = None;
        self.evict(usize::MAX);
    }

    /// Forgets all uncommitted entries.
    pub(crate) fn discard(&mut self) {
        for at in std::mem::take(&mut self.dirty) {
            self.remove(at);
        }
        self.free.append(&mut self.vacated);
        self.dirty_bytes = 0;
        self.ordered = None;
    }

    /// Uncommitted entries between two bounds, in key order. Builds the order on the first call of an interval.
    pub(crate) fn overlay(
        &mut self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = &Slot<V>> {
        let (slots, dirty) = (&self.slots, &self.dirty);
        let ordered = self.ordered.get_or_insert_with(|| {
            let keyed = dirty.iter().filter_map(|at| Some((slots.get(*at)?.as_ref()?.key.clone(), *at)));
            keyed.collect()
        });
        let range = (!is_empty_range(from, to)).then(|| ordered.range::<[u8], _>((from, to)));
        range.into_iter().flatten().filter_map(|(_, at)| slots.get(*at)?.as_ref())
    }

    pub(crate) fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    pub(crate) fn set_cache_bytes(&mut self, bytes: usize) {
        self.cache_bytes = bytes;
        self.evict(usize::MAX);
    }

    fn insert(
        &mut self,
        key: &[u8],
        value: Option<Timestamped<V>>,
        value_bytes: usize,
        absent: bool,
    ) -> usize {
        let key: Arc<[u8]> = key.into();
        let bytes = cost::<V>(key.len(), value_bytes);
        let slot = Slot {
            key: key.clone(),
            value,
            written_at: -1,
            state: State::Clean,
            shown: false,
            absent,
            referenced: false,
            bytes,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.index.insert(key, at);
        at
    }

    fn bytes_of(&self, at: usize) -> usize {
        self.slots[at].as_ref().map_or(0, |slot| slot.bytes)
    }

    fn remove(&mut self, at: usize) {
        if let Some(slot) = self.slots[at].take() {
            self.index.remove(&slot.key);
            self.free.push(at);
        }
    }

    /// Moves the clock hand until the cache is within its bound, at most twice round or `steps` slots.
    fn evict(&mut self, steps: usize) {
        let steps = steps.min(self.slots.len() * 2);
        for _ in 0..steps {
            if self.clean_bytes <= self.cache_bytes {
                return;
            }
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            let Some(slot) = &mut self.slots[self.hand] else { continue };
            if slot.state != State::Clean {
                continue;
            }
            if !std::mem::take(&mut slot.referenced) {
                self.clean_bytes -= slot.bytes;
                self.remove(self.hand);
            }
        }
    }
}

/// Memory of an entry: key and value, the slot, and its share of the index.
fn cost<V>(key_bytes: usize, value_bytes: usize) -> usize {
    key_bytes + value_bytes + size_of::<Slot<V>>() + 48
}

#[cfg(test)]
mod tests;
