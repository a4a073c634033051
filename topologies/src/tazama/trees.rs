//! The trees of one account and input partition in the store of blocks.

use topo::state::{KeyValueStore, StateError};

use super::accounts::{AccountKey, Feed};
use super::payment::Payment;
use super::window_tree::{self, Block, Blocks, Place, Totals};

/// Blocks by account, partition, level and number.
pub(crate) type TreeStore = KeyValueStore<Vec<u8>, Block>;

/// The blocks of one feed.
struct Tree<'s> {
    store: &'s mut TreeStore,
    /// Account and partition.
    prefix: Vec<u8>,
    /// For the records of the changelog.
    timestamp: i64,
}

impl<'s> Tree<'s> {
    fn new(store: &'s mut TreeStore, account: &AccountKey, partition: i32, timestamp: i64) -> Self {
        let mut prefix = Vec::with_capacity(account.len() + 13);
        prefix.extend_from_slice(account.as_bytes());
        prefix.extend_from_slice(&partition.to_be_bytes());
        Self { store, prefix, timestamp: timestamp.max(0) }
    }

    fn key(&self, place: Place) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.push(place.level);
        key.extend_from_slice(&place.index.to_be_bytes());
        key
    }
}

impl Blocks for Tree<'_> {
    fn load(&mut self, place: Place) -> Result<Option<&Block>, StateError> {
        let key = self.key(place);
        Ok(self.store.get(&key)?.map(|found| &found.value))
    }

    fn save(&mut self, place: Place, block: Block) -> Result<(), StateError> {
        self.store.put(&self.key(place), block, self.timestamp)
    }

    fn remove(&mut self, place: Place) -> Result<(), StateError> {
        self.store.delete(&self.key(place), self.timestamp)
    }
}

/// Adds a payment to its feed.
pub(crate) fn insert(
    store: &mut TreeStore,
    account: &AccountKey,
    feed: &mut Feed,
    payment: &Payment,
) -> Result<(), StateError> {
    let root = Place::root(payment.time).index;
    if let Err(at) = feed.roots.binary_search(&root) {
        feed.roots.insert(at, root);
    }
    let mut tree = Tree::new(store, account, feed.partition, payment.time);
    window_tree::insert(&mut tree, payment.time, payment.currency, payment.minor)
}

/// Adds to `totals` what a feed keeps of a span, both ends included.
pub(crate) fn sum(
    store: &mut TreeStore,
    account: &AccountKey,
    feed: &Feed,
    from: i64,
    to: i64,
    totals: &mut Totals,
) -> Result<(), StateError> {
    let from = from.max(feed.horizon);
    let mut tree = Tree::new(store, account, feed.partition, to);
    for root in &feed.roots {
        window_tree::sum(&mut tree, Place::root_number(*root), from, to, totals)?;
    }
    Ok(())
}

/// Removes rows of a feed before its horizon, touching at most `budget` blocks.
pub(crate) fn prune(
    store: &mut TreeStore,
    account: &AccountKey,
    feed: &mut Feed,
    budget: &mut usize,
) -> Result<(), StateError> {
    let mut tree = Tree::new(store, account, feed.partition, feed.horizon);
    while let Some(root) = feed.roots.first() {
        if !window_tree::prune(&mut tree, Place::root_number(*root), feed.horizon, budget)? {
            break;
        }
        feed.roots.remove(0);
    }
    Ok(())
}

/// A time that no row of the feed is before; `None` without rows.
pub(crate) fn oldest(feed: &Feed) -> Option<i64> {
    feed.roots.first().map(|root| feed.horizon.max(Place::root_number(*root).begin()))
}
