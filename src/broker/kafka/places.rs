//! Under which names this process may join its groups.
//!
//! A static member that comes back under its name takes over what the group has assigned to the one before it
//! (KIP-345). That is right after a crash, and wrong after a membership that asked for what it had lost (see `rebalance`):
//! the group may have assigned that to it while its real holder was still asked to give it up. Whoever joins
//! without a name gets only what is free. So a name that was used like that is not used again by this process. The group forgets
//! it after a session; the next process has it again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::broker::MembershipConfig;

/// The names that are not used again, each with its group.
#[derive(Default)]
pub(super) struct Places {
    spoiled: Mutex<BTreeSet<(String, String)>>,
}

impl Places {
    /// The membership that is wanted, without its name if that is spoiled.
    pub(super) fn config(&self, wanted: &MembershipConfig) -> MembershipConfig {
        let spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |name: &String| !spoiled.contains(&(wanted.group.clone(), name.clone()));
        MembershipConfig { instance_id: wanted.instance_id.clone().filter(fits), ..wanted.clone() }
    }

    /// This membership's name is not used again.
    pub(super) fn spoil(&self, config: &MembershipConfig) {
        if let Some(name) = &config.instance_id {
            let mut spoiled = self.spoiled.lock().unwrap_or_else(PoisonError::into_inner);
            spoiled.insert((config.group.clone(), name.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::broker::GroupProtocol;

    #[test]
    fn a_spoiled_name_is_left_out_in_its_group_alone() {
        let config = |group: &str, name: &str| MembershipConfig {
            client_id: "c".to_owned(),
            group: group.to_owned(),
            instance_id: Some(name.to_owned()),
            topics: Vec::new(),
            protocol: GroupProtocol::Classic,
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_millis(500),
        };
        let places = Places::default();
        assert_eq!(places.config(&config("g", "one")).instance_id.as_deref(), Some("one"));
        places.spoil(&config("g", "one"));
        let names = [("g", "one"), ("g", "two"), ("h", "one")]
            .map(|(group, name)| places.config(&config(group, name)).instance_id);
        assert_eq!(names, [None, Some("two".to_owned()), Some("one".to_owned())]);
    }
}
