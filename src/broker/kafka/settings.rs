//! Properties of the client library: our defaults, the user's over them, and what we insist on over those.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::broker::{ConsumerConfig, GroupProtocol, Isolation, MembershipConfig, ProducerConfig};

/// Poll pauses longer than this expel a member; the engine polls every second, also while it restores.
const MAX_POLL_INTERVAL_MS: u32 = 300_000;

/// What all clients of a cluster have in common.
#[derive(Clone)]
pub(super) struct Settings {
    bootstrap: String,
    properties: BTreeMap<String, String>,
}

impl Settings {
    pub(super) fn new(bootstrap: String, properties: BTreeMap<String, String>) -> Self {
        Self { bootstrap, properties }
    }

    /// Defaults, then the user's properties, then what must be so.
    fn layered(&self, defaults: &[(&str, String)], fixed: &[(&str, String)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("reconnect.backoff.max.ms", "1000").set("log.connection.close", "false");
        // A topic that was created a moment ago may be unknown to a broker for a moment, but not for long.
        config.set("topic.metadata.propagation.max.ms", "5000");
        for (name, value) in defaults {
            config.set(*name, value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        for (name, value) in fixed {
            config.set(*name, value);
        }
        config.set("bootstrap.servers", &self.bootstrap);
        // Who asks the library for its own notes wants to see them.
        if self.is_debugging() {
            config.set_log_level(RDKafkaLogLevel::Debug);
        }
        config
    }

    /// Whether the user wants to see the library's own notes.
    pub(super) fn is_debugging(&self) -> bool {
        self.properties.contains_key("debug")
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.layered(&[("client.id", "topo-admin".to_owned())], &[])
    }

    pub(super) fn consumer(&self, wanted: &ConsumerConfig) -> ClientConfig {
        let isolation = match wanted.isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        let kbytes = (wanted.buffer_bytes / 1024).clamp(64, 2_097_151);
        let defaults = [
            ("queued.max.messages.kbytes", kbytes.to_string()),
            // The library keeps some 400 bytes beside each record: for small records their number is the real bound. It is
            // one for each partition.
            ("queued.min.messages", (wanted.buffer_bytes / 800).clamp(1_000, 100_000).to_string()),
            // What one answer of the broker brings of a partition, compressed: unpacked it may be ten times that, with
            // those 400 bytes for every record of it. Measured, the library's 1 MiB cost a foreign-key join 160 MiB.
            ("fetch.message.max.bytes", (wanted.buffer_bytes / 64).clamp(64 << 10, 1 << 20).to_string()),
            ("fetch.wait.max.ms", "100".to_owned()),
            ("fetch.queue.backoff.ms", "5".to_owned()),
            ("check.crcs", "true".to_owned()),
            // A reader that was given its partitions by hand has no place in a group to lose by polling late.
            ("max.poll.interval.ms", "86400000".to_owned()),
        ];
        // The client library assigns partitions only to a client that names a group; one that was not asked to have
        // a group borrows its own name and never joins, commits or reads offsets under it.
        let group = wanted.group.clone().unwrap_or_else(|| wanted.client_id.clone());
        let fixed = [
            ("client.id", wanted.client_id.clone()),
            ("group.id", group),
            ("enable.auto.commit", "false".to_owned()),
            ("enable.auto.offset.store", "false".to_owned()),
            ("enable.partition.eof", "false".to_owned()),
            ("auto.offset.reset", "error".to_owned()),
            ("isolation.level", isolation.to_owned()),
        ];
        self.layered(&defaults, &fixed)
    }

    pub(super) fn producer(&self, wanted: &ProducerConfig) -> ClientConfig {
        let defaults = [
            // More than a broker takes in one round trip; what waits beyond that only costs memory.
            ("queue.buffering.max.messages", "50000".to_owned()),
            ("queue.buffering.max.kbytes", "32768".to_owned()),
            // Below the record limit of any sensible topic, so that a batch is never the thing that is too large.
            ("batch.size", "262144".to_owned()),
            ("compression.type", "lz4".to_owned()),
        ];
        let mut fixed = vec![
            ("client.id", wanted.client_id.clone()),
            ("linger.ms", wanted.linger.as_millis().to_string()),
            ("enable.idempotence", "true".to_owned()),
            ("acks", "all".to_owned()),
        ];
        if let Some(id) = &wanted.transactional_id {
            fixed.push(("transactional.id", id.clone()));
            fixed.push(("transaction.timeout.ms", wanted.transaction_timeout.as_millis().to_string()));
        }
        self.layered(&defaults, &fixed)
    }

    pub(super) fn membership(&self, wanted: &MembershipConfig) -> ClientConfig {
        let defaults = [("max.poll.interval.ms", MAX_POLL_INTERVAL_MS.max(wanted_ms(wanted)).to_string())];
        let mut fixed = vec![
            ("client.id", wanted.client_id.clone()),
            ("group.id", wanted.group.clone()),
            ("enable.auto.commit", "false".to_owned()),
            ("enable.auto.offset.store", "false".to_owned()),
        ];
        if let Some(instance) = &wanted.instance_id {
            fixed.push(("group.instance.id", instance.clone()));
        }
        match wanted.protocol {
            GroupProtocol::Classic => {
                fixed.push(("partition.assignment.strategy", "cooperative-sticky".to_owned()));
                fixed.push(("session.timeout.ms", wanted_ms(wanted).to_string()));
                fixed.push(("heartbeat.interval.ms", wanted.heartbeat_interval.as_millis().to_string()));
            }
            GroupProtocol::Consumer => {
                fixed.push(("group.protocol", "consumer".to_owned()));
                fixed.push(("group.remote.assignor", "uniform".to_owned()));
            }
        }
        // Some losses are told nowhere else (see `rebalance`).
        let debug =
            self.properties.get("debug").map_or_else(|| "cgrp".to_owned(), |more| format!("{more},cgrp"));
        fixed.push(("debug", debug));
        let mut config = self.layered(&defaults, &fixed);
        config.set_log_level(RDKafkaLogLevel::Debug);
        config
    }
}

fn wanted_ms(wanted: &MembershipConfig) -> u32 {
    u32::try_from(wanted.session_timeout.as_millis()).unwrap_or(MAX_POLL_INTERVAL_MS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn membership(protocol: GroupProtocol) -> ClientConfig {
        let properties = BTreeMap::from([("enable.auto.commit", "true"), ("debug", "fetch")]);
        let properties =
            properties.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Settings::new("here:9092".to_owned(), properties).membership(&MembershipConfig {
            client_id: "c".to_owned(),
            group: "g".to_owned(),
            instance_id: None,
            topics: Vec::new(),
            protocol,
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_millis(500),
        })
    }

    #[test]
    fn the_consumer_protocol_gets_no_property_that_only_the_broker_may_decide() {
        let config = membership(GroupProtocol::Consumer);
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
            assert_eq!(config.get(name), None, "{name}");
        }
        assert_eq!(membership(GroupProtocol::Classic).get("session.timeout.ms"), Some("10000"));
    }

    #[test]
    fn a_member_listens_to_the_library_beside_what_the_user_wants_to_hear() {
        assert_eq!(membership(GroupProtocol::Classic).get("debug"), Some("fetch,cgrp"));
    }

    #[test]
    fn a_user_cannot_turn_off_what_exactly_once_needs() {
        assert_eq!(membership(GroupProtocol::Classic).get("enable.auto.commit"), Some("false"));
    }
}
