//! What the input says must come out, and the wait until it has.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use topologies::cdc::{Catalogue, DecoderConfig};
use topologies::generate::WireRecord;
use topologies::model::{OrdersModel, OrdersModelConfig, PaymentsModel, PaymentsModelConfig};

use super::{Input, Outputs, System, Worker};

/// The outputs are compared with the model when nothing has come for this long, and must stay so once more.
pub(crate) const PAUSE: Duration = Duration::from_millis(1_500);
/// How long the processes may take for the rest once nobody disturbs them any more.
const PATIENCE: Duration = Duration::from_secs(150);

/// What must come out.
pub(crate) struct Expected {
    pub(crate) orders: OrdersModel,
    pub(crate) payments: PaymentsModel,
}

/// One stream among another, one record of the second after so many of the first, until both are at their end.
pub(crate) fn mix(
    mut many: impl Iterator<Item = WireRecord>,
    mut few: impl Iterator<Item = WireRecord>,
    per: u64,
) -> impl Iterator<Item = WireRecord> {
    let mut turn = 0;
    std::iter::from_fn(move || {
        turn += 1;
        if turn % (per + 1) == 0 {
            few.next().or_else(|| many.next())
        } else {
            many.next().or_else(|| few.next())
        }
    })
}

impl Expected {
    /// What the broker has, in its order.
    pub(crate) fn read_back(system: &System, input: &Input) -> Self {
        let decoder = DecoderConfig::new(Catalogue::sales().unwrap());
        let mut expected = Self {
            orders: OrdersModel::new(OrdersModelConfig::new(decoder)),
            payments: PaymentsModel::new(PaymentsModelConfig::default()),
        };
        let mut read = 0;
        let payments = system.names.payments();
        for topic in input.topics() {
            let records = system.read_back(topic, input.partitions());
            read += records.len() as u64;
            for number in 0..input.partitions() {
                let offsets = records.iter().filter(|(partition, ..)| *partition == number);
                let offsets: Vec<i64> = offsets.map(|(_, offset, _)| *offset).collect();
                let written = input.written_to(topic, number);
                let (count, last) = (offsets.len() as u64, offsets.last());
                assert_eq!(
                    count, written,
                    "{topic}-{number} holds what was written; its last offset is {last:?}"
                );
            }
            for (partition, offset, record) in records {
                if *topic == payments {
                    expected.payments.apply(topic, partition, offset, &record);
                } else {
                    expected.orders.apply(topic, partition, offset, &record);
                }
            }
        }
        assert_eq!(read, input.written(), "what was written is what the topics hold");
        assert!(expected.orders.expected_dead_letters().is_empty());
        assert!(expected.payments.expected_dead_letters().is_empty());
        expected
    }

    /// One line for everything that is not as the model says.
    pub(crate) fn differences(&self, system: &System, outputs: &Outputs) -> Vec<String> {
        let mut lines = outputs.anomalies.clone();
        lines.extend(outputs.repeats.iter().map(|repeat| format!("{}: said again", repeat.place)));
        lines.extend(self.orders.differences_enriched(&outputs.enriched));
        compare("revenue", &self.orders.expected_revenue(), &outputs.revenue, &mut lines);
        let alerts = self.orders.expected_alerts();
        let alerted = outputs.alerted();
        lines
            .extend(alerts.required.difference(&alerted).map(|id| format!("alert of order {id} is missing")));
        lines.extend(
            alerted.difference(&alerts.permitted).map(|id| format!("no alert of order {id} is right")),
        );
        let verdict = |(id, verdict): (String, topologies::model::ExpectedVerdict)| {
            assert!(verdict.determined, "the payments of an account lie in one partition");
            (id, verdict.value)
        };
        let verdicts = self.payments.expected_verdicts().into_iter().map(verdict).collect();
        compare("verdict", &verdicts, &outputs.verdicts, &mut lines);
        if system.database_url.is_empty() {
            return lines;
        }
        let tables = system.tables().unwrap_or_default();
        lines.extend(tables.wrong_windows.iter().map(|id| format!("row of order {id}: wrong window")));
        let rows = self.orders.differences_enriched(&tables.orders);
        lines.extend(rows.into_iter().map(|line| format!("tables: {line}")));
        compare("row of order", &outputs.enriched, &tables.orders, &mut lines);
        lines
    }
}

/// Waits until everything is right and stays so; panics with the differences.
pub(crate) fn settle(system: &System, workers: &mut [Worker], outputs: &mut Outputs, expected: &Expected) {
    let deadline = Instant::now() + PATIENCE;
    let mut wrong = vec!["nothing was compared yet".to_owned()];
    while !wrong.is_empty() {
        assert!(
            Instant::now() < deadline,
            "{} differences after {PATIENCE:?} in peace:\n{}\n{}",
            wrong.len(),
            wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n"),
            states(workers)
        );
        outputs.read(Duration::from_millis(200));
        workers.iter_mut().for_each(Worker::must_live);
        assert_eq!(outputs.anomalies, Vec::<String>::new());
        if outputs.quiet_for() > PAUSE {
            wrong = expected.differences(system, outputs);
        }
    }
}

/// What the processes say of themselves: health, the ends of their logs, counters.
pub(crate) fn states(workers: &[Worker]) -> String {
    let state = |worker: &Worker| {
        let log = crate::support::scratch::tail(&worker.log());
        let metrics = worker.get("/metrics").unwrap_or_default();
        let told =
            |line: &&str| line.starts_with("topo_") && !line.ends_with(" 0") && !line.contains("_bucket");
        let told: Vec<&str> = metrics.lines().filter(told).collect();
        format!("--- {}: {:?}\n{log}\n{}", worker.name(), worker.health(), told.join("\n"))
    };
    workers.iter().map(state).collect::<Vec<_>>().join("\n")
}

fn compare<K: Ord + std::fmt::Display>(
    what: &str,
    expected: &BTreeMap<K, Value>,
    actual: &BTreeMap<K, Value>,
    lines: &mut Vec<String>,
) {
    for (key, value) in expected {
        if actual.get(key) != Some(value) {
            lines.push(format!("{what} {key}: expected {value}, found {:?}", actual.get(key)));
        }
    }
    for (key, value) in actual.iter().filter(|(key, _)| !expected.contains_key(key)) {
        lines.push(format!("{what} {key}: expected nothing, found {value}"));
    }
}
