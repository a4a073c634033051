//! The only place with threads, a clock and pauses: one thread per worker, one for restores, one for the coordinator.
//!
//! Each thread steps its part; an idle step is followed by a short wait (in the broker's client when it can wake up for
//! records). A thread that panics ends the application: state is as safe as after any crash.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::coordinator::{Coordinator, Launch};
use super::error::{Error, Reaction};
use super::held::Held;
use super::mailbox::{Progress, Report, ToRestorer};
use super::observer::Event;
use super::plan::Plan;
use super::restore::Restorer;
use super::shared::Shared;
use super::worker::Worker;
use crate::clock::now_ms;

/// How long an idle step may wait.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long the coordinator waits between idle steps; joining and leaving wait for it.
const COORDINATOR_PATIENCE: Duration = Duration::from_millis(20);

/// So long a broker that does not answer is asked again.
const ASKED_FOR: Duration = Duration::from_secs(30);

/// Asks again while the broker does not answer, for a while.
pub(super) fn patiently<T>(mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let deadline = Instant::now() + ASKED_FOR;
    loop {
        match ask() {
            Err(error) if error.reaction() == Reaction::Retry && Instant::now() < deadline => {
                std::thread::sleep(PATIENCE);
            }
            answer => return answer,
        }
    }
}

/// An application that runs in threads of this process. Dropping it stops it.
pub struct Running {
    reports: Sender<Report>,
    coordinator: Mutex<Option<JoinHandle<Result<(), Error>>>>,
    shared: Arc<Shared>,
}

impl Running {
    /// Asks for a clean stop: commit, close, leave. Returns at once; [`wait`](Self::wait) for the end.
    pub fn stop(&self) {
        // An application that has ended needs no stop.
        let _ = self.reports.send(Report::Stop);
    }

    /// Processes no more records and fires no punctuations until [`resume`](Self::resume). What was processed is committed, the tasks
    /// stay here, stores are restored and kept warm meanwhile; the process is live and not ready. Kafka Streams:
    /// `KafkaStreams.pause` (KIP-834).
    pub fn pause(&self) {
        self.shared.paused.store(true, Ordering::Relaxed);
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.shared.paused.store(false, Ordering::Relaxed);
    }

    /// Whether it was paused and not resumed.
    pub fn is_paused(&self) -> bool {
        self.shared.is_paused()
    }

    /// Processes with so many threads from now on, one at least. More take tasks over from those that have many; those that
    /// end commit, and their tasks go to those that stay. A task that moves opens its stores again and goes on where it was; the
    /// group does not notice. Returns at once. The next start begins with the configured number again: after a crash, what a
    /// worker beyond that number had open is ended by `transaction.timeout.ms` only, and holds readers up until then.
    /// Kafka Streams: `addStreamThread`, `removeStreamThread` (KIP-663).
    pub fn set_workers(&self, workers: usize) {
        // An application that has ended needs none.
        let _ = self.reports.send(Report::Workers(workers));
    }

    /// Whether the application has ended, by itself or because it was told to.
    pub fn is_finished(&self) -> bool {
        self.lock().as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What ended the application before it was told to.
    pub fn wait(&self) -> Result<(), Error> {
        let Some(handle) = self.lock().take() else { return Ok(()) };
        handle.join().unwrap_or_else(|_| Err(Error::Panicked("coordinator".into())))
    }

    /// For those who look in.
    pub(crate) fn held(&self) -> Arc<Held> {
        self.shared.held.clone()
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<Result<(), Error>>>> {
        self.coordinator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        // The error was there to be waited for.
        let _ = self.wait();
    }
}

/// Starts the coordinator's thread; the others follow when it asks for them.
pub(super) fn start(shared: Arc<Shared>, directory: impl Send + 'static) -> Result<Running, Error> {
    let (reports, inbox) = channel();
    let (sender, kept) = (reports.clone(), shared.clone());
    let handle = spawn("coordinator", move || {
        let ended = coordinate(&shared, inbox, &sender);
        // The state directory stays ours until the last thread has let go of it.
        drop(directory);
        ended
    })?;
    Ok(Running { reports, coordinator: Mutex::new(Some(handle)), shared: kept })
}

fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|source| Error::Io {
        action: "starting thread",
        path: name.into(),
        source,
    })
}

fn coordinate(shared: &Arc<Shared>, inbox: Receiver<Report>, reports: &Sender<Report>) -> Result<(), Error> {
    let mut coordinator = Coordinator::new(shared.clone(), inbox);
    let mut threads = Vec::new();
    let busy = Arc::new(AtomicUsize::new(0));
    loop {
        let progress = coordinator.step(now_ms());
        for launch in coordinator.take_launches() {
            threads.extend(set_up(shared, &mut coordinator, launch, reports, &busy)?);
        }
        match progress {
            Progress::Busy => {}
            Progress::Idle => std::thread::park_timeout(COORDINATOR_PATIENCE),
            Progress::Done => break,
        }
    }
    for thread in threads {
        // What a thread died of was reported by itself.
        let _ = thread.join();
    }
    coordinator.failure().map_or(Ok(()), Err)
}

