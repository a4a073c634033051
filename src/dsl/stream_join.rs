//! How a stream-stream join is wired: five nodes, two or three stores, up to two repartition topics.

use std::any::{Any, TypeId};
use std::sync::Arc;

use topo_state::{CodecRef, WindowStore, bytes};

use super::join_windows::JoinWindows;
use super::optimize::SelfJoins;
use super::options::KeyValue;
use super::same_key::SameKey;
use super::stream::Stream;
use super::stream_joined::StreamJoined;
use super::window_stores::WindowValue;
use super::wiring::{Origins, Rerouted};
use crate::data::Data;
use crate::ops::JoinKind;
use crate::ops::Pass;
use crate::ops::stream_join::{
    JoinSide, JoinWindow, Left, Right, SelfJoin, Side, SideParts, Waiting, WaitingStore, WaitingTimes,
    row_codec,
};
use crate::processor::StoreHandle;

/// A join about to be wired.
pub(super) struct StreamJoin<'s, 'b, K: Data, V1: Data, K2: Data, V2: Data> {
    pub(super) name: &'s str,
    pub(super) left: &'s Stream<'b, K, V1>,
    pub(super) right: &'s Stream<'b, K2, V2>,
    pub(super) windows: JoinWindows,
    pub(super) kind: JoinKind,
    pub(super) stores: StreamJoined<K::Present, V1::Present, V2::Present>,
}

/// The stores of a join.
struct Kept<P, V1, V2> {
    left: StoreHandle<WindowStore<P, V1>>,
    right: StoreHandle<WindowStore<P, V2>>,
    waiting: Option<(StoreHandle<WaitingStore<V1, V2>>, WaitingTimes)>,
}

