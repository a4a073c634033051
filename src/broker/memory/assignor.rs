//! Who gets which partition: balanced, and moving as little as possible. Pure.

use std::collections::BTreeMap;

use crate::record::Partition;

/// A member as the assignor sees it.
pub(super) struct Candidate<'a> {
    /// Its number.
    pub(super) member: u64,
    /// What it subscribes to.
    pub(super) topics: &'a [String],
}

impl Candidate<'_> {
    fn wants(&self, partition: &Partition) -> bool {
        self.topics.iter().any(|topic| **topic == *partition.topic)
    }
}

/// Places every partition on a member that wants it.
///
/// What a member has, it keeps; orphans go to the member with the least; then partitions move from the fullest
/// to the emptiest until they differ by at most one.
pub(super) fn place(
    partitions: &[Partition],
    candidates: &[Candidate<'_>],
    current: &BTreeMap<Partition, u64>,
) -> BTreeMap<Partition, u64> {
    let mut target = BTreeMap::new();
    let mut load: BTreeMap<u64, usize> = candidates.iter().map(|candidate| (candidate.member, 0)).collect();
    for partition in partitions {
        let owner = current.get(partition).copied();
        if let Some(keeper) = candidates.iter().find(|it| Some(it.member) == owner && it.wants(partition)) {
            target.insert(partition.clone(), keeper.member);
            *load.entry(keeper.member).or_default() += 1;
        }
    }
    for partition in partitions {
        if target.contains_key(partition) {
            continue;
        }
        let wanting = candidates.iter().filter(|candidate| candidate.wants(partition));
        if let Some(taker) = wanting.min_by_key(|candidate| load[&candidate.member]) {
            target.insert(partition.clone(), taker.member);
            *load.entry(taker.member).or_default() += 1;
        }
    }
    while let Some((partition, taker)) = next_move(&target, candidates, &load) {
        if let Some(giver) = target.insert(partition, taker) {
            *load.entry(giver).or_default() -= 1;
        }
        *load.entry(taker).or_default() += 1;
    }
    target
}

/// The next partition to move for balance, and to whom.
fn next_move(
    target: &BTreeMap<Partition, u64>,
    candidates: &[Candidate<'_>],
    load: &BTreeMap<u64, usize>,
) -> Option<(Partition, u64)> {
    let mut takers: Vec<&Candidate<'_>> = candidates.iter().collect();
    takers.sort_by_key(|candidate| load[&candidate.member]);
    for taker in takers {
        let movable = target
            .iter()
            .rev()
            .filter(|(partition, giver)| load[giver] > load[&taker.member] + 1 && taker.wants(partition))
            .max_by_key(|(_, giver)| load[giver]);
        if let Some((partition, _)) = movable {
            return Some((partition.clone(), taker.member));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leases() -> Vec<Partition> {
        let topics = [("a", 6), ("b", 8), ("c", 12)];
        topics.iter().flat_map(|(name, count)| (0..*count).map(|n| Partition::new(*name, n))).collect()
    }

    fn moved(before: &BTreeMap<Partition, u64>, after: &BTreeMap<Partition, u64>) -> usize {
        after.iter().filter(|(partition, member)| before.get(*partition) != Some(*member)).count()
    }

    #[test]
    fn members_come_and_go_with_the_fewest_moves_and_a_balance_within_one() {
        let topics: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut current = BTreeMap::new();
        let steps: [(&[u64], usize); 7] = [
            (&[1], 26),
            (&[1, 2], 13),
            (&[1, 2, 3], 8),
            (&[1, 2, 3, 4], 6),
            (&[1, 3, 4], 6),
            (&[1, 3, 4, 5], 6),
            (&[3, 4, 5], 6),
        ];
        for (members, most_moves) in steps {
            let candidates: Vec<Candidate<'_>> =
                members.iter().map(|member| Candidate { member: *member, topics: &topics }).collect();
            let target = place(&leases(), &candidates, &current);
            assert_eq!(target.len(), 26);
            let loads: Vec<usize> =
                members.iter().map(|member| target.values().filter(|it| *it == member).count()).collect();
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            assert!(most - least <= 1, "{members:?}: {loads:?}");
            let moved = moved(&current, &target);
            assert!(moved <= most_moves + 1, "{members:?}: {moved} moved");
            current = target;
        }
    }

    #[test]
    fn a_partition_nobody_wants_stays_unplaced() {
        let topics = vec!["a".to_owned()];
        let candidates = [Candidate { member: 1, topics: &topics }];
        let target = place(&[Partition::new("b", 0)], &candidates, &BTreeMap::new());
        assert!(target.is_empty());
    }
}
