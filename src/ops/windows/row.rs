//! The row of one window: fold, put, forward.

use std::sync::Arc;

use topo_state::{PutOutcome, Timestamped, Window, WindowStore, Windowed};

use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::ops::Init;
use crate::processor::{Context, StoreHandle};
use crate::record::{Headers, Record};

/// How windowed aggregations change a row.
pub(crate) struct WindowRow<K, A> {
    pub(crate) store: StoreHandle<WindowStore<K, A>>,
    /// What an aggregate is before its first record, when updates must carry old rows.
    old: Option<Arc<Init<A>>>,
    tells: Tells,
}

/// Which changes of a row go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Every one, at once.
    Every,
    /// What became of the row by the commit. A deletion then has the time of the record that caused it, as in the changelog.
    PerCommit,
    /// None: somebody else gives final results.
    Nothing,
}

/// What a window is before a record is added.
pub(super) struct Before<A> {
    pub(super) row: Option<Timestamped<A>>,
    /// Whether the row is the window's own. A sliding window that is made begins with the row of another one, which Kafka
    /// Streams shows as its old row, unless a cache looks for the old row in the store.
    pub(super) own: bool,
}

/// The record that causes changes.
pub(super) struct Cause<'r> {
    pub(super) timestamp: i64,
    pub(super) headers: &'r Headers,
}

impl<K, A> Clone for WindowRow<K, A> {
    fn clone(&self) -> Self {
        Self { store: self.store, old: self.old.clone(), tells: self.tells }
    }
}

impl<K: Data, A: Data> WindowRow<K, A> {
    pub(crate) fn new(
        store: StoreHandle<WindowStore<K, A>>,
        old: Option<Arc<Init<A>>>,
        tells: Tells,
    ) -> Self {
        Self { store, old, tells }
    }

    /// Adds a record to a window. The result has the latest timestamp of both; a window whose aggregate becomes null is
    /// deleted.
    pub(super) fn fold(
        &self,
        key: &K,
        window: Window,
        Before { row: before, own }: Before<A>,
        cause: &Cause<'_>,
        fold: impl FnOnce(Option<A>) -> Option<A>,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        let arrived = cause.timestamp;
        let timestamp = before.as_ref().map_or(arrived, |row| row.timestamp.max(arrived));
        let before = before.map(|row| row.value);
        let shows_old = own || self.tells != Tells::PerCommit;
        let old = self.old.as_ref().filter(|_| shows_old).and_then(|init| before.clone().or_else(|| init()));
        let new = fold(before);
        // A deletion goes to the changelog with the time of the record that caused it.
        let written = if new.is_some() { timestamp } else { arrived };
        self.put(key, window, new.clone(), written, ctx)?;
        let timestamp = if self.tells == Tells::PerCommit { written } else { timestamp };
        self.forward(key, window, Change { old, new }, timestamp, cause, ctx)
    }

    /// Sets a window to an aggregate that was made elsewhere.
    pub(super) fn copy(
        &self,
        key: &K,
        window: Window,
        row: Timestamped<A>,
        cause: &Cause<'_>,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        let Timestamped { value, timestamp } = row;
        self.put(key, window, Some(value.clone()), timestamp, ctx)?;
        self.forward(key, window, Change { old: None, new: Some(value) }, timestamp, cause, ctx)
    }

    /// A put that the store refuses as expired is a drop: cogrouped streams share a store whose time another one has moved.
    fn put(
        &self,
        key: &K,
        window: Window,
        value: Option<A>,
        timestamp: i64,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        if ctx.store(self.store)?.put(key, window.start, value, timestamp)? == PutOutcome::Expired {
            ctx.dropped_because("expired");
        }
        Ok(())
    }

    fn forward(
        &self,
        key: &K,
        window: Window,
        value: Change<A>,
        timestamp: i64,
        cause: &Cause<'_>,
        ctx: &mut Context<'_, '_, Windowed<K>, Change<A>>,
    ) -> Result<(), Fault> {
        if self.tells == Tells::Nothing {
            return Ok(());
        }
        let key = Windowed { key: key.clone(), window };
        ctx.forward(Record { key, value, timestamp, headers: cause.headers.clone() })
    }
}
