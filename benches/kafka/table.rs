//! The printed comparison: our figures beside those of Kafka Streams.

use std::time::Duration;

/// Kafka Streams 4.3.1 on a machine of the same kind: microseconds of CPU per record and records per second in the
/// steady half, and peak memory. Absolute numbers move from machine to machine; they are a direction, not a verdict.
struct Baseline {
    us: &'static str,
    rate: &'static str,
    peak_rss_mb: &'static str,
}

fn baseline(topology: &str) -> Baseline {
    let (us, rate, peak_rss_mb) = match topology {
        "pass-through" => ("4.1", "210,000-276,000", "590"),
        "count" => ("12.4-15.4", "59,000-139,000", "1,380"),
        "windowed-count" => ("15.8", "69,000", "1,440"),
        "session-count" => ("19.9", "87,000", "1,610"),
        "stream-stream-join" => ("9.4", "161,000", "490"),
        "stream-table-join" => ("14.3", "81,000", "1,970"),
        "fk-join" => ("68.8", "18,000", "2,370"),
        _ => ("not measured", "not measured", "not measured"),
    };
    Baseline { us, rate, peak_rss_mb }
}

/// What one run measured.
pub(crate) struct Measured {
    pub(crate) records: u64,
    /// From the start of the process to its last commit.
    pub(crate) cpu: Duration,
    /// Records per second, from the first commit on.
    pub(crate) rate: f64,
    pub(crate) steady_rate: f64,
    /// Records and CPU time of the second half.
    pub(crate) steady: (u64, Duration),
    pub(crate) peak_rss_mib: u64,
}

/// What a restore measured.
pub(crate) struct Restored {
    pub(crate) records: u64,
    /// From the first task that restores to the last that runs.
    pub(crate) took: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_rss_mib: u64,
}

/// Prints the head of the table.
pub(crate) fn head() {
    println!(
        "| topology | us CPU/record | steady | Kafka Streams | records/s | steady | Kafka Streams | peak RSS MiB | Kafka Streams |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
}

/// Prints one row.
pub(crate) fn row(name: &str, it: &Measured) {
    let baseline = baseline(name);
    println!(
        "| {name} | {:.2} | {:.2} | {} | {:.0} | {:.0} | {} | {} | {} |",
        per_record(it.cpu, it.records),
        per_record(it.steady.1, it.steady.0),
        baseline.us,
        it.rate,
        it.steady_rate,
        baseline.rate,
        it.peak_rss_mib,
        baseline.peak_rss_mb,
    );
}

/// Prints the head of the table of operators.
pub(crate) fn versus_head() {
    println!(
        "| operator | us CPU/record | Kafka Streams, steady | times less | records/s | Kafka Streams, steady | peak RSS MiB | Kafka Streams |"
    );
    println!("|---|---|---|---|---|---|---|---|");
}

/// Prints an operator's row: our whole run against the half of theirs in which it has warmed up. How many times less CPU ours
/// took.
pub(crate) fn versus(name: &str, ours: &Measured, theirs: &Measured) -> f64 {
    let own = per_record(ours.cpu, ours.records);
    let other = per_record(theirs.steady.1, theirs.steady.0);
    println!(
        "| {name} | {own:.2} | {other:.2} | {:.1} | {:.0} | {:.0} | {} | {} |",
        other / own,
        ours.rate,
        theirs.steady_rate,
        ours.peak_rss_mib,
        theirs.peak_rss_mib,
    );
    other / own
}

/// Prints the line about the restore.
pub(crate) fn restore(of: &str, it: &Restored) {
    println!(
        "\nrestore of {of}: {} records in {:.2} s, {:.0} records/s, {:.2} us CPU/record, peak RSS {} MiB (Kafka Streams: 660,000 records/s)",
        it.records,
        it.took.as_secs_f64(),
        it.records as f64 / it.took.as_secs_f64().max(1e-9),
        per_record(it.cpu, it.records),
        it.peak_rss_mib,
    );
}

fn per_record(cpu: Duration, records: u64) -> f64 {
    cpu.as_micros() as f64 / records.max(1) as f64
}
