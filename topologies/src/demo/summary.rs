//! What the demo says at its end, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use topo::cli::{DemoOptions, DemoOutcome};

use super::check::Found;
use super::input::Input;
use super::outputs::Outputs;
use crate::decimal::Decimal;

/// Differences that are shown; the rest is only counted.
const SHOWN: usize = 10;

/// How it went.
pub(super) struct Run<'a> {
    pub(super) options: &'a DemoOptions,
    pub(super) restored: u64,
    pub(super) generated: Duration,
    pub(super) took: Duration,
}

pub(super) fn outcome(input: &Input, outputs: &Outputs, found: &Found, run: &Run<'_>) -> DemoOutcome {
    let revenue = revenue_by(&outputs.revenue);
    DemoOutcome {
        text: text(input, outputs, found, run, &revenue),
        json: as_json(input, outputs, found, run, &revenue),
        right: found.is_right(),
    }
}

/// Revenue of all windows by tier and category.
fn revenue_by(groups: &BTreeMap<String, Value>) -> BTreeMap<(String, String), Decimal> {
    let mut totals = BTreeMap::new();
    for group in groups.values() {
        let text = |field: &str| group[field].as_str().unwrap_or_default().to_owned();
        let total = totals.entry((text("tier"), text("category"))).or_insert(Decimal::new(0, 2));
        let revenue: Decimal = text("total_revenue").parse().unwrap_or(Decimal::ZERO);
        *total = total.checked_add(revenue).unwrap_or(*total);
    }
    totals
}

fn text(
    input: &Input,
    outputs: &Outputs,
    found: &Found,
    run: &Run<'_>,
    revenue: &BTreeMap<(String, String), Decimal>,
) -> String {
    let mut out = String::new();
    let rows = [
        ("change events", input.change_records.to_string()),
        ("payments", input.payment_records.to_string()),
        ("orders enriched", outputs.enriched.len().to_string()),
        ("revenue groups", outputs.revenue.len().to_string()),
        ("alerts", outputs.alerts.len().to_string()),
        ("velocity verdicts", outputs.verdicts.len().to_string()),
        ("dead letters", outputs.dead_letters.len().to_string()),
        ("crashed half-way", if run.options.crash { "one of two processes" } else { "nobody" }.to_owned()),
        ("records restored", run.restored.to_string()),
        (
            "time",
            format!(
                "{:.1} s, {:.1} s of it to make the input up",
                run.took.as_secs_f64(),
                run.generated.as_secs_f64()
            ),
        ),
    ];
    for (name, value) in rows {
        let _ = writeln!(out, "{name:18} {value}");
    }
    let _ = writeln!(out, "\nrevenue by tier and category");
    for ((tier, category), total) in revenue {
        let _ = writeln!(out, "  {tier:8} {category:14} {:>18}", total.to_string());
    }
    let Found { lost, duplicated, wrong } = found;
    let _ = writeln!(out, "\nlost {}, duplicated {}, wrong {}", lost.len(), duplicated.len(), wrong.len());
    for (name, lines) in [("lost", lost), ("duplicated", duplicated), ("wrong", wrong)] {
        for line in lines.iter().take(SHOWN) {
            let _ = writeln!(out, "  {name}: {line}");
        }
    }
    if !found.is_right() {
        let _ = writeln!(
            out,
            "the same input again: topo demo --events {} --seed {}",
            run.options.events, run.options.seed
        );
    }
    out
}

fn as_json(
    input: &Input,
    outputs: &Outputs,
    found: &Found,
    run: &Run<'_>,
    revenue: &BTreeMap<(String, String), Decimal>,
) -> Value {
    let revenue: Vec<Value> = revenue
        .iter()
        .map(|((tier, category), total)| json!({"tier": tier, "category": category, "total_revenue": total}))
        .collect();
    json!({
        "seed": run.options.seed,
        "events": input.change_records,
        "payments": input.payment_records,
        "orders_enriched": outputs.enriched.len(),
        "revenue_groups": outputs.revenue.len(),
        "revenue": revenue,
        "alerts": outputs.alerts.len(),
        "verdicts": outputs.verdicts.len(),
        "dead_letters": outputs.dead_letters.len(),
        "crashed": run.options.crash,
        "records_restored": run.restored,
        "seconds": run.took.as_secs_f64(),
        "lost": found.lost.len(),
        "duplicated": found.duplicated.len(),
        "wrong": found.wrong.len(),
        "differences": found.lost.iter().chain(&found.duplicated).chain(&found.wrong).take(SHOWN).collect::<Vec<_>>(),
    })
}
