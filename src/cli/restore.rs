//! `topo restore NAME`: local state built up before a start, with progress.

use super::{Catalogue, Console, Exit, Failure, args::Format};
use crate::config::Settings;
use serde::Serialize;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

/// Time between two lines where nobody watches.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What `topo restore` was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Names of tasks; none = all.
    pub tasks: Vec<String>,
    /// Move what is there aside first.
    pub rebuild: bool,
}

/// How far a restore is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestoreProgress {
    /// Tasks in all.
    pub tasks: usize,
    /// Tasks whose stores are up to date.
    pub ready: usize,
    /// Changelog records taken in.
    pub records: u64,
    /// Changelog offsets still to pass, as far as known.
    pub remaining: u64,
    /// What an operator should know, each once.
    #[serde(skip)]
    pub remarks: Vec<String>,
}

pub(super) fn restore(
    catalogue: &Catalogue,
    settings: &Settings,
    name: &str,
    options: &RestoreOptions,
    format: Format,
    stop: &Arc<AtomicBool>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let entry = catalogue.entry(name)?;
    let application = (entry.make)(&settings.for_application(name))?;
    let begun = Instant::now();
    let mut teller = Teller { begun, told: None, remarks: 0 };
    let end = application.restore(options, stop, &mut |progress| teller.tell(progress, console))?;
    teller.end(console);
    let took = begun.elapsed();
    console.print(&match format {
        Format::Json => {
            let mut json = serde_json::json!(end);
            json["milliseconds"] = serde_json::json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            format!("{json:#}\n")
        }
        Format::Text => format!(
            "{} of {} tasks of `{name}` are up to date; {} changelog records restored\n",
            end.ready, end.tasks, end.records
        ),
    })?;
    Ok(if end.ready == end.tasks { Exit::Ok } else { Exit::Differs })
}

/// Says how far it is: one line that changes on a terminal, a line now and then elsewhere.
struct Teller {
    begun: Instant,
    told: Option<Instant>,
    remarks: usize,
}

impl Teller {
    fn tell(&mut self, progress: &RestoreProgress, console: &mut Console<'_>) {
        for remark in &progress.remarks[self.remarks.min(progress.remarks.len())..] {
            console.say(&format!("topo: {remark}"));
        }
        self.remarks = progress.remarks.len();
        let pause = if console.terminal { Duration::from_millis(200) } else { LINE_EVERY };
        if self.told.unwrap_or(self.begun).elapsed() < pause {
            return;
        }
        self.told = Some(Instant::now());
        let line = line(progress, self.begun.elapsed());
        if console.terminal {
            // What is shown is only for people; a terminal that is gone is no reason to stop.
            let _ = write!(console.err, "\r\x1b[K{line}").and_then(|()| console.err.flush());
        } else {
            console.say(&line);
        }
    }

    fn end(&self, console: &mut Console<'_>) {
        if console.terminal && self.told.is_some() {
            let _ = write!(console.err, "\r\x1b[K").and_then(|()| console.err.flush());
        }
    }
}

fn line(progress: &RestoreProgress, took: Duration) -> String {
    let RestoreProgress { tasks, ready, records, remaining, .. } = progress;
    let rate = (*records as f64 / took.as_secs_f64().max(0.001)) as u64;
    let left = remaining.checked_div(rate).map_or("?".to_owned(), |seconds| format!("{seconds} s"));
    format!(
        "{ready} of {tasks} tasks; {records} records restored, {remaining} to go, {rate} records/s, {left} left"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_says_rate_and_time_left() {
        let progress =
            RestoreProgress { tasks: 4, ready: 1, records: 3_000, remaining: 6_000, remarks: Vec::new() };
        assert_eq!(
            line(&progress, Duration::from_secs(2)),
            "1 of 4 tasks; 3000 records restored, 6000 to go, 1500 records/s, 4 s left"
        );
        assert!(line(&RestoreProgress::default(), Duration::ZERO).ends_with("? left"));
    }
}
