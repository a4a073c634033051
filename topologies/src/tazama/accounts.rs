//! Counts the payments of an account, in the order of their input partition.
//!
//! A task of this stage sees, per account and role, two kinds of events: payments, straight from the partition they
//! were read from and therefore in its order, and decisions of the stage [`claims`](super::claims), in any order. A
//! payment waits until it is decided *and* all earlier ones of its account and partition are; then it is counted (or
//! let go, as a duplicate). The queue is a linked list in the store [`waiting`](AccountStores::waiting), so that an
//! event costs a few reads however many wait. A feed remembers the last offset that arrived, so that at-least-once
//! processing, which says things again after a crash, counts nothing twice and waits for nothing twice.
//!
//! Every input partition feeds trees of its own ([`Feed`]): an answer adds up the feeds, and each feed forgets by the
//! stream time of its own partition. So what a partition gets is not changed by how far ahead another one is read.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use topo::state::KeyValueStore;
use topo::{Context, Fault, Processor, Record, StoreHandle};

use super::payment::{Origin, Payment};
use super::queue::{self, Waiting};
use super::rules::Spans;
use super::trees::{self, TreeStore};
use super::window_tree::Totals;
use crate::timers::{self, TimerStore};

/// Blocks pruned per payment at most, so that no payment waits for a long clean-up.
const PRUNE_AT_ONCE: usize = 64;
/// Feeds are looked at for pruning this many times while rows age from new to forgotten.
const LOOKS_PER_LIFE: i64 = 16;

/// Which side of a payment an account is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// It pays.
    Debtor,
    /// It is paid.
    Creditor,
}

/// An account in one role, e.g. `D1234567890`: the key of this stage.
pub(crate) type AccountKey = String;

impl Role {
    /// The key under which this side of a payment is counted.
    pub(crate) fn account_key(self, payment: &Payment) -> AccountKey {
        match self {
            Self::Debtor => format!("D{}", payment.debtor),
            Self::Creditor => format!("C{}", payment.creditor),
        }
    }

    fn of(key: &AccountKey) -> Self {
        if key.starts_with('D') { Self::Debtor } else { Self::Creditor }
    }
}

/// What an account hears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum AccountEvent {
    /// A payment that may be counted.
    Payment(Box<Payment>),
    /// Whether the payment read there counts.
    Decision {
        /// Which payment.
        origin: Origin,
        /// False for a duplicate.
        counts: bool,
    },
}

/// What one side of a payment has counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Half {
    /// The payment.
    pub payment: Payment,
    /// Which side.
    pub role: Role,
    /// Rows of the window.
    pub window: Totals,
    /// Rows of the short window; only the debtor counts them.
    pub rapid: Totals,
}

topo::data!(AccountEvent, Half);

/// One input partition's part of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Feed {
    pub(super) partition: i32,
    /// Rows before this time are forgotten, milliseconds.
    pub(super) horizon: i64,
    /// Roots of its trees, ascending.
    pub(super) roots: Vec<i64>,
    /// First offset that waits and last one that has arrived; the first lies behind the last when none waits.
    pub(super) waiting: Option<(i64, i64)>,
}

/// An account in one role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(super) feeds: Vec<Feed>,
}

topo::data!(Account);

/// The stores of this stage.
#[derive(Clone, Copy)]
pub(crate) struct AccountStores {
    /// Accounts by key.
    pub accounts: StoreHandle<KeyValueStore<AccountKey, Account>>,
    /// Payments that are not decided, by account, partition and offset.
    pub waiting: StoreHandle<KeyValueStore<Vec<u8>, Waiting>>,
    /// Blocks of the trees.
    pub windows: StoreHandle<TreeStore>,
    /// When to look at a feed again.
    pub looks: StoreHandle<TimerStore>,
}

/// Payments and decisions by account to halves of verdicts.
pub(crate) struct Accounts {
    stores: AccountStores,
    spans: Spans,
    keep_ms: i64,
    /// Per input partition, the stream time of the next look at its feeds. Only a hint: lost on a restart.
    next_look: HashMap<i32, i64>,
}

type Ctx<'h, 'p> = Context<'h, 'p, String, Half>;

impl Account {
    pub(super) fn feed(&mut self, partition: i32) -> &mut Feed {
        let at = match self.feeds.binary_search_by_key(&partition, |feed| feed.partition) {
            Ok(at) => at,
            Err(at) => {
                let feed = Feed { partition, horizon: i64::MIN, roots: Vec::new(), waiting: None };
                self.feeds.insert(at, feed);
                at
            }
        };
        &mut self.feeds[at]
    }
}

impl Accounts {
    /// Rows are kept for the window and `grace_ms` more.
    pub(crate) fn new(stores: AccountStores, spans: Spans, grace_ms: i64) -> Self {
        let longest = spans.window_ms.max(spans.rapid_ms);
        Self { stores, spans, keep_ms: longest.saturating_add(grace_ms), next_look: HashMap::new() }
    }

