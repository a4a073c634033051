//! A broker that goes away and comes back: only a real one can.

use std::collections::BTreeMap;
use std::time::Duration;

use topo::broker::kafka::KafkaBroker;
use topo::broker::{Broker, ConsumerConfig, Isolation, NewTopic, ProducerConfig, StartOffset};

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