impl<'b, K: Data, V1: Data, K2: Data, V2: Data> StreamJoin<'_, 'b, K, V1, K2, V2>
where
    K::Present: SameKey<K2::Present>,
{
    /// Adds all nodes and stores. The nodes are called as Kafka Streams calls them; there is none called `name`.
    pub(super) fn wire<R: Data>(
        &self,
        join: impl Fn(&K, Option<&V1::Present>, Option<&V2::Present>) -> Option<R> + Send + Sync + 'static,
    ) -> Stream<'b, K, R> {
        let (builder, name) = (self.left.builder, self.name);
        if let Some(why) = self.windows.problem() {
            builder.problem(name, why);
        }
        if self.stores.emit_interval_ms < 0 {
            builder.problem(name, format!("an interval of {} ms is negative", self.stores.emit_interval_ms));
        }
        let join = Arc::new(join);
        let (left, right) = self.by_key();
        if self.kind != JoinKind::Inner {
            builder.keep_null_keys(&[left.node, right.node]);
        }
        builder.copartition(name, &[&left.origins, &right.origins]);
        let mode = builder.optimize.self_join;
        let one_store = left.node == right.node
            && match mode {
                SelfJoins::TwoStores => false,
                SelfJoins::OneStore => self.kind == JoinKind::Inner,
                // A record has itself as a partner, so Kafka Streams takes every kind for an inner one.
                SelfJoins::AsKafkaStreams => true,
            };
        let node = match one_store.then(|| self.with_one_store(left.node, mode, join.clone())).flatten() {
            Some(node) => node,
            None => self.with_two_stores(left.node, right.node, join),
        };
        let mut origins: Vec<_> = left.origins.iter().chain(right.origins.iter()).cloned().collect();
        origins.sort();
        origins.dedup();
        let origins: Origins = origins.into();
        Stream { builder, node, key_changed: false, origins, key: Some(self.stores.key.clone()), value: None }
    }

    /// Both sides by key. A stream that meets itself goes through one repartition topic if topics are merged.
    fn by_key(&self) -> (Rerouted, Rerouted) {
        let left = self.left.by_key(&format!("{}-left", self.name));
        if self.left.node == self.right.node && self.left.builder.optimize.merge_repartitions {
            let again = Rerouted { node: left.node, origins: left.origins.clone() };
            return (left, again);
        }
        let right = self.right.by_key(&format!("{}-right", self.name));
        (left, right)
    }

    /// The suffixes of Kafka Streams for the nodes and stores of both sides.
    fn suffixes(&self) -> (&'static str, &'static str) {
        match self.kind {
            JoinKind::Inner => ("this-join", "other-join"),
            JoinKind::Left => ("this-join", "outer-other-join"),
            JoinKind::Outer => ("outer-this-join", "outer-other-join"),
        }
    }

    /// The records of one side.
    fn rows<V: 'static>(&self, name: String, value: CodecRef<V>) -> WindowValue<K::Present, V> {
        let rows = WindowValue::new(name, self.stores.key.clone(), value).with_duplicates();
        WindowValue { in_memory: self.stores.in_memory, ..rows }
    }

    fn keep(&self) -> Kept<K::Present, V1::Present, V2::Present> {
        let (builder, stores, retention_ms) = (self.left.builder, &self.stores, self.windows.retention_ms());
        let called = |suffix: &str| format!("{}-{suffix}-store", stores.name);
        let (this, other) = self.suffixes();
        let left = self.rows(called(this), stores.left.clone());
        let right = self.rows(called(other), stores.right.clone());
        let left = builder.add_windows(&left, false, retention_ms);
        let right = builder.add_windows(&right, false, retention_ms);
        let shared = match self.kind {
            JoinKind::Inner => None,
            JoinKind::Left => Some("left-shared-join"),
            JoinKind::Outer => Some("outer-shared-join"),
        };
        let waiting = shared.map(|suffix| {
            let rows = row_codec(stores.left.clone(), stores.right.clone());
            let plain = KeyValue::new(called(suffix), bytes(), rows);
            let store = KeyValue { in_memory: stores.in_memory, ..plain };
            let store = builder.add_key_value(&store, false, None);
            let time = |what| builder.shared_time(self.name, what);
            let times = WaitingTimes { stream: time("shared"), lowest: time("lowest"), due: time("due") };
            (store, times)
        });
        Kept { left, right, waiting }
    }

    fn with_two_stores<R: Data>(
        &self,
        left: usize,
        right: usize,
        join: Arc<
            impl Fn(&K, Option<&V1::Present>, Option<&V2::Present>) -> Option<R> + Send + Sync + 'static,
        >,
    ) -> usize {
        let (builder, name, kept) = (self.left.builder, self.name, self.keep());
        let (own, same) = ((|key| key) as fn(K::Present) -> K::Present, K::Present::own as fn(_) -> _);
        let store = kept.left;
        let this = format!("{name}-this-windowed");
        let this = builder.operator(&this, &[left], &[store.store], move || {
            JoinWindow::<K, V1, K::Present>::new(store, own)
        });
        let store = kept.right;
        let other = format!("{name}-other-windowed");
        let other = builder.operator(&other, &[right], &[store.store], move || {
            JoinWindow::<K2, V2, K::Present>::new(store, same)
        });
        let (this_join, other_join) = self.suffixes();
        let (keeps_left, keeps_right) = (self.kind.keeps_left(), self.kind.keeps_right());
        let keeps = (keeps_left, keeps_right);
        let this =
            self.side::<Left, K, V1, R>((this_join, this), own, kept.right, &kept, keeps, join.clone());
        let keeps = (keeps_right, keeps_left);
        let other = self.side::<Right, K2, V2, R>((other_join, other), same, kept.left, &kept, keeps, join);
        builder.operator(&format!("{name}-merge"), &[this, other], &[], Pass::<K, R>::default)
    }

    /// The node that joins the records of one side; `keeps` = whether its own records, and the other's, go on alone.
    fn side<S: Side<V1::Present, V2::Present>, I: Data, V: Data<Present = S::Own>, R: Data>(
        &self,
        (suffix, parent): (&str, usize),
        key: fn(I::Present) -> K::Present,
        partners: StoreHandle<WindowStore<K::Present, S::Other>>,
        kept: &Kept<K::Present, V1::Present, V2::Present>,
        (keeps_own, keeps_other): (bool, bool),
        join: Arc<
            impl Fn(&K, Option<&V1::Present>, Option<&V2::Present>) -> Option<R> + Send + Sync + 'static,
        >,
    ) -> usize {
        let (windows, waiting) = (self.windows, kept.waiting);
        let (codec, interval_ms) = (self.stores.key.clone(), self.stores.emit_interval_ms);
        let outer = self.kind == JoinKind::Outer;
        let stores: Vec<usize> = [partners.store].into_iter().chain(waiting.map(|it| it.0.store)).collect();
        self.left.builder.operator(&format!("{}-{suffix}", self.name), &[parent], &stores, move || {
            let waiting = waiting
                .map(|(store, times)| Waiting::new(store, times, codec.clone(), windows, interval_ms, outer));
            let join = join.clone();
            JoinSide::<S, I, V, K, V1::Present, V2::Present, R, _>::new(SideParts {
                key,
                partners,
                windows,
                waiting,
                keeps_own,
                keeps_other,
                join,
            })
        })
    }

    /// An inner join of a stream with itself: `None` when the types tell that it is none after all.
    fn with_one_store<R: Data>(
        &self,
        parent: usize,
        mode: SelfJoins,
        join: Arc<
            impl Fn(&K, Option<&V1::Present>, Option<&V2::Present>) -> Option<R> + Send + Sync + 'static,
        >,
    ) -> Option<usize> {
        if TypeId::of::<V1::Present>() != TypeId::of::<V2::Present>() {
            return None;
        }
        let (builder, name, windows) = (self.left.builder, self.name, self.windows);
        let called = format!("{}-{}-store", self.stores.name, self.suffixes().0);
        let rows = self.rows(called, self.stores.left.clone());
        let store = builder.add_windows(&rows, false, windows.retention_ms());
        let this = builder.operator(&format!("{name}-this-windowed"), &[parent], &[store.store], move || {
            JoinWindow::<K, V1, K::Present>::new(store, |key| key)
        });
        let join = Arc::new(move |key: &K, left: Option<&V1::Present>, right: Option<&V1::Present>| {
            join(key, left, (right? as &dyn Any).downcast_ref::<V2::Present>())
        });
        Some(builder.operator(&format!("{name}-merge"), &[this], &[store.store], move || {
            SelfJoin::<K, V1, R, _>::new(store, windows, mode, join.clone())
        }))
    }
}
