//! Lists of partitions in the client library's form.

use rdkafka::TopicPartitionList;
use rdkafka::topic_partition_list::Offset;

use super::errors::react;
use crate::broker::{BrokerError, CommittedOffset};
use crate::record::Partition;

/// A list without offsets.
pub(super) fn list(partitions: &[Partition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.number);
    }
    list
}

/// A list with an offset each.
pub(super) fn list_at<'a>(
    partitions: impl IntoIterator<Item = (&'a Partition, Offset)>,
) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        list.add_partition_offset(&partition.topic, partition.number, offset)
            .map_err(|error| react(&format!("offset {offset:?} of {partition}"), &error))?;
    }
    Ok(list)
}

/// A list of offsets to commit.
pub(super) fn list_to_commit(
    offsets: &[(Partition, CommittedOffset)],
) -> Result<TopicPartitionList, BrokerError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, committed) in offsets {
        let mut element = list.add_partition(&partition.topic, partition.number);
        element
            .set_offset(Offset::Offset(committed.offset))
            .map_err(|error| react(&format!("offset {} of {partition}", committed.offset), &error))?;
        if !committed.metadata.is_empty() {
            element.set_metadata(&committed.metadata);
        }
    }
    Ok(list)
}

/// The partitions of a list.
pub(super) fn names(list: &TopicPartitionList) -> Vec<Partition> {
    list.elements().iter().map(|element| Partition::new(element.topic(), element.partition())).collect()
}
