//! A broker under test, and short words for what the cases do with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use topo::broker::kafka::KafkaBroker;
use topo::broker::memory::MemoryBroker;
use topo::broker::{
    Assignment, Broker, BrokerError, CommittedOffset, Consumer, ConsumerConfig, Deliveries, Fetched,
    GroupProtocol, Isolation, Membership, MembershipConfig, MembershipEvent, NewTopic, Outgoing, Producer,
    ProducerConfig, StartOffset,
};
use topo::{Headers, Partition};

use crate::support::kafka::Kafka;

/// How long a case waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A broker, and names that belong to one case.
pub(crate) struct Bench {
    pub(crate) broker: Arc<dyn Broker>,
    memory: Option<(MemoryBroker, AtomicI64)>,
    names: AtomicUsize,
}

impl Bench {
    /// The broker in memory.
    pub(crate) fn memory() -> Self {
        let memory = MemoryBroker::new();
        let broker = Arc::new(memory.clone());
        Self { broker, memory: Some((memory, AtomicI64::new(0))), names: AtomicUsize::new(0) }
    }

    /// The real one.
    pub(crate) fn kafka() -> Self {
        let broker = Arc::new(KafkaBroker::new(Kafka::shared().bootstrap(), BTreeMap::new()));
        Self { broker, memory: None, names: AtomicUsize::new(0) }
    }

    /// A name that only this case uses.
    pub(crate) fn name(&self, stem: &str) -> String {
        match &self.memory {
            Some(_) => format!("{stem}-{}", self.names.fetch_add(1, Ordering::Relaxed)),
            None => Kafka::shared().unique(stem),
        }
    }

    /// Lets time pass: the handed-in clock moves on, or we wait.
    pub(crate) fn pass(&self, time: Duration) {
        match &self.memory {
            Some((memory, now)) => {
                let step = i64::try_from(time.as_millis()).unwrap();
                memory.advance(now.fetch_add(step, Ordering::Relaxed) + step);
            }
            None => std::thread::sleep(time),
        }
    }

    /// Compacts a topic now, where that can be asked for; a real broker does it in its own time.
    pub(crate) fn compact(&self, topic: &str) {
        if let Some((memory, _)) = &self.memory {
            memory.compact(topic).unwrap();
        }
    }

    /// A new topic.
    pub(crate) fn topic(&self, partitions: i32, settings: &[(&str, &str)]) -> String {
        let name = self.name("topic");
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let wanted = NewTopic { name: name.clone(), partitions, replication: 1, settings };
        let mut admin = self.broker.admin().unwrap();
        admin.create(&[wanted]).unwrap().remove(0).unwrap();
        // A broker answers before every part of it knows the topic.
        eventually("the topic to be known", || {
            admin.partitions(std::slice::from_ref(&name)).unwrap().contains_key(&name).then_some(())
        });
        name
    }

    /// A reader.
    pub(crate) fn reader(&self, isolation: Isolation, group: Option<&str>) -> Box<dyn Consumer> {
        let config = ConsumerConfig {
            client_id: self.name("reader"),
            group: group.map(str::to_owned),
            isolation,
            buffer_bytes: 1 << 20,
        };
        self.broker.consumer(&config).unwrap()
    }

    /// A writer without transactions.
    pub(crate) fn writer(&self) -> Box<dyn Producer> {
        self.broker.producer(&producer_config(None, Duration::from_secs(10))).unwrap()
    }

    /// A writer that owns a transactional id.
    pub(crate) fn transactional(&self, id: &str) -> Box<dyn Producer> {
        self.transactional_for(id, Duration::from_secs(10))
    }

    /// A writer that owns a transactional id, whose transactions time out.
    pub(crate) fn transactional_for(&self, id: &str, timeout: Duration) -> Box<dyn Producer> {
        let mut writer = self.broker.producer(&producer_config(Some(id), timeout)).unwrap();
        retried("init", || writer.init_transactions()).unwrap();
        writer
    }

    /// A member that subscribes to one topic.
    pub(crate) fn member(&self, group: &str, topic: &str, instance: Option<&str>) -> Member {
        self.member_by(GroupProtocol::Classic, group, topic, instance)
    }

    /// A member by either protocol.
    pub(crate) fn member_by(
        &self,
        protocol: GroupProtocol,
        group: &str,
        topic: &str,
        instance: Option<&str>,
    ) -> Member {
        Member::join(&*self.broker, protocol, &self.name("member"), group, topic, instance)
    }
}

/// What a writer is opened with.
pub(crate) fn producer_config(id: Option<&str>, transaction_timeout: Duration) -> ProducerConfig {
    ProducerConfig {
        client_id: "writer".to_owned(),
        transactional_id: id.map(str::to_owned),
        transaction_timeout,
        linger: Duration::from_millis(1),
    }
}

