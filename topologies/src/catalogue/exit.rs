//! `orders-ods` as a runnable.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use topo::broker::Broker;
use topo::broker::kafka::KafkaBroker;
use topo::cli::{Application, DescribeFormat, Failure, ResetPlan, Running};
use topo::config::Settings;

use super::engine::{dead_letters, protocol};
use super::topology::unreachable;
use crate::ods::{Exit, OdsConfig, Status};

const NAME: &str = "orders-ods";
const WAIT: Duration = Duration::from_millis(100);

struct OdsApp {
    config: OdsConfig,
    keep_place: bool,
    broker: KafkaBroker,
}

/// `topo run orders-ods`.
pub(super) fn orders_ods(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    let config = OdsConfig {
        group: settings.application_id(NAME)?.to_owned(),
        instance_id: settings.optional("group.instance.id")?.map(str::to_owned),
        topic: "orders.enriched".to_owned(),
        dead_letters: dead_letters(settings, "orders")?,
        database_url: settings.optional("postgres.url")?.unwrap_or_default().to_owned(),
        window_us: 300_000_000,
        protocol: protocol(settings)?,
        session_timeout: settings.duration("session.timeout.ms")?,
        heartbeat_interval: settings.duration("heartbeat.interval.ms")?,
        replication: i32::try_from(settings.integer("replication.factor")?).unwrap_or(-1),
    };
    Ok(Box::new(OdsApp {
        config,
        keep_place: settings.flag("keep.place")?,
        broker: super::broker(settings)?,
    }))
}

impl Application for OdsApp {
    fn describe(&self, _format: DescribeFormat) -> Result<String, Failure> {
        let message =
            format!("{NAME} is an exit, not a topology: it has no picture; describe `orders` instead");
        Err(Failure::new(topo::cli::Exit::Usage, message))
    }

    fn run(self: Box<Self>, running: &Running) -> Result<(), Failure> {
        let outside = |error: crate::ods::OdsError| Failure::new(topo::cli::Exit::Outside, error.to_string());
        if self.config.database_url.is_empty() {
            let message =
                "postgres.url is not set; set it, or TOPO_POSTGRES_URL, to the database of the rows";
            return Err(Failure::new(topo::cli::Exit::Usage, message));
        }
        let mut exit = Exit::new(self.config, Arc::new(self.broker)).map_err(outside)?;
        let mut told = None;
        while !running.stop.load(Relaxed) {
            let status = exit.step(now_ms(), WAIT).map_err(outside)?;
            if told.as_ref() == Some(&status) {
                continue;
            }
            match &status {
                Status::Working => running.health.ready(&running.name),
                Status::Waiting(reason) => {
                    tracing::warn!(application = running.name, reason, "waiting");
                    running.health.waiting(&running.name, reason.as_str());
                }
            }
            told = Some(status);
        }
        exit.leave(self.keep_place).map_err(outside)
    }

    fn plan_reset(&self) -> Result<ResetPlan, Failure> {
        let mut admin = self.broker.admin().map_err(unreachable)?;
        let members = admin.members(&self.config.group).map_err(unreachable)?;
        Ok(ResetPlan {
            members: members.into_iter().map(|it| it.member_id).collect(),
            topics: vec![format!("{}-tasks", self.config.group)],
            directories: Vec::new(),
            inputs: vec![self.config.topic.clone()],
        })
    }

    fn reset(&self, plan: &ResetPlan) -> Result<(), Failure> {
        let outside = |error: crate::ods::OdsError| Failure::new(topo::cli::Exit::Outside, error.to_string());
        Exit::forget(&self.config).map_err(outside)?;
        let mut admin = self.broker.admin().map_err(unreachable)?;
        admin.delete_group(&self.config.group).map_err(unreachable)?;
        admin.delete(&plan.topics).map_err(unreachable)
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
