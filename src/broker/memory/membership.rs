//! A member of a group, from the client's side.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shared;
use super::cluster::Cluster;
use crate::broker::{BrokerError, GroupToken, Membership, MembershipConfig, MembershipEvent};
use crate::record::Partition;

/// A member of a group of the memory broker.
pub(super) struct MemoryMembership {
    shared: Arc<Shared>,
    config: MembershipConfig,
    state: Mutex<State>,
}

/// What the client believes.
#[derive(Default)]
struct State {
    /// Its number and epoch; `None` before it joins, after it was expelled, and after it left.
    member: Option<(u64, u64)>,
    held: BTreeSet<Partition>,
    losses: u64,
    /// It left or another one has its place: it does not join again.
    ended: Option<BrokerError>,
}

/// What stands in a token of this broker.
pub(super) struct MemoryToken {
    pub(super) group: String,
    pub(super) member: u64,
    pub(super) epoch: u64,
}

impl MemoryToken {
    /// Reads a token; one of another broker is refused.
    pub(super) fn of(token: &GroupToken) -> Result<&Self, BrokerError> {
        let own = token.proof.downcast_ref();
        own.ok_or_else(|| BrokerError::Fatal("the token is of another broker".to_owned()))
    }
}

impl MemoryMembership {
    pub(super) fn new(shared: Arc<Shared>, config: MembershipConfig) -> Self {
        Self { shared, config, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heartbeat(
        &self,
        cluster: &mut Cluster,
        state: &mut State,
    ) -> Result<Vec<MembershipEvent>, BrokerError> {
        let now_ms = cluster.now_ms;
        let member = match state.member {
            Some((member, _)) => member,
            None => {
                let member = cluster.next_number();
                cluster.group_mut(&self.config.group).join(member, &self.config, now_ms);
                member
            }
        };
        let topics = cluster.group_mut(&self.config.group).topics();
        let layout = cluster.partitions_of(&topics);
        let group = cluster.group_mut(&self.config.group);
        group.set_layout(layout);
        let changes = group.heartbeat(member, now_ms)?;
        state.member = Some((member, changes.epoch));
        state.held.extend(changes.assigned.iter().cloned());
        let mut events = Vec::new();
        if !changes.revoked.is_empty() {
            events.push(MembershipEvent::Revoked(changes.revoked));
        }
        if !changes.assigned.is_empty() {
            events.push(MembershipEvent::Assigned(changes.assigned));
        }
        Ok(events)
    }
}

impl Membership for MemoryMembership {
    fn poll(&self) -> Result<Vec<MembershipEvent>, BrokerError> {
        let mut state = self.state();
        let mut cluster = self.shared.lock();
        if let Some(error) = &state.ended {
            return Err(error.clone());
        }
        match self.heartbeat(&mut cluster, &mut state) {
            Err(fenced @ BrokerError::Fenced(_)) => {
                let replaced = state
                    .member
                    .take()
                    .is_some_and(|(member, _)| cluster.group_mut(&self.config.group).is_replaced(member));
                let held = std::mem::take(&mut state.held);
                state.losses += 1;
                if replaced {
                    state.ended = Some(fenced.clone());
                }
                match (held.is_empty(), replaced) {
                    (false, _) => Ok(vec![MembershipEvent::Lost(held.into_iter().collect())]),
                    (true, true) => Err(fenced),
                    (true, false) => Ok(Vec::new()),
                }
            }
            other => other,
        }
    }

    fn release(&self, revoked: &[Partition]) -> Result<(), BrokerError> {
        let mut state = self.state();
        for partition in revoked {
            state.held.remove(partition);
        }
        let Some((member, _)) = state.member else { return Ok(()) };
        let mut cluster = self.shared.lock();
        match cluster.group_mut(&self.config.group).release(member, revoked) {
            Ok(epoch) => state.member = Some((member, epoch)),
            // An expelled member has nothing left to give back; its next poll tells it.
            Err(BrokerError::Fenced(_)) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    fn token(&self) -> Option<GroupToken> {
        let state = self.state();
        // The number is of this place alone: no other proof of an earlier one is needed.
        let (member, epoch) = state.member?;
        let proof = Box::new(MemoryToken { group: self.config.group.clone(), member, epoch });
        Some(GroupToken { proof, losses: state.losses })
    }

    fn losses(&self) -> u64 {
        self.state().losses
    }

    fn leave(&self, keep_place: bool) -> Result<(), BrokerError> {
        let mut state = self.state();
        state.ended = Some(BrokerError::Fatal("this member has left the group".to_owned()));
        state.held.clear();
        let Some((member, _)) = state.member.take() else { return Ok(()) };
        if !(keep_place && self.config.instance_id.is_some()) {
            self.shared.lock().group_mut(&self.config.group).leave(member);
        }
        Ok(())
    }
}
