//! A group: members, what they should hold, what they hold, and proof of membership.
//!
//! The group has a target (who should hold what) with an epoch that rises whenever the target changes. A member
//! follows at its own pace: what it must give up it is told and keeps until it releases it; what it should get it
//! gets once nobody else holds it. When nothing is left to give up, the member's epoch becomes the group's; a token of
//! an earlier epoch is stale.

use std::collections::{BTreeMap, BTreeSet};

use super::assignor::{Candidate, place};
use super::group_offsets::GroupOffsets;
use crate::broker::{BrokerError, MembershipConfig};
use crate::record::Partition;

/// One group of the cluster.
#[derive(Default)]
pub(super) struct Group {
    pub(super) offsets: GroupOffsets,
    pub(super) members: BTreeMap<u64, Member>,
    epoch: u64,
    target: BTreeMap<Partition, u64>,
    layout: Vec<Partition>,
    /// Members whose place another one with the same instance id took.
    replaced: BTreeSet<u64>,
}

/// One member.
pub(super) struct Member {
    pub(super) client_id: String,
    instance_id: Option<String>,
    topics: Vec<String>,
    session_ms: i64,
    seen_ms: i64,
    epoch: u64,
    pub(super) held: BTreeSet<Partition>,
    revoking: BTreeSet<Partition>,
}

/// What a heartbeat of a member found out.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) assigned: Vec<Partition>,
    pub(super) revoked: Vec<Partition>,
    pub(super) epoch: u64,
}

impl Group {
    /// Takes a member in under a new number. A static member that is known already keeps its target, and whoever
    /// held the place is fenced.
    pub(super) fn join(&mut self, number: u64, config: &MembershipConfig, now_ms: i64) {
        let member = Member {
            client_id: config.client_id.clone(),
            instance_id: config.instance_id.clone(),
            topics: config.topics.clone(),
            session_ms: i64::try_from(config.session_timeout.as_millis()).unwrap_or(i64::MAX),
            seen_ms: now_ms,
            epoch: self.epoch,
            held: BTreeSet::new(),
            revoking: BTreeSet::new(),
        };
        let same_place =
            |known: &Member| known.instance_id.is_some() && known.instance_id == member.instance_id;
        let predecessor = self.members.iter().find(|(_, known)| same_place(known)).map(|(number, _)| *number);
        if let Some(old) = predecessor {
            let same_topics = self.members.remove(&old).is_some_and(|known| known.topics == member.topics);
            self.replaced.insert(old);
            self.target.values_mut().filter(|owner| **owner == old).for_each(|owner| *owner = number);
            self.members.insert(number, member);
            if same_topics {
                return;
            }
        } else {
            self.members.insert(number, member);
        }
        self.retarget();
    }

    /// What the members subscribe to.
    pub(super) fn topics(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.members.values().flat_map(|member| &member.topics).collect();
        names.into_iter().cloned().collect()
    }

    /// Tells the group which partitions its topics have now.
    pub(super) fn set_layout(&mut self, layout: Vec<Partition>) {
        if self.layout != layout {
            self.layout = layout;
            self.retarget();
        }
    }

    /// A sign of life; says what the member is to give up and what it gets.
    pub(super) fn heartbeat(&mut self, number: u64, now_ms: i64) -> Result<Changes, BrokerError> {
        let held_by_others: BTreeSet<Partition> = self
            .members
            .iter()
            .filter(|(other, _)| **other != number)
            .flat_map(|(_, member)| member.held.iter().cloned())
            .collect();
        let should_hold: BTreeSet<Partition> =
            self.target.iter().filter(|(_, owner)| **owner == number).map(|(it, _)| it.clone()).collect();
        let group_epoch = self.epoch;
        let member = self.member_mut(number)?;
        member.seen_ms = now_ms;
        let revoked: Vec<Partition> = member
            .held
            .difference(&should_hold)
            .filter(|it| !member.revoking.contains(*it))
            .cloned()
            .collect();
        member.revoking.extend(revoked.iter().cloned());
        let mut assigned = Vec::new();
        // As with Kafka, nothing new arrives while something is still to be given back.
        if member.revoking.is_empty() {
            member.epoch = group_epoch;
            assigned = should_hold
                .difference(&member.held)
                .filter(|it| !held_by_others.contains(*it))
                .cloned()
                .collect();
            member.held.extend(assigned.iter().cloned());
        }
        Ok(Changes { assigned, revoked, epoch: member.epoch })
    }

    /// The member gives partitions back. Returns its epoch: when nothing is left to give up it is the group's, and
    /// every earlier token is stale.
    pub(super) fn release(&mut self, number: u64, partitions: &[Partition]) -> Result<u64, BrokerError> {
        let group_epoch = self.epoch;
        let member = self.member_mut(number)?;
        for partition in partitions {
            member.revoking.remove(partition);
            member.held.remove(partition);
        }
        if member.revoking.is_empty() {
            member.epoch = group_epoch;
        }
        Ok(member.epoch)
    }

    /// The member is gone for good.
    pub(super) fn leave(&mut self, number: u64) {
        if self.members.remove(&number).is_some() {
            self.retarget();
        }
    }

    /// Expels the member with this client id now.
    pub(super) fn expel(&mut self, client_id: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|_, member| member.client_id != client_id);
        let expelled = self.members.len() != before;
        if expelled {
            self.retarget();
        }
        expelled
    }

    /// A new coordinator gives every member a new session.
    pub(super) fn renew_sessions(&mut self, now_ms: i64) {
        self.members.values_mut().for_each(|member| member.seen_ms = now_ms);
    }

    /// Expels members that were silent for longer than their session timeout.
    pub(super) fn expel_silent(&mut self, now_ms: i64) {
        let before = self.members.len();
        self.members.retain(|_, member| now_ms - member.seen_ms <= member.session_ms);
        if self.members.len() != before {
            self.retarget();
        }
    }

    /// Checks a proof of membership.
    pub(super) fn authorise(&mut self, number: u64, epoch: u64) -> Result<(), BrokerError> {
        let current = self.member_mut(number)?.epoch;
        if epoch == current {
            return Ok(());
        }
        Err(BrokerError::AbortRequired(format!(
            "the proof of membership is of epoch {epoch}, the member is at {current}: take a fresh one"
        )))
    }

    fn member_mut(&mut self, number: u64) -> Result<&mut Member, BrokerError> {
        let replaced = self.replaced.contains(&number);
        self.members.get_mut(&number).ok_or_else(|| {
            let reason = if replaced { "another member has its instance id" } else { "its session is over" };
            BrokerError::Fenced(format!("member {number} is not in the group any more: {reason}"))
        })
    }

    /// Whether another member took this one's place for good.
    pub(super) fn is_replaced(&self, number: u64) -> bool {
        self.replaced.contains(&number)
    }

    fn retarget(&mut self) {
        let candidates: Vec<Candidate<'_>> = self
            .members
            .iter()
            .map(|(member, it)| Candidate { member: *member, topics: &it.topics })
            .collect();
        self.target = place(&self.layout, &candidates, &self.target);
        self.epoch += 1;
    }
}
