//! One run: a child is started, watched through its pipe, measured through `/proc`, and sent home.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::child::Orders;
use crate::process::{cpu_time, peak_rss_mib};
use crate::table::{Measured, Restored};

/// A run that says nothing new for this long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a process over all facts.
pub(crate) fn measure(command: Command, facts: u64) -> Measured {
    let running = Running::start(command);
    // Every commit: facts, all records read, CPU time and instant.
    let mut commits = Vec::new();
    loop {
        let words = running.next();
        let ["processed", facts_read, all, quiet] = words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            continue;
        };
        let read: [u64; 2] = [facts_read, all].map(|count| count.parse().unwrap());
        commits.push((read, running.cpu(), Instant::now()));
        if read[0] >= facts && quiet == "true" {
            break;
        }
    }
    // The clock runs from the first commit with records on: joining the group is not processing.
    let &([early, _], _, began) = commits.iter().find(|([read, _], ..)| *read > 0).unwrap();
    let &([_, total], cpu, end) = commits.last().unwrap();
    // Half of the work, not of the facts: what these leave in internal topics may be read much later.
    let &([_, done], half_cpu, half_at) = commits.iter().find(|([_, all], ..)| all * 2 >= total).unwrap();
    let steady = facts * (total - done) / total;
    let measured = Measured {
        records: facts,
        cpu,
        rate: rate(facts - early, end - began),
        steady_rate: rate(steady, end - half_at),
        steady: (steady, cpu.saturating_sub(half_cpu)),
        peak_rss_mib: peak_rss_mib(running.child.id()),
    };
    running.stop();
    measured
}

/// Starts the topology again after its state was deleted; ends when every task runs.
pub(crate) fn restore(orders: &Orders) -> Restored {
    let running = Running::start(orders.command());
    loop {
        let words = running.next();
        if let ["restored", records, milliseconds] = words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        {
            let (records, took) =
                (records.parse().unwrap(), Duration::from_millis(milliseconds.parse().unwrap()));
            let restored = Restored {
                records,
                took,
                cpu: running.cpu(),
                peak_rss_mib: peak_rss_mib(running.child.id()),
            };
            running.stop();
            return restored;
        }
    }
}

fn rate(records: u64, time: Duration) -> f64 {
    records as f64 / time.as_secs_f64().max(1e-9)
}

/// A child at work; it ends when this is dropped.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn next(&self) -> Vec<String> {
        let line = self.lines.recv_timeout(PATIENCE).expect("the measured process must make progress");
        line.split(' ').map(str::to_owned).collect()
    }

    fn cpu(&self) -> Duration {
        cpu_time(self.child.id())
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the measured process ended with {status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or something went wrong and it must not outlive us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
