//! A topology as a runnable of the catalogue: described, run on Kafka, reset.

use super::{
    Application, DescribeFormat, Exit, Failure, LagRow, ResetPlan, RestoreOptions, RestoreProgress, Running,
    StateQuery, StoreRow, TaskRow, VerifyRow, app_config, look::live::Live,
};
use crate::{
    broker::{Admin, Broker, BrokerError, kafka::KafkaBroker},
    config::Settings,
    graph::Topology,
    runtime::{App, AppConfig, Reporter},
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// How often a running application is asked whether it has ended, and the process whether it has to.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One topology with its settings.
pub struct TopologyApplication {
    pub(super) topology: Topology,
    pub(super) config: AppConfig,
    bootstrap: String,
    properties: BTreeMap<String, String>,
}

impl TopologyApplication {
    /// Takes from the settings what the topology needs to run under `name`.
    ///
    /// # Errors
    /// When a setting is missing or two cannot hold together.
    pub fn new(topology: Topology, settings: &Settings, name: &str) -> Result<Self, Failure> {
        let config = app_config(settings, name)?;
        let bootstrap = settings.text("bootstrap.servers")?.to_owned();
        Ok(Self { topology, config, bootstrap, properties: settings.kafka() })
    }

    pub(super) fn broker(&self) -> KafkaBroker {
        KafkaBroker::new(self.bootstrap.clone(), self.properties.clone())
    }

    fn directory(&self) -> PathBuf {
        self.config.state_dir.join(&self.config.application)
    }

    /// Topics the engine made for this application and that exist now.
    fn internal_topics(&self, admin: &mut dyn Admin) -> Result<Vec<String>, BrokerError> {
        let ours = self.topology.internal_topics(&self.config.application);
        Ok(admin.topics()?.into_iter().filter(|topic| ours.contains(topic)).collect())
    }
}

impl Application for TopologyApplication {
    fn describe(&self, format: DescribeFormat) -> Result<String, Failure> {
        Ok(match format {
            DescribeFormat::Text => self.topology.describe(),
            DescribeFormat::Dot => self.topology.describe_dot(),
            DescribeFormat::Mermaid => self.topology.describe_mermaid(),
            DescribeFormat::Json => format!("{:#}\n", self.topology.describe_json()),
        })
    }

    fn run(self: Box<Self>, running: &Running) -> Result<(), Failure> {
        let reporter = Reporter::new(&running.name, running.metrics.clone(), running.health.clone());
        let broker = Arc::new(self.broker());
        let config = AppConfig { http: running.address.clone(), ..self.config };
        let (topology, expiry_ms) = (self.topology.clone(), config.members_expiry_ms);
        let app = App::start(self.topology, broker.clone(), config, Arc::new(reporter))?;
        running.views.show(&running.name, Arc::new(Live { topology, held: app.held(), expiry_ms }));
        let part = format!("{} broker", running.name);
        while !running.stop.load(Relaxed) && !app.is_finished() {
            if broker.is_reachable() {
                running.health.gone(&part);
            } else {
                running.health.waiting(&part, "no broker can be reached: waiting until one answers");
            }
            std::thread::sleep(LOOK_EVERY);
        }
        app.stop();
        let ended = app.wait();
        running.views.hide(&running.name);
        Ok(ended?)
    }

    fn tasks(&self) -> Result<Vec<TaskRow>, Failure> {
        self.task_rows()
    }

    fn lag(&self) -> Result<Vec<LagRow>, Failure> {
        self.lag_rows()
    }

    fn restore(
        &self,
        options: &RestoreOptions,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(&RestoreProgress),
    ) -> Result<RestoreProgress, Failure> {
        self.rebuild(options, stop, progress)
    }

    fn stores(&self) -> Result<Vec<StoreRow>, Failure> {
        self.store_rows()
    }

    fn addresses(&self) -> Result<Vec<String>, Failure> {
        self.announced_addresses()
    }

    fn rows(
        &self,
        query: &StateQuery,
        visit: &mut dyn FnMut(&str, serde_json::Value) -> bool,
    ) -> Result<(), Failure> {
        self.show_rows(query, visit)
    }

    fn verify(&self, store: Option<&str>, task: Option<&str>) -> Result<Vec<VerifyRow>, Failure> {
        self.verify_rows(store, task)
    }

    fn plan_reset(&self) -> Result<ResetPlan, Failure> {
        let mut admin = self.broker().admin()?;
        let members = admin.members(&self.config.application)?;
        let directory = self.directory();
        Ok(ResetPlan {
            members: members
                .into_iter()
                .map(|member| format!("{} on {}", member.client_id, member.host))
                .collect(),
            topics: self.internal_topics(admin.as_mut())?,
            directories: if directory.exists() { vec![directory] } else { Vec::new() },
            inputs: self.topology.external_topics(),
        })
    }

    fn reset(&self, plan: &ResetPlan) -> Result<(), Failure> {
        let mut admin = self.broker().admin()?;
        // The offsets go first: were the topics gone and the offsets still there, a start would go on without its state.
        admin.delete_group(&self.config.application)?;
        admin.delete(&plan.topics)?;
        for directory in &plan.directories {
            match fs::remove_dir_all(directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let message = format!("cannot delete {}: {error}", directory.display());
                    return Err(Failure::new(Exit::State, message));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
