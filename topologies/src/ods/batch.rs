//! What one transaction applies: the last state of every order among some records, and how far they reach.

use std::collections::BTreeMap;

use topo::RawRecord;

use crate::decimal::Decimal;
use crate::orders::{Enriched, Line};
use crate::time::floor_to_window;

/// NUMERIC(15,2) holds amounts below this, in cents.
const CENTS_MAX: u128 = 10_u128.pow(15);
/// First and last microsecond that every client of PostgreSQL can show: years 1 to 9999.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// The state of an order at one place of the topic.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRow {
    /// Partition it was read from.
    pub partition: i32,
    /// Offset it was read at.
    pub offset: i64,
    /// The order; `None` when it is deleted.
    pub order: Option<Enriched>,
    /// Start and end of its window, microseconds since the epoch.
    pub window: Option<(i64, i64)>,
}

/// From where to where a partition was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The offset the database had when these records were read.
    pub from: i64,
    /// The next offset to read.
    pub to: i64,
}

/// The records of one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Last state per order id, in the order of ids, so that two transactions never lock rows crosswise.
    pub orders: BTreeMap<i64, OrderRow>,
    /// Progress per partition.
    pub progress: BTreeMap<i32, Progress>,
    /// How many records were taken in.
    pub records: u64,
}

/// A record that is no state of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Stable name for the dead letter.
    pub error_type: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Batch {
    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.progress.is_empty()
    }

    /// Takes a record in. The place is taken in even when the record cannot be read.
    ///
    /// # Errors
    /// Why it is no state of an order.
    pub fn add(
        &mut self,
        partition: i32,
        begun_at: i64,
        offset: i64,
        record: &RawRecord,
        window_us: i64,
    ) -> Result<(), Unreadable> {
        let progress = self.progress.entry(partition).or_insert(Progress { from: begun_at, to: offset });
        progress.to = offset + 1;
        self.records += 1;
        let (id, order) = read(record)?;
        let window = order.as_ref().and_then(|order| order.order_date).map(|date| {
            let start = floor_to_window(date, window_us);
            (start, start.saturating_add(window_us))
        });
        self.orders.insert(id, OrderRow { partition, offset, order, window });
        Ok(())
    }
}

fn read(record: &RawRecord) -> Result<(i64, Option<Enriched>), Unreadable> {
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    let id: i64 = key.and_then(|key| key.parse().ok()).ok_or_else(|| Unreadable {
        error_type: "UNDECODABLE_KEY",
        message: format!("the key {key:?} is not an order id in decimal text"),
    })?;
    let Some(value) = &record.value else { return Ok((id, None)) };
    let mut order: Enriched = serde_json::from_slice(value).map_err(|error| Unreadable {
        error_type: "SCHEMA_MISMATCH",
        message: format!("order {id}: the value is not an enriched order: {error}"),
    })?;
    if order.order_id != id {
        let message = format!("the key says order {id}, the value order {}", order.order_id);
        return Err(Unreadable { error_type: "SCHEMA_MISMATCH", message });
    }
    check(&order)?;
    without_zero_characters(&mut order);
    Ok((id, Some(order)))
}

/// What a column could not hold.
fn check(order: &Enriched) -> Result<(), Unreadable> {
    let refused = |message: String| Unreadable { error_type: "OUT_OF_RANGE", message };
    let fits = |amount: Decimal| {
        amount.rescale_exact(2).is_some_and(|amount| amount.unscaled().unsigned_abs() < CENTS_MAX)
    };
    if let Some(amount) = order.total_amount.filter(|amount| !fits(*amount)) {
        return Err(refused(format!("order {}: total_amount {amount} is no NUMERIC(15,2)", order.order_id)));
    }
    let times = [order.order_date, Some(order.source_ts)];
    if let Some(micros) = times.into_iter().flatten().find(|micros| !YEARS.contains(micros)) {
        let message = format!("order {}: the time {micros} us is outside years 1 to 9999", order.order_id);
        return Err(refused(message));
    }
    Ok(())
}

