//! Debezium records to events about rows: the first stage, one processor per table.

use std::marker::PhantomData;
use std::sync::Arc;

use topo::state::KeyValueStore;
use topo::{Context, Fault, Processor, Record, StoreHandle};

use super::guard::{Captured, Guardable, RowChange};
use super::model::{Customer, Item, Order, Product};
use super::money;
use crate::cdc::{self, ChangeEvent, DecodeError, Decoder, Event, TableRow};
use crate::decimal::Decimal;
use crate::time::rfc3339_from_micros;

type Bytes = Option<Vec<u8>>;

/// A joined row, made of a decoded one.
pub(crate) trait Joined: Guardable {
    /// The decoded row.
    type Row: TableRow;

    /// Keeps what is joined. `source_ts` is the change time in the database, microseconds since the epoch.
    ///
    /// # Errors
    /// A poison fault when a value cannot go on to the outputs.
    fn joined(row: Self::Row, source_ts: i64) -> Result<Self, Fault>;
}

/// Records of a table's topic to events by primary key. What is no row change and no error is counted as skipped.
pub(crate) struct Capture<R> {
    decoder: Arc<Decoder>,
    row: PhantomData<fn() -> R>,
}

impl<R: Joined> Capture<R> {
    /// Reads with this decoder.
    pub(crate) fn new(decoder: Arc<Decoder>) -> Self {
        Self { decoder, row: PhantomData }
    }

    fn read(&self, change: ChangeEvent, timestamp: i64) -> Result<(i64, RowChange<R>), Fault> {
        expect_table::<R::Row>(&change.table)?;
        let id = R::Row::key_of(&change.key).map_err(poison)?;
        let version = change.version;
        let Some(row) = change.after.as_ref() else { return Ok((id, RowChange::Delete { version })) };
        let unavailable = row.unavailable().into_iter().map(str::to_owned).collect();
        let source_ts = change.source_ts.or(change.event_ts).unwrap_or(timestamp).saturating_mul(1000);
        let row = R::joined(R::Row::from_row(row).map_err(poison)?, source_ts)?;
        Ok((id, RowChange::Put { row, unavailable, version }))
    }
}

impl<R: Joined> Processor for Capture<R> {
    type KeyIn = Bytes;
    type ValueIn = Bytes;
    type KeyOut = i64;
    type ValueOut = Captured<R>;

    fn process(
        &mut self,
        record: Record<Bytes, Bytes>,
        ctx: &mut Context<'_, '_, i64, Captured<R>>,
    ) -> Result<(), Fault> {
        let (event, partition, offset) = decode(&self.decoder, &record, ctx)?;
        let (id, change) = match event {
            Event::Change(change) => self.read(*change, record.timestamp)?,
            Event::Tombstone { key, .. } => (R::Row::key_of(&key).map_err(poison)?, RowChange::Tombstone),
            Event::Skipped(kind) => {
                ctx.skipped(kind.name());
                return Ok(());
            }
        };
        ctx.forward(record.with_key(id).with_value(Captured { change, partition, offset }))
    }
}

/// AUDIT_LOG: read, validated and counted per table and operation; it has no output yet.
pub(crate) struct Audit {
    /// Reads the records.
    pub decoder: Arc<Decoder>,
    /// How many log rows were seen, by `TABLE_NAME OPERATION`.
    pub counts: StoreHandle<KeyValueStore<String, u64>>,
}

impl Processor for Audit {
    type KeyIn = Bytes;
    type ValueIn = Bytes;
    type KeyOut = ();
    type ValueOut = ();

    fn process(
        &mut self,
        record: Record<Bytes, Bytes>,
        ctx: &mut Context<'_, '_, (), ()>,
    ) -> Result<(), Fault> {
        let (event, ..) = decode(&self.decoder, &record, ctx)?;
        let change = match event {
            Event::Change(change) => change,
            Event::Tombstone { .. } => {
                ctx.skipped("tombstone");
                return Ok(());
            }
            Event::Skipped(kind) => {
                ctx.skipped(kind.name());
                return Ok(());
            }
        };
        expect_table::<cdc::AuditLog>(&change.table)?;
        let Some(row) = &change.after else { return Ok(()) };
        let row = cdc::AuditLog::from_row(row).map_err(poison)?;
        let name = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        let kind = format!("{} {}", name(row.table_name), name(row.operation));
        let counts = ctx.store(self.counts)?;
        let seen = counts.get(&kind)?.map_or(0, |found| found.value);
        Ok(counts.put(&kind, seen + 1, record.timestamp)?)
    }
}

