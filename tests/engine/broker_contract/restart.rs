//! A broker that goes away and comes back: only a real one can.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use topo::broker::kafka::KafkaBroker;
use topo::broker::{
    Broker, BrokerError, ConsumerConfig, GroupProtocol, Isolation, MembershipConfig, NewTopic,
    ProducerConfig, StartOffset,
};

use super::bench::{assign, drain, eventually, read, retried, send, texts};
use crate::support::kafka::Kafka;

#[test]
fn clients_wait_for_a_broker_that_was_killed_and_go_on() {
    let kafka = Kafka::start();
    let broker = KafkaBroker::new(kafka.bootstrap(), BTreeMap::new());
    let topic = NewTopic { name: "t".to_owned(), partitions: 1, replication: 1, settings: BTreeMap::new() };
    retried("create", || broker.admin()?.create(std::slice::from_ref(&topic))).unwrap();
    let config = ProducerConfig {
        client_id: "w".to_owned(),
        transactional_id: Some("id".to_owned()),
        transaction_timeout: Duration::from_secs(60),
        linger: Duration::from_millis(1),
    };
    let mut writer = broker.producer(&config).unwrap();
    retried("init", || writer.init_transactions()).unwrap();
    let config = ConsumerConfig {
        client_id: "r".to_owned(),
        group: None,
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 1 << 20,
    };
    let mut reader = broker.consumer(&config).unwrap();
    assign(&mut *reader, "t", 0, StartOffset::Earliest);
    writer.begin().unwrap();
    send(&mut *writer, "t", 0, "before").unwrap();
    drain(&mut *writer);

    kafka.kill9();
    eventually("the silence to be noticed", || {
        reader.poll(10, Duration::from_millis(50), &mut Vec::new()).unwrap();
        (!broker.is_reachable()).then_some(())
    });
    send(&mut *writer, "t", 0, "meanwhile").unwrap();
    kafka.restart();
    assert_eq!(drain(&mut *writer).failure, None);
    retried("commit", || writer.commit()).unwrap();
    assert!(broker.is_reachable());
    assert_eq!(texts(&read(&mut *reader, 2)), ["before", "meanwhile"]);
}

#[test]
fn closing_clients_does_not_wait_for_a_broker_that_is_gone() {
    let kafka = Kafka::start();
    let broker = KafkaBroker::new(kafka.bootstrap(), BTreeMap::new());
    let topic = NewTopic { name: "t".to_owned(), partitions: 2, replication: 1, settings: BTreeMap::new() };
    retried("create", || broker.admin()?.create(std::slice::from_ref(&topic))).unwrap();
    let config = MembershipConfig {
        client_id: "m".to_owned(),
        group: "g".to_owned(),
        instance_id: Some("one".to_owned()),
        topics: vec!["t".to_owned()],
        protocol: GroupProtocol::Classic,
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_millis(500),
    };
    let membership = broker.membership(&config).unwrap();
    eventually("the leases", || membership.poll().ok().filter(|events| !events.is_empty()));
    let config = ConsumerConfig {
        client_id: "r".to_owned(),
        group: Some("g".to_owned()),
        isolation: Isolation::ReadCommitted,
        buffer_bytes: 1 << 20,
    };
    let mut reader = broker.consumer(&config).unwrap();
    assign(&mut *reader, "t", 0, StartOffset::Earliest);
    let config = ProducerConfig {
        client_id: "w".to_owned(),
        transactional_id: Some("id".to_owned()),
        transaction_timeout: Duration::from_secs(60),
        linger: Duration::from_millis(1),
    };
    let mut writer = broker.producer(&config).unwrap();
    retried("init", || writer.init_transactions()).unwrap();
    writer.begin().unwrap();
    send(&mut *writer, "t", 0, "before").unwrap();
    drain(&mut *writer);
    kafka.kill9();
    send(&mut *writer, "t", 0, "never").unwrap();
    let start = Instant::now();
    // An abort cannot succeed now; it must say so in time.
    assert!(matches!(writer.abort(), Err(BrokerError::Retriable(_))));
    // Neither can a goodbye; whether it says so or not, it returns.
    let _ = membership.leave(false);
    drop((writer, reader, membership));
    assert!(start.elapsed() < Duration::from_secs(5), "closing took {:?}", start.elapsed());
}