/// PostgreSQL's TEXT cannot hold the character 0, which Oracle's VARCHAR2 can: it is left out.
fn without_zero_characters(order: &mut Enriched) {
    let texts =
        [&mut order.customer_name, &mut order.customer_tier, &mut order.customer_region, &mut order.status];
    let of_line = |line: &mut Line| {
        [&mut line.product_name, &mut line.category].into_iter().for_each(strip);
    };
    texts.into_iter().for_each(strip);
    order.items.iter_mut().for_each(of_line);
}

fn strip(text: &mut Option<String>) {
    if let Some(text) = text.as_mut().filter(|text| text.contains('\0')) {
        text.retain(|character| character != '\0');
        tracing::warn!(text = %text, "left out a zero character that PostgreSQL cannot hold");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const WINDOW: i64 = 300_000_000;

    fn order(id: i64) -> Value {
        json!({"order_id": id, "customer_id": 5, "customer_name": "A", "customer_tier": null,
            "customer_region": null, "order_date": "2024-01-20T08:17:30.5Z", "status": "NEW",
            "total_amount": "12.50", "items": [], "source_ts": "2024-01-20T08:17:31Z"})
    }

    fn record(key: &str, value: Option<Value>) -> RawRecord {
        let bytes = |text: String| bytes::Bytes::from(text.into_bytes());
        RawRecord {
            key: Some(bytes(key.to_owned())),
            value: value.map(|value| bytes(value.to_string())),
            timestamp: 0,
            headers: topo::Headers::new(),
        }
    }

    #[test]
    fn the_last_state_of_an_order_stands_and_all_places_are_taken_in() {
        let mut batch = Batch::default();
        batch.add(0, 10, 10, &record("1", Some(order(1))), WINDOW).unwrap();
        batch.add(2, 7, 9, &record("2", Some(order(2))), WINDOW).unwrap();
        batch.add(0, 10, 12, &record("1", None), WINDOW).unwrap();
        assert_eq!(Progress { from: 10, to: 13 }, batch.progress[&0]);
        assert_eq!(Progress { from: 7, to: 10 }, batch.progress[&2]);
        assert_eq!(None, batch.orders[&1].order);
        let start = 1_705_738_500_000_000;
        assert_eq!(Some((start, start + WINDOW)), batch.orders[&2].window);
    }

    #[test]
    fn what_no_row_can_hold_is_refused_by_name_and_its_place_still_counts() {
        let mut batch = Batch::default();
        let mut wide = order(1);
        wide["total_amount"] = json!("99999999999999.00");
        let mut ancient = order(1);
        ancient["order_date"] = json!("-000004-01-01T00:00:00Z");
        let cases = [
            ("x", Some(order(1)), "UNDECODABLE_KEY"),
            ("2", Some(order(1)), "SCHEMA_MISMATCH"),
            ("1", Some(json!({"order_id": 1})), "SCHEMA_MISMATCH"),
            ("1", Some(wide), "OUT_OF_RANGE"),
            ("1", Some(ancient), "OUT_OF_RANGE"),
        ];
        for (offset, (key, value, expected)) in (0..).zip(cases) {
            let refused = batch.add(0, 0, offset, &record(key, value), WINDOW).unwrap_err();
            assert_eq!(expected, refused.error_type, "{}", refused.message);
            assert_eq!(offset + 1, batch.progress[&0].to);
        }
        assert!(batch.orders.is_empty());
    }

    #[test]
    fn a_zero_character_is_left_out() {
        let mut batch = Batch::default();
        let mut odd = order(1);
        odd["status"] = json!("NE\u{0}W");
        batch.add(0, 0, 0, &record("1", Some(odd)), WINDOW).unwrap();
        let stored = batch.orders[&1].order.as_ref().unwrap();
        assert_eq!(Some("NEW"), stored.status.as_deref());
    }
}
