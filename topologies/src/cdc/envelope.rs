//! The envelope around the row images: operation, source block, transaction block.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::column::json_text;
use super::error::DecodeError;
use super::version::{Ordering, Version};

/// Members of a message that tell what it is. Values are read one by one, so that an error names its field.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) before: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) after: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) source: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) op: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) ts_ms: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) transaction: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) ddl: Option<IgnoredAny>,
    #[serde(default, rename = "tableChanges")]
    pub(super) table_changes: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) status: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) id: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) aggregate_type: Option<IgnoredAny>,
    #[serde(default)]
    pub(super) specversion: Option<IgnoredAny>,
}

/// The source block, as far as it is used.
#[derive(Default, Deserialize)]
pub(super) struct Source<'a> {
    #[serde(borrow, default)]
    version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ts_ms: Option<&'a RawValue>,
    #[serde(borrow, default)]
    snapshot: Option<&'a RawValue>,
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    table: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "txId")]
    tx_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scn: Option<&'a RawValue>,
    #[serde(borrow, default)]
    commit_scn: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "txSeq")]
    tx_seq: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(borrow, default)]
    total_order: Option<&'a RawValue>,
}

/// The source block with its fields read.
pub(super) struct Origin {
    pub(super) connector_version: Option<String>,
    pub(super) source_ts: Option<i64>,
    pub(super) snapshot: String,
    pub(super) schema: Option<String>,
    pub(super) table: Option<String>,
    pub(super) tx_id: Option<String>,
    pub(super) scn: Option<u64>,
    pub(super) commit_scn: Option<u64>,
    pub(super) tx_seq: Option<i64>,
    pub(super) total_order: Option<i64>,
}

impl Envelope<'_> {
    pub(super) fn origin(&self) -> Result<Origin, DecodeError> {
        let source: Source<'_> = match self.source {
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|error| DecodeError::from_json("field source", &error))?,
            None => Source::default(),
        };
        let total_order = match self.transaction {
            Some(raw) => {
                serde_json::from_str::<Transaction<'_>>(raw.get())
                    .map_err(|error| DecodeError::from_json("field transaction", &error))?
                    .total_order
            }
            None => None,
        };
        Ok(Origin {
            connector_version: text("source.version", source.version)?,
            source_ts: int("source.ts_ms", source.ts_ms)?,
            snapshot: snapshot(source.snapshot)?,
            schema: text("source.schema", source.schema)?,
            table: text("source.table", source.table)?,
            tx_id: text("source.txId", source.tx_id)?,
            scn: scn("source.scn", source.scn)?,
            commit_scn: scn("source.commit_scn", source.commit_scn)?,
            tx_seq: int("source.txSeq", source.tx_seq)?,
            total_order: int("transaction.total_order", total_order)?,
        })
    }
}

impl Origin {
    /// The place of the event in its row's history.
    pub(super) fn version(&self, ordering: Ordering, offset: i64) -> Version {
        let own = match (ordering, self.scn, self.commit_scn) {
            (Ordering::KafkaOffset, _, _) | (_, None, None) => {
                return Version { scn: 0, sequence: 0, exact: false, offset };
            }
            (_, scn, Some(commit)) if scn.is_none_or(|scn| commit >= scn) => commit,
            (_, scn, _) => scn.unwrap_or(0),
        };
        if self.snapshot == "incremental" {
            return Version { scn: own, sequence: i64::MAX, exact: false, offset };
        }
        let sequence = self.tx_seq.or(self.total_order).unwrap_or(0);
        Version { scn: own, sequence, exact: self.tx_seq.is_some(), offset }
    }
}

pub(super) fn int(field: &str, raw: Option<&RawValue>) -> Result<Option<i64>, DecodeError> {
    let Some(raw) = raw else { return Ok(None) };
    let number =
        raw.get().parse().map_err(|_| DecodeError::wrong_type(field, "a whole number", raw.get()))?;
    Ok(Some(number))
}

pub(super) fn text(field: &str, raw: Option<&RawValue>) -> Result<Option<String>, DecodeError> {
    let Some(raw) = raw else { return Ok(None) };
    match json_text(raw.get()) {
        Some(text) => Ok(Some(text.into_owned())),
        None => Err(DecodeError::wrong_type(field, "text", raw.get())),
    }
}

/// Very old connectors write a boolean instead of the text.
fn snapshot(raw: Option<&RawValue>) -> Result<String, DecodeError> {
    match raw.map(RawValue::get) {
        None => Ok("false".to_owned()),
        Some(flag @ ("true" | "false")) => Ok(flag.to_owned()),
        Some(_) => Ok(text("source.snapshot", raw)?.unwrap_or_default()),
    }
}

/// An SCN is text on the wire; it is compared as a number.
fn scn(field: &str, raw: Option<&RawValue>) -> Result<Option<u64>, DecodeError> {
    let Some(raw) = raw else { return Ok(None) };
    let text = json_text(raw.get()).unwrap_or(Cow::Borrowed(raw.get()));
    text.parse().map(Some).map_err(|_| DecodeError::wrong_type(field, "an SCN in decimal digits", raw.get()))
}
