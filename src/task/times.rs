//! Times in the checkpoint: the task's stream time, those of its operators and stores, up to where windows have been closed,
//! and when punctuations are due.

use topo_state::{Checkpoint, NO_TIME, Store};

use crate::flaw::{Flaw, planted};
use crate::processor::{Clock, Pipeline, Ticks};

const TASK: &str = "task";

fn operator(name: &str) -> String {
    format!("op:{name}")
}

fn closed(name: &str) -> String {
    format!("closed:{name}")
}

fn look(name: &str) -> String {
    format!("look:{name}")
}

/// The due time of a schedule, by the name of its node.
fn tick(name: &str, (_, place, clock, interval_ms): Ticks) -> String {
    let clock = match clock {
        Clock::Stream => "stream",
        Clock::Wall => "wall",
    };
    format!("{TICK}{name}:{place}:{clock}:{interval_ms}")
}

const TICK: &str = "tick:";

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
    times.retain(|key, _| !key.starts_with(TICK));
    for scheduled in &pipeline.env.schedules {
        if let Some((ticks, name)) = scheduled.ticks().zip(names.get(scheduled.node)) {
            times.insert(tick(name, ticks), scheduled.due);
        }
    }
    for (name, time) in names.iter().zip(&pipeline.env.operator_times) {
        if let Some(time) = time {
            times.insert(operator(name), *time);
        }
    }
    for (name, given) in names.iter().zip(&pipeline.env.given) {
        times.extend(given.until.map(|end| (closed(name), end)));
        times.extend(given.next_look.map(|due| (look(name), due)));
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

/// When the schedules made at the start of nodes were due.
pub(crate) fn ticks(names: &[String], checkpoint: &Checkpoint) -> Vec<(Ticks, i64)> {
    let noted = checkpoint.stream_times.iter();
    noted.filter_map(|(key, due)| Some((read_tick(key.strip_prefix(TICK)?, names)?, *due))).collect()
}

/// Whether all schedules of the wall clock that go on after a restart stand in the checkpoint.
pub(crate) fn noted(pipeline: &Pipeline, names: &[String], checkpoint: &Checkpoint) -> bool {
    let wall = pipeline.env.schedules.iter().filter(|it| it.clock == Clock::Wall);
    let mut keys = wall.filter_map(|scheduled| {
        scheduled.ticks().zip(names.get(scheduled.node)).map(|(ticks, name)| tick(name, ticks))
    });
    keys.all(|key| checkpoint.stream_times.contains_key(&key))
}

fn read_tick(text: &str, names: &[String]) -> Option<Ticks> {
    let mut parts = text.rsplitn(4, ':');
    let interval_ms = parts.next()?.parse().ok()?;
    let clock = if parts.next()? == "wall" { Clock::Wall } else { Clock::Stream };
    let place = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    Some((names.iter().position(|it| it == name)?, place, clock, interval_ms))
}

/// Sets the times of the task and of its operators to what was noted. Stores go back by themselves.
pub(crate) fn load(pipeline: &mut Pipeline, names: &[String], checkpoint: &Checkpoint) {
    let times = &checkpoint.stream_times;
    pipeline.env.stream_time = times.get(TASK).copied();
    for (name, time) in names.iter().zip(&mut pipeline.env.operator_times) {
        *time = times.get(&operator(name)).copied();
    }
    for (name, given) in names.iter().zip(&mut pipeline.env.given) {
        given.until = times.get(&closed(name)).copied();
        given.next_look = times.get(&look(name)).copied();
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
