//! A system under load: processes, a generator that writes at a steady rate, a reader of what comes out, the model.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use topologies::generate::{OrdersConfig, OrdersGenerator, PaymentsConfig, PaymentsGenerator, WireRecord};

use crate::states;
use crate::system::{Expected, Input, Outputs, PAUSE, System, Worker, settle, states};

/// Partitions of the input, and so of everything.
pub(crate) const PARTITIONS: i32 = 4;
/// Until a process is ready, on a machine that has other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Less than a day ago: by the timestamps of a writer's records Kafka decides after one (`producer.id.expiration.ms`) that it
/// forgets the writer's sequence, and when it does so (at a restart, among others), what the writer repeats is there twice. And so long
/// ago that time, which goes faster here than it does outside, does not come to where Kafka refuses it.
fn yesterday_ms() -> i64 {
    let ago = SystemTime::now() - Duration::from_hours(20);
    i64::try_from(ago.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Rows run beside each other, but for those that measure time.
static TURN: RwLock<()> = RwLock::new(());

/// A row's right to run; kept for its drop.
#[expect(dead_code, reason = "held, not looked at")]
enum Turn {
    Beside(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A system that works.
pub(crate) struct Flow {
    pub(crate) system: System,
    pub(crate) input: Input,
    pub(crate) outputs: Outputs,
    pub(crate) workers: Vec<Worker>,
    /// What the processes run.
    pub(crate) runnable: &'static str,
    records: Box<dyn Iterator<Item = WireRecord>>,
    /// Records per second.
    rate: f64,
    /// Since when, and how many were written before.
    since: (Instant, u64),
    turn: Option<Turn>,
}

impl Flow {
    /// Payments for `velocity`: every one has exactly one right verdict.
    pub(crate) fn payments(system: System, seed: u64) -> Self {
        let topic = system.names.payments();
        let config = PaymentsConfig {
            seed,
            events: u64::MAX,
            start_ms: yesterday_ms(),
            topic: topic.clone(),
            partitions: Some(PARTITIONS),
            ..PaymentsConfig::default()
        };
        Self::new(system, "velocity", &[topic], Box::new(PaymentsGenerator::new(config)), 300.0)
    }

    /// Change events for `orders`: joins, revenue and alerts.
    pub(crate) fn orders(system: System, seed: u64) -> Self {
        let topics = system.names.tables();
        let config = OrdersConfig {
            seed,
            events: 1_000_000,
            start_ms: yesterday_ms(),
            prefix: system.names.source_prefix(),
            // Few, so that the snapshot is over soon.
            customers: 500,
            products: 100,
            ..OrdersConfig::default()
        };
        Self::new(system, "orders", &topics, Box::new(OrdersGenerator::new(config)), 500.0)
    }

    fn new(
        system: System,
        runnable: &'static str,
        topics: &[String],
        records: Box<dyn Iterator<Item = WireRecord>>,
        rate: f64,
    ) -> Self {
        let turn = Some(Turn::Beside(TURN.read().unwrap_or_else(PoisonError::into_inner)));
        let (input, outputs) = (Input::to(&system, topics, PARTITIONS), Outputs::new(&system));
        let since = (Instant::now(), 0);
        Self { system, input, outputs, workers: Vec::new(), runnable, records, rate, since, turn }
    }

    /// From now on no other row runs; waits until those that do are over.
    pub(crate) fn alone(mut self) -> Self {
        self.turn = None;
        self.turn = Some(Turn::Alone(TURN.write().unwrap_or_else(PoisonError::into_inner)));
        self
    }

    /// From now on so many records per second.
    pub(crate) fn at_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.since = (Instant::now(), self.input.written());
    }

    /// Starts one more process; returns its number.
    pub(crate) fn start(&mut self, settings: &[(&str, &str)]) -> usize {
        let number = self.workers.len();
        let name = format!("{}-{number}", self.runnable);
        self.workers.push(Worker::start(&self.system, &name, self.runnable, settings));
        number
    }

    /// Starts processes and waits until they are ready.
    pub(crate) fn start_ready(&mut self, count: usize, settings: &[(&str, &str)]) {
        for _ in 0..count {
            self.start(settings);
        }
        self.await_ready();
    }

    /// Waits until every process is ready.
    pub(crate) fn await_ready(&mut self) {
        for worker in &mut self.workers {
            worker.await_ready(PATIENCE);
        }
    }

    /// Ends every process that runs, as it is ended in production.
    pub(crate) fn stop(&mut self) {
        for worker in self.workers.iter_mut().filter(|worker| !worker.is_down()) {
            worker.stop();
        }
    }

    /// Writes so many records at once.
    pub(crate) fn write(&mut self, count: usize) {
        for record in self.records.by_ref().take(count) {
            self.input.write(&record);
        }
        self.input.flush();
        self.since = (Instant::now(), self.input.written());
    }

    /// Writes what is due and reads what came; takes some ten milliseconds.
    pub(crate) fn pump(&mut self) {
        let (since, before) = self.since;
        let due = (since.elapsed().as_secs_f64() * self.rate) as u64;
        // Few at a time, so that nothing else is late.
        let count = (before + due).saturating_sub(self.input.written()).min(500);
        for record in self.records.by_ref().take(usize::try_from(count).unwrap()) {
            self.input.write(&record);
        }
        self.outputs.read(Duration::from_millis(10));
    }

    /// Goes on for so long.
    pub(crate) fn pump_for(&mut self, time: Duration) {
        self.at_rate(self.rate);
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.pump();
        }
    }

    /// Goes on until `done`; panics with `what` after `patience`.
    #[track_caller]
    pub(crate) fn pump_until(
        &mut self,
        what: &str,
        patience: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) {
        self.at_rate(self.rate);
        let deadline = Instant::now() + patience;
        while !done(self) {
            assert!(Instant::now() < deadline, "waited {patience:?} in vain for: {what}\n{}", self.report());
            self.pump();
        }
    }

    /// What the processes say of themselves, and where an open transaction holds readers up.
    fn report(&self) -> String {
        format!("{}\n{}", states(&self.workers), self.system.open_transactions().join("\n"))
    }

    /// Waits until everything that was written has come out right; panics with the differences.
    pub(crate) fn settle(&mut self) {
        self.input.flush();
        let expected = Expected::read_back(&self.system, &self.input);
        settle(&self.system, &mut self.workers, &mut self.outputs, &expected);
    }

    /// Everything comes out right; the processes end when asked; nothing comes after that; the stores are what their
    /// changelogs say.
    pub(crate) fn end_right(mut self) {
        self.settle();
        self.stop();
        self.outputs.read(PAUSE);
        let expected = Expected::read_back(&self.system, &self.input);
        let wrong = expected.differences(&self.system, &self.outputs);
        assert_eq!(wrong, Vec::<String>::new(), "after the stop");
        let mut checked = states::Checked::default();
        for worker in &self.workers {
            checked += states::check(&self.system, self.runnable, &worker.state());
        }
        assert!(checked.stores > 0, "there are stores to check");
        eprintln!(
            "{} records in, {} out, all right; {} rows of {} stores equal a replay of their changelogs",
            self.input.written(),
            self.outputs.records,
            checked.rows,
            checked.stores
        );
    }
}
