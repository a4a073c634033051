//! At-least-once processing under kills, and with a process that is given up and comes back: nothing is lost. What may double is said again, never left out.
//!
//! - A join: the newest value of each order that is there is right in the end, and whoever had to be alerted was, at least
//!   once. Sums of what came twice may be too high, so the revenue is not looked at. An order or an item that was deleted may
//!   stay: what was said of it belonged to an interval that was taken back, and when that came again, it was gone
//!   before the join had found its customer or product, so that no state was left whose end would have been said.
//! - A processor that spreads one fact over several stores and rows, and hears of it on two ways: every payment has its
//!   verdict, and the right one, because the stores of a task are written as one and it knows what it has heard already.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand::Rng;
use serde_json::Value;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::frozen::stopped_and_back;
use crate::states;
use crate::system::{Expected, PAUSE, System, Worker};

/// In the short form and in the full one.
const KILLS: (usize, usize) = (5, 40);

#[test]
fn at_least_once_loses_no_order_and_no_alert_under_kills() {
    kills("orders", Flow::orders, |flow, expected| {
        let there = expected.orders.expected_enriched();
        let mut said = flow.outputs.enriched.clone();
        let stayed = take_out_deleted(&mut said, &there);
        eprintln!("at least once: {stayed} deleted orders and items stayed");
        let mut lost = expected.orders.differences_enriched(&said);
        // Only an interval that was taken back can leave one.
        if stayed > pick(KILLS.0, KILLS.1) {
            lost.push(format!("{stayed} deleted orders and items stayed, more than there were kills"));
        }
        let alerted = flow.outputs.alerted();
        let missing =
            expected.orders.expected_alerts().required.into_iter().filter(|id| !alerted.contains(id));
        lost.extend(missing.map(|id| format!("alert of order {id} is missing")));
        lost
    });
}

/// Takes out orders that are not there, and items that their order has not; says how many.
fn take_out_deleted(said: &mut BTreeMap<i64, Value>, there: &BTreeMap<i64, Value>) -> usize {
    let orders = said.len();
    said.retain(|id, _| there.contains_key(id));
    let mut stayed = orders - said.len();
    for (id, order) in said {
        let ids = |order: &Value| -> BTreeSet<i64> {
            let items = order["items"].as_array().into_iter().flatten();
            items.filter_map(|item| item["item_id"].as_i64()).collect()
        };
        let (has, had) = (ids(&there[id]), ids(order));
        let Some(items) = order["items"].as_array_mut() else { continue };
        items.retain(|item| item["item_id"].as_i64().is_some_and(|id| has.contains(&id)));
        stayed += had.difference(&has).count();
    }
    stayed
}

#[test]
fn at_least_once_leaves_no_payment_without_its_verdict_under_kills() {
    kills("payments", Flow::payments, unanswered);
}

#[test]
fn at_least_once_leaves_no_payment_without_its_verdict_when_a_process_stops_for_longer_than_its_session() {
    let (mut rng, seed) = chance("at least once, zombie");
    let mut flow = Flow::payments(System::shared("at-least-once-zombie"), seed);
    // Long commit intervals: a moment picked at random lies in an open transaction, whose outputs are out already.
    let settings =
        [("processing", "at_least_once"), ("commit.interval.ms", "1s"), ("transaction.timeout.ms", "8s")];
    flow.start_ready(2, &settings);
    for round in 0..pick(1, 5) {
        let story = stopped_and_back(&mut flow, round % 2, &mut rng);
        eprintln!("at least once: {story}");
    }
    nothing_is_lost("payments with a zombie", flow, unanswered);
}

/// Payments without their verdict, or with a wrong one.
fn unanswered(flow: &Flow, expected: &Expected) -> Vec<String> {
    let verdicts = expected.payments.expected_verdicts().into_iter();
    let right: BTreeMap<String, Value> = verdicts.map(|(id, verdict)| (id, verdict.value)).collect();
    let said = &flow.outputs.verdicts;
    let wrong = right.iter().filter(|(id, verdict)| said.get(*id) != Some(verdict));
    wrong.map(|(id, verdict)| format!("{id}: {verdict} expected, {:?} said", said.get(id))).collect()
}

fn kills(what: &str, flow: fn(System, u64) -> Flow, what_is_lost: impl Fn(&Flow, &Expected) -> Vec<String>) {
    let (mut rng, seed) = chance(&format!("at least once, {what}"));
    let mut flow = flow(System::shared(&format!("at-least-once-{what}")), seed);
    let settings = [("processing", "at_least_once"), ("commit.interval.ms", "300ms")];
    flow.start_ready(2, &settings);
    let kills = pick(KILLS.0, KILLS.1);
    for _ in 0..kills {
        flow.pump_for(Duration::from_millis(rng.random_range(500..pick(1_500, 4_000))));
        let victim = rng.random_range(0..flow.workers.len());
        flow.workers[victim].kill_and_restart();
    }
    nothing_is_lost(&format!("{what}, {kills} kills"), flow, what_is_lost);
}

/// In the end nothing is lost, and the stores are what their changelogs say.
fn nothing_is_lost(what: &str, mut flow: Flow, what_is_lost: impl Fn(&Flow, &Expected) -> Vec<String>) {
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
    flow.stop();
    let mut checked = states::Checked::default();
    for worker in &flow.workers {
        checked += states::check(&flow.system, flow.runnable, &worker.state());
    }
    assert!(checked.stores > 0, "there are stores to check");
    let (written, again) = (flow.input.written(), flow.outputs.repeats.len());
    eprintln!(
        "{what}: {written} in, none lost, {again} said again; {} rows of {} stores equal a replay of their changelogs",
        checked.rows, checked.stores
    );
}
