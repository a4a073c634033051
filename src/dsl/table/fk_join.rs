//! `fk_join`, `left_fk_join`: each row beside the row of another table that it refers to.

use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::dsl::Builder;
use crate::dsl::options::{Codecs, KeyValue};
use crate::dsl::wiring::{Origins, internal};
use crate::graph::TopicRef;
use crate::ops::fk;
use crate::ops::{Kept, Olds};

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Joins each row with the row of `right` whose key `foreign` finds in it; many rows may refer to one. An update of
    /// either side recomputes: a left update with timestamp max(left, right), a right update all rows that refer to it, by
    /// ascending key bytes, with its own timestamp. A row without a foreign key gives none (counted as dropped), and
    /// deletes the one before. Answers that a newer left row has overtaken are discarded.
    ///
    /// Subscriptions travel through `<name>-subscription-registration-topic` to the right table's tasks and are kept there in
    /// `<name>-subscription-store`; answers come back through `<name>-subscription-response-topic`. `codecs` write the
    /// foreign key and the right row. The result is not stored; [`stored`](Table::stored) it when joins or groupings follow.
    /// Kafka Streams: `KTable.join(foreignKeyExtractor)`.
    pub fn fk_join<FK: Data, VR: Data<Present = VR>, R: Data>(
        &self,
        name: &str,
        right: &Table<'b, FK::Present, VR>,
        foreign: impl Fn(&K, &V) -> FK + Send + Sync + 'static,
        join: impl Fn(&K, &V, &VR) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        FK::Present: PartialEq,
    {
        let foreign = move |key: &K, row: &V| foreign(key, row).present();
        self.join_foreign(name, right, false, foreign, move |key, left, right| join(key, left, right?).present())
    }

    /// The same, but a row without a foreign key, or whose foreign row is absent, is joined with `None`. Kafka Streams:
    /// `KTable.leftJoin(foreignKeyExtractor)`.
    pub fn left_fk_join<FK: Data, VR: Data<Present = VR>, R: Data>(
        &self,
        name: &str,
        right: &Table<'b, FK::Present, VR>,
        foreign: impl Fn(&K, &V) -> FK + Send + Sync + 'static,
        join: impl Fn(&K, &V, Option<&VR>) -> R + Send + Sync + 'static,
    ) -> Table<'b, K, R::Present>
    where
        FK::Present: PartialEq,
    {
        let foreign = move |key: &K, row: &V| foreign(key, row).present();
        self.join_foreign(name, right, true, foreign, move |key, left, right| join(key, left, right).present())
    }
}
