//! One small HTTP server: `/metrics`, `/health/live`, `/health/ready`, `/state`.
//!
//! It has a thread and a single-threaded runtime of its own, so that a busy or stuck worker cannot keep it from
//! answering, and it never touches a task: a look into a store reads what is committed, on a thread beside.

use super::{Answer, Health, Metrics, Views};
use axum::{
    Router,
    extract::ConnectInfo,
    http::{StatusCode, Uri, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use serde_json::Value;
use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: {source}; set http.host and http.port (0 takes a free port)")]
    Bind {
        /// Host and port as configured.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread or no event queue.
    #[error("cannot start the HTTP server: {0}")]
    Start(#[source] std::io::Error),
}

/// A running server. Stops when it is dropped, at once: an open connection does not hold up the end of the process.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `host` and `port`, 0 for a free one, and answers from then on.
    ///
    /// # Errors
    /// [`ServeError`] when the address cannot be had.
    pub fn start(
        host: &str,
        port: u16,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        views: Arc<Views>,
    ) -> Result<Self, ServeError> {
        let bind = |source| ServeError::Bind { address: format!("{host}:{port}"), source };
        let listener = TcpListener::bind((host, port)).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // Looks into stores wait for each other, not for the processing.
        let runtime = runtime.max_blocking_threads(1).enable_all().build().map_err(ServeError::Start)?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, router(metrics, health, views, address.ip())) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread =
            std::thread::Builder::new().name("http".into()).spawn(serve).map_err(ServeError::Start)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => {
            let router = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, router).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the HTTP server has stopped; metrics and health are no longer served");
    }
}

fn router(metrics: Arc<Metrics>, health: Arc<Health>, views: Arc<Views>, own: IpAddr) -> Router {
    let ready = health.clone();
    let look = async move |ConnectInfo(from): ConnectInfo<SocketAddr>, uri: Uri| {
        // Who comes from the address this listens on is on this host.
        let from = if from.ip() == own { IpAddr::from([127, 0, 0, 1]) } else { from.ip() };
        let answer = move || views.answer(from, uri.path(), uri.query());
        let gone = |_| Answer::error(500, "the look failed; the log has the place");
        let Answer { status, body } = tokio::task::spawn_blocking(answer).await.unwrap_or_else(gone);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n"))
    };
    Router::new()
        .route(
            "/metrics",
            get(async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())),
        )
        .route("/health/live", get(async move || report(health.is_live(), &health.live_report())))
        .route("/health/ready", get(async move || report(ready.is_ready(), &ready.ready_report())))
        .route("/state", get(look.clone()))
        .route("/state/{*rest}", get(look))
}

fn report(good: bool, report: &Value) -> impl IntoResponse + use<> {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, "application/json")], format!("{report}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn metrics_and_health_are_served_on_one_free_port() {
        let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
        let server = Server::start("127.0.0.1", 0, metrics.clone(), health.clone(), Arc::default()).unwrap();
        let address = server.address();
        metrics.commits.with(&["orders"]).add(1);
        let page = ask(address, "/metrics");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("text/plain; version=0.0.4"), "{page}");
        assert!(page.contains("topo_commits_total{application=\"orders\"} 1"), "{page}");

        health.waiting("orders", "waiting for topic in");
        let answer = ask(address, "/health/ready");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("waiting for topic in"), "{answer}");
        assert!(ask(address, "/health/live").starts_with("HTTP/1.1 200"));
        health.ready("orders");
        assert!(ask(address, "/health/ready").starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/nothing").starts_with("HTTP/1.1 404"));
        let answer = ask(address, "/state/orders/by%20key?key=1");
        assert!(
            answer.starts_with("HTTP/1.1 404") && answer.contains("there is no application `orders`"),
            "{answer}"
        );
        assert!(ask(address, "/state").contains("\"applications\":[]"));
    }

    #[test]
    fn a_port_that_is_taken_is_named_and_an_idle_connection_does_not_hold_up_the_end() {
        let start = |port| Server::start("127.0.0.1", port, Arc::default(), Arc::default(), Arc::default());
        let server = start(0).unwrap();
        let error = start(server.address().port()).unwrap_err().to_string();
        assert!(error.contains(&server.address().to_string()) && error.contains("http.port"), "{error}");
        let _idle = TcpStream::connect(server.address()).unwrap();
        drop(server);
    }
}
