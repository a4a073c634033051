//! `velocity` for the command line.

use topo::cli::{Application, Exit, Failure, TopologyApplication};
use topo::config::{Key, Kind, Settings};

use crate::tazama::{VelocityConfig, topology};

pub(super) const INPUT: Key =
    Key::new("velocity.topic.input", Kind::Text, "transactions", "Topic of the payments.");

/// The keys of `velocity`.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    INPUT,
    Key::new("velocity.topic.output", Kind::Text, "velocity.verdicts", "Topic of the verdicts."),
    Key::new("velocity.grace", Kind::Duration, "1h", "How much later than stream time a payment may be without being called late."),
];

/// Makes the application of its settings.
pub(super) fn make(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    let grace = settings.duration("velocity.grace")?;
    let config = VelocityConfig {
        input_topic: settings.text(INPUT.name)?.to_owned(),
        output_topic: settings.text("velocity.topic.output")?.to_owned(),
        grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX),
        ..VelocityConfig::default()
    };
    let built = topology(&config).map_err(|errors| Failure::new(Exit::Usage, errors.to_string()))?;
    Ok(Box::new(TopologyApplication::new(built, settings, "velocity")?))
}
