//! At-least-once processing under kills: nothing is lost. What may double is said again, never left out.
//!
//! The invariants are those of a join: each order's newest value is right in the end, and whoever had to be alerted was,
//! at least once. Sums may count a change twice, so the revenue is not looked at.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::system::{Expected, PAUSE, System, Worker};

#[test]
fn at_least_once_loses_nothing_under_kills() {
    let (mut rng, seed) = chance("at least once");
    let mut flow = Flow::orders(System::shared("at-least-once"), seed);
    let settings = [("processing", "at_least_once"), ("commit.interval.ms", "300ms")];
    flow.start_ready(2, &settings);
    for _ in 0..pick(4, 40) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..pick(1_500, 4_000))));
        let victim = rng.random_range(0..flow.workers.len());
        flow.workers[victim].kill_and_restart();
    }
    flow.input.flush();
    let expected = Expected::read_back(&flow.system, &flow.input);
    let deadline = Instant::now() + 2 * PATIENCE;
    let mut lost = vec!["nothing was compared yet".to_owned()];
    while !lost.is_empty() {
        assert!(Instant::now() < deadline, "{} lost:\n{}", lost.len(), lost[..lost.len().min(10)].join("\n"));
        flow.outputs.read(Duration::from_millis(200));
        flow.workers.iter_mut().for_each(Worker::must_live);
        assert_eq!(flow.outputs.anomalies, Vec::<String>::new());
        if flow.outputs.quiet_for() > PAUSE {
            lost = what_is_lost(&flow, &expected);
        }
    }
    let (orders, again) = (flow.outputs.enriched.len(), flow.outputs.repeats.len());
    eprintln!("{} events, {orders} orders right, {again} values said again", flow.input.written());
    flow.stop();
}

/// Orders whose newest value is not right, and alerts that were never given.
fn what_is_lost(flow: &Flow, expected: &Expected) -> Vec<String> {
    let mut lost = expected.orders.differences_enriched(&flow.outputs.enriched);
    let alerted = flow.outputs.alerted();
    let missing = expected.orders.expected_alerts().required.into_iter().filter(|id| !alerted.contains(id));
    lost.extend(missing.map(|id| format!("alert of order {id} is missing")));
    lost
}
