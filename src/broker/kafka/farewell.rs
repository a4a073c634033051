//! The end of a client that closes slowly, or never: whoever drops it waits for a limited time.
//!
//! A member of a group closes by answering the library's last question, which partitions it gives back. The library can be
//! gone between the question and the answer; it then drops the answer unread, and the call that waits for its reply waits for
//! good (`rd_kafka_cgrp_op_serve` of librdkafka 2.12.1 when `rkcg_terminated` is set; seen once in some ten thousand ends).

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long an end is waited for: a process that is told to stop has 5 s, of which its workers may take 3.5.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits, when it is dropped, until the client given to [`begin`](Self::begin) is closed. It belongs behind the last other
/// holder of that client: fields are dropped in their order.
#[derive(Default)]
pub(super) struct Farewell {
    closing: Option<JoinHandle<()>>,
}

impl Farewell {
    /// A thread closes the client as soon as nobody else holds it.
    pub(super) fn begin<T: Send + Sync + 'static>(&mut self, client: Arc<T>) {
        let close = move || {
            wait(|| Arc::strong_count(&client) == 1);
            drop(client);
        };
        match thread::Builder::new().name("farewell".to_owned()).spawn(close) {
            Ok(thread) => self.closing = Some(thread),
            // Then it is closed where it is dropped.
            Err(error) => tracing::warn!(%error, "no thread to close a client in"),
        }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if let Some(thread) = &self.closing
            && !wait(|| thread.is_finished())
        {
            tracing::warn!("the client library does not close; it is left behind");
        }
    }
}

/// Whether it is done in time.
fn wait(done: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Closes when it is told to.
    struct Slow(Mutex<Receiver<()>>);

    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.get_mut().unwrap().recv();
        }
    }

    #[test]
    fn a_client_that_never_closes_is_left_behind_and_one_that_does_is_waited_for() {
        let (end, told) = channel();
        let client = Arc::new(Slow(Mutex::new(told)));
        let mut farewell = Farewell::default();
        farewell.begin(client.clone());
        drop(client);
        let begun = Instant::now();
        drop(farewell);
        assert!((PATIENCE..PATIENCE * 5).contains(&begun.elapsed()));
        drop(end);

        let (end, told) = channel();
        let mut farewell = Farewell::default();
        farewell.begin(Arc::new(Slow(Mutex::new(told))));
        let closed = thread::spawn(move || drop(farewell));
        assert!(!closed.is_finished());
        end.send(()).unwrap();
        closed.join().unwrap();
    }
}