/// Repeats until something comes.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Repeats a call while it says so.
pub(crate) fn retried<T>(
    what: &str,
    mut call: impl FnMut() -> Result<T, BrokerError>,
) -> Result<T, BrokerError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match call() {
            Err(BrokerError::Retriable(reason)) => {
                assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for: {what}: {reason}");
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Sends one record of text under slot 0.
pub(crate) fn send(
    writer: &mut dyn Producer,
    topic: &str,
    partition: i32,
    value: &str,
) -> Result<(), BrokerError> {
    writer.send(Outgoing {
        topic,
        partition,
        key: Some(b"key"),
        value: Some(value.as_bytes()),
        timestamp: 1,
        headers: &Headers::new(),
        slot: Some(0),
    })
}

/// Waits until nothing is in flight.
pub(crate) fn drain(writer: &mut dyn Producer) -> Deliveries {
    let mut all = Deliveries::default();
    eventually("deliveries", || {
        let some = writer.delivered(Duration::from_millis(20));
        for (slot, next) in some.next_offsets {
            let highest = all.next_offsets.entry(slot).or_default();
            *highest = next.max(*highest);
        }
        all.failure = all.failure.take().or(some.failure);
        (writer.in_flight() == 0).then_some(())
    });
    let rest = writer.delivered(Duration::ZERO);
    all.next_offsets.extend(rest.next_offsets);
    all.failure = all.failure.or(rest.failure);
    all
}

/// Opens a transaction and writes these values to partition 0 of a topic; they are in the log afterwards.
pub(crate) fn write_in_transaction(writer: &mut dyn Producer, topic: &str, values: &[&str]) {
    writer.begin().unwrap();
    for value in values {
        send(writer, topic, 0, value).unwrap();
    }
    assert_eq!(drain(writer).failure, None);
}

/// Gives a reader one partition from an offset on, in slot 0.
pub(crate) fn assign(reader: &mut dyn Consumer, topic: &str, number: i32, start: StartOffset) -> Partition {
    let partition = Partition::new(topic, number);
    reader.assign(&[Assignment { partition: partition.clone(), start, slot: 0 }]).unwrap();
    partition
}

/// Reads until there are `count` records.
pub(crate) fn read(reader: &mut dyn Consumer, count: usize) -> Vec<Fetched> {
    let mut out = Vec::new();
    eventually(&format!("{count} records"), || {
        reader.poll(1000, Duration::from_millis(20), &mut out).unwrap();
        (out.len() >= count).then_some(())
    });
    out
}

/// The values of records as text.
pub(crate) fn texts(records: &[Fetched]) -> Vec<String> {
    let text = |fetched: &Fetched| String::from_utf8(fetched.record.value.clone().unwrap().to_vec()).unwrap();
    records.iter().map(text).collect()
}

/// Polls until the position is where it should be; hands out what was read on the way.
pub(crate) fn read_to(reader: &mut dyn Consumer, partition: &Partition, position: i64) -> Vec<Fetched> {
    let mut out = Vec::new();
    eventually(&format!("position {position}"), || {
        reader.poll(1000, Duration::from_millis(10), &mut out).unwrap();
        let reached = reader.position(partition).unwrap().unwrap_or(0);
        assert!(reached <= position, "position {reached} is behind {position}");
        (reached == position).then_some(())
    });
    out
}

/// Reads for a moment and expects nothing.
pub(crate) fn read_nothing(reader: &mut dyn Consumer) {
    let mut out = Vec::new();
    let deadline = Instant::now() + Duration::from_millis(300);
    while Instant::now() < deadline {
        reader.poll(1000, Duration::from_millis(20), &mut out).unwrap();
        assert!(out.is_empty(), "{:?} must not be visible", texts(&out));
    }
}

/// An offset to commit.
pub(crate) fn next(topic: &str, offset: i64) -> (Partition, CommittedOffset) {
    (Partition::new(topic, 0), CommittedOffset { offset, metadata: "note".to_owned() })
}

/// A member as the engine would drive it.
pub(crate) struct Member {
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) held: Vec<i32>,
    /// Every event in order, as text.
    pub(crate) log: Vec<String>,
}

impl Member {
    /// A member that subscribes to one topic; its session lasts 3 s.
    pub(crate) fn join(
        broker: &dyn Broker,
        protocol: GroupProtocol,
        client_id: &str,
        group: &str,
        topic: &str,
        instance: Option<&str>,
    ) -> Self {
        let config = MembershipConfig {
            client_id: client_id.to_owned(),
            group: group.to_owned(),
            instance_id: instance.map(str::to_owned),
            topics: vec![topic.to_owned()],
            protocol,
            session_timeout: Duration::from_secs(3),
            heartbeat_interval: Duration::from_millis(100),
        };
        Self { membership: broker.membership(&config).unwrap(), held: Vec::new(), log: Vec::new() }
    }

    /// One poll. What is revoked is released at once when `release` says so.
    pub(crate) fn step(&mut self, release: bool) -> Vec<MembershipEvent> {
        let events = match self.membership.poll() {
            Ok(events) => events,
            Err(BrokerError::Retriable(_)) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        for event in &events {
            match event {
                MembershipEvent::Assigned(more) => self.held.extend(more.iter().map(|it| it.number)),
                MembershipEvent::Revoked(gone) => {
                    if release {
                        self.release(gone);
                    }
                }
                MembershipEvent::Lost(gone) => self.drop_held(gone),
                MembershipEvent::Ended => {}
            }
            self.log.push(format!("{event:?}"));
        }
        events
    }

    /// Gives partitions back.
    pub(crate) fn release(&mut self, gone: &[Partition]) {
        self.drop_held(gone);
        self.membership.release(gone).unwrap();
    }

    fn drop_held(&mut self, gone: &[Partition]) {
        self.held.retain(|held| !gone.iter().any(|it| it.number == *held));
    }
}

/// Steps all members until each holds what it should, and nothing twice.
pub(crate) fn settle(bench: &Bench, members: &mut [&mut Member], counts: &[usize]) {
    eventually(&format!("members that hold {counts:?}"), || {
        for member in members.iter_mut() {
            member.step(true);
        }
        if bench.memory.is_some() {
            bench.pass(Duration::from_millis(10));
        }
        let mut held: Vec<usize> = members.iter().map(|member| member.held.len()).collect();
        held.sort_unstable();
        (held == counts).then_some(())
    });
    let mut all: Vec<i32> = members.iter().flat_map(|member| member.held.clone()).collect();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "a partition is held twice");
}
