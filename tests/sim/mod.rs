//! Scenarios for the simulator: small topologies, each with a model of its own that shares no code with the engine.

mod count;

use topo::testkit::sim::Scenario;

/// Every scenario of the engine.
pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    vec![Box::new(count::Count)]
}
