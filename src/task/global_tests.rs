//! A global table, and a task that reads it.

use topo_state::{Identity, KeyValueStore, Place, TaskState, i64_be};

use super::sample::{AnySink, TextSource, number, text};
use super::{GlobalStores, GlobalTask, Task, TaskConfig, TaskError};
use crate::fault::{Fault, FaultPolicy};
use crate::graph::sample::Sample;
use crate::graph::{Naming, Topology};
use crate::processor::{Context, LeftOut, Processor, StoreHandle};
use crate::record::{Partition, RawRecord, Record};

/// Writes the length of each value to the store; an empty value deletes.
struct Fill(usize);

impl Processor for Fill {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = i64;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        let store = ctx.store(StoreHandle::<KeyValueStore<String, i64>>::new(self.0))?;
        match i64::try_from(record.value.len()).unwrap_or_default() {
            0 => Ok(store.delete(&record.key, record.timestamp)?),
            length => Ok(store.put(&record.key, length, record.timestamp)?),
        }
    }
}

/// Answers each record with the table's row of its key, -1 without one.
struct Ask(usize);

impl Processor for Ask {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = i64;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, i64>,
    ) -> Result<(), Fault> {
        let handle = StoreHandle::<KeyValueStore<String, i64>>::new(self.0);
        let refused = ctx.store(handle).map(drop).unwrap_err();
        assert!(refused.to_string().contains("its own processor only"), "{refused}");
        let found = ctx.read(handle.read_only())?.get(&record.key)?.map_or(-1, |row| row.value);
        ctx.forward(record.with_value(found))
    }
}

fn topology() -> Topology {
    let mut sample = Sample::new();
    let store = sample.store("lengths");
    sample.running_source("in", &["in"], || TextSource);
    sample.running("ask", &["in"], &[], move || Ask(store));
    sample.running_sink("out", &["ask"], "out", |topic| AnySink::<i64>(topic, number));
    sample.running_source("lengths-source", &["texts"], || TextSource);
    sample.running("lengths", &["lengths-source"], &["lengths"], move || Fill(store));
    sample.make_global(&["lengths-source", "lengths"], "lengths");
    crate::graph::checked(sample.topology(), Vec::new()).unwrap()
}

fn naming() -> Naming {
    Naming { application: "app".into() }
}

fn state(topology: &Topology, stores: &[usize]) -> TaskState {
    let specs = stores.iter().map(|store| topology.stores[*store].spec.clone()).collect();
    TaskState::open(&Place::Memory, &Identity::default(), specs).unwrap().state
}

fn global(topology: &Topology, policy: FaultPolicy) -> GlobalTask {
    let sub = topology.sub_topologies().into_iter().find(|sub| sub.global).unwrap();
    GlobalTask::new(topology, &sub, &naming(), state(topology, &sub.stores), policy, 0).unwrap()
}

fn ask(task: &mut Task, key: &str) -> i64 {
    task.enqueue(0, 0, text(key, "", 0));
    task.process(0, 1).unwrap();
    let answer = task.take_output().next().unwrap().record.value.unwrap();
    topo_state::Codec::decode(&*i64_be(), &answer).unwrap()
}

#[test]
fn tasks_see_what_was_flushed_and_nothing_before() {
    let topology = topology();
    let mut table = global(&topology, FaultPolicy::DeadLetter);
    let sub = topology.undivided();
    let views = GlobalStores::of([&table]);
    let config = TaskConfig::new("app");
    let mut task =
        Task::new(&topology, &sub, 0, &naming(), state(&topology, &sub.stores), &views, config, 0).unwrap();
    assert_eq!(ask(&mut task, "a"), -1);
    let partition = Partition::new("texts", 4);
    table.apply(&partition, 7, text("a", "four", 1)).unwrap();
    assert_eq!(ask(&mut task, "a"), -1);
    table.flush().unwrap();
    assert_eq!(ask(&mut task, "a"), 4);
    table.apply(&partition, 8, text("a", "sixsix", 1)).unwrap();
    table.apply(&Partition::new("texts", 5), 0, text("b", "x", 1)).unwrap();
    table.flush().unwrap();
    assert_eq!((ask(&mut task, "a"), ask(&mut task, "b")), (6, 1));
    assert_eq!((table.next_offset(&partition), table.next_offset(&Partition::new("texts", 6))), (9, 0));
    assert_eq!(table.state().checkpoint().changelog["texts-4"], 9);
    table.apply(&partition, 9, text("a", "", 1)).unwrap();
    table.flush().unwrap();
    assert_eq!(ask(&mut task, "a"), -1);
}

#[test]
fn a_record_that_cannot_be_used_is_skipped_or_stops_the_table() {
    let topology = topology();
    let bad = || RawRecord { value: Some(vec![0xff].into()), ..RawRecord::default() };
    let partition = Partition::new("texts", 0);
    let mut table = global(&topology, FaultPolicy::DeadLetter);
    table.apply(&partition, 0, bad()).unwrap();
    let mut left_out = Vec::new();
    table.take_left_out(|count| left_out.push((count.how, count.reason.to_string(), count.count)));
    assert_eq!(left_out, [(LeftOut::Skipped, "NO_TEXT".to_owned(), 1)]);
    assert_eq!(table.next_offset(&partition), 1);
    let mut table = global(&topology, FaultPolicy::Stop);
    assert!(matches!(table.apply(&partition, 0, bad()), Err(TaskError::Stop { .. })));
    assert!(matches!(
        table.apply(&Partition::new("other", 0), 0, text("", "", 0)),
        Err(TaskError::Misused { .. })
    ));
}