/// Decodes the record in hand; also says where it was read.
fn decode<K: topo::Data, V: topo::Data>(
    decoder: &Decoder,
    record: &Record<Bytes, Bytes>,
    ctx: &Context<'_, '_, K, V>,
) -> Result<(Event, i32, i64), Fault> {
    let position = ctx.position().ok_or_else(|| Fault::fatal("TOPOLOGY", "a change without a position"))?;
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    let event = decoder.decode(&position.topic, position.offset, key, value).map_err(poison)?;
    Ok((event, position.partition, position.offset))
}

fn expect_table<R: TableRow>(found: &str) -> Result<(), Fault> {
    if found == R::TABLE {
        return Ok(());
    }
    let message = format!("an event of table {found} in the topic of table {}", R::TABLE);
    Err(Fault::poison("SCHEMA_MISMATCH", message))
}

fn poison(error: DecodeError) -> Fault {
    Fault::poison(error.error_type(), error.to_string())
}

fn amount(column: &str, amount: Option<Decimal>) -> Result<Option<Decimal>, Fault> {
    let Some(amount) = amount else { return Ok(None) };
    let refused =
        || Fault::poison("OUT_OF_RANGE", format!("column {column}: {amount} is no amount of money"));
    money::accepted(amount).ok_or_else(refused).map(Some)
}

fn instant(column: &str, micros: i64) -> Result<i64, Fault> {
    let refused = |error| Fault::poison("OUT_OF_RANGE", format!("column {column}: {error}"));
    rfc3339_from_micros(micros).map_err(refused).map(|_| micros)
}

impl Joined for Order {
    type Row = cdc::Order;

    fn joined(row: cdc::Order, source_ts: i64) -> Result<Self, Fault> {
        Ok(Self {
            customer_id: row.customer_id,
            order_date: row.order_date.map(|date| instant("ORDER_DATE", date)).transpose()?,
            status: row.status,
            total_amount: amount("TOTAL_AMOUNT", row.total_amount)?,
            shipping_info: row.shipping_info,
            source_ts: instant("source.ts_ms", source_ts)?,
        })
    }
}

impl Joined for Item {
    type Row = cdc::OrderItem;

    fn joined(row: cdc::OrderItem, _source_ts: i64) -> Result<Self, Fault> {
        Ok(Self {
            order_id: row.order_id,
            product_id: row.product_id,
            quantity: row.quantity,
            unit_price: amount("UNIT_PRICE", row.unit_price)?,
            subtotal: amount("SUBTOTAL", row.subtotal)?,
        })
    }
}

impl Joined for Customer {
    type Row = cdc::Customer;

    fn joined(row: cdc::Customer, _source_ts: i64) -> Result<Self, Fault> {
        Ok(Self { name: row.name, tier: row.tier, region: row.region })
    }
}

impl Joined for Product {
    type Row = cdc::Product;

    fn joined(row: cdc::Product, _source_ts: i64) -> Result<Self, Fault> {
        Ok(Self { name: row.name, category: row.category })
    }
}

/// Copies the named column from the stored row, null where nothing is stored.
macro_rules! kept_columns {
    ($row:ty: $($column:literal => $field:ident),+) => {
        impl Guardable for $row {
            fn keep(&mut self, column: &str, stored: Option<&Self>) {
                match column {
                    $($column => self.$field = stored.and_then(|row| row.$field.clone()),)+
                    _ => {}
                }
            }
        }
    };
}

kept_columns!(Order: "CUSTOMER_ID" => customer_id, "ORDER_DATE" => order_date, "STATUS" => status,
    "TOTAL_AMOUNT" => total_amount, "SHIPPING_INFO" => shipping_info);
kept_columns!(Item: "ORDER_ID" => order_id, "PRODUCT_ID" => product_id, "QUANTITY" => quantity,
    "UNIT_PRICE" => unit_price, "SUBTOTAL" => subtotal);
kept_columns!(Customer: "NAME" => name, "TIER" => tier, "REGION" => region);
kept_columns!(Product: "NAME" => name, "CATEGORY" => category);
