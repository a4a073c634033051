//! An application seen from outside: its layout over the cluster, without claiming its directory or joining its group.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use topo_state::MemoryBudget;

use super::config::AppConfig;
use super::error::Error;
use super::internal;
use super::matching::{self, Matched};
use super::observer::{Silent, TaskId};
use super::plan::Plan;
use super::shared::Shared;
use crate::broker::Broker;
use crate::graph::{Naming, Topology};

/// What a tool needs to know of an application.
pub(crate) struct Outside {
    pub(crate) shared: Arc<Shared>,
    pub(crate) plan: Plan,
}

impl Outside {
    /// Lays the topology over the cluster as it is now.
    ///
    /// # Errors
    /// The broker cannot be asked, or an input topic is missing.
    pub(crate) fn new(topology: Topology, broker: Arc<dyn Broker>, config: AppConfig) -> Result<Self, Error> {
        let application =
            if config.application.is_empty() { topology.name.clone() } else { config.application.clone() };
        let shared = Shared {
            dir: config.state_dir.join(&application),
            naming: Naming { application: application.into() },
            process_id: "tool".to_owned(),
            home: String::new(),
            life: String::new(),
            disk: None,
            memory: MemoryBudget::new(config.memory_bytes),
            topology,
            config,
            broker,
            observer: Arc::new(Silent),
            held: Arc::default(),
            paused: AtomicBool::new(false),
        };
        let plan = plan(&shared)?;
        Ok(Self { shared: Arc::new(shared), plan })
    }

    /// All tasks with the names of their directories.
    pub(crate) fn tasks(&self) -> Vec<(TaskId, String)> {
        tasks(&self.shared, &self.plan)
    }
}

/// The layout as a start would find it.
pub(crate) fn plan(shared: &Shared) -> Result<Plan, Error> {
    let mut admin = shared.broker.admin()?;
    let Matched { topology, unmatched } = matching::topology(shared, admin.as_mut())?;
    if let Some(patterns) = unmatched {
        return Err(Error::Layout(format!("no topic matches {patterns}")));
    }
    let inputs = internal::inputs(&topology);
    let counts = admin.partitions(&inputs)?;
    let missing: Vec<&str> =
        inputs.iter().filter(|name| !counts.contains_key(*name)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(Error::Layout(format!("input topic {} does not exist", missing.join(", "))));
    }
    Plan::new(shared, topology, &counts)
}

/// All tasks of a layout with the names of their directories.
pub(crate) fn tasks(shared: &Shared, plan: &Plan) -> Vec<(TaskId, String)> {
    let of = |(sub_topology, sub): (usize, &super::plan::SubPlan)| {
        (0..sub.tasks).map(move |partition| TaskId { sub_topology, partition }).collect::<Vec<_>>()
    };
    let ids = plan.subs.iter().enumerate().flat_map(of);
    ids.map(|task| (task, shared.task_name(plan, task))).collect()
}
