//! The measured process: one application, which tells its progress on standard output until its input pipe is closed.
//!
//! Lines: `processed <facts> <all> <quiet>` with every commit (all: with what was read from internal topics; quiet: nothing
//! waits there), `restored <records> <milliseconds>` once, when every task runs.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use topo::broker::kafka::KafkaBroker;
use topo::observe::TaskState;
use topo::{App, AppConfig, Event, Observer};

use crate::families;
use crate::topologies::{self, FACTS, PARTITIONS};

const PREFIX: &str = "TOPO_BENCH_";

/// What the name of a family of operators begins with; some are called as a topology is.
pub(crate) const OPERATOR: &str = "operator-";

/// What a child is to run.
pub(crate) struct Orders {
    pub(crate) topology: String,
    pub(crate) application: String,
    pub(crate) bootstrap: String,
    pub(crate) state_dir: PathBuf,
    pub(crate) workers: usize,
}

impl Orders {
    /// The orders of this process, if it is a child.
    pub(crate) fn from_environment() -> Option<Self> {
        let get = |name: &str| std::env::var(format!("{PREFIX}{name}")).ok();
        Some(Self {
            topology: get("TOPOLOGY")?,
            application: get("APPLICATION")?,
            bootstrap: get("BOOTSTRAP")?,
            state_dir: get("STATE_DIR")?.into(),
            workers: get("WORKERS")?.parse().ok()?,
        })
    }

    /// This program as a child with these orders.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut set = |name: &str, value: &std::ffi::OsStr| {
            command.env(format!("{PREFIX}{name}"), value);
        };
        set("TOPOLOGY", self.topology.as_ref());
        set("APPLICATION", self.application.as_ref());
        set("BOOTSTRAP", self.bootstrap.as_ref());
        set("STATE_DIR", self.state_dir.as_ref());
        set("WORKERS", self.workers.to_string().as_ref());
        command
    }
}

/// Runs the application until nobody holds the other end of standard input.
pub(crate) fn work(orders: &Orders) {
    let (name, out) = (&orders.topology, format!("{}-out", orders.application));
    let family = name.strip_prefix(OPERATOR).map(|family| families::topology(family, &out).unwrap());
    let topology = family.unwrap_or_else(|| topologies::topology(name, &out).unwrap());
    let config = AppConfig {
        application: orders.application.clone(),
        state_dir: orders.state_dir.clone(),
        workers: orders.workers,
        restorers: orders.workers,
        replication: 1,
        ..AppConfig::default()
    };
    let broker = Arc::new(KafkaBroker::new(&orders.bootstrap, BTreeMap::new()));
    let told = Arc::new(Told::default());
    let running = App::start(topology, broker, config, told).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    running.stop();
    running.wait().unwrap();
}

/// Counts what the runtime tells.
#[derive(Default)]
struct Told(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    facts: u64,
    /// Records written to internal topics that are input again, and those read from them.
    written: u64,
    read: u64,
    began: Option<Instant>,
    restored: u64,
    running: i32,
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            // Told after what was produced by the same commit: no moment looks quiet that is not.
            Event::Processed { partition, count } => {
                match &*partition.topic {
                    FACTS => counts.facts += count,
                    topic if is_internal(topic) => counts.read += count,
                    _ => {}
                }
                let (facts, all) = (counts.facts, counts.facts + counts.read);
                say(&format!("processed {facts} {all} {}", counts.written == counts.read));
            }
            Event::Produced { topic, count } if is_internal(topic) => counts.written += count,
            Event::Restore { restored, .. } => counts.restored += restored,
            Event::Task { to: Some(TaskState::Restoring), .. } => {
                counts.began.get_or_insert_with(Instant::now);
            }
            Event::Task { to: Some(TaskState::Running), .. } => {
                counts.running += 1;
                if let Some(began) = counts.began.filter(|_| counts.running == PARTITIONS) {
                    say(&format!("restored {} {}", counts.restored, began.elapsed().as_millis()));
                }
            }
            Event::Warning { message } | Event::Waiting { reason: message, .. } => tell(message),
            Event::Failed { error } => tell(error),
            _ => {}
        }
    }
}

/// Repartition topics and those of a foreign-key join, by their endings.
fn is_internal(topic: &str) -> bool {
    topic.ends_with("-topic") || topic.ends_with("-repartition")
}

fn say(line: &str) {
    // A parent that is gone wants no answer; the closed input ends this process.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
