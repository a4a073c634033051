//! Decides at every call what goes wrong, and remembers what happened: the one place where the seed turns into faults.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use topo_state::MemoryDisk;

use super::archive::Archive;
use super::fault::{Call, Counts, Fault};
use super::ledger::Ledger;
use super::random::Random;
use crate::broker::{BrokerError, CommittedOffset, Producer};
use crate::observe::TaskState;
use crate::record::Partition;
use crate::runtime::TaskId;

/// How much likelier a call that is made seldom is to be hit than one that is made all the time.
const RARE: u64 = 8;

/// Thrown through the code of a process that is killed at this instant. Not a panic: no hook runs, nothing is printed.
pub(super) struct Crashed;

/// One life of a process.
pub(super) struct Who {
    /// Its name, the same over all lives.
    pub(super) name: String,
    /// Its place among the processes.
    pub(super) place: usize,
    /// What a crash does to its disk at once.
    pub(super) disk: Option<MemoryDisk>,
}

/// How far a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Answered by the client library.
    Client,
    /// Answered by a broker.
    Broker,
    /// Answered by the coordinator of a group or a transaction.
    Coordinator,
}

/// Parts per million of frequent calls that are hit.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    pub(super) crash_before: u64,
    pub(super) crash_after: u64,
    pub(super) request_lost: u64,
    pub(super) reply_lost: u64,
    pub(super) stall: u64,
    pub(super) produce_error: u64,
    pub(super) short_poll: u64,
    pub(super) late_news: u64,
    pub(super) late_mail: u64,
    pub(super) refusal: u64,
    pub(super) store_crash: u64,
    pub(super) store_error: u64,
}

/// What a call may do, and what happens to it afterwards.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    crash: bool,
    reply_lost: bool,
}

/// A request that is on its way although its sender is dead.
pub(super) struct Late {
    pub(super) due: i64,
    pub(super) producer: Box<dyn Producer>,
    pub(super) offsets: Vec<(Partition, CommittedOffset)>,
    pub(super) who: Arc<Who>,
}

/// Everything that the clients and the disks of a run share.
pub(super) struct State {
    pub(super) random: Random,
    pub(super) rates: Rates,
    pub(super) now: i64,
    pub(super) broker_away_until: i64,
    pub(super) coordinator_away_until: i64,
    /// Nothing fails any more.
    pub(super) calm: bool,
    pub(super) late: Vec<Late>,
    /// What each machine says of its tasks.
    pub(super) tasks: BTreeMap<(usize, TaskId), TaskState>,
    pub(super) ledger: Ledger,
    pub(super) archive: Archive,
    pub(super) counts: Counts,
    /// Store writes that the disk refused and the process has not yet told.
    pub(super) refused_writes: u64,
    /// A digest of everything that happened, in order.
    digest: u64,
    trace: Option<Vec<String>>,
}

/// Shared by all clients and disks of a run.
pub(super) struct Chaos(Mutex<State>);

