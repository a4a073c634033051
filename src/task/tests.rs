//! A task as its owner sees it.

use std::sync::atomic::Ordering;

use topo_state::{Identity, Place, TaskState};

use super::error::TaskError;
use super::sample::{counting, shown, text};
use super::{Task, TaskConfig};
use crate::fault::FaultPolicy;
use crate::graph::{Naming, Topology};
use crate::processor::Clock;
use crate::record::{Partition, RawRecord};
use crate::task::GlobalStores;

fn naming() -> Naming {
    Naming { application: "app".into() }
}

fn state(topology: &Topology) -> TaskState {
    let specs = topology.stores.iter().map(|store| store.spec.clone()).collect();
    TaskState::open(&Place::Memory, &Identity::default(), specs).unwrap().state
}

fn over(topology: &Topology, state: TaskState, change: impl Fn(&mut TaskConfig)) -> Task {
    let mut config = TaskConfig::new("app");
    change(&mut config);
    let globals = GlobalStores::default();
    Task::new(topology, &topology.undivided(), 3, &naming(), state, &globals, config, 0).unwrap()
}

fn task(clock: Clock) -> Task {
    let (topology, _) = counting(clock, false);
    over(&topology, state(&topology), |_| {})
}

/// Enqueues words from offset `first` on and processes them all.
fn feed(task: &mut Task, first: i64, words: &[(&str, &str, i64)]) -> Result<usize, TaskError> {
    for (offset, (key, value, timestamp)) in (first..).zip(words) {
        task.enqueue(0, offset, text(key, value, *timestamp));
    }
    task.process(0, usize::MAX)
}

fn output(task: &mut Task) -> Vec<String> {
    task.take_output()
        .map(|it| shown(&it.record.topic, it.record.key.as_deref(), it.record.value.as_deref()))
        .collect()
}

fn commit(task: &mut Task) -> Vec<String> {
    let prepared = task.prepare().unwrap();
    let changes = prepared.changelog.iter().map(|it| shown(it.topic, Some(it.key), it.value)).collect();
    let next = i64::try_from(prepared.changelog.len()).unwrap() + 100;
    task.committed(&[(0, next)]).unwrap();
    changes
}

/// A task whose first commit has noted when its punctuations are due.
fn noted(clock: Clock) -> Task {
    let mut task = task(clock);
    assert!(task.dirty());
    task.prepare().unwrap();
    task.committed(&[]).unwrap();
    assert!(!task.dirty());
    task
}

#[test]
fn punctuations_go_on_after_an_abort_and_a_restart_where_they_were() {
    let mut task = noted(Clock::Wall);
    task.punctuate(35).unwrap();
    assert_eq!(output(&mut task), ["out/tick=35"]);
    commit(&mut task);
    task.punctuate(41).unwrap();
    task.aborted().unwrap();
    task.punctuate(42).unwrap();
    assert_eq!(output(&mut task), ["out/tick=42"], "the tick of the aborted interval comes again");
    commit(&mut task);
    let (topology, _) = counting(Clock::Wall, false);
    let mut again = over(&topology, task.into_state(), |_| {});
    again.punctuate(1_000).unwrap();
    assert_eq!(output(&mut again), ["out/tick=1000"], "due long ago, and once");
    again.punctuate(1_009).unwrap();
    again.punctuate(1_010).unwrap();
    assert_eq!(output(&mut again), ["out/tick=1010"]);
}

#[test]
fn a_commit_hands_out_changes_and_offsets_and_writes_one_checkpoint() {
    let mut task = noted(Clock::Wall);
    assert_eq!(feed(&mut task, 5, &[("a", "", 10), ("b", "", 20), ("a", "", 15)]).unwrap(), 3);
    assert!(task.dirty());
    assert_eq!(output(&mut task), ["out/a=1", "out/b=1", "out/a=2"]);
    let prepared = task.prepare().unwrap();
    let changes: Vec<_> = prepared
        .changelog
        .iter()
        .map(|it| (shown(it.topic, Some(it.key), it.value), it.partition, it.timestamp))
        .collect();
    let topic = "app-counts-changelog";
    assert_eq!(changes, [(format!("{topic}/a=2"), 3, 15), (format!("{topic}/b=1"), 3, 20)]);
    assert_eq!(prepared.offsets, [(Partition::new("words", 3), 8)]);
    task.committed(&[(0, 42)]).unwrap();
    let checkpoint = task.state().checkpoint();
    assert_eq!(checkpoint.changelog["counts"], 42);
    assert_eq!((checkpoint.stream_times["task"], checkpoint.stream_times["op:count"]), (20, 20));
    assert_eq!(task.stream_times(), checkpoint.stream_times);
    assert!(!task.dirty());
    assert_eq!(task.prepare().unwrap().offsets, []);
}

