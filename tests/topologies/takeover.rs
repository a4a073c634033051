//! How long a killed process is missed: restarted over its directory, and taken over by one with warm copies. And what an
//! operator's tools say meanwhile. Prints the times.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use topo::Partition;
use topo::broker::{Assignment, Broker, Consumer, ConsumerConfig, Fetched, Isolation, StartOffset};
use topologies::generate::WireRecord;

use crate::support::scratch::wait_until;
use crate::system::{Input, System, Worker};

const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(120);
/// The processes' `session.timeout.ms`.
const SESSION: Duration = Duration::from_secs(6);

/// The verdicts as they come.
struct Verdicts {
    reader: Box<dyn Consumer>,
    fetched: Vec<Fetched>,
    ids: Vec<String>,
}

impl Verdicts {
    fn new(system: &System) -> Self {
        let config = ConsumerConfig {
            client_id: "verdicts".into(),
            group: None,
            isolation: Isolation::ReadCommitted,
            buffer_bytes: 16 << 20,
        };
        let mut reader = system.broker.consumer(&config).unwrap();
        let partition = |number| Partition::new("velocity.verdicts", number);
        let start = StartOffset::Earliest;
        let all: Vec<_> = (0..PARTITIONS)
            .map(|number| Assignment { partition: partition(number), start, slot: 0 })
            .collect();
        reader.assign(&all).unwrap();
        Self { reader, fetched: Vec::new(), ids: Vec::new() }
    }

    /// Waits until all of these are there; gives the time of the first and of the last.
    #[track_caller]
    fn await_all(&mut self, ids: &[String]) -> (Instant, Instant) {
        let (mut first, deadline) = (None, Instant::now() + PATIENCE);
        loop {
            let missing = ids.iter().filter(|id| !self.ids.contains(id)).count();
            if missing < ids.len() && first.is_none() {
                first = Some(Instant::now());
            }
            if missing == 0 {
                return (first.unwrap(), Instant::now());
            }
            assert!(Instant::now() < deadline, "{missing} of {} verdicts are missing", ids.len());
            self.reader.poll(1_000, Duration::from_millis(10), &mut self.fetched).unwrap();
            let id = |it: Fetched| String::from_utf8(it.record.key.unwrap().to_vec()).unwrap();
            self.ids.extend(self.fetched.drain(..).map(id));
        }
    }
}

/// One payment per partition and more, under names that begin with `prefix`.
fn pay(input: &mut Input, prefix: &str, count: usize) -> Vec<String> {
    let ids: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    for id in &ids {
        let value = json!({"transactionId": id, "timestamp": "2026-02-06T00:00:00Z", "amount": 1000,
            "currency": "IDR", "debtorAccount": format!("d-{id}"), "creditorAccount": format!("c-{id}")});
        input.write(&WireRecord {
            topic: "transactions".into(),
            key: Some(id.clone().into_bytes()),
            value: Some(value.to_string().into_bytes()),
            timestamp_ms: 1_770_336_000_000,
            headers: Vec::new(),
        });
    }
    input.flush();
    ids
}

