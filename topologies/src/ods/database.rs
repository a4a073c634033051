//! The only place that speaks to PostgreSQL.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Row, Transaction};
use tokio::runtime::{Builder, Runtime};

use super::batch::{Batch, OrderRow};
use super::error::OdsError;
use crate::orders::Line;
use crate::time::rfc3339_from_micros;

/// A transaction that takes longer is given up: the process must end within seconds when told to.
const PATIENCE: Duration = Duration::from_secs(3);

const LOCK_OFFSETS: &str = "
    SELECT partition, next_offset FROM cdc_exit_offsets
    WHERE consumer_group = $1 AND topic = $2 AND partition = ANY ($3)
    ORDER BY partition FOR UPDATE";

const MOVE_OFFSETS: &str = "
    UPDATE cdc_exit_offsets AS o SET next_offset = n.next_offset, updated_at = now()
    FROM UNNEST ($3::int[], $4::bigint[]) AS n (partition, next_offset)
    WHERE o.consumer_group = $1 AND o.topic = $2 AND o.partition = n.partition";

const BEGIN_OFFSETS: &str = "
    INSERT INTO cdc_exit_offsets (consumer_group, topic, partition, next_offset)
    SELECT $1, $2, n.partition, n.next_offset FROM UNNEST ($3::int[], $4::bigint[]) AS n (partition, next_offset)
    ON CONFLICT DO NOTHING";

const DELETE_ORDERS: &str = "
    DELETE FROM cdc_orders_enriched AS o
    USING UNNEST ($1::bigint[], $2::int[], $3::bigint[]) AS n (order_id, src_partition, src_offset)
    WHERE o.order_id = n.order_id AND (o.src_partition <> n.src_partition OR o.src_offset < n.src_offset)";

const UPSERT_ORDERS: &str = "
    INSERT INTO cdc_orders_enriched AS o
        (order_id, customer_id, customer_name, customer_tier, customer_region, order_date, status, total_amount,
         window_start, window_end, source_ts, processed_at, src_partition, src_offset)
    SELECT order_id, customer_id, customer_name, customer_tier, customer_region, order_date::timestamptz, status,
         total_amount::numeric, window_start::timestamptz, window_end::timestamptz, source_ts::timestamptz, now(),
         src_partition, src_offset
    FROM UNNEST ($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
         $9::text[], $10::text[], $11::text[], $12::int[], $13::bigint[])
        AS n (order_id, customer_id, customer_name, customer_tier, customer_region, order_date, status, total_amount,
         window_start, window_end, source_ts, src_partition, src_offset)
    ON CONFLICT (order_id) DO UPDATE SET
        customer_id = EXCLUDED.customer_id, customer_name = EXCLUDED.customer_name,
        customer_tier = EXCLUDED.customer_tier, customer_region = EXCLUDED.customer_region,
        order_date = EXCLUDED.order_date, status = EXCLUDED.status, total_amount = EXCLUDED.total_amount,
        window_start = EXCLUDED.window_start, window_end = EXCLUDED.window_end, source_ts = EXCLUDED.source_ts,
        processed_at = EXCLUDED.processed_at, src_partition = EXCLUDED.src_partition, src_offset = EXCLUDED.src_offset
    WHERE o.src_partition <> EXCLUDED.src_partition OR o.src_offset < EXCLUDED.src_offset
    RETURNING order_id";

const DELETE_ITEMS: &str = "DELETE FROM cdc_orders_enriched_items WHERE order_id = ANY ($1)";

const INSERT_ITEMS: &str = "
    INSERT INTO cdc_orders_enriched_items
        (order_id, item_id, product_id, product_name, category, quantity, unit_price, subtotal)
    SELECT order_id, item_id, product_id, product_name, category, quantity, unit_price::numeric, subtotal::numeric
    FROM UNNEST ($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
        AS n (order_id, item_id, product_id, product_name, category, quantity, unit_price, subtotal)";

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Rows and offsets are as the batch says.
    Done,
    /// Somebody else has moved these offsets: nothing was changed; read on from here.
    Moved(BTreeMap<i32, i64>),
}

/// The tables of one exit.
pub struct Database {
    runtime: Runtime,
    pool: PgPool,
    group: String,
    topic: String,
    migrated: bool,
}

