//! A membership whose calls may go wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chaos::Reach;
use super::client::Client;
use super::fault::{Call, Fault};
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
    news: Arc<Mutex<News>>,
}

/// What happened in the group and the process has not heard of, because whoever polls for it gets no processor time. The
/// library goes on meanwhile, and so do the process's other parts.
#[derive(Default)]
struct News {
    events: Vec<MembershipEvent>,
    /// When it is heard.
    due: i64,
    /// Losses that the process has heard of.
    losses: u64,
    /// The client library has been left behind by the group: it is not asked any more, and proves nothing.
    ended: bool,
}

impl News {
    /// What is lost, and the process has not heard so.
    fn lost(&self) -> Vec<Partition> {
        let lost = |event: &MembershipEvent| match event {
            MembershipEvent::Lost(leases) => leases.clone(),
            MembershipEvent::Assigned(_) | MembershipEvent::Revoked(_) | MembershipEvent::Ended => Vec::new(),
        };
        self.events.iter().flat_map(lost).collect()
    }
}

/// A token, and whose it is.
struct SimToken {
    inner: GroupToken,
    group: String,
    client_id: String,
    news: Arc<Mutex<News>>,
}

impl SimMembership {
    pub(super) fn new(client: Client, inner: Arc<dyn Membership>, config: &MembershipConfig) -> Self {
        let (group, client_id) = (config.group.clone(), config.client_id.clone());
        let (released, news) = (Mutex::default(), Arc::default());
        Self { client, inner, group, client_id, released, news }
    }

    fn released(&self) -> Vec<Partition> {
        std::mem::take(&mut self.released.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the process hears now of what has happened.
    fn hear(
        &self,
        polled: Result<Vec<MembershipEvent>, BrokerError>,
    ) -> Result<Vec<MembershipEvent>, BrokerError> {
        let mut news = lock(&self.news);
        let waited = !news.events.is_empty();
        match polled {
            Ok(events) => {
                let lost = events.iter().any(|event| matches!(event, MembershipEvent::Lost(_)));
                news.events.extend(events);
                if lost && self.client.chaos.state().random.chance(1, 5) {
                    self.client.chaos.state().hit(&self.client.who, Call::GroupPoll, Fault::MembershipEnded);
                    news.events.push(MembershipEvent::Ended);
                    news.ended = true;
                }
            }
            // An error that stays comes again.
            Err(_) if waited => {}
            Err(error) => return Err(error),
        }
        let mut state = self.client.chaos.state();
        if !news.events.is_empty() && !waited {
            let rate = state.rates.late_news;
            if state.random.draw() % 1_000_000 < rate {
                state.hit(&self.client.who, Call::GroupPoll, Fault::LateNews);
                news.due = state.now + state.patience();
            }
        }
        if state.now < news.due && !state.calm {
            return Ok(Vec::new());
        }
        news.losses = self.inner.losses();
        Ok(std::mem::take(&mut news.events))
    }
}

fn lock(news: &Mutex<News>) -> MutexGuard<'_, News> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut released = self.released();
        // The library assigns nothing anew before the process has heard that it is lost.
        let unheard = lock(&self.news).lost();
        released.retain(|lease| !unheard.contains(lease));
        if !released.is_empty() {
            self.inner.release(&released)?;
        }
        let ended = lock(&self.news).ended;
        let events = self.hear(if ended { Ok(Vec::new()) } else { self.inner.poll() })?;
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
        if lock(&self.news).ended {
            return None;
        }
        let inner = self.client.call(Call::Token, Reach::Client, || Ok(self.inner.token())).ok()??;
        let (group, client_id, losses) = (self.group.clone(), self.client_id.clone(), inner.losses);
        let proof = Box::new(SimToken { inner, group, client_id, news: self.news.clone() });
        Some(GroupToken { proof, losses })
    }

    fn losses(&self) -> u64 {
        lock(&self.news).losses
    }

    fn leave(&self, keep_place: bool) -> Result<(), BrokerError> {
        self.client.call(Call::Leave, Reach::Coordinator, || self.inner.leave(keep_place))
    }
}

/// The memory broker's own token in one of ours.
pub(super) fn inner(token: &GroupToken) -> Result<&GroupToken, BrokerError> {
    let ours = token.proof.downcast_ref::<SimToken>();
    ours.map(|ours| &ours.inner)
        .ok_or_else(|| BrokerError::Fatal("the token is of another broker".to_owned()))
}

/// The group has taken these offsets: whether the member held what they belong to.
pub(super) fn note_authority(
    client: &Client,
    offsets: &[(Partition, CommittedOffset)],
    token: Option<&GroupToken>,
) {
    let Some(ours) = token.and_then(|token| token.proof.downcast_ref::<SimToken>()) else { return };
    let holders = client.broker.admin().and_then(|mut admin| admin.holders(&ours.group)).unwrap_or_default();
    let mut state = client.chaos.state();
    state.ledger.authorised(offsets, &ours.client_id, &holders);
    state.ledger.unheard(offsets, &lock(&ours.news).lost(), &ours.client_id);
}
