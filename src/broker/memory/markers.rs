//! The ends of transactions on their way: one marker for every partition and group that a transaction touched.
//!
//! A real coordinator answers the commit when it has *decided*; the markers reach the partitions afterwards, in any order.
//! Here they arrive at once, unless a simulation holds them back: then it says which one arrives when.

use super::cluster::Cluster;
use super::log::TransactionNumber;
use crate::record::Partition;

/// Where a marker goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Partition(Partition),
    Group(String),
}

/// The end of a transaction for one partition or group.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    pub(super) id: String,
    pub(super) number: TransactionNumber,
    pub(super) committed: bool,
    pub(super) target: Target,
}

impl Cluster {
    /// Sends a marker off.
    pub(super) fn mark(&mut self, marker: Marker) {
        if self.hold_markers {
            if let Some(owner) = self.transactional.get_mut(&marker.id) {
                owner.markers += 1;
            }
            self.markers.push(marker);
        } else {
            self.arrive(&marker);
        }
    }

    /// One of the markers on their way arrives.
    pub(super) fn deliver_marker(&mut self, place: usize) {
        if place >= self.markers.len() {
            return;
        }
        let marker = self.markers.remove(place);
        self.arrive(&marker);
        if let Some(owner) = self.transactional.get_mut(&marker.id) {
            owner.markers -= 1;
        }
    }

    fn arrive(&mut self, marker: &Marker) {
        match &marker.target {
            // A topic that was deleted meanwhile needs no marker.
            Target::Partition(partition) => {
                if let Ok(log) = self.log_mut(partition) {
                    log.decide(marker.number, marker.committed);
                }
            }
            Target::Group(group) => self.group_mut(group).offsets.decide(marker.number, marker.committed),
        }
    }

    /// Whether a transaction of an id that begins with `ids` is undecided and has written to a partition before an offset.
    pub(super) fn is_undecided(&self, partition: &Partition, before: i64, ids: &str) -> bool {
        let Ok(log) = self.log(partition) else { return false };
        log.open_before(before).any(|number| {
            let mut owners = self.transactional.iter();
            owners.any(|(id, owner)| id.starts_with(ids) && owner.open_number() == Some(number))
        })
    }
}
