//! First wins: decides for every payment whether its transactionId is new.
//!
//! A task of this stage sees every payment of its transactionIds, from all input partitions. The first record of an
//! id claims it; all others are duplicates until the claim has aged by window + grace. Age is counted in the stream
//! time of an input partition, because partitions are read at different speeds: a partition that is days ahead must
//! not make the task forget what a slower one will still repeat. So a claim is forgotten when *every* partition heard
//! of has passed its end; a partition that has been silent for [`SILENT_MS`] of wall-clock time is not waited for,
//! and for the first [`SETTLE_MS`] after a start nothing is forgotten, as not every partition has been heard of yet.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use topo::state::KeyValueStore;
use topo::{Context, Fault, Processor, Record, StoreHandle};

use super::accounts::{AccountEvent, AccountKey, Role};
use super::payment::{Origin, Payment};
use crate::timers::{self, TimerStore};

/// Wall-clock time after a start in which no claim is forgotten, milliseconds.
pub const SETTLE_MS: i64 = 60_000;
/// Wall-clock silence after which an input partition is not waited for, milliseconds.
pub const SILENT_MS: i64 = 3_600_000;
/// Claims forgotten per payment at most, so that no payment waits for a long clean-up.
const FORGET_AT_ONCE: usize = 16;

/// Who holds a transactionId.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claim {
    holder: Origin,
    /// Stream time up to which it holds, milliseconds.
    until: i64,
}

topo::data!(Claim);

/// The stores of this stage.
#[derive(Clone, Copy)]
pub(crate) struct ClaimStores {
    /// Claims by transactionId.
    pub claims: StoreHandle<KeyValueStore<String, Claim>>,
    /// When they end.
    pub ends: StoreHandle<TimerStore>,
}

/// What is known of an input partition since the start.
struct Heard {
    stream_time: i64,
    wall_clock: i64,
}

/// Payments by transactionId to decisions for both accounts.
pub(crate) struct Claims {
    stores: ClaimStores,
    keep_ms: i64,
    started: Option<i64>,
    heard: HashMap<i32, Heard>,
}

impl Claims {
    /// Claims are kept for `keep_ms` of stream time.
    pub(crate) fn new(stores: ClaimStores, keep_ms: i64) -> Self {
        Self { stores, keep_ms, started: None, heard: HashMap::new() }
    }

    fn is_first(
        &self,
        payment: &Payment,
        ctx: &mut Context<'_, '_, AccountKey, AccountEvent>,
    ) -> Result<bool, Fault> {
        let claims = ctx.store(self.stores.claims)?;
        if let Some(held) = claims.get(&payment.transaction_id)? {
            let Claim { holder, until } = held.value;
            let aged = holder.partition == payment.origin.partition && payment.stream_time > until;
            if !aged {
                return Ok(holder == payment.origin);
            }
        }
        let until = payment.stream_time.saturating_add(self.keep_ms);
        claims.put(&payment.transaction_id, Claim { holder: payment.origin, until }, payment.time)?;
        timers::add(ctx.store(self.stores.ends)?, 0, until, payment.transaction_id.as_bytes())?;
        Ok(true)
    }

    /// The stream time that every partition has passed, if that can be said now.
    fn passed_by_all(&self, now: i64) -> Option<i64> {
        if now - self.started? < SETTLE_MS {
            return None;
        }
        let awake = self.heard.values().filter(|heard| now - heard.wall_clock < SILENT_MS);
        awake.map(|heard| heard.stream_time).min()
    }

    fn forget(
        &mut self,
        payment: &Payment,
        ctx: &mut Context<'_, '_, AccountKey, AccountEvent>,
    ) -> Result<(), Fault> {
        let now = ctx.wall_clock();
        let heard = Heard { stream_time: payment.stream_time, wall_clock: now };
        self.heard.insert(payment.origin.partition, heard);
        let Some(passed) = self.passed_by_all(now) else { return Ok(()) };
        for _ in 0..FORGET_AT_ONCE {
            let Some((due, id)) = timers::take_due(ctx.store(self.stores.ends)?, 0, passed)? else { break };
            let id = String::from_utf8_lossy(&id).into_owned();
            let claims = ctx.store(self.stores.claims)?;
            // A renewed claim has a timer of its own.
            if claims.get(&id)?.is_some_and(|claim| claim.value.until <= due) {
                claims.delete(&id, payment.time)?;
            }
        }
        Ok(())
    }
}

impl Processor for Claims {
    type KeyIn = String;
    type ValueIn = Payment;
    type KeyOut = AccountKey;
    type ValueOut = AccountEvent;

    fn init(&mut self, ctx: &mut Context<'_, '_, AccountKey, AccountEvent>) -> Result<(), Fault> {
        self.started = Some(ctx.wall_clock());
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, Payment>,
        ctx: &mut Context<'_, '_, AccountKey, AccountEvent>,
    ) -> Result<(), Fault> {
        let payment = &record.value;
        let counts = self.is_first(payment, ctx)?;
        if !counts {
            ctx.dropped_because("duplicate");
        }
        for role in [Role::Debtor, Role::Creditor] {
            let decision = AccountEvent::Decision { origin: payment.origin, counts };
            ctx.forward(record.clone().with_key(role.account_key(payment)).with_value(decision))?;
        }
        self.forget(payment, ctx)
    }
}