impl Database {
    /// Prepares to speak to the database at `url`; connects only when needed.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(url: &str, group: &str, topic: &str) -> Result<Self, OdsError> {
        // The URL itself is not shown: it may hold a password.
        let options: PgConnectOptions = url.parse().map_err(|_| {
            OdsError::DatabaseRefuses(
                "the URL is not of the form postgres://user:password@host:port/database".into(),
            )
        })?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| OdsError::DatabaseRefuses(format!("no runtime: {error}")))?;
        let options = options.application_name(group).options([("statement_timeout", "3000")]);
        let pool = {
            let _inside = runtime.enter();
            PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options)
        };
        Ok(Self { runtime, pool, group: group.to_owned(), topic: topic.to_owned(), migrated: false })
    }

    /// Makes the tables if they are missing. Does nothing the second time.
    ///
    /// # Errors
    /// The database's.
    pub fn migrate(&mut self) -> Result<(), OdsError> {
        if self.migrated {
            return Ok(());
        }
        let migrations = async {
            match tokio::time::timeout(PATIENCE * 3, sqlx::migrate!("src/ods/migrations").run(&self.pool))
                .await
            {
                Ok(Ok(())) => Ok(()),
                Ok(Err(sqlx::migrate::MigrateError::Execute(error))) => Err(named(error)),
                Ok(Err(error)) => Err(OdsError::DatabaseRefuses(error.to_string())),
                Err(_) => Err(OdsError::DatabaseAway("making the tables takes too long".into())),
            }
        };
        self.runtime.block_on(migrations)?;
        self.migrated = true;
        Ok(())
    }

    /// Where to read on, per partition. A partition that was never read begins at its offset in `first`.
    ///
    /// # Errors
    /// The database's.
    pub fn begin(&mut self, first: &BTreeMap<i32, i64>) -> Result<BTreeMap<i32, i64>, OdsError> {
        let partitions: Vec<i32> = first.keys().copied().collect();
        let offsets: Vec<i64> = first.values().copied().collect();
        self.patiently(async |transaction| {
            sqlx::query(BEGIN_OFFSETS)
                .bind(&self.group)
                .bind(&self.topic)
                .bind(&partitions)
                .bind(&offsets)
                .execute(&mut **transaction)
                .await?;
            self.lock_offsets(transaction, &partitions).await
        })
    }

    /// Applies a batch in one transaction, if the offsets are still where it began.
    ///
    /// # Errors
    /// The database's. After [`OdsError::DatabaseAway`] the batch may have been applied: applying it again says so.
    pub fn apply(&mut self, batch: &Batch) -> Result<Applied, OdsError> {
        let partitions: Vec<i32> = batch.progress.keys().copied().collect();
        let next: Vec<i64> = batch.progress.values().map(|progress| progress.to).collect();
        self.patiently(async |transaction| {
            let stored = self.lock_offsets(transaction, &partitions).await?;
            let unmoved = |(partition, progress): (&i32, &super::batch::Progress)| {
                stored.get(partition) == Some(&progress.from)
            };
            if !batch.progress.iter().all(unmoved) {
                return Ok(Applied::Moved(stored));
            }
            write_orders(transaction, batch).await?;
            sqlx::query(MOVE_OFFSETS)
                .bind(&self.group)
                .bind(&self.topic)
                .bind(&partitions)
                .bind(&next)
                .execute(&mut **transaction)
                .await?;
            Ok(Applied::Done)
        })
    }

    async fn lock_offsets(
        &self,
        connection: &mut PgConnection,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, i64>, sqlx::Error> {
        let rows = sqlx::query(LOCK_OFFSETS)
            .bind(&self.group)
            .bind(&self.topic)
            .bind(partitions)
            .fetch_all(connection)
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Runs one transaction to its commit, or gives it up.
    fn patiently<T>(
        &self,
        body: impl AsyncFnOnce(&mut Transaction<'static, sqlx::Postgres>) -> Result<T, sqlx::Error>,
    ) -> Result<T, OdsError> {
        let whole = async {
            let mut transaction = self.pool.begin().await?;
            let result = body(&mut transaction).await?;
            transaction.commit().await?;
            Ok(result)
        };
        let bounded = async { tokio::time::timeout(PATIENCE, whole).await };
        match self.runtime.block_on(bounded) {
            Ok(result) => result.map_err(named),
            Err(_) => Err(OdsError::DatabaseAway(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }
}

async fn write_orders(connection: &mut PgConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    let gone: Vec<(&i64, &OrderRow)> = batch.orders.iter().filter(|(_, row)| row.order.is_none()).collect();
    if !gone.is_empty() {
        sqlx::query(DELETE_ORDERS)
            .bind(gone.iter().map(|(id, _)| **id).collect::<Vec<i64>>())
            .bind(gone.iter().map(|(_, row)| row.partition).collect::<Vec<i32>>())
            .bind(gone.iter().map(|(_, row)| row.offset).collect::<Vec<i64>>())
            .execute(&mut *connection)
            .await?;
    }
    let newer = upsert_orders(connection, batch).await?;
    if newer.is_empty() {
        return Ok(());
    }
    sqlx::query(DELETE_ITEMS).bind(&newer).execute(&mut *connection).await?;
    insert_items(connection, batch, &newer).await
}

/// Writes the orders that are newer than their rows; says which.
async fn upsert_orders(connection: &mut PgConnection, batch: &Batch) -> Result<Vec<i64>, sqlx::Error> {
    let rows: Vec<_> =
        batch.orders.values().filter_map(|row| row.order.as_ref().map(|order| (order, row))).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let text = |micros: Option<i64>| micros.and_then(|micros| rfc3339_from_micros(micros).ok());
    macro_rules! column {
        ($order:ident, $row:ident => $value:expr) => {
            rows.iter().map(|($order, $row)| $value).collect::<Vec<_>>()
        };
    }
    let written = sqlx::query(UPSERT_ORDERS)
        .bind(column!(order, _row => order.order_id))
        .bind(column!(order, _row => order.customer_id))
        .bind(column!(order, _row => order.customer_name.as_deref()))
        .bind(column!(order, _row => order.customer_tier.as_deref()))
        .bind(column!(order, _row => order.customer_region.as_deref()))
        .bind(column!(order, _row => text(order.order_date)))
        .bind(column!(order, _row => order.status.as_deref()))
        .bind(column!(order, _row => order.total_amount.map(|amount| amount.to_string())))
        .bind(column!(_order, row => text(row.window.map(|(start, _)| start))))
        .bind(column!(_order, row => text(row.window.map(|(_, end)| end))))
        .bind(column!(order, _row => text(Some(order.source_ts))))
        .bind(column!(_order, row => row.partition))
        .bind(column!(_order, row => row.offset))
        .fetch_all(connection)
        .await?;
    written.iter().map(|row| row.try_get(0)).collect()
}

async fn insert_items(
    connection: &mut PgConnection,
    batch: &Batch,
    newer: &[i64],
) -> Result<(), sqlx::Error> {
    let orders = newer.iter().filter_map(|id| batch.orders.get(id)).filter_map(|row| row.order.as_ref());
    let items: Vec<(i64, &Line)> =
        orders.flat_map(|order| order.items.iter().map(|item| (order.order_id, item))).collect();
    if items.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($line:ident => $value:expr) => {
            items.iter().map(|(_, $line)| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query(INSERT_ITEMS)
        .bind(items.iter().map(|(order, _)| *order).collect::<Vec<_>>())
        .bind(column!(line => line.item_id))
        .bind(column!(line => line.product_id))
        .bind(column!(line => line.product_name.as_deref()))
        .bind(column!(line => line.category.as_deref()))
        .bind(column!(line => line.quantity))
        .bind(column!(line => line.unit_price.map(|price| price.to_string())))
        .bind(column!(line => line.subtotal.map(|amount| amount.to_string())))
        .execute(connection)
        .await?;
    Ok(())
}

/// Names an error after the reaction: states of the server and of the way to it pass, refusals do not.
fn named(error: sqlx::Error) -> OdsError {
    let text = error.to_string();
    let Some(code) = error.as_database_error().and_then(|error| error.code().map(String::from)) else {
        return match error {
            sqlx::Error::Configuration(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
                OdsError::DatabaseRefuses(text)
            }
            _ => OdsError::DatabaseAway(text),
        };
    };
    // Connection, resources, operator intervention (shutdown, cancelled), lock conflicts, read-only standby.
    let passing =
        ["08", "53", "57", "40", "55"].iter().any(|class| code.starts_with(class)) || code == "25006";
    let text = format!("{text} (SQLSTATE {code})");
    if passing { OdsError::DatabaseAway(text) } else { OdsError::DatabaseRefuses(text) }
}