    /// Counts a payment that is decided and whose turn it is.
    fn count(
        &self,
        key: &AccountKey,
        account: &mut Account,
        payment: Payment,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<Half, Fault> {
        let feed = account.feed(payment.origin.partition);
        feed.horizon = feed.horizon.max(payment.stream_time.saturating_sub(self.keep_ms));
        let kept = payment.time >= feed.horizon;
        if kept && feed.roots.is_empty() {
            self.look_again(key, feed.partition, payment.time, ctx)?;
        }
        let blocks = ctx.store(self.stores.windows)?;
        if kept {
            trees::insert(blocks, key, account.feed(payment.origin.partition), &payment)?;
        }
        let mut span = |length_ms: i64| -> Result<Totals, Fault> {
            let mut totals = Totals::default();
            if !kept {
                totals.add(payment.currency, 1, payment.minor);
            }
            let from = payment.time.saturating_sub(length_ms);
            for feed in &account.feeds {
                trees::sum(blocks, key, feed, from, payment.time, &mut totals)?;
            }
            Ok(totals)
        };
        let role = Role::of(key);
        let window = span(self.spans.window_ms)?;
        let rapid = if role == Role::Debtor { span(self.spans.rapid_ms)? } else { Totals::default() };
        Ok(Half { payment, role, window, rapid })
    }

    fn look_again(
        &self,
        key: &AccountKey,
        partition: i32,
        oldest: i64,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Fault> {
        let due = oldest.saturating_add(self.keep_ms);
        Ok(timers::add(ctx.store(self.stores.looks)?, partition, due, key.as_bytes())?)
    }

    /// Counts everything of one account and partition that is at the head of its queue and decided.
    fn drain(
        &self,
        key: &AccountKey,
        account: &mut Account,
        partition: i32,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Fault> {
        while let Some(decided) =
            queue::take_decided(ctx.store(self.stores.waiting)?, key, account.feed(partition))?
        {
            if !decided.counts {
                continue;
            }
            let half = self.count(key, account, decided.payment, ctx)?;
            let id = half.payment.transaction_id.clone();
            let (timestamp, headers) = (decided.timestamp, decided.headers.into_headers());
            ctx.forward(Record { key: id, value: half, timestamp, headers })?;
        }
        Ok(())
    }

    /// Prunes feeds of a partition whose oldest rows have aged, a few blocks at a time.
    fn prune(&mut self, partition: i32, stream_time: i64, ctx: &mut Ctx<'_, '_>) -> Result<(), Fault> {
        if self.next_look.get(&partition).is_some_and(|next| stream_time < *next) {
            return Ok(());
        }
        let horizon = stream_time.saturating_sub(self.keep_ms);
        let pause = (self.keep_ms / LOOKS_PER_LIFE).max(1);
        let mut budget = PRUNE_AT_ONCE;
        while budget > 0 {
            let Some((_, subject)) = timers::take_due(ctx.store(self.stores.looks)?, partition, stream_time)?
            else {
                self.next_look.insert(partition, stream_time.saturating_add(pause));
                break;
            };
            budget -= 1;
            let key = String::from_utf8_lossy(&subject).into_owned();
            let oldest = self.prune_feed(&key, partition, horizon, &mut budget, ctx)?;
            if let Some(oldest) = oldest {
                // Not before the next look, unless this one ended early.
                let soonest = if budget > 0 { horizon.saturating_add(pause) } else { i64::MIN };
                self.look_again(&key, partition, oldest.max(soonest), ctx)?;
            }
        }
        Ok(())
    }

    /// Prunes one feed. Gives a time that is not after its oldest row, or nothing when no row is left.
    fn prune_feed(
        &self,
        key: &AccountKey,
        partition: i32,
        horizon: i64,
        budget: &mut usize,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<Option<i64>, Fault> {
        let Some(mut account) = ctx.store(self.stores.accounts)?.get(key)?.map(|found| found.value.clone())
        else {
            return Ok(None);
        };
        let feed = account.feed(partition);
        // Whoever waits was read before this moment and may still ask for rows that are old by now.
        if !feed.waits() {
            feed.horizon = feed.horizon.max(horizon);
            trees::prune(ctx.store(self.stores.windows)?, key, feed, budget)?;
            if feed.roots.is_empty() {
                feed.waiting = None;
            }
        }
        let oldest = trees::oldest(feed).or(feed.waits().then_some(horizon));
        self.save(key, account, horizon, ctx)?;
        Ok(oldest)
    }

    fn save(
        &self,
        key: &AccountKey,
        mut account: Account,
        time: i64,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Fault> {
        account.feeds.retain(|feed| !feed.roots.is_empty() || feed.waiting.is_some());
        let accounts = ctx.store(self.stores.accounts)?;
        if account.feeds.is_empty() {
            accounts.delete(key, time.max(0))?;
        } else {
            accounts.put(key, account, time.max(0))?;
        }
        Ok(())
    }
}

impl Processor for Accounts {
    type KeyIn = AccountKey;
    type ValueIn = AccountEvent;
    type KeyOut = String;
    type ValueOut = Half;

    fn process(
        &mut self,
        record: Record<AccountKey, AccountEvent>,
        ctx: &mut Ctx<'_, '_>,
    ) -> Result<(), Fault> {
        let Record { key, value, timestamp, headers } = record;
        let mut account =
            ctx.store(self.stores.accounts)?.get(&key)?.map(|found| found.value.clone()).unwrap_or_default();
        let waiting = ctx.store(self.stores.waiting)?;
        let (partition, stream_time) = match value {
            AccountEvent::Payment(payment) => {
                let Payment { origin: Origin { partition, .. }, stream_time, .. } = *payment;
                let feed = account.feed(partition);
                let is_new = feed.waiting.is_none();
                queue::arrive(waiting, &key, feed, *payment, timestamp, &headers)?;
                if is_new {
                    self.look_again(&key, partition, stream_time, ctx)?;
                }
                (partition, Some(stream_time))
            }
            AccountEvent::Decision { origin, counts } => {
                queue::decide(waiting, &key, account.feed(origin.partition), (origin, counts), timestamp)?;
                (origin.partition, None)
            }
        };
        self.drain(&key, &mut account, partition, ctx)?;
        self.save(&key, account, timestamp, ctx)?;
        stream_time.map_or(Ok(()), |stream_time| self.prune(partition, stream_time, ctx))
    }
}
