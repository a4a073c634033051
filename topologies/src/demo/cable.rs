//! A broker behind a cable that can be cut: every client on it fails at once, and nothing it had begun is ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use topo::Partition;
use topo::broker::{
    Admin, Assignment, Broker, BrokerError, CommittedOffset, Consumer, ConsumerConfig, Created, Deliveries,
    Fetched, GroupMember, GroupToken, Holder, Membership, MembershipConfig, MembershipEvent, NewTopic,
    Outgoing, Producer, ProducerConfig, Watermarks,
};

/// The way of one process to the broker.
#[derive(Clone)]
pub(super) struct Cable<B> {
    broker: B,
    plug: Plug,
}

#[derive(Clone, Default)]
struct Plug(Arc<AtomicBool>);

impl Plug {
    fn check(&self) -> Result<(), BrokerError> {
        if self.0.load(SeqCst) { Err(BrokerError::Fatal("the plug is pulled".into())) } else { Ok(()) }
    }
}

impl<B> Cable<B> {
    pub(super) fn new(broker: B) -> Self {
        Self { broker, plug: Plug::default() }
    }

    /// Cuts it, for good.
    pub(super) fn cut(&self) {
        self.plug.0.store(true, SeqCst);
    }
}

struct Plugged<C: ?Sized> {
    plug: Plug,
    client: Box<C>,
}

struct Member {
    plug: Plug,
    member: Arc<dyn Membership>,
}

impl<B: Broker> Broker for Cable<B> {
    fn consumer(&self, config: &ConsumerConfig) -> Result<Box<dyn Consumer>, BrokerError> {
        self.plug.check()?;
        let client = self.broker.consumer(config)?;
        Ok(Box::new(Plugged { plug: self.plug.clone(), client }))
    }
    fn producer(&self, config: &ProducerConfig) -> Result<Box<dyn Producer>, BrokerError> {
        self.plug.check()?;
        let client = self.broker.producer(config)?;
        Ok(Box::new(Plugged { plug: self.plug.clone(), client }))
    }
    fn membership(&self, config: &MembershipConfig) -> Result<Arc<dyn Membership>, BrokerError> {
        self.plug.check()?;
        Ok(Arc::new(Member { plug: self.plug.clone(), member: self.broker.membership(config)? }))
    }
    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        self.plug.check()?;
        let client = self.broker.admin()?;
        Ok(Box::new(Plugged { plug: self.plug.clone(), client }))
    }
}

/// Methods that ask the plug first.
macro_rules! through {
    ($(fn $name:ident(&mut self $(, $arg:ident: $kind:ty)*) -> $out:ty;)+) => {$(
        fn $name(&mut self $(, $arg: $kind)*) -> Result<$out, BrokerError> {
            self.plug.check()?;
            self.client.$name($($arg),*)
        }
    )+};
}

impl Consumer for Plugged<dyn Consumer> {
    through! {
        fn assign(&mut self, more: &[Assignment]) -> ();
        fn unassign(&mut self, gone: &[Partition]) -> ();
        fn seek(&mut self, partition: &Partition, offset: i64) -> ();
        fn pause(&mut self, partitions: &[Partition]) -> ();
        fn resume(&mut self, partitions: &[Partition]) -> ();
        fn poll(&mut self, max: usize, wait: Duration, out: &mut Vec<Fetched>) -> ();
        fn position(&mut self, partition: &Partition) -> Option<i64>;
        fn committed(&mut self, partitions: &[Partition]) -> Vec<Option<CommittedOffset>>;
        fn watermarks(&mut self, partition: &Partition) -> Watermarks;
        fn offset_at(&mut self, partition: &Partition, timestamp: i64) -> Option<i64>;
        fn commit(&mut self, offsets: &[(Partition, CommittedOffset)], group: Option<&GroupToken>) -> ();
    }
}

impl Producer for Plugged<dyn Producer> {
    through! {
        fn init_transactions(&mut self) -> ();
        fn begin(&mut self) -> ();
        fn send(&mut self, record: Outgoing<'_>) -> ();
        fn send_offsets(&mut self, offsets: &[(Partition, CommittedOffset)], group: &GroupToken) -> ();
        fn commit(&mut self) -> ();
        fn abort(&mut self) -> ();
    }
    fn in_flight(&self) -> usize {
        self.client.in_flight()
    }
    fn delivered(&mut self, wait: Duration) -> Deliveries {
        match self.plug.check() {
            Ok(()) => self.client.delivered(wait),
            Err(error) => Deliveries { failure: Some(error), ..Deliveries::default() },
        }
    }
}

impl Membership for Member {
    fn poll(&self) -> Result<Vec<MembershipEvent>, BrokerError> {
        self.plug.check()?;
        self.member.poll()
    }
    fn release(&self, revoked: &[Partition]) -> Result<(), BrokerError> {
        self.plug.check()?;
        self.member.release(revoked)
    }
    fn token(&self) -> Option<GroupToken> {
        self.plug.check().ok().and_then(|()| self.member.token())
    }
    fn losses(&self) -> u64 {
        self.member.losses()
    }
    fn leave(&self, keep_place: bool) -> Result<(), BrokerError> {
        self.plug.check()?;
        self.member.leave(keep_place)
    }
}

impl Admin for Plugged<dyn Admin> {
    through! {
        fn cluster_id(&mut self) -> String;
        fn partitions(&mut self, topics: &[String]) -> BTreeMap<String, i32>;
        fn topics(&mut self) -> Vec<String>;
        fn create(&mut self, topics: &[NewTopic]) -> Vec<Result<Created, BrokerError>>;
        fn settings(&mut self, topic: &str) -> BTreeMap<String, String>;
        fn delete(&mut self, topics: &[String]) -> ();
        fn delete_records(&mut self, before: &[(Partition, i64)]) -> ();
        fn members(&mut self, group: &str) -> Vec<GroupMember>;
        fn holders(&mut self, group: &str) -> Vec<Holder>;
        fn delete_group(&mut self, group: &str) -> ();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topo::broker::memory::MemoryBroker;

    #[test]
    fn a_cut_cable_fails_every_client_and_leaves_the_transaction_open() {
        let broker = MemoryBroker::new();
        let topic = NewTopic { name: "t".into(), partitions: 1, replication: 1, settings: BTreeMap::new() };
        broker.admin().unwrap().create(&[topic]).unwrap();
        let cable = Cable::new(broker.clone());
        let config = ProducerConfig {
            client_id: "p".into(),
            transactional_id: Some("x".into()),
            transaction_timeout: Duration::from_secs(10),
            linger: Duration::ZERO,
        };
        let mut producer = cable.producer(&config).unwrap();
        producer.init_transactions().unwrap();
        producer.begin().unwrap();
        let headers = topo::Headers::new();
        let record = Outgoing {
            topic: "t",
            partition: 0,
            key: None,
            value: Some(b"v"),
            timestamp: 0,
            headers: &headers,
            slot: None,
        };
        producer.send(record).unwrap();
        cable.cut();
        assert!(matches!(producer.commit(), Err(BrokerError::Fatal(_))));
        assert!(cable.consumer(&reader()).is_err());
        drop(producer);
        let partition = Partition::new("t", 0);
        let mut consumer = broker.consumer(&reader()).unwrap();
        assert_eq!(0, consumer.watermarks(&partition).unwrap().high, "what was begun is still undecided");
    }

    fn reader() -> ConsumerConfig {
        ConsumerConfig {
            client_id: "c".into(),
            group: None,
            isolation: topo::broker::Isolation::ReadCommitted,
            buffer_bytes: 1 << 20,
        }
    }
}