#[test]
fn an_abort_takes_stores_times_queues_and_outputs_back_to_the_last_commit() {
    let mut task = task(Clock::Wall);
    feed(&mut task, 0, &[("a", "", 10)]).unwrap();
    output(&mut task);
    commit(&mut task);
    feed(&mut task, 1, &[("a", "", 90), ("c", "", 91)]).unwrap();
    task.prepare().unwrap();
    task.enqueue(0, 3, text("d", "", 92));
    task.aborted().unwrap();
    assert_eq!((task.dirty(), task.buffered(0), task.stats().stream_time), (false, 0, Some(10)));
    assert_eq!(output(&mut task), [""; 0]);
    feed(&mut task, 1, &[("a", "", 90)]).unwrap();
    assert_eq!(output(&mut task), ["out/a=2"]);
    assert_eq!(commit(&mut task), ["app-counts-changelog/a=2"]);
}

#[test]
fn a_task_made_over_a_committed_state_goes_on_where_it_was() {
    let (topology, _) = counting(Clock::Wall, false);
    let mut task = over(&topology, state(&topology), |_| {});
    feed(&mut task, 0, &[("a", "", 50)]).unwrap();
    output(&mut task);
    commit(&mut task);
    feed(&mut task, 1, &[("a", "", 60)]).unwrap();
    let mut again = over(&topology, task.into_state(), |_| {});
    assert_eq!(again.stats().stream_time, Some(50));
    feed(&mut again, 1, &[("a", "", 20)]).unwrap();
    assert_eq!(output(&mut again), ["out/a=2"]);
    assert_eq!(again.stream_times()["op:count"], 50);
}

#[test]
fn bytes_that_cannot_be_read_are_one_dead_letter_and_do_not_move_time() {
    let mut task = task(Clock::Wall);
    feed(&mut task, 0, &[("a", "", 10)]).unwrap();
    let bad = RawRecord { value: Some(vec![0xff].into()), timestamp: 99, ..RawRecord::default() };
    task.enqueue(0, 1, bad);
    feed(&mut task, 2, &[("a", "", 11)]).unwrap();
    let sent: Vec<_> = task.take_output().collect();
    let topics: Vec<_> = sent.iter().map(|it| &*it.record.topic).collect();
    assert_eq!(topics, ["out", "app-dead-letters", "out"]);
    let headers = &sent[1].record.headers;
    assert_eq!(headers.last("dlq.stage"), Some(&b"deserialization"[..]));
    assert_eq!(headers.last("__streams.errors.offset"), Some(&b"1"[..]));
    assert_eq!(sent[1].origin.map(|origin| origin.offset), Some(1));
    assert_eq!((task.stats().stream_time, task.stats().dead_lettered), (Some(11), 1));
}

#[test]
fn a_processors_poison_follows_its_policy() {
    let (topology, _) = counting(Clock::Wall, false);
    let mut burying = over(&topology, state(&topology), |_| {});
    feed(&mut burying, 0, &[("a", "poison", 1), ("a", "", 2)]).unwrap();
    assert_eq!(output(&mut burying), ["out/a=1", "app-dead-letters/a=poison", "out/a=2"]);
    assert_eq!(burying.stats().stream_time, Some(2));

    let mut skipping = over(&topology, state(&topology), |config| config.processing = FaultPolicy::Skip);
    feed(&mut skipping, 0, &[("a", "poison", 1)]).unwrap();
    assert_eq!((output(&mut skipping), skipping.stats().skipped), (vec!["out/a=1".to_owned()], 1));

    let mut stopping = over(&topology, state(&topology), |config| config.processing = FaultPolicy::Stop);
    let error = feed(&mut stopping, 0, &[("a", "poison", 1)]).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("task 0_3, node count, record words-3 offset 0: BAD: as asked; "), "{said}");
    assert!(said.contains("faults.processing"), "{said}");
    assert!(matches!(error, TaskError::Stop { .. }));
    assert!(matches!(stopping.prepare(), Err(TaskError::Misused { .. })));
}

