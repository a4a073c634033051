//! Writes changes of the simulated database as Debezium records.

use std::fmt::Write as _;

use super::WireRecord;
use super::rows::{Clob, SourceRow};
use super::template::{TABLES, Table, Template};

/// Where a change comes from.
pub(super) enum Origin {
    /// A transaction read from the log; `sequence` counts its changes from 1.
    Log { scn: u64, commit_scn: u64, sequence: i64 },
    /// A snapshot, with the word it puts into `source.snapshot`.
    Snapshot { scn: u64, phase: &'static str },
}

/// A change to be written.
pub(super) struct Change<'a, R> {
    pub(super) op: char,
    pub(super) before: Option<(&'a R, Clob)>,
    pub(super) after: Option<(&'a R, Clob)>,
    pub(super) origin: Origin,
    pub(super) now_ms: i64,
}

/// The templates of all tables.
pub(super) struct Writer {
    templates: Vec<Template>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Writer {
    pub(super) fn new(prefix: &str, schema: &str, wrapped: bool) -> Writer {
        let context =
            |name: &str, value: &str| (format!("__debezium.context.{name}"), Some(value.as_bytes().to_vec()));
        Writer {
            templates: TABLES.iter().map(|table| Template::new(*table, prefix, schema, wrapped)).collect(),
            headers: vec![
                context("connectorLogicalName", prefix),
                context("taskId", "0"),
                context("connectorName", "oracle"),
            ],
        }
    }

    pub(super) fn change<R: SourceRow>(&self, id: i64, change: &Change<'_, R>) -> WireRecord {
        let template = self.template(R::TABLE);
        let mut value = String::with_capacity(template.value_head.len() + 2_048);
        value.push_str(&template.value_head);
        image(change.before, &mut value);
        value.push_str(r#","after":"#);
        image(change.after, &mut value);
        value.push(',');
        source(template, id, change, &mut value);
        let now_ms = change.now_ms;
        let _ = write!(value, r#","transaction":null,"op":"{}","ts_ms":{now_ms},"#, change.op);
        let _ = write!(value, r#""ts_us":{now_ms}417,"ts_ns":{now_ms}417093"#);
        value.push_str(template.value_tail);
        self.record(R::TABLE, id, Some(value.into_bytes()), now_ms)
    }

    pub(super) fn tombstone(&self, table: Table, id: i64, now_ms: i64) -> WireRecord {
        self.record(table, id, None, now_ms)
    }

    fn record(&self, table: Table, id: i64, value: Option<Vec<u8>>, timestamp_ms: i64) -> WireRecord {
        let template = self.template(table);
        let key = format!("{}{id}{}", template.key_head, template.key_tail).into_bytes();
        let (topic, headers) = (template.topic.clone(), self.headers.clone());
        WireRecord { topic, key: Some(key), value, timestamp_ms, headers }
    }

    fn template(&self, table: Table) -> &Template {
        &self.templates[table as usize]
    }
}

fn image<R: SourceRow>(row: Option<(&R, Clob)>, out: &mut String) {
    match row {
        Some((row, clob)) => row.write(clob, out),
        None => out.push_str("null"),
    }
}

fn source<R: SourceRow>(template: &Template, id: i64, change: &Change<'_, R>, out: &mut String) {
    // Oracle's redo log gives whole seconds.
    let source_ms = change.now_ms.div_euclid(1_000) * 1_000 - 1_000;
    out.push_str(&template.source_head);
    let phase = match &change.origin {
        Origin::Log { .. } => "false",
        Origin::Snapshot { phase, .. } => phase,
    };
    let _ = write!(out, r#"{source_ms},"snapshot":"{phase}","db":"ORCL","sequence":null,"#);
    let _ = write!(out, r#""ts_us":{source_ms}000,"ts_ns":{source_ms}000000,{},"#, template.source_table);
    match &change.origin {
        Origin::Log { scn, commit_scn, sequence } => {
            let _ = write!(out, r#""txId":"{commit_scn:016x}","scn":"{scn}","commit_scn":"{commit_scn}","#);
            let _ = write!(
                out,
                r#""lcr_position":null,"rs_id":"0x{:06x}.{:08x}.0010","#,
                scn >> 32,
                scn & 0xffff_ffff
            );
            let _ = write!(out, r#""ssn":0,"redo_thread":1,"user_name":"SALES_APP","redo_sql":null,"#);
            let _ = write!(out, r#""row_id":"AAAS{:014X}","commit_ts_ms":{},"#, id, source_ms + 1_000);
            let _ = write!(out, r#""start_scn":"{scn}","start_ts_ms":{source_ms},"txSeq":{sequence}}}"#);
        }
        Origin::Snapshot { scn, .. } => {
            let _ = write!(out, r#""txId":null,"scn":"{scn}","commit_scn":null,"lcr_position":null,"#);
            out.push_str(r#""rs_id":null,"ssn":0,"redo_thread":null,"user_name":null,"redo_sql":null,"#);
            out.push_str(
                r#""row_id":null,"commit_ts_ms":null,"start_scn":null,"start_ts_ms":null,"txSeq":null}"#,
            );
        }
    }
}
