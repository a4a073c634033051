//! `filter`, `filter_not` on tables: some of the rows.

use std::sync::Arc;

use super::Table;
use crate::data::Data;
use crate::ops::{FilteredRows, Kept, TableFilter};

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// The rows for which `keep` holds; a row that no longer does is deleted. A view. Kafka Streams: `KTable.filter`.
    pub fn filter(&self, name: &str, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        if self.knows_old {
            self.olds.want();
        }
        let (keep, kept, knows_old) = (Arc::new(keep), Kept::default(), self.knows_old);
        let (predicate, slot) = (keep.clone(), kept.clone());
        let node = self.builder.operator(name, &[self.node], &[], move || {
            TableFilter::<K, V, _>::new(predicate.clone(), slot.keep(), knows_old)
        });
        let rows = self.rows.clone().map(|rows| Arc::new(FilteredRows { rows, keep }) as _);
        Self { node, rows, kept: Some(kept), store: None, ..self.clone() }
    }

    /// The rows for which `drop` does not hold. A view. Kafka Streams: `KTable.filterNot`.
    pub fn filter_not(&self, name: &str, drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(name, move |key, value| !drop(key, value))
    }
}
