//! The only broker is killed (SIGKILL) and comes back, or stays away for a long time. The processes wait, say so, and go on
//! by themselves.
//!
//! It is killed when every transaction is complete. At work a single node (and every topic with one replica) loses the ends
//! of transactions in Kafka 4.3.1, whatever the client: a transaction whose markers were not all written at the moment of the
//! kill is taken up again at the start, and while the controller fences the old incarnation of the broker its partitions
//! have no leader. `KRaftMetadataCache.getPartitionLeaderEndpoint` then answers "no such partition" instead of
//! "no leader", and the coordinator calls the transaction complete without its markers ("Couldn't find leader endpoint for
//! partitions ... likely deleted already and hence can be skipped"). It stays open in those partitions, and
//! whoever needs to read past it waits.

use std::time::{Duration, Instant};

use rand::Rng;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use topo::broker::{Broker, BrokerError, Outgoing, Producer, ProducerConfig};

use crate::flow::{Flow, PARTITIONS, PATIENCE};
use crate::form::{chance, pick};
use crate::support::kafka::Kafka;
use crate::support::scratch::wait_until;
use crate::system::{Names, Node, PAUSE, System, Worker};

/// What the coordinator says when it forgets markers.
const SKIPPED: &str = "these partitions are likely deleted already and hence can be skipped";

#[test]
fn the_only_broker_is_killed_and_stays_away_and_the_processes_wait_and_go_on_by_themselves() {
    let (mut rng, seed) = chance("broker");
    let mut flow = Flow::orders(System::with(Node::Own(Kafka::start()), Names::usual()), seed);
    flow.start_ready(2, &[]);
    // Once at once, and once away for longer than session and transaction timeouts.
    for away in pick(vec![0, 15], vec![0, 3, 0, 60, 0, 20]) {
        flow.pump_for(Duration::from_millis(rng.random_range(500..3_000)));
        at_rest(&mut flow);
        flow.system.kafka.kill9();
        let killed = Instant::now();
        flow.workers.iter().for_each(says_what_it_waits_for);
        let said = killed.elapsed();
        std::thread::sleep(Duration::from_secs(away).saturating_sub(said));
        flow.workers.iter_mut().for_each(Worker::must_live);
        flow.system.kafka.restart();
        let up = Instant::now();
        goes_on(&mut flow);
        eprintln!(
            "the only broker was killed and away for {away} s: all said so after {said:?}, and went on by themselves {:?} \
             after it was back",
            up.elapsed()
        );
    }
    assert_eq!(flow.system.kafka.logged(SKIPPED), Vec::<String>::new(), "the broker kept every transaction");
    let restored: f64 = flow.workers.iter().map(|worker| worker.total("topo_restored_records_total")).sum();
    eprintln!("{restored} changelog records were restored over all of it, {PARTITIONS} partitions");
    flow.end_right();
}

#[test]
fn one_of_three_brokers_is_killed_at_work_again_and_again_and_nothing_is_lost_or_doubled() {
    let (mut rng, seed) = chance("three brokers");
    let kafka = Kafka::start_three();
    let mut flow = Flow::payments(System::with(Node::Own(kafka), Names::usual()), seed);
    flow.start_ready(2, &[]);
    let kills = pick(3, 30);
    for number in 0..kills {
        flow.pump_for(Duration::from_millis(rng.random_range(500..3_000)));
        let node = (number + rng.random_range(0..2)) % flow.system.kafka.nodes();
        flow.system.kafka.kill9_node(node);
        let killed = Instant::now();
        goes_on(&mut flow);
        let without = killed.elapsed();
        flow.system.kafka.restart_node(node);
        flow.pump_until("all nodes to keep all partitions", PATIENCE, |flow| is_in_sync(flow));
        eprintln!("node {node} was killed: work went on {without:?} later, without it");
    }
    assert_eq!(flow.system.kafka.logged(SKIPPED), Vec::<String>::new(), "the brokers kept every transaction");
    eprintln!("{kills} kills of one of three brokers");
    flow.end_right();
}

/// Every process is ready, and new output comes.
fn goes_on(flow: &mut Flow) {
    let before = flow.outputs.records;
    flow.pump_until("work to go on", PATIENCE, |flow| {
        flow.workers.iter_mut().for_each(Worker::must_live);
        flow.outputs.records > before + 300 && flow.workers.iter().all(Worker::is_ready)
    });
}

/// Whether every partition is kept by every node.
fn is_in_sync(flow: &Flow) -> bool {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", flow.system.kafka.bootstrap());
    let client: BaseConsumer = config.create().unwrap();
    let Ok(known) = client.fetch_metadata(None, Duration::from_secs(2)) else { return false };
    let mut partitions = known.topics().iter().flat_map(|topic| topic.partitions());
    partitions.all(|partition| partition.isr().len() == flow.system.kafka.nodes())
}

fn says_what_it_waits_for(worker: &Worker) {
    wait_until(&format!("{} to say what it waits for", worker.name()), PATIENCE, || {
        worker.health().is_some_and(|answer| {
            answer.starts_with("HTTP/1.1 503") && answer.contains("no broker can be reached")
        })
    });
}

/// Waits until everything that was written is committed.
fn at_rest(flow: &mut Flow) {
    flow.settle();
    flow.outputs.read(PAUSE);
}

/// The library counts what it has to say with the records on their way. When it loses its broker between the last delivery
/// and the commit it has much to say, and a commit that waited for those waited for good.
#[test]
fn a_commit_goes_through_when_the_broker_was_away_between_the_last_delivery_and_it() {
    let system = System::with(Node::Own(Kafka::start()), Names::usual());
    system.create_topics(&["written".to_owned()], 1);
    let config = ProducerConfig {
        client_id: "writer".into(),
        transactional_id: Some("writer".into()),
        transaction_timeout: Duration::from_secs(60),
        linger: Duration::from_millis(5),
    };
    let mut writer = system.broker.producer(&config).unwrap();
    wait_until("the id", PATIENCE, || writer.init_transactions().is_ok());
    writer.begin().unwrap();
    write(&mut *writer);
    wait_until("the record to be written", PATIENCE, || {
        assert_eq!(writer.delivered(Duration::from_millis(10)).failure, None);
        writer.in_flight() == 0
    });
    system.kafka.kill9();
    wait_until("the commit to notice", PATIENCE, || {
        let said = writer.commit().unwrap_err();
        assert!(matches!(&said, BrokerError::Retriable(_)), "{said}");
        !system.broker.is_reachable()
    });
    system.kafka.restart();
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = writer.commit() {
        assert!(matches!(&error, BrokerError::Retriable(_)) && Instant::now() < deadline, "{error:?}");
    }
    // The broker ends the transaction in the partition after it has answered, or never, as it says then (see above).
    wait_until("the record to be read", PATIENCE, || {
        system.read_all("written", 1).len() == 1 || !system.kafka.logged(SKIPPED).is_empty()
    });
}

fn write(writer: &mut dyn Producer) {
    let headers = topo::Headers::new();
    let record = Outgoing {
        topic: "written",
        partition: 0,
        key: Some(b"key"),
        value: Some(b"value"),
        timestamp: 0,
        headers: &headers,
        slot: None,
    };
    wait_until("room for a record", PATIENCE, || writer.send(record).is_ok());
}
