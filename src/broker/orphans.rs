//! Leases that nobody holds: found by looking at the group, mended by joining it anew.
//!
//! A classic group hands a lease over in two rounds. The first tells its holder to give it up, and the holder itself asks
//! for the second, in which someone else gets it. A static member that is killed in between comes back into its place in
//! the first round: it holds nothing that it would have to give up, asks for no second round, and the lease stays without
//! a holder for good. So every member looks, and the one with the least to lose makes the group decide again.

use std::collections::BTreeSet;

use super::{Admin, BrokerError, Holder};
use crate::record::Partition;

/// Milliseconds between two looks.
const EVERY_MS: i64 = 1_500;
/// A lease on its way from one member to another has no holder for a moment: it is missed only after so many looks.
const LOOKS: u32 = 3;

/// Looks for leases without a holder; every member of a group that places work has one. Keeps what the last looks had in
/// common.
#[derive(Debug, Default)]
pub struct Orphans {
    last: Option<i64>,
    looks: u32,
    missing: BTreeSet<Partition>,
}

impl Orphans {
    /// Whether it is time for a look, at `now` milliseconds. True makes it the time of the last look.
    pub fn is_due(&mut self, now: i64) -> bool {
        let due = now - *self.last.get_or_insert(now) >= EVERY_MS;
        if due {
            self.last = Some(now);
        }
        due
    }

    /// Looks. Returns how many of the `wanted` leases have no holder, when this process, which the group
    /// knows as `client_id` and by no other member's, is the one to do something about it: leave, and join anew.
    ///
    /// # Errors
    /// The broker's, but not that it is away: nothing depends on a look.
    pub fn look(
        &mut self,
        admin: &mut dyn Admin,
        group: &str,
        client_id: &str,
        wanted: &BTreeSet<Partition>,
    ) -> Result<Option<usize>, BrokerError> {
        match admin.holders(group) {
            Ok(holders) => Ok(self.judge(&holders, client_id, wanted)),
            // Nothing depends on this look; whoever needs the broker says that it is away.
            Err(BrokerError::Retriable(_) | BrokerError::Unauthorized(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn judge(&mut self, holders: &[Holder], client_id: &str, wanted: &BTreeSet<Partition>) -> Option<usize> {
        let held: BTreeSet<&Partition> = holders.iter().flat_map(|member| &member.held).collect();
        let missing = |lease: &&Partition| !held.contains(*lease);
        let before = if self.looks == 0 { wanted } else { &self.missing };
        let missing: BTreeSet<Partition> = before.iter().filter(missing).cloned().collect();
        // A group that is deciding shows no assignment at all.
        if held.is_empty() || missing.is_empty() {
            *self = Self { last: self.last, ..Self::default() };
            return None;
        }
        self.missing = missing;
        self.looks += 1;
        let least = holders.iter().min_by_key(|member| (member.held.len(), &member.client_id));
        if self.looks < LOOKS || least.is_none_or(|member| member.client_id != client_id) {
            return None;
        }
        let count = self.missing.len();
        *self = Self { last: self.last, ..Self::default() };
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leases(numbers: std::ops::Range<i32>) -> Vec<Partition> {
        numbers.map(|number| Partition::new("tasks", number)).collect()
    }

    fn member(client_id: &str, held: std::ops::Range<i32>) -> Holder {
        Holder { client_id: client_id.to_owned(), held: leases(held) }
    }

    /// What process `me` makes of these looks, four leases being wanted.
    fn looks(me: &str, looks: &[[Holder; 2]]) -> Vec<Option<usize>> {
        let (mut orphans, wanted) = (Orphans::default(), leases(0..4).into_iter().collect());
        looks.iter().map(|members| orphans.judge(members, me, &wanted)).collect()
    }

    #[test]
    fn a_lease_that_stays_without_a_holder_is_mended_by_the_member_with_the_fewest() {
        let look = || [member("a", 0..2), member("b", 2..3)];
        assert_eq!(looks("b", &[look(), look(), look(), look()]), [None, None, Some(1), None]);
        assert_eq!(looks("a", &[look(), look(), look()]), [None, None, None]);
    }

    #[test]
    fn a_lease_on_its_way_and_a_group_that_decides_are_left_alone() {
        let on_its_way = || [member("a", 0..2), member("b", 3..4)];
        let next_on_its_way = || [member("a", 0..1), member("b", 2..4)];
        let deciding = || [member("a", 0..0), member("b", 0..0)];
        let all =
            [on_its_way(), on_its_way(), next_on_its_way(), deciding(), deciding(), deciding(), deciding()];
        assert!(["a", "b"].iter().all(|me| looks(me, &all).iter().all(Option::is_none)));
    }
}
