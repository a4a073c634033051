//! Processes come and go as planned: rolling restarts that keep their place, one to four processes and back under load,
//! another layout started beside.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flow::{Flow, PARTITIONS, PATIENCE};
use crate::form::{chance, pick};
use crate::system::{System, Worker};

#[test]
fn a_rolling_restart_with_keep_place_moves_no_task() {
    for protocol in pick(vec!["classic"], vec!["classic", "consumer"]) {
        let (_, seed) = chance(&format!("rolling restart ({protocol})"));
        let mut flow = Flow::payments(System::shared(&format!("rolling-{protocol}")), seed);
        let settings = [("group.protocol", protocol), ("keep.place", "true")];
        for number in 0..3 {
            flow.start(&settings);
            flow.workers[number].await_ready(PATIENCE);
        }
        at_rest(&mut flow);
        let before = holders(&flow);
        for (round, number) in (0..pick(1, 3)).flat_map(|round| [0, 1, 2].map(|number| (round, number))) {
            let took = restart(&mut flow, number, &before);
            eprintln!("{protocol}, round {round}: {took}, no task moved");
        }
        assert_eq!(holders(&flow), before);
        flow.end_right();
    }
}

/// Restarts one process; no task of another one may move. Says how long it took.
fn restart(flow: &mut Flow, number: usize, before: &[usize]) -> String {
    flow.pump_for(Duration::from_secs(1));
    let said: Vec<usize> = flow.workers.iter().map(|worker| worker.logged().len()).collect();
    let stopped = flow.workers[number].stop();
    flow.workers[number].start_again();
    let mut took = None;
    flow.pump_until("the process to be back", PATIENCE, |flow| {
        took = flow.workers[number].newly_ready();
        took.is_some()
    });
    flow.pump_until("its tasks to run", PATIENCE, |flow| running(&flow.workers[number]) == before[number]);
    for other in (0..before.len()).filter(|other| *other != number) {
        let log = flow.workers[other].logged()[said[other]..].to_owned();
        assert!(!log.contains("task changed state"), "a task of another process moved:\n{log}");
    }
    format!("stopped in {stopped:?}, ready {took:?} after its start")
}

#[test]
fn one_to_four_processes_and_back_under_load_move_as_few_tasks_as_they_must() {
    let (_, seed) = chance("scale");
    let mut flow = Flow::payments(System::shared("scale"), seed);
    flow.start_ready(1, &[]);
    at_rest(&mut flow);
    let tasks = running(&flow.workers[0]);
    for _ in 0..pick(1, 3) {
        for there in 2..=4 {
            let before = restores(&flow);
            match flow.workers.iter_mut().find(|worker| worker.is_down()) {
                Some(worker) => worker.start_again(),
                None => drop(flow.start(&[])),
            }
            flow.pump_until("the new one to be ready", PATIENCE, |flow| flow.workers.iter_mut().all(is_up));
            at_rest(&mut flow);
            let moved = restores(&flow) - before;
            // What the new one gets, and what is left over where the numbers do not divide.
            let must = tasks.div_ceil(there);
            assert!(moved <= must + 1, "{moved} of {tasks} tasks moved to {there} processes, {must} must");
            balanced(&flow, tasks, there);
            eprintln!("{there} processes: {moved} of {tasks} tasks moved, {must} must");
        }
        for there in (1..=3).rev() {
            let before = restores(&flow);
            let leaver = flow.workers.iter().rposition(|worker| !worker.is_down()).unwrap();
            let must = running(&flow.workers[leaver]);
            flow.workers[leaver].stop();
            flow.pump_until("the others to have all", PATIENCE, |flow| {
                flow.workers.iter().map(running).sum::<usize>() == tasks
            });
            at_rest(&mut flow);
            let moved = restores(&flow) - before;
            assert!(moved <= must + 1, "{moved} tasks moved when {must} lost their process");
            balanced(&flow, tasks, there);
            eprintln!("{there} processes: {moved} of {tasks} tasks moved, {must} must");
        }
    }
    flow.end_right();
}

#[test]
fn another_layout_started_beside_waits_until_the_old_one_is_gone() {
    let (_, seed) = chance("layout");
    let mut flow = Flow::payments(System::shared("layout"), seed);
    flow.start_ready(1, &[]);
    // The same application with another input: not the same tasks.
    let other = flow.system.names.topic("other-transactions");
    flow.system.create_topics(std::slice::from_ref(&other), PARTITIONS);
    flow.pump_for(Duration::from_secs(1));
    let said = flow.workers[0].logged().len();
    let mut late =
        Worker::start(&flow.system, "other-layout", flow.runnable, &[("velocity.topic.input", &other)]);
    let waits = "another layout of this application runs there";
    flow.pump_until("the other layout to say that it waits", PATIENCE, |_| {
        late.health().is_some_and(|answer| answer.starts_with("HTTP/1.1 503") && answer.contains(waits))
    });
    flow.pump_for(Duration::from_secs(pick(3, 20)));
    late.must_live();
    assert!(!late.is_ready(), "it waits as long as the other one runs");
    let log = flow.workers[0].logged()[said..].to_owned();
    assert!(!log.contains("task changed state"), "the running one is not disturbed:\n{log}");
    flow.settle();
    flow.workers[0].stop();
    let took = late.await_ready(PATIENCE);
    eprintln!("ready {took:?} after its start, once the old layout was gone");
    late.must_stop();
    flow.workers[0].start_again();
    flow.workers[0].await_ready(PATIENCE);
    flow.pump_for(Duration::from_secs(1));
    flow.end_right();
}

fn is_up(worker: &mut Worker) -> bool {
    worker.is_down() || worker.newly_ready().is_some() || worker.is_ready()
}

/// Tasks that run in a process.
fn running(worker: &Worker) -> usize {
    if worker.is_down() { 0 } else { worker.total_of("topo_tasks", r#"state="running""#) as usize }
}

fn holders(flow: &Flow) -> Vec<usize> {
    flow.workers.iter().map(running).collect()
}

/// Restores that began, over all processes and lives.
fn restores(flow: &Flow) -> usize {
    let began = |worker: &Worker| worker.logged().matches(r#"from="none" to="restoring""#).count();
    flow.workers.iter().map(began).sum()
}

/// Goes on until no task has moved for three seconds.
fn at_rest(flow: &mut Flow) {
    let mut last = (BTreeMap::new(), std::time::Instant::now());
    flow.pump_until("the tasks to rest", PATIENCE, |flow| {
        let now: BTreeMap<usize, (usize, usize)> = flow
            .workers
            .iter()
            .enumerate()
            .map(|(at, it)| (at, (running(it), it.logged().matches("task changed state").count())))
            .collect();
        if now != last.0 {
            last = (now, std::time::Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(3)
    });
}

fn balanced(flow: &Flow, tasks: usize, there: usize) {
    let held: Vec<usize> = flow.workers.iter().filter(|worker| !worker.is_down()).map(running).collect();
    assert_eq!(held.iter().sum::<usize>(), tasks);
    let fair = |count: &usize| {
        (tasks / there..=tasks.div_ceil(there) + 1).contains(count) || *count + 1 == tasks / there
    };
    assert!(held.iter().all(fair), "{tasks} tasks over {there} processes: {held:?}");
}
