//! What all clients of a simulated process have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::chaos::{Chaos, Pass, Reach, Who};
use super::fault::Call;
use crate::broker::BrokerError;
use crate::broker::memory::MemoryBroker;

/// One client: whose it is, and until when nobody answers it.
pub(super) struct Client {
    pub(super) chaos: Arc<Chaos>,
    pub(super) who: Arc<Who>,
    pub(super) broker: MemoryBroker,
    stalled_until: AtomicI64,
}

impl Client {
    pub(super) fn new(chaos: Arc<Chaos>, who: Arc<Who>, broker: MemoryBroker) -> Self {
        Self { chaos, who, broker, stalled_until: AtomicI64::new(i64::MIN) }
    }

    pub(super) fn enter(&self, call: Call, reach: Reach) -> Result<Pass, BrokerError> {
        let mut stalled_until = self.stalled_until.load(Ordering::Relaxed);
        let passed = self.chaos.enter(&self.who, call, reach, &mut stalled_until);
        self.stalled_until.store(stalled_until, Ordering::Relaxed);
        passed
    }

    pub(super) fn leave(&self, call: Call, pass: Pass) -> Result<(), BrokerError> {
        self.chaos.leave(&self.who, call, pass)
    }

    /// The process is killed here and now.
    pub(super) fn crash(&self) -> ! {
        self.chaos.kill(&self.who)
    }

    /// A call from end to end.
    pub(super) fn call<T>(
        &self,
        call: Call,
        reach: Reach,
        work: impl FnOnce() -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        let pass = self.enter(call, reach)?;
        let answer = work()?;
        self.leave(call, pass)?;
        Ok(answer)
    }
}
