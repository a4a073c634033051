//! `orders` and `velocity` as runnables.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use topo::broker::kafka::KafkaBroker;
use topo::broker::{Broker, BrokerError};
use topo::cli::{Application, DescribeFormat, Exit, Failure, ResetPlan, Running};
use topo::config::Settings;
use topo::{App, AppConfig, Reporter, Topology};

use super::engine::{app_config, millis};
use crate::cdc::Catalogue;
use crate::generate::orders_topics;
use crate::orders::OrdersConfig;
use crate::tazama::VelocityConfig;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Ends of the names of topics that belong to an application.
const INTERNAL: [&str; 4] = ["-changelog", "-repartition", "-tasks", "-members"];

struct TopologyApp {
    topology: Topology,
    config: AppConfig,
    broker: KafkaBroker,
    inputs: Vec<String>,
}

/// `topo run orders`.
pub(super) fn orders(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    let usage = |error: &dyn std::error::Error| Failure::new(Exit::Usage, error.to_string());
    let file = settings.optional("orders.catalogue")?.map(PathBuf::from);
    let types = file
        .map_or_else(Catalogue::sales, |path| Catalogue::from_file(&path))
        .map_err(|error| usage(&error))?;
    let mut config = OrdersConfig::new(types);
    config.prefix = settings.text("orders.topic.prefix")?.to_owned();
    config.schema = settings.text("orders.schema")?.to_owned();
    config.decoder.schema = Some(config.schema.clone());
    config.decoder.placeholder = settings.text("orders.unavailable.value.placeholder")?.to_owned();
    config.alert.threshold = settings
        .text("orders.alert.threshold")?
        .parse()
        .map_err(|error: crate::decimal::DecimalError| usage(&error))?;
    config.alert.tier = settings.text("orders.alert.tier")?.to_owned();
    config.keep_deleted_ms = millis(settings, "orders.keep.deleted.ms")?;
    let topology = crate::orders::topology(&config).map_err(|error| usage(&error))?;
    let inputs = orders_topics(&config.prefix, &config.schema).to_vec();
    make(settings, "orders", topology, inputs)
}

/// `topo run velocity`.
pub(super) fn velocity(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    let config =
        VelocityConfig { grace_ms: millis(settings, "velocity.grace.ms")?, ..VelocityConfig::default() };
    let topology =
        crate::tazama::topology(&config).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    make(settings, "velocity", topology, vec![config.input_topic])
}

fn make(
    settings: &Settings,
    name: &str,
    topology: Topology,
    inputs: Vec<String>,
) -> Result<Box<dyn Application>, Failure> {
    let (config, broker) = (app_config(settings, name)?, super::broker(settings)?);
    Ok(Box::new(TopologyApp { topology, config, broker, inputs }))
}

impl Application for TopologyApp {
    fn describe(&self, format: DescribeFormat) -> Result<String, Failure> {
        Ok(match format {
            DescribeFormat::Text => self.topology.describe(),
            DescribeFormat::Dot => self.topology.describe_dot(),
            DescribeFormat::Mermaid => self.topology.describe_mermaid(),
            DescribeFormat::Json => format!("{:#}\n", self.topology.describe_json()),
        })
    }

    fn run(self: Box<Self>, running: &Running) -> Result<(), Failure> {
        let reporter = Reporter::new(running.name.clone(), running.metrics.clone(), running.health.clone());
        let stopped = |error: topo::Error| Failure::new(Exit::Fault, error.to_string());
        let app = App::start(self.topology, Arc::new(self.broker), self.config, Arc::new(reporter))
            .map_err(stopped)?;
        while !running.stop.load(Relaxed) && !app.is_finished() {
            std::thread::sleep(LOOK_EVERY);
        }
        app.stop();
        app.wait().map_err(stopped)
    }

    fn plan_reset(&self) -> Result<ResetPlan, Failure> {
        let mut admin = self.broker.admin().map_err(unreachable)?;
        let group = &self.config.application;
        let mine = |topic: &String| {
            let rest = topic.strip_prefix(&format!("{group}-"));
            rest.is_some_and(|rest| {
                INTERNAL.iter().any(|end| rest.ends_with(end) || format!("-{rest}") == *end)
                    || rest.ends_with("-subscription-registration-topic")
                    || rest.ends_with("-subscription-response-topic")
            })
        };
        let directory = self.config.state_dir.join(group);
        Ok(ResetPlan {
            members: admin.members(group).map_err(unreachable)?.into_iter().map(|it| it.member_id).collect(),
            topics: admin.topics().map_err(unreachable)?.into_iter().filter(mine).collect(),
            directories: if directory.exists() { vec![directory] } else { Vec::new() },
            inputs: self.inputs.clone(),
        })
    }

    fn reset(&self, plan: &ResetPlan) -> Result<(), Failure> {
        let mut admin = self.broker.admin().map_err(unreachable)?;
        admin.delete_group(&self.config.application).map_err(unreachable)?;
        admin.delete(&plan.topics).map_err(unreachable)?;
        for directory in &plan.directories {
            fs::remove_dir_all(directory).map_err(|error| {
                Failure::new(Exit::State, format!("cannot delete {}: {error}", directory.display()))
            })?;
        }
        Ok(())
    }
}

pub(super) fn unreachable(error: BrokerError) -> Failure {
    Failure::new(Exit::Broker, error.to_string())
}
