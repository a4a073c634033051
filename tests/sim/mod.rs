//! Scenarios for the simulator: small topologies, each with a model of its own that shares no code with the engine.

pub(crate) mod count;
pub(crate) mod everywhere;
pub(crate) mod foreign;
pub(crate) mod joined;
pub(crate) mod matching;
pub(crate) mod paired;
pub(crate) mod punctual;
pub(crate) mod regrouped;
pub(crate) mod sessions;
pub(crate) mod trimmed;
pub(crate) mod unpaired;
pub(crate) mod versions;
pub(crate) mod windows;
pub(crate) mod worth;

use topo::testkit::sim::Scenario;

/// Every scenario of the engine.
pub(crate) fn all() -> Vec<Box<dyn Scenario>> {
    vec![
        Box::new(count::Count),
        Box::new(matching::Matching),
        Box::new(regrouped::Regrouped),
        Box::new(windows::Windows::OnDisk),
        Box::new(windows::Windows::Mixed),
        Box::new(trimmed::Trimmed),
        Box::new(sessions::Sessions),
        Box::new(joined::Joined),
        Box::new(foreign::Foreign::Hashed),
        Box::new(foreign::Foreign::Elsewhere),
        Box::new(paired::Paired),
        Box::new(unpaired::Unpaired::Left),
        Box::new(unpaired::Unpaired::Outer),
        Box::new(everywhere::Everywhere),
        Box::new(versions::Versions),
        Box::new(worth::Worth),
        Box::new(punctual::Punctual),
    ]
}
