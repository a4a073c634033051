//! What only a simulation may do to the broker: hold markers back, expel a member, change coordinators, look inside.

use super::MemoryBroker;
use crate::record::Partition;

impl MemoryBroker {
    /// Whether the markers of decided transactions wait for [`deliver_marker`](Self::deliver_marker).
    pub(crate) fn hold_markers(&self, hold: bool) {
        self.shared.lock().hold_markers = hold;
    }

    /// How many markers are on their way.
    pub(crate) fn markers(&self) -> usize {
        self.shared.lock().markers.len()
    }

    /// Lets one of the markers on their way arrive.
    pub(crate) fn deliver_marker(&self, place: usize) {
        self.shared.lock().deliver_marker(place);
        self.shared.appended.notify_all();
    }

    /// Whether a transaction is not decided: what others have written behind it cannot be read yet.
    pub(crate) fn has_open_transaction(&self) -> bool {
        self.shared.lock().transactional.values().any(|id| id.open_number().is_some())
    }

    /// How many transactions were aborted because they were open for too long.
    pub(crate) fn timed_out(&self) -> u64 {
        self.shared.lock().timed_out
    }

    /// Expels the member with this client id. Says whether there was one.
    pub(crate) fn expel(&self, group: &str, client_id: &str) -> bool {
        self.shared.lock().group_mut(group).expel(client_id)
    }

    /// A restarted broker, or another coordinator: every member gets a new session.
    pub(crate) fn renew_sessions(&self) {
        let mut cluster = self.shared.lock();
        let now_ms = cluster.now_ms;
        cluster.groups.values_mut().for_each(|group| group.renew_sessions(now_ms));
    }

    /// The same at a time that the broker has slept through.
    pub(crate) fn renew_sessions_at(&self, now_ms: i64) {
        self.shared.lock().now_ms = now_ms;
        self.renew_sessions();
    }

    /// Somebody deletes the beginning of a partition, whatever its policy says: an operator who changes that for a moment.
    #[cfg(test)]
    pub(crate) fn cut(&self, partition: &Partition, before: i64) -> Result<(), crate::broker::BrokerError> {
        self.shared.lock().log_mut(partition).map(|log| log.delete_before(before))
    }

    /// Whether an undecided transaction of an id that begins with `ids` has written to a partition before an offset.
    pub(crate) fn is_undecided(&self, partition: &Partition, before: i64, ids: &str) -> bool {
        self.shared.lock().is_undecided(partition, before, ids)
    }
}
