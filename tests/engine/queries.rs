//! The program around a topology reads its stores while it runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use topo::broker::GroupProtocol;
use topo::state::{KeyValueStore, i64_be, utf8};
use topo::{
    App, AppConfig, Builder, Codecs, Elsewhere, Fault, KeyValue, ReadHandle, Running, Silent, Topic,
    Topology, Whereabouts,
};

use crate::world::World;

const PARTITIONS: i32 = 4;
const KEYS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

type Counts = ReadHandle<KeyValueStore<String, i64>>;

fn counted(world: &World) -> (Topology, Counts) {
    let app = Builder::new(world.application());
    let input: Topic<String, String> = Topic::new(world.name("in"), utf8(), utf8());
    let counts = app
        .stream("read", &input)
        .group_by_key("by-key", Codecs::new(utf8(), utf8()))
        .count("count", KeyValue::new("counts", utf8(), i64_be()));
    let store = counts.store().unwrap();
    (app.build().unwrap(), store)
}

/// A process of it that announces where it answers.
fn start(world: &World, process: &str) -> (Running, Counts) {
    start_with(world, process, 0)
}

/// The same with warm copies.
fn start_with(world: &World, process: &str, standby_replicas: usize) -> (Running, Counts) {
    let (topology, counts) = counted(world);
    let config = AppConfig {
        http: Some(format!("{process}:9464")),
        group_protocol: GroupProtocol::Classic,
        members_heartbeat_ms: 300,
        standby_replicas,
        ..world.config(process)
    };
    (App::start(topology, world.broker.clone(), config, Arc::new(Silent)).unwrap(), counts)
}

/// What one process shows: rows by key, and who has the other tasks.
fn shown(running: &Running, counts: Counts) -> (BTreeMap<String, i64>, Vec<Elsewhere>) {
    let mut rows = BTreeMap::new();
    let elsewhere = running.query(counts, |_, mut store| {
        store.all(&mut |key, row| {
            assert_eq!(rows.insert(key, row.value), None, "a key belongs to one task");
            std::ops::ControlFlow::Continue(())
        })
    });
    (rows, elsewhere.unwrap())
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn two_processes_show_what_is_committed_and_each_knows_who_has_the_rest() {
    let world = World::kafka("queries", PARTITIONS);
    world.create(&["in"]);
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key-{key}")).collect();
    let records: Vec<(&str, Option<&str>)> = keys.iter().map(|key| (key.as_str(), Some("v"))).collect();
    world.write("in", &records);
    world.write("in", &records);

    let (first, counts) = start(&world, "one");
    let (second, of_second) = start(&world, "two");
    let everything: BTreeMap<String, i64> = keys.iter().map(|key| (key.clone(), 2)).collect();
    let mut looked = None;
    until("both have two tasks and show all rows between them", || {
        let ((mut rows, elsewhere), (others, _)) = (shown(&first, counts), shown(&second, of_second));
        let named = elsewhere.len() == 2 && elsewhere.iter().all(|it| it.whereabouts != Whereabouts::Unknown);
        rows.extend(others);
        looked = Some(elsewhere);
        rows == everything && named
    });
    let http = Some("two:9464".to_owned());
    for elsewhere in looked.unwrap() {
        let Whereabouts::Process { process, host, http: told } = &elsewhere.whereabouts else {
            panic!("{elsewhere:?}")
        };
        assert_eq!((process.as_str(), host.as_str(), told), ("two", "localhost", &http));
        assert!(elsewhere.task.starts_with("read-"), "{elsewhere:?}");
    }

    // One key, with what the store itself offers.
    let find = |running: &Running, counts: Counts| {
        let mut found = None;
        running
            .query(counts, |_, mut store| {
                found = found.or(store.get(&keys[0])?.map(|row| row.value));
                Ok(())
            })
            .unwrap();
        found
    };
    assert_eq!(find(&first, counts).xor(find(&second, of_second)), Some(2), "one of them has it");

    // What `visit` says is handed on.
    let refused = first.query(counts, |_, _| Err(Fault::fatal("ENOUGH", "seen enough"))).unwrap_err();
    assert_eq!(refused.reason().error_type, "ENOUGH");

    first.stop();
    first.wait().unwrap();
    assert_eq!(shown(&first, counts).0, BTreeMap::new(), "what is stopped shows nothing");
    until("the other shows everything", || shown(&second, of_second) == (everything.clone(), Vec::new()));
}

/// Counts by key of all that lies here, and how far behind each task is.
fn shown_with_copies(running: &Running, counts: Counts) -> (BTreeMap<String, i64>, Vec<Option<u64>>) {
    let (mut rows, mut lags) = (BTreeMap::new(), Vec::new());
    let elsewhere = running.query_stale(counts, |_, behind, mut store| {
        lags.push(behind);
        store.all(&mut |key, row| {
            assert_eq!(rows.insert(key, row.value), None, "a task is shown once");
            std::ops::ControlFlow::Continue(())
        })
    });
    // Before the process has laid its topology out it knows of none.
    let known = elsewhere.unwrap().len() + lags.len();
    assert!(known == 0 || known == PARTITIONS as usize, "each is shown or named: {known}");
    (rows, lags)
}

#[test]
fn warm_copies_are_shown_when_asked_for_and_named_to_the_others() {
    let world = World::kafka("stale-queries", PARTITIONS);
    world.create(&["in"]);
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key-{key}")).collect();
    let records: Vec<(&str, Option<&str>)> = keys.iter().map(|key| (key.as_str(), Some("v"))).collect();
    world.write("in", &records);
    let everything: BTreeMap<String, i64> = keys.iter().map(|key| (key.clone(), 1)).collect();

    let (first, counts) = start_with(&world, "one", 1);
    let (second, of_second) = start_with(&world, "two", 1);
    until("each shows everything, half of it as a copy that is not behind", || {
        [(&first, counts), (&second, of_second)].iter().all(|(running, counts)| {
            let (rows, lags) = shown_with_copies(running, *counts);
            rows == everything
                && lags == [Some(0); PARTITIONS as usize]
                && shown(running, *counts).1.len() == 2
        })
    });
    let (third, of_third) = start_with(&world, "three", 0);
    until("the third one is told who keeps copies", || {
        let elsewhere = shown(&third, of_third).1;
        !elsewhere.is_empty()
            && elsewhere
                .iter()
                .all(|it| it.copies.iter().any(|copy| copy.http.is_some() && copy.behind == Some(0)))
    });
    // Before the group has noticed anything the other still answers for all it has.
    drop(third);
    first.stop();
    first.wait().unwrap();
    until("the second one shows everything", || shown_with_copies(&second, of_second).0 == everything);
}

#[test]
fn a_handle_of_another_topology_is_refused() {
    let world = World::memory(1);
    let (running, _) = start(&world, "one");
    let other = Builder::new("other");
    let _ = other.store(KeyValue::new("first", utf8(), utf8()));
    let second = other.store::<String, String>(KeyValue::new("second", utf8(), utf8()));
    let refused = running.query(second.read_only(), |_, _| Ok(())).unwrap_err();
    assert_eq!(refused.reason().error_type, "FOREIGN_HANDLE");
}
