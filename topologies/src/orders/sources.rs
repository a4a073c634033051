//! From the topic of an Oracle table to a table of the topology.

use std::sync::Arc;

use topo::state::{bincode, bytes, i64_be, utf8};
use topo::{Builder, Codecs, KeyValue, Table, Topic};

use super::capture::{Audit, Capture, Joined};
use super::config::OrdersConfig;
use super::guard::Guard;
use crate::cdc::{Decoder, TableRow};

/// Reads the topics of one connector.
pub(super) struct Sources<'b> {
    app: &'b Builder,
    config: &'b OrdersConfig,
    decoder: Arc<Decoder>,
}

impl<'b> Sources<'b> {
    pub(super) fn new(app: &'b Builder, config: &'b OrdersConfig) -> Self {
        Self { app, config, decoder: Arc::new(Decoder::new(config.decoder.clone())) }
    }

    /// The rows of a table: decoded, gathered by primary key (the bytes of the source's keys depend on the converter
    /// and decide nothing here), and guarded by version.
    pub(super) fn table<R: Joined>(&self, name: &str) -> Table<'b, i64, R> {
        let topic = Topic::new(self.config.source(R::Row::TABLE), bytes(), bytes());
        let named = |part: &str| format!("{name}-{part}");
        let rows = self.app.store(KeyValue::new(named("guard"), i64_be(), bincode()));
        let forgets = self.app.store(KeyValue::new(named("guard-forgets"), bytes(), bincode()));
        let keep_deleted_ms = self.config.keep_deleted_ms;
        let decoder = self.decoder.clone();
        self.app
            .stream(&named("source"), &topic)
            .process(&named("decode"), (), move || Capture::<R>::new(decoder.clone()))
            .repartition(&named("by-id"), Codecs::new(i64_be(), bincode()))
            .process_values(&named("versions"), (rows, forgets), move || Guard::<R> {
                rows,
                forgets,
                keep_deleted_ms,
            })
            .to_table(&named("table"), KeyValue::new(named("rows"), i64_be(), bincode()))
    }

    /// AUDIT_LOG is read, validated and counted.
    pub(super) fn audit(&self) {
        let topic = Topic::new(self.config.source(crate::cdc::AuditLog::TABLE), bytes(), bytes());
        let counts = self.app.store(KeyValue::new("audit-counts", utf8(), bincode()));
        let decoder = self.decoder.clone();
        // Nothing follows: the counts are the end of it.
        let _ = self
            .app
            .stream("audit-source", &topic)
            .process("audit", counts, move || Audit { decoder: decoder.clone(), counts });
    }
}
