//! Settings of the engine as the engine takes them.

use topo::broker::GroupProtocol;
use topo::config::{ConfigError, Settings};
use topo::{AppConfig, FaultPolicy, Guarantee, Policies};

/// The settings of an application.
pub(super) fn app_config(settings: &Settings, name: &str) -> Result<AppConfig, ConfigError> {
    let partitions = settings.integer("partitions")?;
    Ok(AppConfig {
        application: settings.application_id(name)?.to_owned(),
        state_dir: settings.path("state.dir")?,
        workers: settings.workers()?,
        processing: match settings.text("processing")? {
            "at_least_once" => Guarantee::AtLeastOnce,
            _ => Guarantee::ExactlyOnce,
        },
        commit_interval_ms: millis(settings, "commit.interval.ms")?,
        buffered_records: positive(settings.integer("buffered.records.per.partition")?),
        process_id: settings.optional("group.instance.id")?.map(str::to_owned),
        group_protocol: protocol(settings)?,
        session_timeout: settings.duration("session.timeout.ms")?,
        heartbeat: settings.duration("heartbeat.interval.ms")?,
        transaction_timeout: settings.duration("transaction.timeout.ms")?,
        memory_bytes: usize::try_from(settings.size("memory")?).unwrap_or(usize::MAX),
        replication: i32::try_from(settings.integer("replication.factor")?).unwrap_or(-1),
        partitions: i32::try_from(partitions).ok().filter(|count| *count > 0),
        dead_letter_topic: Some(dead_letters(settings, name)?),
        policies: Policies {
            deserialization: policy(settings, "faults.deserialization")?,
            processing: policy(settings, "faults.processing")?,
            production: policy(settings, "faults.production")?,
        },
        max_record_bytes: usize::try_from(settings.size("max.record.bytes")?).unwrap_or(usize::MAX),
        keep_place: settings.flag("keep.place")?,
        ..AppConfig::default()
    })
}

/// The topic of dead letters.
pub(super) fn dead_letters(settings: &Settings, name: &str) -> Result<String, ConfigError> {
    Ok(settings.optional("dead.letter.topic")?.map_or_else(|| format!("{name}-dead-letters"), str::to_owned))
}

/// The group protocol.
pub(super) fn protocol(settings: &Settings) -> Result<GroupProtocol, ConfigError> {
    Ok(if settings.text("group.protocol")? == "consumer" {
        GroupProtocol::Consumer
    } else {
        GroupProtocol::Classic
    })
}

/// A length of time in milliseconds.
pub(super) fn millis(settings: &Settings, key: &str) -> Result<i64, ConfigError> {
    Ok(i64::try_from(settings.duration(key)?.as_millis()).unwrap_or(i64::MAX))
}

fn policy(settings: &Settings, key: &str) -> Result<FaultPolicy, ConfigError> {
    Ok(match settings.text(key)? {
        "skip" => FaultPolicy::Skip,
        "stop" => FaultPolicy::Stop,
        _ => FaultPolicy::DeadLetter,
    })
}

fn positive(number: i64) -> usize {
    usize::try_from(number).unwrap_or(1).max(1)
}
