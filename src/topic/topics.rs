//! Topics of one form, one of them chosen per record.

use std::sync::Arc;

use topo_state::CodecRef;

use super::Partitioner;
use crate::data::Data;
use crate::record::{Placement, Record};

/// Names a record's topic.
pub(crate) type ChooseTopic<K, V> = Arc<dyn Fn(&Record<K, V>) -> Arc<str> + Send + Sync>;

/// Topics of one form, of which each record's is chosen when it is written: by
/// [`Stream::to_topics`](crate::Stream::to_topics). They must exist: unlike fixed ones they are not created. Kafka Streams:
/// `TopicNameExtractor` with `Produced`.
pub struct Topics<K: Data, V: Data> {
    pub(crate) key: CodecRef<K::Present>,
    pub(crate) value: CodecRef<V::Present>,
    pub(crate) choose: ChooseTopic<K, V>,
    /// What `describe` says of the choice: the path of the function.
    pub(crate) chooser: &'static str,
    pub(crate) partitioner: Option<Partitioner<K, V>>,
}

impl<K: Data, V: Data> Topics<K, V> {
    /// The topics whose names `choose` gives; it sees headers and timestamp too.
    pub fn chosen_by<F, N>(key: CodecRef<K::Present>, value: CodecRef<V::Present>, choose: F) -> Self
    where
        F: Fn(&Record<K, V>) -> N + Send + Sync + 'static,
        N: Into<Arc<str>>,
    {
        let chooser = std::any::type_name::<F>();
        Self { key, value, choose: Arc::new(move |record| choose(record).into()), chooser, partitioner: None }
    }

    /// As [`Topic::partitioned_by`](crate::Topic::partitioned_by), with the partitions of the chosen topic.
    #[must_use]
    pub fn partitioned_by(
        mut self,
        place: impl Fn(&K, &V, i32) -> Placement + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(place));
        self
    }
}

impl<K: Data, V: Data> Clone for Topics<K, V> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            value: self.value.clone(),
            choose: self.choose.clone(),
            chooser: self.chooser,
            partitioner: self.partitioner.clone(),
        }
    }
}
