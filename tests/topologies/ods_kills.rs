//! `orders-ods` processes share the partitions of the topic. A third one comes and goes, which moves partitions in two
//! rounds, and one of the others is killed meanwhile. Afterwards every partition has a reader, and the tables are what
//! the topic says.
//!
//! `TOPO_TEST_SEED` repeats the moments of a run, `TOPO_TEST_KILLS` changes how many kills there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use topo::broker::{Broker, GroupProtocol, Membership, MembershipConfig, MembershipEvent};
use topologies::generate::WireRecord;

use crate::support::scratch::{tail, wait_until};
use crate::system::{Input, System, Worker};

const PARTITIONS: i32 = 6;
const ORDERS: i64 = 60;
const KILLS: u64 = 12;
const PATIENCE: Duration = Duration::from_secs(90);

fn order(id: i64, round: i64) -> Value {
    json!({"order_id": id, "customer_id": 5, "customer_name": format!("round {round}"), "customer_tier": "GOLD",
        "customer_region": null, "order_date": null, "status": "NEW", "total_amount": "12.50",
        "items": [{"item_id": id * 10, "product_id": 1, "product_name": "P", "category": "C", "quantity": 1,
            "unit_price": "12.50", "subtotal": "12.50"}], "source_ts": "2024-01-20T08:17:31Z"})
}

/// A change of every order.
fn write(input: &mut Input, expected: &mut BTreeMap<i64, Value>, round: i64) {
    for id in 1..=ORDERS {
        let deleted = (id + round) % 7 == 0;
        let value = (!deleted).then(|| order(id, round));
        input.write(&WireRecord {
            topic: "orders.enriched".into(),
            key: Some(id.to_string().into_bytes()),
            value: value.as_ref().map(|value| value.to_string().into_bytes()),
            timestamp_ms: round,
            headers: Vec::new(),
        });
        match value {
            Some(value) => drop(expected.insert(id, value)),
            None => drop(expected.remove(&id)),
        }
    }
    input.flush();
}

/// A member of the exit's group, as `topo run orders-ods` is one.
fn member(system: &System) -> Arc<dyn Membership> {
    let config = MembershipConfig {
        client_id: "orders-ods-other".into(),
        group: "orders-ods".into(),
        instance_id: Some("other".into()),
        topics: vec!["orders-ods-tasks".into()],
        protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(6),
        heartbeat_interval: Duration::from_millis(500),
    };
    system.broker.membership(&config).unwrap()
}

#[test]
fn a_partition_that_lost_its_reader_between_two_rounds_of_a_rebalance_gets_another() {
    let system = System::start();
    system.create_topics(&["orders.enriched", "orders-ods-tasks"].map(str::to_owned), PARTITIONS);
    let first = member(&system);
    wait_until("the first member to hold everything", PATIENCE, || {
        let events = first.poll().unwrap();
        events.iter().any(|event| matches!(event, MembershipEvent::Assigned(all) if all.len() == 6))
    });
    let exit = Worker::start(&system, "ods", "orders-ods", &[]);
    wait_until("the first member to be told to give some back", PATIENCE, || {
        first.poll().unwrap().iter().any(|event| matches!(event, MembershipEvent::Revoked(_)))
    });
    // Killed here: it says nothing to the group any more, and a new life takes its place.
    std::mem::forget(first);
    let second = member(&system);
    let mut admin = system.broker.admin().unwrap();
    wait_until("every partition to have a reader", PATIENCE, || {
        for event in second.poll().unwrap() {
            if let MembershipEvent::Revoked(leases) = event {
                second.release(&leases).unwrap();
            }
        }
        let holders = admin.holders("orders-ods").unwrap_or_default();
        let held: usize = holders.iter().map(|holder| holder.held.len()).sum();
        holders.len() == 2 && held == 6
    });
    let log = std::fs::read_to_string(exit.log()).unwrap();
    assert!(log.contains("joining the group anew"), "the group has seen it by itself:\n{log}");
    exit.must_stop();
}

#[test]
fn exits_that_are_killed_during_a_rebalance_leave_no_partition_unread() {
    let fresh = u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    let number = |name, or| std::env::var(name).map_or(or, |text| text.parse().unwrap());
    let (seed, kills) = (number("TOPO_TEST_SEED", fresh), number("TOPO_TEST_KILLS", KILLS));
    eprintln!("replay with TOPO_TEST_SEED={seed} TOPO_TEST_KILLS={kills}");
    let mut rng = StdRng::seed_from_u64(seed);
    let system = System::start();
    system.create_topics(&["orders.enriched".to_owned()], PARTITIONS);
    // A name of its own makes a process a static member: it comes back into its place, and that is what can go wrong.
    let mut workers = ["ods-1", "ods-2"]
        .map(|name| Worker::start(&system, name, "orders-ods", &[("group.instance.id", name)]));
    let (mut input, mut expected) = (Input::new(&system, PARTITIONS), BTreeMap::new());
    let mut round = 0;
    for _ in 0..kills {
        round += 1;
        write(&mut input, &mut expected, round);
        let mut third = Worker::start(&system, "ods-3", "orders-ods", &[("group.instance.id", "ods-3")]);
        // It joins some hundred milliseconds after its start; the second round follows within a heartbeat.
        std::thread::sleep(Duration::from_millis(rng.random_range(200..1_200)));
        let victim = &mut workers[rng.random_range(0..2_usize)];
        victim.must_live();
        victim.kill_and_restart();
        std::thread::sleep(Duration::from_millis(rng.random_range(0..1_000)));
        third.must_live();
        third.must_stop();
    }
    write(&mut input, &mut expected, round + 1);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let tables = system.tables().unwrap_or_default().orders;
        if tables == expected {
            break;
        }
        let unread: Vec<i64> = (1..=ORDERS).filter(|id| tables.get(id) != expected.get(id)).collect();
        let logs = workers.each_ref().map(|worker| tail(&worker.log())).join("\n---\n");
        assert!(std::time::Instant::now() < deadline, "not as the topic says: orders {unread:?}\n{logs}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let anew = workers.each_ref().map(|worker| {
        let log = std::fs::read_to_string(worker.log()).unwrap();
        log.matches("joining the group anew").count()
    });
    eprintln!("{kills} kills; the group was joined anew {anew:?} times");
    for worker in workers {
        worker.must_stop();
    }
}
