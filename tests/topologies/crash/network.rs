//! The way between one worker and the broker is cut, stalls, or carries words in one direction only. The other worker
//! takes over; the first one comes back without damage.

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
    let listen = free_port();
    let proxy = Proxy::to(listen);
    let kafka = Kafka::start_behind(Detour { listen, advertised: proxy.port() });
    let mut flow = Flow::payments(System::with(Node::Own(kafka), Names::usual()), seed);
    let by_proxy = format!("127.0.0.1:{}", proxy.port());
    let common = [("commit.interval.ms", "500ms"), ("transaction.timeout.ms", "8s")];
    flow.start(&common);
    flow.start(&[common[0], common[1], ("bootstrap.servers", &by_proxy)]);
    flow.await_ready();
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

fn tasks(worker: &Worker) -> f64 {
    worker.total("topo_tasks")
}
