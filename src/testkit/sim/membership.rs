//! A membership whose calls may go wrong.

use std::sync::{Arc, Mutex, PoisonError};

use super::chaos::Reach;
use super::client::Client;
use super::fault::Call;
use crate::broker::{
    Broker, BrokerError, CommittedOffset, GroupToken, Membership, MembershipConfig, MembershipEvent,
};
use crate::record::Partition;

pub(super) struct SimMembership {
    client: Client,
    inner: Arc<dyn Membership>,
    group: String,
    client_id: String,
    /// Given back by the process, not yet with the broker.
    released: Mutex<Vec<Partition>>,
}

/// A token, and whose it is.
struct SimToken {
    inner: GroupToken,
    group: String,
    client_id: String,
}

impl SimMembership {
    pub(super) fn new(client: Client, inner: Arc<dyn Membership>, config: &MembershipConfig) -> Self {
        let (group, client_id) = (config.group.clone(), config.client_id.clone());
        Self { client, inner, group, client_id, released: Mutex::default() }
    }

    fn released(&self) -> Vec<Partition> {
        std::mem::take(&mut self.released.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Membership for SimMembership {
    fn poll(&self) -> Result<Vec<MembershipEvent>, BrokerError> {
        let pass = match self.client.enter(Call::GroupPoll, Reach::Coordinator) {
            Ok(pass) => pass,
            Err(error) => {
                // The library may say so or go on trying in silence.
                let silent = self.client.chaos.state().random.chance(1, 2);
                return if silent { Ok(Vec::new()) } else { Err(error) };
            }
        };
        let released = self.released();
        if !released.is_empty() {
            self.inner.release(&released)?;
        }
        let events = self.inner.poll()?;
        // Events stay with the library until they are taken: a lost answer loses none.
        let _ = self.client.leave(Call::GroupPoll, pass);
        Ok(events)
    }

    fn release(&self, revoked: &[Partition]) -> Result<(), BrokerError> {
        self.client.call(Call::Release, Reach::Client, || {
            self.released.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(revoked);
            Ok(())
        })
    }

    fn token(&self) -> Option<GroupToken> {
        let inner = self.client.call(Call::Token, Reach::Client, || Ok(self.inner.token())).ok()??;
        let (group, client_id) = (self.group.clone(), self.client_id.clone());
        Some(GroupToken(Box::new(SimToken { inner, group, client_id })))
    }

    fn leave(&self, keep_place: bool) -> Result<(), BrokerError> {
        self.client.call(Call::Leave, Reach::Coordinator, || self.inner.leave(keep_place))
    }
}

/// The memory broker's own token in one of ours.
pub(super) fn inner(token: &GroupToken) -> Result<&GroupToken, BrokerError> {
    let ours = token.0.downcast_ref::<SimToken>();
    ours.map(|ours| &ours.inner)
        .ok_or_else(|| BrokerError::Fatal("the token is of another broker".to_owned()))
}

/// The group has taken these offsets: whether the member held what they belong to.
pub(super) fn note_authority(
    client: &Client,
    offsets: &[(Partition, CommittedOffset)],
    token: Option<&GroupToken>,
) {
    let Some(ours) = token.and_then(|token| token.0.downcast_ref::<SimToken>()) else { return };
    let holders = client.broker.admin().and_then(|mut admin| admin.holders(&ours.group)).unwrap_or_default();
    client.chaos.state().ledger.authorised(offsets, &ours.client_id, &holders);
}
