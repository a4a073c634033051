//! The two tables in PostgreSQL, in the form of the topic.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Row};
use tokio::runtime::{Builder, Runtime};
use topologies::time::{rfc3339_from_micros, rfc3339_from_millis};

use super::System;
use crate::support::postgres::Postgres;

const WINDOW_US: i64 = 300_000_000;

const ORDERS: &str = "SELECT order_id, customer_id, customer_name, customer_tier, customer_region,
    (extract(epoch FROM order_date) * 1000000)::bigint AS order_date, status, total_amount::text AS total_amount,
    (extract(epoch FROM window_start) * 1000000)::bigint AS window_start,
    (extract(epoch FROM window_end) * 1000000)::bigint AS window_end,
    (extract(epoch FROM source_ts) * 1000)::bigint AS source_ts FROM cdc_orders_enriched";

const ITEMS: &str = "SELECT order_id, item_id, product_id, product_name, category, quantity,
    unit_price::text AS unit_price, subtotal::text AS subtotal
    FROM cdc_orders_enriched_items ORDER BY order_id, item_id";

/// What stands in the database.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// The rows by order id as values of `orders.enriched`.
    pub(crate) orders: BTreeMap<i64, Value>,
    /// Orders whose window is not the one of their date.
    pub(crate) wrong_windows: Vec<i64>,
}

/// An empty database; its address.
pub(super) fn new_database(server: &Postgres) -> String {
    let name = server.unique("system");
    let create = format!("CREATE DATABASE {name}");
    runtime().block_on(async {
        let pool = PgPool::connect(server.url()).await.unwrap();
        sqlx::query(AssertSqlSafe(create)).execute(&pool).await.unwrap();
    });
    let (base, _) = server.url().rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

impl System {
    /// Both tables at one moment; `None` while they do not exist.
    pub(crate) fn tables(&self) -> Option<Tables> {
        if self.database_url.is_empty() {
            return None;
        }
        let (orders, items) = runtime().block_on(async {
            let pool = PgPoolOptions::new().max_connections(1).connect(&self.database_url).await.unwrap();
            let mut transaction = pool.begin().await.unwrap();
            sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                .execute(&mut *transaction)
                .await
                .unwrap();
            let orders = sqlx::query(ORDERS).fetch_all(&mut *transaction).await.ok()?;
            Some((orders, sqlx::query(ITEMS).fetch_all(&mut *transaction).await.unwrap()))
        })?;
        let mut tables = Tables::default();
        for row in &orders {
            let id: i64 = row.get("order_id");
            let date: Option<i64> = row.get("order_date");
            let start = date.map(|micros| micros - micros.rem_euclid(WINDOW_US));
            let window = (row.get("window_start"), row.get("window_end"));
            if window != (start, start.map(|start| start + WINDOW_US)) {
                tables.wrong_windows.push(id);
            }
            tables.orders.insert(id, order(row, id, date));
        }
        for row in &items {
            let id: i64 = row.get("order_id");
            tables.orders.get_mut(&id).unwrap()["items"].as_array_mut().unwrap().push(item(row));
        }
        Some(tables)
    }
}

fn order(row: &PgRow, id: i64, date: Option<i64>) -> Value {
    let text = |column: &str| row.get::<Option<String>, _>(column);
    json!({
        "order_id": id,
        "customer_id": row.get::<Option<i64>, _>("customer_id"),
        "customer_name": text("customer_name"),
        "customer_tier": text("customer_tier"),
        "customer_region": text("customer_region"),
        "order_date": date.map(|micros| rfc3339_from_micros(micros).unwrap()),
        "status": text("status"),
        "total_amount": text("total_amount"),
        "items": [],
        "source_ts": row.get::<Option<i64>, _>("source_ts").map(|millis| rfc3339_from_millis(millis).unwrap()),
    })
}

fn item(row: &PgRow) -> Value {
    let text = |column: &str| row.get::<Option<String>, _>(column);
    json!({
        "item_id": row.get::<i64, _>("item_id"),
        "product_id": row.get::<Option<i64>, _>("product_id"),
        "product_name": text("product_name"),
        "category": text("category"),
        "quantity": row.get::<Option<i64>, _>("quantity"),
        "unit_price": text("unit_price"),
        "subtotal": text("subtotal"),
    })
}
