//! Scenarios for the simulator: small topologies, each with a model of its own that shares no code with the engine.

pub(crate) mod count;
pub(crate) mod foreign;
pub(crate) mod joined;
pub(crate) mod punctual;
pub(crate) mod regrouped;
pub(crate) mod windows;

use topo::testkit::sim::Scenario;

/// Every scenario of the engine.
pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    vec![
        Box::new(count::Count),
        Box::new(regrouped::Regrouped),
        Box::new(windows::Windows),
        Box::new(joined::Joined),
        Box::new(foreign::Foreign),
        Box::new(punctual::Punctual),
    ]
}
