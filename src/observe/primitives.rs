//! Counter, gauge and histogram: relaxed atomics, cheap enough for the hot path.

use std::{
    fmt::Write,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A metric that can write itself in Prometheus' text format.
pub trait Metric: Default + Send + Sync {
    /// The word after `# TYPE name`.
    const TYPE: &'static str;
    /// Appends its samples; `labels` is either empty or `a="b",c="d"`.
    fn write(&self, name: &str, labels: &str, out: &mut String);
}

/// Only ever grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the count.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// Adds to the value; negative to subtract.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Relaxed);
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the buckets in microseconds: 100 us to 30 s, so that one set serves a step, a commit and a restore.
const BOUNDS_US: [u64; 12] =
    [100, 500, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One per bound, not cumulative, and one for everything beyond.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }
}

impl Metric for Counter {
    const TYPE: &'static str = "counter";
    fn write(&self, name: &str, labels: &str, out: &mut String) {
        sample(out, name, labels, self.value());
    }
}

impl Metric for Gauge {
    const TYPE: &'static str = "gauge";
    fn write(&self, name: &str, labels: &str, out: &mut String) {
        sample(out, name, labels, self.value());
    }
}

impl Metric for Histogram {
    const TYPE: &'static str = "histogram";
    fn write(&self, name: &str, labels: &str, out: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut seen = 0;
        for (bucket, bound_us) in self.buckets.iter().zip(BOUNDS_US) {
            seen += bucket.load(Relaxed);
            let le = seconds(bound_us);
            sample(out, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"{le}\""), seen);
        }
        // The last bucket and the count are one number, read once, so that a scrape never contradicts itself.
        let all = seen + self.buckets[BOUNDS_US.len()].load(Relaxed);
        sample(out, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"+Inf\""), all);
        sample(out, &format!("{name}_sum"), labels, seconds(self.sum_us.load(Relaxed)));
        sample(out, &format!("{name}_count"), labels, all);
    }
}

/// Microseconds as seconds with no more digits than needed: `0.0001`, `5`.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn sample(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = match labels {
        "" => writeln!(out, "{name} {value}"),
        labels => writeln!(out, "{name}{{{labels}}} {value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_its_bounds_are_inclusive() {
        let histogram = Histogram::default();
        for us in [100, 101, 40_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let mut out = String::new();
        histogram.write("t_seconds", "a=\"b\"", &mut out);
        assert!(out.contains("t_seconds_bucket{a=\"b\",le=\"0.0001\"} 1\n"), "{out}");
        assert!(out.contains("t_seconds_bucket{a=\"b\",le=\"0.0005\"} 2\n"), "{out}");
        assert!(out.contains("t_seconds_bucket{a=\"b\",le=\"30\"} 2\n"), "{out}");
        assert!(out.contains("t_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"), "{out}");
        assert!(out.contains("t_seconds_sum{a=\"b\"} 40.000201\n"), "{out}");
        assert_eq!(histogram.count(), 3);
    }
}
