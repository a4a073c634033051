//! From settings to what the runtime is told, with the checks of one setting against another.

use super::{Exit, Failure};
use crate::{
    broker::GroupProtocol,
    config::{ConfigError, Settings},
    fault::FaultPolicy,
    runtime::{AppConfig, Guarantee, Policies},
};
use std::time::Duration;

/// The runtime's configuration of the application `name`; `settings` is best its own view
/// ([`Settings::for_application`]). The librdkafka properties passed through are [`Settings::kafka`] and go to the broker.
///
/// # Errors
/// When a needed setting is empty, or two cannot hold together.
pub fn app_config(settings: &Settings, name: &str) -> Result<AppConfig, Failure> {
    let config = AppConfig {
        application: settings.application_id(name)?.to_owned(),
        state_dir: settings.path("state.dir")?,
        workers: settings.workers()?,
        restorers: settings.workers()?,
        processing: match settings.text("processing")? {
            "at_least_once" => Guarantee::AtLeastOnce,
            _ => Guarantee::ExactlyOnce,
        },
        commit_interval_ms: millis(settings.duration("commit.interval.ms")?),
        buffered_records: count(settings.integer("buffered.records.per.partition")?),
        max_task_idle_ms: millis(settings.duration("max.task.idle.ms")?),
        process_id: settings.optional("group.instance.id")?.map(str::to_owned),
        host: host_name(),
        rack: settings.optional("rack")?.unwrap_or_default().to_owned(),
        standby_replicas: count(settings.integer("standby.replicas")?),
        standby_bytes_per_second: settings.size("standby.bytes.per.second")?,
        group_protocol: match settings.text("group.protocol")? {
            "consumer" => GroupProtocol::Consumer,
            _ => GroupProtocol::Classic,
        },
        session_timeout: settings.duration("session.timeout.ms")?,
        heartbeat: settings.duration("heartbeat.interval.ms")?,
        transaction_timeout: settings.duration("transaction.timeout.ms")?,
        memory_bytes: usize::try_from(settings.size("memory")?).unwrap_or(usize::MAX),
        replication: replication(settings.integer("replication.factor")?)?,
        partitions: i32::try_from(settings.integer("partitions")?).ok().filter(|n| *n > 0),
        dead_letter_topic: settings.optional("dead.letter.topic")?.map(str::to_owned),
        policies: Policies {
            deserialization: policy(settings, "faults.deserialization")?,
            processing: policy(settings, "faults.processing")?,
            production: policy(settings, "faults.production")?,
        },
        max_record_bytes: usize::try_from(settings.size("max.record.bytes")?).unwrap_or(usize::MAX),
        keep_place: settings.flag("keep.place")?,
        metadata_max_age_ms: millis(settings.duration("metadata.max.age.ms")?),
        ..AppConfig::default()
    };
    check(&config)?;
    Ok(config)
}

fn check(config: &AppConfig) -> Result<(), Failure> {
    let commit = Duration::from_millis(config.commit_interval_ms.unsigned_abs());
    if config.group_protocol == GroupProtocol::Classic {
        let heartbeat = ("heartbeat.interval.ms", config.heartbeat);
        let session = ("session.timeout.ms", config.session_timeout);
        shorter(heartbeat, session, "a member must be heard before it is given up")?;
    }
    let transaction = ("transaction.timeout.ms", config.transaction_timeout);
    shorter(("commit.interval.ms", commit), transaction, "the broker would abort what is being gathered")
}

fn shorter(short: (&str, Duration), long: (&str, Duration), why: &str) -> Result<(), Failure> {
    if short.1 < long.1 {
        return Ok(());
    }
    let (a, b) = (short.1.as_millis(), long.1.as_millis());
    Err(Failure::new(
        Exit::Usage,
        format!("`{}` ({a} ms) must be shorter than `{}` ({b} ms): {why}", short.0, long.0),
    ))
}

fn policy(settings: &Settings, key: &str) -> Result<FaultPolicy, ConfigError> {
    Ok(match settings.text(key)? {
        "stop" => FaultPolicy::Stop,
        "skip" => FaultPolicy::Skip,
        _ => FaultPolicy::DeadLetter,
    })
}

/// -1 and 1 upwards; 0 replicas is what a slip of the finger looks like.
fn replication(factor: i64) -> Result<i32, Failure> {
    match i32::try_from(factor) {
        Ok(factor) if factor != 0 => Ok(factor),
        _ => Err(Failure::new(
            Exit::Usage,
            "`replication.factor` wants -1 for the broker's default, or a number from 1",
        )),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What this host calls itself.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, Table};

    fn config(flags: &[&str]) -> Result<AppConfig, Failure> {
        let mut layers = Layers::default();
        for flag in flags {
            layers.set(flag).unwrap();
        }
        let settings = Settings::load(Table::new(&[], &["orders"]), &layers).unwrap();
        app_config(&settings.for_application("orders"), "orders")
    }

    #[test]
    fn the_defaults_of_the_table_are_the_defaults_of_the_runtime() {
        let (config, runtime) = (config(&[]).unwrap(), AppConfig::default());
        assert_eq!(config.application, "orders");
        assert_eq!((config.processing, config.policies), (runtime.processing, runtime.policies));
        assert_eq!((config.state_dir, config.memory_bytes), (runtime.state_dir, runtime.memory_bytes));
        assert_eq!(
            (config.commit_interval_ms, config.heartbeat),
            (runtime.commit_interval_ms, runtime.heartbeat)
        );
        assert_eq!(
            (config.session_timeout, config.transaction_timeout),
            (runtime.session_timeout, runtime.transaction_timeout)
        );
        assert_eq!((config.replication, config.partitions), (runtime.replication, runtime.partitions));
        assert_eq!(
            (config.buffered_records, config.max_record_bytes),
            (runtime.buffered_records, runtime.max_record_bytes)
        );
        assert_eq!(config.max_task_idle_ms, runtime.max_task_idle_ms);
        assert_eq!(
            (config.standby_replicas, config.standby_bytes_per_second),
            (runtime.standby_replicas, runtime.standby_bytes_per_second)
        );
        assert!((1..=4).contains(&config.workers));
    }

    #[test]
    fn what_is_set_arrives() {
        let flags = [
            "orders.application.id=shop",
            "faults.production=stop",
            "partitions=6",
            "processing=at_least_once",
        ];
        let config = config(&flags).unwrap();
        assert_eq!((config.application.as_str(), config.partitions), ("shop", Some(6)));
        assert_eq!(
            (config.policies.production, config.policies.processing),
            (FaultPolicy::Stop, FaultPolicy::DeadLetter)
        );
        assert_eq!(config.processing, Guarantee::AtLeastOnce);
    }

    #[test]
    fn settings_that_cannot_hold_together_are_refused_by_name() {
        let said = config(&["session.timeout.ms=1s"]).unwrap_err().message;
        let expected = "`heartbeat.interval.ms` (1000 ms) must be shorter than `session.timeout.ms` (1000 ms): \
            a member must be heard before it is given up";
        assert_eq!(said, expected);
        assert!(
            config(&["session.timeout.ms=1s", "group.protocol=consumer"]).is_ok(),
            "the broker chooses its own"
        );
        assert!(config(&["commit.interval.ms=10s"]).is_err());
        assert!(config(&["replication.factor=0"]).is_err());
    }
}