fn topo(system: &System, args: &[&str], state: &str) -> Output {
    let dir = system.scratch.path().join(state).join("state");
    let mut command = Command::new(env!("CARGO_BIN_EXE_topo"));
    command.args(args).arg("--state-dir").arg(dir);
    command.args(["--set", &format!("bootstrap.servers={}", system.kafka.bootstrap())]).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Every task runs, and has a copy that is up to date.
fn all_warm(tasks: &Value) -> bool {
    let warm = |task: &Value| {
        task["state"] == "running" && task["standbys"][0]["behind"] == 0 || task["standbys"] == json!([])
    };
    let tasks = tasks.as_array().unwrap();
    tasks.iter().any(|task| task["standbys"][0]["behind"] == 0) && tasks.iter().all(warm)
}

#[test]
fn a_killed_process_is_back_at_once_over_its_directory_and_taken_over_by_a_warm_one_after_its_session() {
    let system = System::start();
    system.create_topics(&["transactions".to_owned()], PARTITIONS);
    let settings = [("standby.replicas", "1")];
    let mut one = Worker::start(&system, "one", "velocity", &settings);
    let mut two = Worker::start(&system, "two", "velocity", &settings);
    one.await_ready(PATIENCE);
    two.await_ready(PATIENCE);
    let mut input = Input::new(&system, PARTITIONS);
    let paid = pay(&mut input, "before", 2_000);
    let mut verdicts = Verdicts::new(&system);
    verdicts.await_all(&paid);

    one.kill_and_restart();
    let paid = pay(&mut input, "restart", 40);
    let (first, last) = verdicts.await_all(&paid);
    let (at, back) = (first - one.started(), last - one.started());
    eprintln!("restart over the directory: first output {at:?}, all partitions {back:?} after the start");
    assert!(back < SESSION, "it waited for a session to end: {back:?}");

    one.becomes_ready_again(PATIENCE);
    wait_until("warm copies", PATIENCE, || {
        all_warm(&json_of(&topo(&system, &["tasks", "velocity", "--format", "json"], "one")))
    });
    let text = topo(&system, &["tasks", "velocity"], "one");
    eprintln!("{}", String::from_utf8_lossy(&text.stdout));
    let killed = one.kill_for_good();
    let paid = pay(&mut input, "takeover", 40);
    let (_, last) = verdicts.await_all(&paid);
    let (missed, session) = (last - killed, SESSION);
    eprintln!("takeover with warm copies: all partitions {missed:?} after the kill (session {session:?})");
    let lag = json_of(&topo(&system, &["lag", "velocity", "--format", "json"], "one"));
    assert!(
        lag.as_array().unwrap().iter().any(|row| row["topic"] == "transactions" && row["lag"] == 0),
        "{lag}"
    );

    let refused = topo(&system, &["state", "list", "velocity"], "two");
    assert_eq!(refused.status.code(), Some(4), "a running process has the directory");
    two.must_stop();
    the_tools_see_the_state(&system);
}

fn the_tools_see_the_state(system: &System) {
    let list = json_of(&topo(system, &["state", "stats", "velocity", "--format", "json"], "two"));
    let stores = list.as_array().unwrap();
    let store = stores.iter().find(|row| row["rows"].as_u64() > Some(0)).unwrap()["store"].as_str().unwrap();
    let scan = topo(system, &["state", "scan", "velocity", store, "--limit", "3"], "two");
    let lines = String::from_utf8(scan.stdout).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let row: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let key = row["key"].as_str().map_or_else(|| row["key"].to_string(), str::to_owned);
    let found = topo(system, &["state", "get", "velocity", store, &key], "two");
    assert!(String::from_utf8_lossy(&found.stdout).contains(lines.lines().next().unwrap()));

    let verified = topo(system, &["state", "verify", "velocity", "--format", "json"], "two");
    let rows = json_of(&verified);
    assert_eq!(verified.status.code(), Some(0), "{rows:#}");
    let equal: u64 = rows.as_array().unwrap().iter().map(|row| row["equal"].as_u64().unwrap()).sum();
    assert!(equal > 1_000, "{rows:#}");

    let restored = json_of(&topo(system, &["restore", "velocity", "--format", "json"], "three"));
    assert_eq!(restored["ready"], restored["tasks"], "{restored}");
    assert!(restored["records"].as_u64() > Some(1_000), "{restored}");
    eprintln!("restore into an empty directory: {restored}");
    let again = json_of(&topo(system, &["restore", "velocity", "--format", "json"], "three"));
    assert_eq!(again["records"], 0, "what is there is continued");
    let verified = topo(system, &["state", "verify", "velocity", "--format", "json"], "three");
    assert_eq!(verified.status.code(), Some(0), "{:#}", json_of(&verified));
    let anew = json_of(&topo(system, &["restore", "velocity", "--rebuild", "--format", "json"], "three"));
    assert_eq!(anew["records"], restored["records"]);
}
