//! The way between one worker and the broker is cut, stalls, or carries words in one direction only. The other worker
//! takes over; the first one comes back without damage. Or only its request to join the group anew is late: it goes on
//! working, and does not know that others have its tasks.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::flow::{Flow, PARTITIONS, PATIENCE};
use crate::form::{chance, pick};
use crate::support::kafka::{Detour, Kafka};
use crate::support::proxy::{Line, Proxy};
use crate::support::scratch::free_port;
use crate::system::{Names, Node, System, Worker};

/// Tasks of the application: four sub-topologies.
const TASKS: f64 = 4.0 * PARTITIONS as f64;

#[test]
fn a_worker_whose_way_to_the_broker_is_cut_or_stalls_is_replaced_and_comes_back() {
    let (mut rng, seed) = chance("network");
    let (mut flow, proxy) = two_of_them(seed);
    for line in [Line::Cut, Line::Stalled, Line::Deaf].repeat(pick(1, 4)) {
        flow.pump_until("each to have half of the tasks", PATIENCE, |flow| {
            flow.workers.iter().all(|worker| tasks(worker) == TASKS / 2.0)
        });
        flow.pump_for(Duration::from_millis(rng.random_range(1_000..2_000)));
        let (before, since) = (flow.outputs.records, Instant::now());
        proxy.set(line);
        flow.pump_until("the other one to have every task", PATIENCE, |flow| {
            tasks(&flow.workers[0]) == TASKS && flow.workers[0].is_ready()
        });
        let taken = since.elapsed();
        flow.pump_until("new output", PATIENCE, |flow| flow.outputs.records > before + 500);
        flow.pump_for(Duration::from_millis(rng.random_range(0..pick(1_000, 20_000))));
        proxy.set(Line::Open);
        let since = Instant::now();
        flow.pump_until("the first one to be back", PATIENCE, |flow| {
            flow.workers.iter_mut().for_each(Worker::must_live);
            flow.workers.iter().all(|worker| worker.is_ready() && tasks(worker) == TASKS / 2.0)
        });
        eprintln!(
            "{line:?}: the other had all tasks after {taken:?}; back {:?} after the line was open",
            since.elapsed()
        );
    }
    flow.end_right();
}

#[test]
fn a_worker_that_is_expelled_while_it_asks_to_join_anew_commits_nothing_and_comes_back() {
    let (mut rng, seed) = chance("joining late");
    let (mut flow, proxy) = two_of_them(seed);
    let third = flow.start(&COMMON);
    for round in 1..=pick(1, 4) {
        flow.pump_until("each to have a third of the tasks", PATIENCE, |flow| {
            flow.workers.iter().all(|worker| worker.is_ready() && tasks(worker) >= (TASKS / 3.0).floor())
        });
        flow.pump_for(Duration::from_millis(rng.random_range(500..1_500)));
        let said = flow.workers[1].logged().len();
        proxy.set(Line::Joinless);
        // One leaves: those that stay are asked to join anew.
        flow.workers[third].stop();
        flow.pump_until("the other one to have every task", PATIENCE, |flow| {
            tasks(&flow.workers[0]) == TASKS && flow.workers[0].is_ready()
        });
        flow.pump_for(Duration::from_millis(rng.random_range(0..pick(1_000, 5_000))));
        proxy.set(Line::Open);
        let since = Instant::now();
        flow.pump_until("the late one to be told, and to be back", PATIENCE, |flow| {
            flow.workers[1].must_live();
            flow.workers[1].logged()[said..].contains("the group gave this process up")
                && flow.workers[..2].iter().all(|worker| worker.is_ready() && tasks(worker) == TASKS / 2.0)
        });
        let refused = flow.workers[1].total("topo_commit_failures_total") as u64;
        eprintln!(
            "round {round}: {refused} commits of the late one were refused; back after {:?}",
            since.elapsed()
        );
        flow.workers[third].start_again();
    }
    flow.workers[third].await_ready(PATIENCE);
    flow.end_right();
}

const COMMON: [(&str, &str); 2] = [("commit.interval.ms", "500ms"), ("transaction.timeout.ms", "8s")];

/// Two workers at work; the second one reaches the broker by the proxy alone.
fn two_of_them(seed: u64) -> (Flow, Proxy) {
    let listen = free_port();
    let proxy = Proxy::to(listen);
    let kafka = Kafka::start_behind(Detour { listen, advertised: proxy.port() });
    let mut flow = Flow::payments(System::with(Node::Own(kafka), Names::usual()), seed);
    let by_proxy = format!("127.0.0.1:{}", proxy.port());
    flow.start(&COMMON);
    flow.start(&[COMMON[0], COMMON[1], ("bootstrap.servers", &by_proxy)]);
    flow.await_ready();
    (flow, proxy)
}

fn tasks(worker: &Worker) -> f64 {
    worker.total("topo_tasks")
}
