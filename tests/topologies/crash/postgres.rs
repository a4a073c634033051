//! PostgreSQL is killed, connections are dropped in the middle of transactions, rows are locked by somebody else. In the
//! end the tables equal the topic.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::flow::{Flow, PATIENCE};
use crate::form::{chance, pick};
use crate::support::postgres::Postgres;
use crate::system::{Sql, System, Worker};

#[test]
fn tables_equal_the_topic_after_a_killed_server_dropped_connections_and_locked_rows() {
    let (mut rng, seed) = chance("postgres");
    let server = Postgres::start();
    let system = System::shared("postgres").with_database(&server);
    let group = system.names.application("orders-ods");
    let mut flow = Flow::orders(system, seed);
    flow.start_ready(1, &[]);
    let exit = Worker::start(&flow.system, "ods", "orders-ods", &[]);
    flow.workers.push(exit);
    flow.pump_until("rows", PATIENCE, |flow| {
        flow.system.tables().is_some_and(|tables| !tables.orders.is_empty())
    });

    for _ in 0..pick(1, 6) {
        flow.pump_for(Duration::from_millis(rng.random_range(300..1_500)));
        let said = flow.workers[1].logged().len();
        server.kill9();
        flow.pump_for(Duration::from_secs(pick(2, 20)));
        flow.workers[1].must_say("the database does not answer", said, PATIENCE);
        server.restart();
        flow.workers[1].becomes_ready_again(PATIENCE);

        // Whatever it does at that moment, often in the middle of a transaction.
        let mut sql = Sql::connect(&flow.system.database_url);
        let (mut dropped, mut within) = (0, 0);
        for _ in 0..pick(20, 100) {
            flow.pump_for(Duration::from_millis(rng.random_range(20..150)));
            let counts = sql.drop_connections(&group);
            dropped += counts.0;
            within += counts.1;
        }
        assert!(dropped > 0);

        let locked = locked_rows(&mut flow);
        eprintln!(
            "server killed and back; {dropped} connections dropped, {within} in a transaction; locked: {locked}"
        );
    }
    flow.end_right();
}

/// Somebody else holds a lock on every row for longer than a statement may wait.
fn locked_rows(flow: &mut Flow) -> String {
    flow.workers[1].becomes_ready_again(PATIENCE);
    let said = flow.workers[1].logged().len();
    let mut lock = Sql::connect(&flow.system.database_url);
    let rows = lock.lock_orders();
    let since = Instant::now();
    flow.pump_until("the exit to say that it waits", PATIENCE, |flow| {
        flow.workers[1].logged()[said..].contains("the database does not answer")
    });
    flow.pump_for(Duration::from_secs(2));
    drop(lock);
    let held = since.elapsed();
    flow.pump_until("the exit to go on", PATIENCE, |flow| flow.workers[1].is_ready());
    format!("{rows} rows for {held:?}")
}
