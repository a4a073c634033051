//! The erased face of a typed store, and the words its changes are told in.

use std::any::Any;

use crate::batch::WriteBatch;
use crate::error::StateError;
use crate::spec::StoreSpec;

/// No time seen yet: lower than every timestamp.
pub const NO_TIME: i64 = i64::MIN;

/// A value and the timestamp of the record that set it, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamped<V> {
    /// The value.
    pub value: V,
    /// Timestamp of the record that set it; -1 when the store does not keep timestamps and the write is committed.
    pub timestamp: i64,
}

/// One change as it goes to the changelog: bare value, timestamp of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Key bytes; for windows key, start (8 bytes) and sequence number (4 bytes).
    pub key: &'a [u8],
    /// Value bytes without timestamp; `None` = deleted.
    pub value: Option<&'a [u8]>,
    /// Timestamp of the record that caused the change, milliseconds.
    pub timestamp: i64,
}

/// What the engine does with a store without knowing its types.
///
/// A store caches what it has read: while it lives, the rows beneath it change only by batches it was drained into.
/// Restore first, then make the typed store.
pub trait Store: Any + Send {
    /// The store's declaration.
    fn spec(&self) -> &StoreSpec;

    /// Encodes every uncommitted entry once: hands it out for the changelog, in the order in which entries were first
    /// written, and adds it to `batch`. Entries stay uncommitted; a second call hands all of them out again.
    ///
    /// # Errors
    /// A value that its codec cannot encode. `batch` then holds only a part: discard both.
    fn drain(
        &mut self,
        batch: &mut WriteBatch,
        changelog: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), StateError>;

    /// The version of the values' format; changelog records carry it in the header `v`.
    fn value_version(&self) -> Option<u8> {
        None
    }

    /// What the last drain handed out is durable. Writes made since that drain stay uncommitted.
    fn committed(&mut self);

    /// Forgets everything that is not committed, and all that was derived from it.
    fn discard(&mut self);

    /// Estimated bytes of uncommitted entries.
    fn dirty_bytes(&self) -> usize;

    /// Highest window start (of a versioned store: timestamp) put so far, [`NO_TIME`] before the first and for stores without time. The engine keeps it in
    /// the checkpoint as `store:<name>`.
    fn observed_time(&self) -> i64 {
        NO_TIME
    }

    /// Sets the observed time when the task is opened.
    fn set_observed_time(&mut self, _time: i64) {}

    /// How many puts a window store with duplicates has numbered so far; 0 for other stores. The engine keeps it in the
    /// checkpoint as `sequence:<name>`.
    fn sequence(&self) -> u32 {
        0
    }

    /// Sets the number of the last put when the task is opened.
    fn set_sequence(&mut self, _last: u32) {}

    /// Makes every read ask the backend: another store writes the same rows (a global table, read by all tasks).
    fn read_through(&mut self) {}

    /// For downcasts to the typed store.
    fn as_any(&self) -> &dyn Any;

    /// For downcasts to the typed store.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}
