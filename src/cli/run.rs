//! `topo run NAME...`: applications side by side in one process, with metrics and health, until a signal.

use super::{Application, Catalogue, Console, Exit, Failure, Running, app_config::host_name};
use crate::{
    config::{Settings, Source},
    observe::{Access, Health, LogError, LogFormat, Metrics, Server, Views, init_logging},
};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

/// A signal must end the process within 5 s. Whoever is not done by now is left behind: a crash is safe at any instant.
const STOP_WITHIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Named = (String, Box<dyn Application>);
type Ended = (String, Result<(), Failure>);

pub(super) fn run(
    catalogue: &Catalogue,
    settings: &Settings,
    names: &[String],
    stop: &Arc<AtomicBool>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let applications = make(catalogue, settings, names)?;
    let format = if settings.text("log.format")? == "json" { LogFormat::Json } else { LogFormat::Text };
    match init_logging(settings.text("log.filter")?, format) {
        // Whoever calls this as a library may log in a way of its own.
        Ok(()) | Err(LogError::Already(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
    for name in names {
        health.waiting(name, "starting");
    }
    let port = u16::try_from(settings.integer("http.port")?).unwrap_or(0);
    let access = access(settings)?;
    let views = Arc::new(Views::new(access));
    let host = settings.text("http.host")?;
    let server = Server::start(host, port, metrics.clone(), health.clone(), views.clone())?;
    let address = reachable(server.address(), access);
    console.print(&format!("metrics and health on http://{}\n", server.address()))?;

    let (sender, ended) = channel();
    for (name, application) in applications {
        let (stop, metrics, health) = (stop.clone(), metrics.clone(), health.clone());
        let running = Running { name, stop, metrics, health, views: views.clone(), address: address.clone() };
        let sender = sender.clone();
        let body = move || {
            // The receiver is gone only when the process is.
            let _ = sender.send((running.name.clone(), run_one(application, &running)));
        };
        let spawned = std::thread::Builder::new().name("application".into()).spawn(body);
        spawned.map_err(|error| Failure::new(Exit::Bug, format!("cannot start a thread: {error}")))?;
    }
    drop(sender);
    wait(&ended, stop)
}

fn access(settings: &Settings) -> Result<Access, Failure> {
    Ok(match settings.text("http.state")? {
        "off" => Access::Off,
        "all" => Access::All,
        _ => Access::Local,
    })
}

/// Under which address those who may look in reach a server that may listen on all it has.
fn reachable(address: SocketAddr, access: Access) -> Option<String> {
    match access {
        Access::Off => None,
        _ if !address.ip().is_unspecified() => Some(address.to_string()),
        Access::Local => Some(format!("127.0.0.1:{}", address.port())),
        Access::All => Some(format!("{}:{}", host_name(), address.port())),
    }
}

fn make(catalogue: &Catalogue, settings: &Settings, names: &[String]) -> Result<Vec<Named>, Failure> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(Failure::new(Exit::Usage, format!("`{twice}` is named twice; one process runs it once")));
    }
    if names.len() > 1 && settings.source("application.id") != Source::Default {
        let example = format!("{}.application.id", names[0]);
        let message = format!(
            "application.id would give {} applications one group; set {example} and so on",
            names.len()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let one = |name: &String| {
        let entry = catalogue.entry(name)?;
        Ok((name.clone(), (entry.make)(&settings.for_application(name))?))
    };
    names.iter().map(one).collect()
}

fn run_one(application: Box<dyn Application>, running: &Running) -> Result<(), Failure> {
    let result = catch_unwind(AssertUnwindSafe(|| application.run(running)));
    let result =
        result.unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "it panicked; the log has the place")));
    match &result {
        Ok(()) => running.health.gone(&running.name),
        Err(failure) => running.health.failed(&running.name, failure.message.as_str()),
    }
    result
}

/// Waits for all applications. The first failure stops the others and decides the exit code.
fn wait(ended: &Receiver<Ended>, stop: &AtomicBool) -> Result<Exit, Failure> {
    let mut failure = None;
    let mut deadline = None;
    loop {
        match ended.recv_timeout(LOOK_EVERY) {
            Ok((_, Ok(()))) => {}
            Ok((name, Err(Failure { exit, message }))) => {
                stop.store(true, Relaxed);
                failure = failure.or_else(|| Some(Failure::new(exit, format!("{name}: {message}"))));
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if stop.load(Relaxed) => {
                let until = *deadline.get_or_insert_with(|| Instant::now() + STOP_WITHIN);
                if Instant::now() >= until {
                    tracing::warn!("not everything stopped in time; the next start recovers what was open");
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    failure.map_or(Ok(Exit::Ok), Err)
}