impl Chaos {
    pub(super) fn new(random: Random, ledger: Ledger, traced: bool) -> Self {
        Self(Mutex::new(State {
            random,
            rates: Rates::default(),
            now: 0,
            broker_away_until: 0,
            coordinator_away_until: 0,
            calm: false,
            late: Vec::new(),
            tasks: BTreeMap::new(),
            ledger,
            archive: Archive::default(),
            counts: Counts::default(),
            refused_writes: 0,
            digest: 0,
            trace: traced.then(Vec::new),
        }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins. An error is all the caller gets; nothing happened then.
    pub(super) fn enter(
        &self,
        who: &Who,
        call: Call,
        reach: Reach,
        stalled_until: &mut i64,
    ) -> Result<Pass, BrokerError> {
        let mut state = self.state();
        state.counts.called(call);
        state.digest(call as u64, who.place);
        let scale = if call.is_rare() { 1_000_000 / RARE } else { 1_000_000 };
        let draw = state.random.draw() % scale;
        let rates = &state.rates;
        let crash_after = rates.crash_before + rates.crash_after;
        if draw < rates.crash_before {
            state.hit(who, call, Fault::CrashBeforeCall);
            crash(state, who);
        }
        if draw < crash_after {
            return Ok(Pass { crash: true, reply_lost: false });
        }
        if reach == Reach::Client {
            return Ok(Pass::default());
        }
        let lost = crash_after + rates.request_lost;
        let reply_lost = lost + rates.reply_lost;
        let stalled = reply_lost + rates.stall;
        if draw >= reply_lost && draw < stalled {
            *stalled_until = state.now + state.patience();
            state.hit(who, call, Fault::ClientStalled);
        }
        if state.calm {
            return Ok(Pass::default());
        }
        let away = state.now < state.broker_away_until
            || reach == Reach::Coordinator && state.now < state.coordinator_away_until;
        if away || state.now < *stalled_until {
            return Err(BrokerError::Retriable("no answer yet".to_owned()));
        }
        if draw >= crash_after && draw < lost {
            state.hit(who, call, Fault::RequestLost);
            return Err(BrokerError::Retriable("the request was lost".to_owned()));
        }
        Ok(Pass { crash: false, reply_lost: draw >= lost && draw < reply_lost })
    }

    /// A call has had its effect: whether the caller hears of it.
    pub(super) fn leave(&self, who: &Who, call: Call, pass: Pass) -> Result<(), BrokerError> {
        if pass.crash {
            let mut state = self.state();
            state.hit(who, call, Fault::CrashAfterCall);
            crash(state, who);
        }
        if pass.reply_lost {
            self.state().hit(who, call, Fault::ReplyLost);
            return Err(BrokerError::Retriable("the reply was lost".to_owned()));
        }
        Ok(())
    }

    /// Kills a process here and now.
    pub(super) fn kill(&self, who: &Who) -> ! {
        crash(self.state(), who)
    }

    /// A process is about to write to its disk.
    pub(super) fn store_write(&self, who: &Who) -> Result<(), String> {
        let mut state = self.state();
        state.counts.called(Call::StoreWrite);
        state.digest(Call::StoreWrite as u64, who.place);
        let draw = state.random.draw() % 1_000_000;
        if draw < state.rates.store_crash {
            state.hit(who, Call::StoreWrite, Fault::CrashBeforeStoreWrite);
            crash(state, who);
        }
        if draw < state.rates.store_crash + state.rates.store_error {
            state.hit(who, Call::StoreWrite, Fault::StoreWriteError);
            state.refused_writes += 1;
            return Err("no space left on the simulated disk".to_owned());
        }
        Ok(())
    }

    /// A process has written to its disk.
    pub(super) fn store_written(&self, who: &Who) {
        let mut state = self.state();
        if state.random.draw() % 1_000_000 < state.rates.store_crash {
            state.hit(who, Call::StoreWrite, Fault::CrashAfterStoreWrite);
            crash(state, who);
        }
    }
}

fn crash(state: MutexGuard<'_, State>, who: &Who) -> ! {
    drop(state);
    if let Some(disk) = &who.disk {
        disk.crash();
    }
    resume_unwind(Box::new(Crashed))
}

impl State {
    /// Whether machines say that they run so many tasks, and that they bring up none.
    pub(super) fn all_run(&self, tasks: usize) -> bool {
        let count = |wanted| self.tasks.values().filter(|state| **state == wanted).count();
        count(TaskState::Running) == tasks && count(TaskState::Restoring) == 0
    }

    /// Whether a part of this process hears with its next step only what others have said to it.
    pub(super) fn mail_is_late(&mut self, process: &str) -> bool {
        let rate = self.rates.late_mail;
        let late = self.random.draw() % 1_000_000 < rate;
        if late {
            self.befall(Fault::LateMail, process);
        }
        late
    }

    /// How long something stays away: mostly short, sometimes longer than sessions and transactions live.
    pub(super) fn patience(&mut self) -> i64 {
        if self.random.chance(1, 5) { self.random.between(300, 2_500) } else { self.random.between(5, 200) }
    }

    /// Notes a fault at a call.
    pub(super) fn hit(&mut self, who: &Who, call: Call, fault: Fault) {
        self.counts.hit(call, fault);
        self.digest(0x100 + fault as u64, who.place);
        self.tell(|| format!("{}: {} at {}", who.name, fault.text(), call.text()));
    }

    /// Notes a fault of the surroundings.
    pub(super) fn befall(&mut self, fault: Fault, whom: &str) {
        self.counts.fault(fault);
        self.digest(0x200 + fault as u64, 0);
        self.tell(|| format!("{whom}: {}", fault.text()));
    }

    /// Mixes something that happened into the digest.
    pub(super) fn digest(&mut self, what: u64, place: usize) {
        let place = u64::try_from(place).unwrap_or_default();
        let mixed = self.digest ^ what ^ (place << 32) ^ self.now.cast_unsigned().rotate_left(17);
        self.digest = mixed.wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    /// The digest of everything so far.
    pub(super) fn fingerprint(&self) -> u64 {
        self.digest
    }

    /// Adds a line to the trace, if there is one.
    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>7} {}", self.now, line()));
        }
    }

    pub(super) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }
}