#[test]
fn a_retry_is_held_back_until_its_predecessors_are_committed_and_counts_once() {
    let (topology, gate) = counting(Clock::Wall, false);
    let mut task = over(&topology, state(&topology), |_| {});
    let words = [("a", "", 1), ("a", "retry", 2), ("a", "", 3)];
    assert!(matches!(feed(&mut task, 0, &words), Err(TaskError::Retry { .. })));
    assert!(matches!(task.process(0, 1), Err(TaskError::Misused { .. })));
    task.aborted().unwrap();
    // Read again from the last commit: stops in front of the record and asks for a commit.
    assert_eq!(feed(&mut task, 0, &words).unwrap(), 1);
    assert!(task.commit_requested());
    assert_eq!(output(&mut task), ["out/a=1"]);
    commit(&mut task);
    // Alone in its interval now: failing again costs nothing else.
    assert!(matches!(task.process(0, 9), Err(TaskError::Retry { .. })));
    task.aborted().unwrap();
    gate.store(true, Ordering::Relaxed);
    assert_eq!(feed(&mut task, 1, &words[1..]).unwrap(), 2);
    assert_eq!(output(&mut task), ["out/a=2", "out/a=3"]);
}

#[test]
fn stream_time_punctuations_fire_behind_records_and_coalesce() {
    let mut task = task(Clock::Stream);
    feed(&mut task, 0, &[("a", "", 5), ("a", "", 9), ("a", "", 47), ("a", "", 49), ("a", "", 50)]).unwrap();
    let expected =
        ["out/a=1", "out/tick=5", "out/a=2", "out/a=3", "out/tick=47", "out/a=4", "out/a=5", "out/tick=50"];
    assert_eq!(output(&mut task), expected);
    task.punctuate(1_000).unwrap();
    assert_eq!(output(&mut task), [""; 0]);
}

#[test]
fn wall_clock_punctuations_fire_after_one_interval_and_make_the_task_dirty() {
    let mut task = noted(Clock::Wall);
    task.punctuate(9).unwrap();
    assert!(!task.dirty());
    task.punctuate(35).unwrap();
    assert!(task.dirty());
    let ticks: Vec<_> = task.take_output().map(|it| (it.record.timestamp, it.origin)).collect();
    assert_eq!(ticks, [(35, None)]);
    task.punctuate(39).unwrap();
    task.punctuate(40).unwrap();
    assert_eq!(output(&mut task), ["out/tick=40"]);
}

#[test]
fn drops_are_counted_and_a_commit_can_be_asked_for() {
    let mut task = task(Clock::Wall);
    feed(&mut task, 0, &[("a", "drop", 1)]).unwrap();
    assert_eq!((task.stats().dropped, task.commit_requested()), (1, false));
    feed(&mut task, 1, &[("a", "commit", 1)]).unwrap();
    assert!(task.commit_requested());
    commit(&mut task);
    assert!(!task.commit_requested());
}

#[test]
fn calls_out_of_order_are_told() {
    let mut task = task(Clock::Wall);
    assert!(matches!(task.committed(&[]), Err(TaskError::Misused { .. })));
    task.prepare().unwrap();
    assert!(matches!(task.process(0, 1), Err(TaskError::Misused { .. })));
    assert!(matches!(task.prepare(), Err(TaskError::Misused { .. })));
    task.committed(&[]).unwrap();
}

#[test]
fn a_state_without_the_stores_of_the_topology_is_refused() {
    let (topology, _) = counting(Clock::Wall, false);
    let state = TaskState::open(&Place::Memory, &Identity::default(), Vec::new()).unwrap().state;
    let sub = topology.undivided();
    let config = TaskConfig::new("app");
    let made = Task::new(&topology, &sub, 0, &naming(), state, &GlobalStores::default(), config, 0);
    assert!(matches!(made.map(|_| ()), Err(TaskError::Misused { .. })));
}

#[test]
fn the_stores_changelog_can_be_its_source_topic() {
    let (mut topology, _) = counting(Clock::Wall, false);
    topology.stores[0].changelog = crate::graph::Changelog::Source(super::sample::external("words"));
    let mut task = over(&topology, state(&topology), |_| {});
    feed(&mut task, 6, &[("a", "", 10)]).unwrap();
    output(&mut task);
    assert_eq!(task.prepare().unwrap().changelog.len(), 0);
    task.committed(&[]).unwrap();
    assert_eq!(task.state().checkpoint().changelog["counts"], 7);
}