/// Starts what the coordinator asked for.
fn set_up(
    shared: &Arc<Shared>,
    coordinator: &mut Coordinator,
    launch: Launch,
    reports: &Sender<Report>,
    busy: &Arc<AtomicUsize>,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let mut threads = Vec::new();
    match launch {
        Launch::Restorers { plan, cluster_id } => {
            let Restorers { mailboxes, handles } = restorers(shared, &plan, &cluster_id, reports, busy)?;
            threads.extend(handles);
            coordinator.attach_restorers(mailboxes);
        }
        Launch::Workers { indices, plan, membership, globals } => {
            let mut mailboxes = Vec::new();
            for index in indices {
                let (mailbox, inbox) = channel();
                let (shared_with, shared, out) = (shared, shared.clone(), reports.clone());
                let begin = (plan.clone(), membership.clone(), globals.clone());
                let make = move || Worker::new(index, shared, begin, (inbox, out), now_ms());
                let told = shared_with.clone();
                let stepped = move |took| told.tell(&Event::Stepped { took });
                let pace = Pace::first(busy, stepped);
                threads.push(run(format!("worker {index}"), reports.clone(), make, Worker::step, pace)?);
                mailboxes.push(mailbox);
            }
            coordinator.attach_workers(mailboxes);
        }
    }
    Ok(threads)
}

/// Threads that restore, and where they listen.
pub(super) struct Restorers {
    pub(super) mailboxes: Vec<Sender<ToRestorer>>,
    pub(super) handles: Vec<JoinHandle<()>>,
}

/// Starts all restorers.
pub(super) fn restorers(
    shared: &Arc<Shared>,
    plan: &Arc<Plan>,
    cluster_id: &str,
    reports: &Sender<Report>,
    busy: &Arc<AtomicUsize>,
) -> Result<Restorers, Error> {
    let mut all = Restorers { mailboxes: Vec::new(), handles: Vec::new() };
    for lane in 0..shared.config.restorers.max(1) {
        let (mailbox, inbox) = channel();
        let (shared, out) = (shared.clone(), reports.clone());
        let begin = (plan.clone(), cluster_id.to_owned());
        let make = move || Restorer::new(lane, shared, begin, (inbox, out), now_ms());
        let pace = Pace::yielding(busy);
        all.handles.push(run(format!("restorer {lane}"), reports.clone(), make, Restorer::step, pace)?);
        all.mailboxes.push(mailbox);
    }
    Ok(all)
}

/// One thread: makes its part, steps it until it is done, reports how it died.
fn run<P: 'static>(
    name: String,
    reports: Sender<Report>,
    make: impl FnOnce() -> Result<P, Error> + Send + 'static,
    step: fn(&mut P, i64, Duration) -> Progress,
    mut pace: Pace,
) -> Result<JoinHandle<()>, Error> {
    let thread = name.clone();
    spawn(&name, move || {
        let body = AssertUnwindSafe(|| make().map(|mut part| steps(&mut part, step, &mut pace)));
        let failed = match catch_unwind(body) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => Error::Panicked(thread.clone()),
        };
        // Without a coordinator nobody is left to be told.
        let _ = reports.send(Report::Failed(failed));
        if let Some(worker) = thread.strip_prefix("worker ").and_then(|index| index.parse().ok()) {
            let _ = reports.send(Report::Stopped { worker });
        }
    })
}

fn steps<P>(part: &mut P, step: fn(&mut P, i64, Duration) -> Progress, pace: &mut Pace) {
    let mut patience = Duration::ZERO;
    loop {
        let began = Instant::now();
        let progress = step(part, now_ms(), patience);
        pace.note(progress, began.elapsed(), patience.is_zero());
        match progress {
            Progress::Busy => patience = Duration::ZERO,
            Progress::Idle => {
                // A client that can wait for records has waited; the others get their pause here.
                let rest = patience.saturating_sub(began.elapsed());
                if !rest.is_zero() {
                    std::thread::park_timeout(rest);
                }
                patience = PATIENCE;
            }
            Progress::Done => return,
        }
    }
}

/// Who works first where there are fewer cores than threads: processing, then restores.
struct Pace {
    /// How many workers of this application have something to do.
    busy: Arc<AtomicUsize>,
    cores: usize,
    role: Role,
}

enum Role {
    /// `counted`: it is among the busy ones. `stepped` is told how long each step took that did something.
    Worker { counted: bool, stepped: Box<dyn Fn(Duration) + Send> },
    /// Takes at most half of its time while the workers could use every core.
    Restorer,
}

impl Pace {
    fn first(busy: &Arc<AtomicUsize>, stepped: impl Fn(Duration) + Send + 'static) -> Self {
        Self::new(busy, Role::Worker { counted: false, stepped: Box::new(stepped) })
    }

    fn yielding(busy: &Arc<AtomicUsize>) -> Self {
        Self::new(busy, Role::Restorer)
    }

    fn new(busy: &Arc<AtomicUsize>, role: Role) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { busy: busy.clone(), cores, role }
    }

    /// Behind every step. One that was allowed to wait says nothing about how long its work took.
    fn note(&mut self, progress: Progress, took: Duration, at_once: bool) {
        let works = progress == Progress::Busy;
        match &mut self.role {
            Role::Worker { counted, stepped } => {
                if works && at_once {
                    stepped(took);
                }
                if *counted != works {
                    *counted = works;
                    // Wraps like the counter itself: minus one.
                    self.busy.fetch_add(if works { 1 } else { usize::MAX }, Ordering::Relaxed);
                }
            }
            Role::Restorer if works && self.busy.load(Ordering::Relaxed) >= self.cores => {
                std::thread::sleep(took);
            }
            Role::Restorer => {}
        }
    }
}
