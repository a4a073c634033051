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

/// Where the numbering of a store's puts stands: it only ever rises, like the times.
fn sequence(name: &str) -> String {
    format!("sequence:{name}")
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
        if store_of.sequence() > 0 {
            times.insert(sequence(&store_of.spec().name), i64::from(store_of.sequence()));
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

/// Tells a store that was just opened its time and its sequence.
pub(crate) fn load_store(opened: &mut dyn Store, checkpoint: &Checkpoint) {
    let times = &checkpoint.stream_times;
    if let Some(time) = times.get(&store(&opened.spec().name)) {
        opened.set_observed_time(*time);
    }
    let last = times.get(&sequence(&opened.spec().name));
    if let Some(last) = last.and_then(|last| u32::try_from(*last).ok()) {
        opened.set_sequence(last);
    }
}
