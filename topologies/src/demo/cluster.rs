//! Two processes in one: each with its own state directory and its own cable to the broker, both with both topologies.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use topo::broker::memory::MemoryBroker;
use topo::cli::{Exit, Failure};
use topo::{App, AppConfig, Event, Observer, Running, Topology};

use super::cable::Cable;
use crate::orders::{self, OrdersConfig};
use crate::tazama::{self, VelocityConfig};

/// Both processes.
pub(super) struct Cluster {
    broker: MemoryBroker,
    scratch: Scratch,
    processes: Vec<Process>,
    restored: Arc<Restored>,
}

struct Process {
    name: &'static str,
    cable: Cable<MemoryBroker>,
    running: Vec<Running>,
}

/// Counts restored records.
#[derive(Default)]
struct Restored(AtomicU64);

impl Observer for Restored {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Restore { restored, .. } => {
                self.0.fetch_add(*restored, Relaxed);
            }
            Event::Warning { message } => tracing::warn!("{message}"),
            _ => {}
        }
    }
}

/// A directory that is removed with its content.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the system's directory for temporary files, where it is expected.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Cluster {
    pub(super) fn start(broker: MemoryBroker) -> Result<Self, Failure> {
        let scratch = Scratch(std::env::temp_dir().join(format!("topo-demo-{}", std::process::id())));
        fs::create_dir_all(&scratch.0).map_err(|error| disk(&scratch.0, &error))?;
        let mut cluster = Self { broker, scratch, processes: Vec::new(), restored: Arc::default() };
        cluster.tick()?;
        for name in ["one", "two"] {
            let process = cluster.launch(name)?;
            cluster.processes.push(process);
        }
        Ok(cluster)
    }

    fn launch(&self, name: &'static str) -> Result<Process, Failure> {
        let cable = Cable::new(self.broker.clone());
        let config = OrdersConfig::sales().map_err(|error| bug(&error))?;
        let topologies = [
            orders::topology(&config).map_err(|error| bug(&error))?,
            tazama::topology(&VelocityConfig::default()).map_err(|error| bug(&error))?,
        ];
        let start = |topology: Topology| {
            let config =
                AppConfig { state_dir: self.scratch.0.join(name), workers: 1, ..AppConfig::default() };
            App::start(topology, Arc::new(cable.clone()), config, self.restored.clone())
                .map_err(|error| bug(&error))
        };
        let running = topologies.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Process { name, cable, running })
    }

    /// Moves the broker's clock. Fails when an application has ended by itself.
    pub(super) fn tick(&mut self) -> Result<(), Failure> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.broker.advance(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        for process in &self.processes {
            if let Some(ended) = process.running.iter().find(|running| running.is_finished()) {
                ended.wait().map_err(|error| bug(&error))?;
                return Err(Failure::new(Exit::Bug, format!("process {} has ended by itself", process.name)));
            }
        }
        Ok(())
    }

    /// Ends a process as a power cut would, loses one of its store directories, and starts it again.
    pub(super) fn crash_one(&mut self) -> Result<(), Failure> {
        let process = self.processes.remove(0);
        process.cable.cut();
        for running in process.running {
            // It ends with the error of the cut cable; that is the point.
            let _ = running.wait();
        }
        let home = self.scratch.0.join(process.name);
        if let Some(store) = largest_store(&home) {
            fs::remove_dir_all(&store).map_err(|error| disk(&store, &error))?;
        }
        let again = self.launch(process.name)?;
        self.processes.push(again);
        Ok(())
    }

    /// Stops everything cleanly. Says how many records were restored.
    pub(super) fn stop(self) -> Result<u64, Failure> {
        for running in self.processes.iter().flat_map(|process| &process.running) {
            running.stop();
        }
        for running in self.processes.iter().flat_map(|process| &process.running) {
            running.wait().map_err(|error| bug(&error))?;
        }
        Ok(self.restored.0.load(Relaxed))
    }
}

/// The directory of the task with the most data: it is surely one that the process had until now.
fn largest_store(home: &Path) -> Option<PathBuf> {
    let mut found = Vec::new();
    gather(home, &mut found);
    found.into_iter().max().map(|(_, path)| path)
}

/// Task directories below `dir` with the bytes of their databases.
fn gather(dir: &Path, found: &mut Vec<(u64, PathBuf)>) {
    if dir.join("topo.json").exists() {
        let bytes = entries(&dir.join("db")).filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
        found.push((bytes, dir.to_owned()));
        return;
    }
    for entry in entries(dir).filter(|entry| entry.path().is_dir()) {
        gather(&entry.path(), found);
    }
}

fn entries(dir: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(dir).into_iter().flatten().flatten()
}

fn bug(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Bug, error.to_string())
}

fn disk(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Bug,
        format!("cannot use {}: {error}; set TMPDIR to a directory with room", path.display()),
    )
}
