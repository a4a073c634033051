//! Our side: the application on a real Kafka, and its stores on disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use topo::broker::kafka::KafkaBroker;
use topo::observe::TaskState as Shown;
use topo::state::{Identity, MemoryBudget, Place, StoreSpec, TaskState};
use topo::{App, AppConfig, Event, Observer, Running, TaskId, Topology};

use crate::support::scratch::wait_until;

const PATIENCE: Duration = Duration::from_secs(90);

/// What the application has told.
#[derive(Default)]
pub(super) struct Watch {
    tasks: Mutex<BTreeMap<TaskId, Shown>>,
    told: Mutex<Vec<String>>,
}

impl Watch {
    pub(super) fn has_told(&self, words: &str) -> bool {
        self.told.lock().unwrap().iter().any(|line| line.contains(words))
    }
}

impl Observer for Watch {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Task { task, to: Some(to), .. } => {
                self.tasks.lock().unwrap().insert(*task, *to);
            }
            Event::Task { task, to: None, .. } => {
                self.tasks.lock().unwrap().remove(task);
            }
            Event::Waiting { reason: text, .. }
            | Event::Warning { message: text }
            | Event::Failed { error: text } => {
                self.told.lock().unwrap().push((*text).to_owned());
            }
            _ => {}
        }
    }
}

/// Our application.
pub(super) struct Ours {
    running: Running,
    pub(super) watch: Arc<Watch>,
}

impl Ours {
    pub(super) fn start(
        topology: Topology,
        broker: &Arc<KafkaBroker>,
        application: &str,
        dir: &Path,
    ) -> Self {
        let config = AppConfig {
            state_dir: dir.to_owned(),
            workers: 2,
            session_timeout: Duration::from_secs(6),
            heartbeat: Duration::from_millis(500),
            replication: 1,
            application: application.to_owned(),
            ..AppConfig::default()
        };
        let watch = Arc::new(Watch::default());
        let running = App::start(topology, broker.clone(), config, watch.clone()).unwrap();
        Self { running, watch }
    }

    /// Waits until all stores are restored and all these tasks run.
    pub(super) fn await_running(&self, all: usize) {
        wait_until("all tasks to run", PATIENCE, || {
            self.assert_alive();
            let tasks = self.watch.tasks.lock().unwrap();
            tasks.len() == all && tasks.values().all(|state| *state == Shown::Running)
        });
    }

    pub(super) fn assert_alive(&self) {
        assert!(!self.running.is_finished(), "it ended: {:?}", self.watch.told.lock().unwrap());
    }

    pub(super) fn stop(self) {
        self.running.stop();
        self.running.wait().unwrap();
    }
}

/// Opens the stores of each task of a stopped application, one after the other.
pub(super) fn for_each_task(dir: &Path, mut look: impl FnMut(&TaskState)) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let dir = entry.unwrap().path();
        let Ok(manifest) = std::fs::read(dir.join("topo.json")) else { continue };
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let specs: Vec<StoreSpec> = serde_json::from_value(manifest["stores"].clone()).unwrap();
        let identity: Identity = serde_json::from_value(manifest).unwrap();
        let place = Place::Rocks { dir, memory: MemoryBudget::new(16 << 20) };
        look(&TaskState::open(&place, &identity, specs).unwrap().state);
    }
}
