//! The real broker, through `rdkafka`, which is named only here.
//!
//! It owns how the promises of the broker's traits become calls of the client library. Every call is cut into slices
//! of at most 0.8 s; what needs longer says so and is called again. It decides nothing about records, tasks or
//! leases. Threads are the client library's own, but for one call that the library only has in a waiting form (`commit`).

mod admin;
mod assigned;
mod authority;
mod block_on;
mod commit;
mod consumer;
mod delivery;
mod errors;
mod farewell;
mod holders;
mod limits;
mod membership;
mod partitions;
mod places;
mod producer;
mod rebalance;
mod reporter;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Admin, Broker, BrokerError, Consumer, ConsumerConfig, Membership, MembershipConfig, Producer,
    ProducerConfig,
};
use limits::TopicLimits;
use places::Places;
use reporter::{Reachability, Reporter};
use settings::Settings;

/// The longest that a call may wait for the broker before it says "retry".
pub(super) const SLICE: Duration = Duration::from_millis(800);

/// A Kafka cluster.
pub struct KafkaBroker {
    settings: Settings,
    reachability: Arc<Reachability>,
    limits: Arc<TopicLimits>,
    places: Arc<Places>,
}

impl KafkaBroker {
    /// Names a cluster by its bootstrap servers (`host:port,...`). `properties` are properties of the client library
    /// that go to every client, for example `security.protocol`. Nothing is connected yet.
    pub fn new(bootstrap: impl Into<String>, properties: BTreeMap<String, String>) -> Self {
        let settings = Settings::new(bootstrap.into(), properties);
        let reachability = Arc::new(Reachability::default());
        let limits = Arc::new(TopicLimits::new(settings.clone(), reachability.clone()));
        Self { settings, reachability, limits, places: Arc::default() }
    }

    /// Whether the cluster answered last: false from the moment no broker can be reached until one answers again.
    pub fn is_reachable(&self) -> bool {
        self.reachability.is_up()
    }

    fn reporter(&self, client_id: &str) -> Reporter {
        Reporter::new(client_id, self.reachability.clone())
    }
}

impl Broker for KafkaBroker {
    fn consumer(&self, config: &ConsumerConfig) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(consumer::KafkaConsumer::open(&self.settings, self.reporter(&config.client_id), config)?))
    }

    fn producer(&self, config: &ProducerConfig) -> Result<Box<dyn Producer>, BrokerError> {
        let reporter = self.reporter(&config.client_id);
        Ok(Box::new(producer::KafkaProducer::open(&self.settings, reporter, self.limits.clone(), config)?))
    }

    fn membership(&self, config: &MembershipConfig) -> Result<Arc<dyn Membership>, BrokerError> {
        Ok(Arc::new(membership::KafkaMembership::open(
            &self.settings,
            self.reporter(&config.client_id),
            config,
            self.places.clone(),
        )?))
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        Ok(Box::new(admin::KafkaAdmin::open(&self.settings, self.reporter("admin"))?))
    }
}
