//! `orders-ods` for the command line: an exit, not a topology.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use topo::AppConfig;
use topo::broker::Broker as _;
use topo::broker::kafka::KafkaBroker;
use topo::cli::{Application, DescribeFormat, Exit as ExitCode, Failure, ResetPlan, Running, app_config};
use topo::config::{Key, Settings};

use crate::ods::{Done, Exit, OdsConfig, OdsError, Status};
use crate::orders::OrdersConfig;

const NAME: &str = "orders-ods";
/// How long a step may wait for records.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often a broker that is away is asked whether it is back; a quiet topic would not tell.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The keys of `orders-ods`.
pub(super) const KEYS: &[Key] = &[super::orders::ENRICHED];

/// Makes the application of its settings. Connects to nothing yet.
pub(super) fn make(settings: &Settings) -> Result<Box<dyn Application>, Failure> {
    let app = app_config(settings, NAME)?;
    let orders = OrdersConfig::sales().map_err(|error| Failure::new(ExitCode::Bug, error.to_string()))?;
    let config = OdsConfig {
        group: app.application.clone(),
        client_id: client_id(&app),
        instance_id: app.process_id.clone(),
        topic: settings.text(super::orders::ENRICHED.name)?.to_owned(),
        dead_letters: app.dead_letter_topic.clone().unwrap_or_else(|| format!("{NAME}-dead-letters")),
        database_url: settings.optional("postgres.url")?.unwrap_or_default().to_owned(),
        window_us: orders.window_us,
        protocol: app.group_protocol,
        session_timeout: app.session_timeout,
        heartbeat_interval: app.heartbeat,
        replication: app.replication,
    };
    let broker = KafkaBroker::new(settings.text("bootstrap.servers")?, settings.kafka());
    Ok(Box::new(Ods { config, app, broker: Arc::new(broker) }))
}

struct Ods {
    config: OdsConfig,
    app: AppConfig,
    broker: Arc<KafkaBroker>,
}

impl Application for Ods {
    fn describe(&self, _format: DescribeFormat) -> Result<String, Failure> {
        let message = format!(
            "`{NAME}` is an exit: {} -> PostgreSQL; it has no topology to describe",
            self.config.topic
        );
        Err(Failure::new(ExitCode::Usage, message))
    }

    fn run(self: Box<Self>, running: &Running) -> Result<(), Failure> {
        if self.config.database_url.is_empty() {
            let message =
                "`postgres.url` is not set; give it in the file, with --set, or in TOPO_POSTGRES_URL";
            return Err(Failure::new(ExitCode::Usage, message));
        }
        let topic = self.config.topic.clone();
        let mut exit = Exit::new(self.config, self.broker.clone()).map_err(failure)?;
        let (mut last, mut asked) = (None, Instant::now());
        while !running.stop.load(Relaxed) {
            let mut status = exit.step(now_ms(), PATIENCE).map_err(failure)?;
            count(running, &topic, exit.take_done());
            if !self.broker.is_reachable() {
                status = Status::Waiting("no broker can be reached: waiting until one answers".into());
                if asked.elapsed() >= ASK_EVERY {
                    // The answer is of no interest, only that there is one.
                    let _ = self.broker.admin().and_then(|mut admin| admin.topics());
                    asked = Instant::now();
                }
            }
            if last.as_ref() != Some(&status) {
                tell(running, &status);
                last = Some(status);
            }
        }
        exit.leave(self.app.keep_place).map_err(failure)
    }

    fn plan_reset(&self) -> Result<ResetPlan, Failure> {
        Err(no_reset())
    }

    fn reset(&self, _plan: &ResetPlan) -> Result<(), Failure> {
        Err(no_reset())
    }
}

/// The configured name, or one that no other process has now.
fn client_id(app: &AppConfig) -> String {
    match &app.process_id {
        Some(name) => format!("{}-{name}", app.application),
        None => format!("{}-{}-{}", app.application, app.host, std::process::id()),
    }
}

fn count(running: &Running, topic: &str, done: Done) {
    let (metrics, name) = (&running.metrics, running.name.as_str());
    if done.read > 0 {
        metrics.records_consumed.with(&[name, topic]).add(done.read);
        metrics.delivered.with(&[name]).add(done.orders);
        metrics.commits.with(&[name]).add(1);
    }
    for (error, count) in done.dead_letters {
        metrics.records_dead_lettered.with(&[name, topic, error]).add(count);
    }
}

fn tell(running: &Running, status: &Status) {
    match status {
        Status::Working => {
            tracing::info!(application = running.name, "ready");
            running.health.ready(&running.name);
        }
        Status::Waiting(reason) => {
            tracing::warn!(application = running.name, reason, "waiting");
            running.health.waiting(&running.name, reason);
        }
    }
}

/// The tables know how far they are; emptying them is a decision about the database.
fn no_reset() -> Failure {
    let message = format!(
        "`{NAME}` keeps its place in the database; to read from the beginning, stop it and delete its rows from \
         cdc_exit_offsets: rows that are newer than the topic's stay as they are"
    );
    Failure::new(ExitCode::Usage, message)
}

fn failure(error: OdsError) -> Failure {
    let exit = match &error {
        OdsError::Broker(_) | OdsError::OffsetGone { .. } => ExitCode::Broker,
        _ => ExitCode::Outside,
    };
    Failure::new(exit, error.to_string())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
