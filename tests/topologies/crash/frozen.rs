//! A process is stopped (SIGSTOP) for longer than the session timeout, in the middle of a transaction, and then goes
//! on (SIGCONT). By then the group has given its tasks to others: what it had begun must be refused, and it must find
//! its way back by itself.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::system::System;

/// Longer than the session timeout (6 s, the broker's own for the consumer protocol).
const STOPPED: std::ops::Range<u64> = 9_000..14_000;

#[test]
fn a_zombie_of_the_classic_protocol_commits_nothing_and_rejoins_by_itself() {
    zombie("classic", Flow::payments);
}

#[test]
fn a_zombie_of_the_consumer_protocol_commits_nothing_and_rejoins_by_itself() {
    zombie("consumer", Flow::orders);
}

fn zombie(protocol: &'static str, flow: fn(System, u64) -> Flow) {
    let (mut rng, seed) = chance(&format!("zombie ({protocol})"));
    let mut flow = flow(System::shared(&format!("zombie-{protocol}")), seed);
    // Long commit intervals: a moment picked at random lies in an open transaction.
    let settings =
        [("group.protocol", protocol), ("commit.interval.ms", "1s"), ("transaction.timeout.ms", "8s")];
    flow.start_ready(2, &settings);
    for round in 0..pick(1, 5) {
        let story = stopped_and_back(&mut flow, round % 2, &mut rng);
        eprintln!("{protocol}: {story}");
    }
    flow.end_right();
}

/// One of two processes is stopped in the middle of its work until the other one has everything, and then goes on. Says
/// how that was.
pub(crate) fn stopped_and_back(flow: &mut Flow, zombie: usize, rng: &mut StdRng) -> String {
    flow.pump_for(Duration::from_millis(rng.random_range(1_500..3_000)));
    let other = 1 - zombie;
    let said = flow.workers[zombie].logged().len();
    flow.workers[zombie].signal("STOP");
    let time = Duration::from_millis(rng.random_range(STOPPED));
    let before = flow.outputs.records;
    flow.pump_for(time);
    // The other one has everything, and goes on.
    flow.pump_until("the other process to take over", PATIENCE, |flow| {
        flow.workers[other].is_ready() && flow.outputs.records > before + 200
    });
    flow.workers[zombie].signal("CONT");
    flow.pump_until("the zombie to notice, and to be back", PATIENCE, |flow| {
        let worker = &mut flow.workers[zombie];
        worker.must_live();
        let log = worker.logged()[said..].to_owned();
        let noticed =
            log.contains("the group gave this process up") || log.contains("joining the group anew");
        noticed && worker.is_ready() && worker.total("topo_tasks") > 0.0
    });
    let refused = flow.workers[zombie].total("topo_commit_failures_total") as u64;
    format!("stopped for {time:?}; {refused} commits of it were refused, and it is back")
}
