//! A connection of somebody else to the database: it drops connections and locks rows.

use sqlx::{Connection, PgConnection, Row};
use tokio::runtime::{Builder, Runtime};

/// A connection; what it has locked is free when it is dropped.
pub(crate) struct Sql {
    runtime: Runtime,
    connection: PgConnection,
}

impl Sql {
    /// Connects; the server must be there.
    pub(crate) fn connect(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(PgConnection::connect(url)).unwrap();
        Self { runtime, connection }
    }

    /// Ends all connections of this application name. Says how many, and how many of them were in a transaction.
    pub(crate) fn drop_connections(&mut self, name: &str) -> (usize, usize) {
        let query =
            "SELECT state, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
        let rows = sqlx::query(query).bind(name).fetch_all(&mut self.connection);
        let rows = self.runtime.block_on(rows).unwrap();
        let state = |row: &sqlx::postgres::PgRow| row.get::<Option<String>, _>(0).unwrap_or_default();
        (rows.len(), rows.iter().filter(|row| state(row) != "idle").count())
    }

    /// Locks every order's row. Says how many there are.
    pub(crate) fn lock_orders(&mut self) -> usize {
        self.runtime.block_on(async {
            sqlx::query("BEGIN").execute(&mut self.connection).await.unwrap();
            let all = "SELECT order_id FROM cdc_orders_enriched FOR UPDATE";
            sqlx::query(all).fetch_all(&mut self.connection).await.unwrap().len()
        })
    }
}
