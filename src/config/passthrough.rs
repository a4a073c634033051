//! `kafka.*`: any librdkafka property, handed on untouched, except those the engine must own to keep its promises.

/// The prefix of a property that is passed through.
pub(super) const PREFIX: &str = "kafka.";

/// Properties the engine sets itself, and what to set instead.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set bootstrap.servers"),
    ("metadata.broker.list", "set bootstrap.servers"),
    ("group.id", "set application.id"),
    ("group.instance.id", "set group.instance.id"),
    ("group.protocol", "set group.protocol"),
    ("group.remote.assignor", "tasks are placed through leases"),
    ("partition.assignment.strategy", "tasks are placed through leases"),
    ("session.timeout.ms", "set session.timeout.ms"),
    ("heartbeat.interval.ms", "set heartbeat.interval.ms"),
    ("transaction.timeout.ms", "set transaction.timeout.ms"),
    ("transactional.id", "it is derived from application.id and the process"),
    ("enable.idempotence", "set processing"),
    ("isolation.level", "inputs are always read committed"),
    ("enable.auto.commit", "offsets are committed with the results"),
    ("enable.auto.offset.store", "offsets are committed with the results"),
    ("partitioner", "records are placed as Java places them"),
];

/// What to set instead of `property`, when the engine owns it.
pub(super) fn owned(property: &str) -> Option<&'static str> {
    OWNED.iter().find(|(name, _)| *name == property).map(|(_, instead)| *instead)
}

/// Whether a property looks like something nobody should read in a terminal or a log. Rather one too many.
pub(super) fn looks_secret(property: &str) -> bool {
    const SIGNS: [&str; 7] =
        ["password", "secret", "token", "jaas", "ssl.key.", "credential", "oauthbearer.config"];
    SIGNS.iter().any(|sign| property.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_passwords_look_secret_and_addresses_do_not() {
        for property in [
            "sasl.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "sasl.jaas.config",
            "sasl.oauthbearer.client.secret",
        ] {
            assert!(looks_secret(property), "{property}");
        }
        for property in ["security.protocol", "ssl.ca.location", "sasl.username", "fetch.wait.max.ms"] {
            assert!(!looks_secret(property), "{property}");
        }
    }
}
