//! The door: an application from a topology, a broker and settings.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use topo_state::{MemoryBudget, MemoryDisk};

use super::config::AppConfig;
use super::error::Error;
use super::observer::Observer;
use super::process_id::{StateDirectory, random_id};
use super::shared::Shared;
use super::threads::{self, Running};
use crate::broker::Broker;
use crate::graph::{Naming, Topology};

/// An application in this process.
#[derive(Clone, Copy, Debug)]
pub struct App;

impl App {
    /// Starts `topology` on `broker`. Returns at once: what it waits for and what becomes of it is told to `observer`.
    ///
    /// # Errors
    /// The state directory is in use or cannot be used; the thread cannot be started.
    pub fn start(
        topology: Topology,
        broker: Arc<dyn Broker>,
        config: AppConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Running, Error> {
        let (shared, directory) = prepare(topology, broker, config, observer, None)?;
        threads::start(shared, directory)
    }
}

/// Everything that is known before the first step.
pub(crate) fn prepare(
    topology: Topology,
    broker: Arc<dyn Broker>,
    config: AppConfig,
    observer: Arc<dyn Observer>,
    disk: Option<MemoryDisk>,
) -> Result<(Arc<Shared>, StateDirectory), Error> {
    let application =
        if config.application.is_empty() { topology.name.clone() } else { config.application.clone() };
    let directory =
        StateDirectory::claim(&config.state_dir.join(&application), config.process_id.as_deref())?;
    let shared = Shared {
        naming: Naming { application: application.into() },
        process_id: directory.process_id.clone(),
        home: directory.home.clone(),
        life: random_id()?,
        dir: directory.path.clone(),
        memory: MemoryBudget::new(config.memory_bytes),
        disk,
        topology,
        config,
        broker,
        observer,
        held: Arc::default(),
        paused: AtomicBool::new(false),
    };
    Ok((Arc::new(shared), directory))
}
