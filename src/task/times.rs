//! Stream times in the checkpoint: the task's, those of its operators, those of its stores.

use topo_state::{Checkpoint, NO_TIME, Store};

use crate::flaw::{Flaw, planted};
use crate::processor::Pipeline;

const TASK: &str = "task";

fn operator(name: &str) -> String {
    format!("op:{name}")
}

fn store(name: &str) -> String {
    format!("store:{name}")
}

/// Notes all times as of now.
pub(crate) fn save(pipeline: &Pipeline, names: &[String], own_stores: &[usize], checkpoint: &mut Checkpoint) {
    if planted(Flaw::StreamTimeForgotten) {
        return;
    }
    let times = &mut checkpoint.stream_times;
    if let Some(time) = pipeline.env.stream_time {
        times.insert(TASK.to_owned(), time);
    }
    for (name, time) in names.iter().zip(&pipeline.env.operator_times) {
        if let Some(time) = time {
            times.insert(operator(name), *time);
        }
    }
    for store_of in own_stores.iter().filter_map(|number| pipeline.stores[*number].as_ref()) {
        let time = store_of.observed_time();
        if time != NO_TIME {
            times.insert(store(&store_of.spec().name), time);
        }
    }
}

/// Sets the times of the task and of its operators to what was noted. Stores go back by themselves.
pub(crate) fn load(pipeline: &mut Pipeline, names: &[String], checkpoint: &Checkpoint) {
    let times = &checkpoint.stream_times;
    pipeline.env.stream_time = times.get(TASK).copied();
    for (name, time) in names.iter().zip(&mut pipeline.env.operator_times) {
        *time = times.get(&operator(name)).copied();
    }
}

/// Tells a store that was just opened its time.
pub(crate) fn load_store(opened: &mut dyn Store, checkpoint: &Checkpoint) {
    if let Some(time) = checkpoint.stream_times.get(&store(&opened.spec().name)) {
        opened.set_observed_time(*time);
    }
}
