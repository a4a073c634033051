//! The processor of `suppress`.

use std::sync::Arc;

use super::buffer::{Buffer, Most, Released};
use crate::data::{Change, Data};
use crate::fault::Fault;
use crate::processor::{Context, Processor};
use crate::record::Record;

/// How long updates are held back, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    /// Added to the time at which an update is due, milliseconds.
    wait_ms: i64,
    most: Most,
    shut_down: bool,
    /// Swallow deletions: nothing has been sent that they could delete.
    final_only: bool,
}

impl Hold {
    /// Until a time limit, or until there is too much.
    pub(crate) fn limits(limit_ms: i64, most: Most, shut_down: bool) -> Self {
        Self { wait_ms: limit_ms, most, shut_down, final_only: false }
    }

    /// Until windows have closed.
    pub(crate) fn until_closed(grace_ms: i64, most: Most) -> Self {
        Self { wait_ms: grace_ms, most, shut_down: true, final_only: true }
    }

    /// Whether somebody must know how many bytes are held back.
    pub(crate) fn counts_bytes(&self) -> bool {
        self.most.bytes < usize::MAX
    }
}

/// When a key's update is due before the wait; `None` = at its own timestamp.
pub(crate) type DueTime<K> = dyn Fn(&K) -> Option<i64> + Send + Sync;

/// Puts updates into the buffer and lets out what is due at the operator's stream time.
pub(crate) struct SuppressNode<K, V> {
    buffer: Buffer<K, V>,
    hold: Hold,
    due: Arc<DueTime<K>>,
}

impl<K, V> SuppressNode<K, V> {
    pub(crate) fn new(buffer: Buffer<K, V>, hold: Hold, due: Arc<DueTime<K>>) -> Self {
        Self { buffer, hold, due }
    }
}

impl<K: Data, V: Data> SuppressNode<K, V> {
    /// Sends on what is held back no longer.
    fn let_go(
        &self,
        released: Vec<Released<K, V>>,
        ctx: &mut Context<'_, '_, K, Change<V>>,
    ) -> Result<(), Fault> {
        for update in released {
            if self.hold.final_only && update.change.new.is_none() {
                continue;
            }
            let (key, value) = (update.key, update.change);
            ctx.forward(Record { key, value, timestamp: update.timestamp, headers: update.headers })?;
        }
        Ok(())
    }
}

impl<K: Data, V: Data> Processor for SuppressNode<K, V> {
    type KeyIn = K;
    type ValueIn = Change<V>;
    type KeyOut = K;
    type ValueOut = Change<V>;

    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        ctx: &mut Context<'_, '_, K, Change<V>>,
    ) -> Result<(), Fault> {
        let now = ctx.observe(record.timestamp).saturating_sub(self.hold.wait_ms);
        let due = (self.due)(&record.key).unwrap_or(record.timestamp);
        let source = ctx.position().cloned();
        let store = ctx.store(self.buffer.store)?;
        self.buffer.hold(store, record, source, due)?;
        let allowed = if self.hold.shut_down { Most::ALL } else { self.hold.most };
        let released = self.buffer.release(store, now, allowed)?;
        if self.hold.shut_down && self.buffer.exceeds(store, self.hold.most)? {
            let why = format!("suppress holds back more than the {} it may", self.hold.most);
            return Err(Fault::fatal("BUFFER_FULL", why));
        }
        self.let_go(released, ctx)
    }

    fn idle(&mut self, ctx: &mut Context<'_, '_, K, Change<V>>) -> Result<(), Fault> {
        let Some(time) = ctx.idle_time() else { return Ok(()) };
        let store = ctx.store(self.buffer.store)?;
        let released = self.buffer.release(store, time.saturating_sub(self.hold.wait_ms), Most::ALL)?;
        self.let_go(released, ctx)
    }
}
