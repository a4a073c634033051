//! Running nodes and typed stores, made from the graph.

use std::sync::Arc;

use topo_state::TaskState;

use super::global::GlobalStores;
use super::times;
use crate::graph::{MakeNode, Naming, SubTopology, Topology};
use crate::processor::{Env, Given, Node, Pipeline, Tally};

/// How to make the nodes of a sub-topology: once when the task is made, again after an abort.
pub(crate) struct Recipe {
    naming: Naming,
    makes: Vec<(usize, MakeNode)>,
    /// Name per node of the whole topology, then those of the times that nodes share.
    pub(crate) names: Vec<String>,
}

impl Recipe {
    pub(crate) fn new(topology: &Topology, sub: &SubTopology, naming: &Naming) -> Self {
        let makes = sub.nodes.iter().map(|node| (*node, topology.nodes[*node].make.clone())).collect();
        let nodes = topology.nodes.iter().map(|node| &node.name);
        let names = nodes.chain(&topology.times).cloned().collect();
        Self { naming: naming.clone(), makes, names }
    }

    /// Fresh nodes in the place of whatever ran before; parents before children, as they were added.
    pub(crate) fn make_nodes(&self, nodes: &mut [Option<Box<dyn Node>>]) {
        for (node, make) in &self.makes {
            nodes[*node] = Some(make(&self.naming));
        }
    }

    /// The nodes it makes, in order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = usize> {
        self.makes.iter().map(|(node, _)| *node)
    }
}

/// A pipeline with its stores, and no nodes yet.
pub(crate) fn pipeline(
    topology: &Topology,
    sub: &SubTopology,
    partition: i32,
    state: &TaskState,
    globals: &GlobalStores,
) -> Result<Pipeline, String> {
    let mut stores = Vec::new();
    stores.resize_with(topology.stores.len(), || None);
    globals.open(topology, &mut stores);
    for &number in &sub.stores {
        let def = &topology.stores[number];
        let name = &def.spec.name;
        let index =
            state.index_of(name).ok_or_else(|| format!("its state was opened without store {name:?}"))?;
        let mut store = (def.make)(index, state.backend());
        times::load_store(store.as_mut(), state.checkpoint());
        stores[number] = Some(store);
    }
    let mut nodes = Vec::new();
    nodes.resize_with(topology.nodes.len(), || None);
    let children = topology.nodes.iter().map(|node| node.children.clone().into()).collect();
    let task: Arc<str> = format!("{}_{partition}", sub.number).into();
    Ok(Pipeline {
        nodes,
        children,
        names: topology.nodes.iter().map(|node| node.name.clone()).collect(),
        stores,
        views: topology.stores.iter().map(|store| store.global && !sub.global).collect(),
        env: env(task, partition, topology.nodes.len() + topology.times.len()),
    })
}

fn env(task: Arc<str>, partition: i32, times: usize) -> Env {
    Env {
        position: None,
        stream_time: None,
        wall_clock: 0,
        task,
        partition,
        emitted: Vec::new(),
        schedules: Vec::new(),
        next_schedule: 0,
        starting: None,
        dropped: 0,
        skipped: 0,
        tally: Tally::default(),
        commit_requested: false,
        operator_times: vec![None; times],
        given: vec![Given::default(); times],
        outdated: false,
        captured: None,
        holding: false,
        failed: None,
        idle: None,
    }
}
