//! `topo demo`: both topologies on made-up data with nothing installed, checked against the independent model.
//!
//! Two processes share the work on a broker in memory, with their state in RocksDB. Half-way the plug of one is
//! pulled: its open transactions and buffers are gone, and one of its store directories is deleted too. It starts
//! again, restores, and at the end every output is compared with what plain maps say about the same input.

mod cable;
mod check;
mod cluster;
mod input;
mod outputs;
mod summary;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use topo::broker::memory::MemoryBroker;
use topo::cli::{DemoOptions, DemoOutcome, Exit, Failure};

use cluster::Cluster;
use input::Input;
use outputs::Outputs;

/// Partitions of every input topic.
const PARTITIONS: i32 = 4;
/// One payment for so many change events.
const EVENTS_PER_PAYMENT: u64 = 4;
/// Without any new output for so long, the demo compares; a run that hangs is a wrong run.
const QUIET: Duration = Duration::from_secs(20);
/// Pause between two looks at the outputs.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Runs the demo.
///
/// # Errors
/// When something other than a difference went wrong: the disk, a process that ended by itself.
pub fn demo(options: &DemoOptions, stop: &AtomicBool) -> Result<DemoOutcome, Failure> {
    let begun = Instant::now();
    let broker = MemoryBroker::new();
    let payments = options.events / EVENTS_PER_PAYMENT;
    let bar = progress(options.progress, options.events + payments);

    bar.set_message("generating");
    let input = Input::produce(&broker, options.seed, options.events, payments).map_err(broken)?;
    let generated = begun.elapsed();

    let mut cluster = Cluster::start(broker.clone())?;
    let mut outputs = Outputs::new(broker, input.verdicts());
    let mut crashed = !options.crash;
    bar.set_message("joining");
    loop {
        if stop.load(Relaxed) {
            return Err(Failure::new(Exit::Usage, "the demo was interrupted"));
        }
        cluster.tick()?;
        outputs.read().map_err(broken)?;
        bar.set_position(outputs.share_done(input.records()));
        if !crashed && outputs.is_half_way() {
            bar.set_message("pulling the plug of one process");
            cluster.crash_one()?;
            crashed = true;
            bar.set_message("recovering");
        }
        if outputs.are_settled(&input) || outputs.quiet_for() > QUIET {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bar.set_message("comparing");
    let took = begun.elapsed();
    let restored = cluster.stop()?;
    outputs.read().map_err(broken)?;
    let found = check::check(&input, &outputs);
    bar.finish_and_clear();
    Ok(summary::outcome(&input, &outputs, &found, &summary::Run { options, restored, generated, took }))
}

fn progress(wanted: bool, length: u64) -> indicatif::ProgressBar {
    if !wanted {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(length);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:40} {percent:>3}%  {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn broken(error: topo::broker::BrokerError) -> Failure {
    Failure::new(Exit::Bug, format!("the broker in memory refused: {error}"))
}
