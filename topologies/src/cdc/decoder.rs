//! From the bytes of a record to an [`Event`].

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::column::{Forms, json_text};
use super::envelope::{Envelope, Origin, int};
use super::error::{DecodeError, shortened};
use super::event::{ChangeEvent, Event, Operation, SkipKind};
use super::image::RowPlan;
use super::row::{Row, Value};
use super::version::Ordering;
use super::wrapper::{KnownSchema, Schemas, Unwrapped};
use super::{DecimalForm, TimeForm};

/// The text Debezium sends for an unchanged large value unless it is configured otherwise.
pub const UNAVAILABLE_VALUE: &str = "__debezium_unavailable_value";

/// What the decoder has to know about the connector.
#[derive(Clone, Debug)]
pub struct DecoderConfig {
    /// Declared types of the tables.
    pub catalogue: Catalogue,
    /// Schema the tables live in; an event of another schema is an error. `None` accepts any.
    pub schema: Option<String>,
    /// `unavailable.value.placeholder` of the connector.
    pub placeholder: String,
    /// How decimals are written when there is no schema on the wire.
    pub decimals: DecimalForm,
    /// How timestamps are written when there is no schema on the wire.
    pub times: TimeForm,
    /// Where the version of an event comes from.
    pub ordering: Ordering,
}

/// Decodes the records of a Debezium Oracle connector. Share one per process: it caches schemas.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    forms: Forms,
    schemaless: HashMap<String, Arc<RowPlan>>,
    value_schemas: Schemas,
    key_schemas: Schemas,
}

enum Kind {
    Change(Operation),
    Skipped(SkipKind),
}

impl DecoderConfig {
    /// The settings for a connector with default settings and these tables.
    pub fn new(catalogue: Catalogue) -> DecoderConfig {
        DecoderConfig {
            catalogue,
            schema: None,
            placeholder: UNAVAILABLE_VALUE.to_owned(),
            decimals: DecimalForm::Base64,
            times: TimeForm::Adaptive,
            ordering: Ordering::Scn,
        }
    }
}

impl Decoder {
    /// A decoder with these settings.
    pub fn new(config: DecoderConfig) -> Decoder {
        let tables = config.catalogue.tables();
        let schemaless = tables
            .map(|(table, types)| (table.to_owned(), Arc::new(RowPlan::from_catalogue(table, types))))
            .collect();
        Decoder {
            forms: Forms::new(config.decimals, config.times, &config.placeholder),
            schemaless,
            value_schemas: Schemas::default(),
            key_schemas: Schemas::default(),
            config,
        }
    }

    /// Decodes one record. The topic names the table where the value cannot; the offset breaks ties between
    /// events without a sequence.
    pub fn decode(
        &self,
        topic: &str,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<Event, DecodeError> {
        match value {
            None | Some(b"null" | b"{\"schema\":null,\"payload\":null}") => self.tombstone(topic, key),
            Some(value) => self.message(topic, offset, key, value),
        }
    }

    fn tombstone(&self, topic: &str, key: Option<&[u8]>) -> Result<Event, DecodeError> {
        // Only a null key with a value is an error: this one names no row that could be deleted.
        let Some(key) = key else { return Ok(Event::Skipped(SkipKind::Tombstone)) };
        let table = table_of_topic(topic).to_owned();
        let key = self.key(&table, key)?;
        Ok(Event::Tombstone { table, key })
    }

    fn message(
        &self,
        topic: &str,
        offset: i64,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> Result<Event, DecodeError> {
        if value.first() == Some(&0) {
            return Err(DecodeError::UnsupportedFormat("Avro or another binary form"));
        }
        let text =
            std::str::from_utf8(value).map_err(|error| DecodeError::MalformedJson(error.to_string()))?;
        let (schema, envelope) = self.envelope(text)?;
        let operation = match kind(schema.as_deref(), &envelope)? {
            Kind::Skipped(kind) => return Ok(Event::Skipped(kind)),
            Kind::Change(operation) => operation,
        };
        let origin = envelope.origin()?;
        let table = origin.table.clone().unwrap_or_else(|| table_of_topic(topic).to_owned());
        self.check_schema(&origin, &table)?;
        let key = self.key(&table, key.ok_or(DecodeError::NullKey)?)?;
        let plan = self.plan(schema.as_deref(), &table)?;
        let image = |place, raw: Option<&serde_json::value::RawValue>| {
            raw.map(|raw| plan.decode(place, raw.get(), &self.forms)).transpose()
        };
        let before = image("field before", envelope.before)?;
        let after = image("field after", envelope.after)?;
        if after.is_none() && operation != Operation::Delete {
            return Err(DecodeError::MissingAfter { table, op: operation.letter() });
        }
        let event_ts = int("ts_ms", envelope.ts_ms)?;
        let version = origin.version(self.config.ordering, offset);
        let images = (before, if operation == Operation::Delete { None } else { after });
        Ok(Event::Change(Box::new(change(origin, table, operation, key, images, event_ts, version))))
    }

    fn envelope<'a>(&self, text: &'a str) -> Result<(Option<Arc<KnownSchema>>, Envelope<'a>), DecodeError> {
        if let Some(known) = self.value_schemas.unwrap_known(text)
            && let Ok(envelope) = serde_json::from_str(known.payload)
        {
            return Ok((known.schema, envelope));
        }
        let Unwrapped { schema, payload } = self.value_schemas.unwrap_unknown(text)?;
        let envelope =
            serde_json::from_str(payload).map_err(|error| DecodeError::from_json("the payload", &error))?;
        Ok((schema, envelope))
    }

    fn check_schema(&self, origin: &Origin, table: &str) -> Result<(), DecodeError> {
        match (&self.config.schema, &origin.schema) {
            (Some(expected), Some(found)) if expected != found => Err(DecodeError::SchemaMismatch(format!(
                "field source.schema: expected {expected}, found {found} (table {table})"
            ))),
            _ => Ok(()),
        }
    }

    fn plan(&self, schema: Option<&KnownSchema>, table: &str) -> Result<Arc<RowPlan>, DecodeError> {
        if let Some(schema) = schema {
            return Ok(schema.plan(table, &self.config.catalogue));
        }
        self.schemaless.get(table).cloned().ok_or_else(|| {
            DecodeError::SchemaMismatch(format!(
                "table {} is not in the catalogue and the record carries no schema",
                shortened(table)
            ))
        })
    }

    fn key(&self, table: &str, key: &[u8]) -> Result<Row, DecodeError> {
        let undecodable = |error: DecodeError| DecodeError::UndecodableKey(error.to_string());
        let text =
            std::str::from_utf8(key).map_err(|error| DecodeError::UndecodableKey(error.to_string()))?;
        let known = self.key_schemas.unwrap_known(text).and_then(|known| {
            let plan = self.plan(known.schema.as_deref(), table).ok()?;
            plan.decode("the key", known.payload, &self.forms).ok()
        });
        let row = match known {
            Some(row) => row,
            None => {
                let Unwrapped { schema, payload } =
                    self.key_schemas.unwrap_unknown(text).map_err(undecodable)?;
                let plan = self.plan(schema.as_deref(), table).map_err(undecodable)?;
                plan.decode("the key", payload, &self.forms).map_err(undecodable)?
            }
        };
        let declared = self.config.catalogue.table(table);
        for column in declared.map(|types| types.primary_key.as_slice()).unwrap_or_default() {
            if matches!(row.value(column), None | Some(Value::Null)) {
                return Err(DecodeError::UndecodableKey(format!("{table}: it has no column {column}")));
            }
        }
        Ok(row)
    }
}

fn change(
    origin: Origin,
    table: String,
    op: Operation,
    key: Row,
    (before, after): (Option<Row>, Option<Row>),
    event_ts: Option<i64>,
    version: super::Version,
) -> ChangeEvent {
    ChangeEvent {
        schema: origin.schema.unwrap_or_default(),
        table,
        op,
        key,
        before,
        after,
        snapshot: origin.snapshot,
        scn: origin.scn,
        commit_scn: origin.commit_scn,
        tx_id: origin.tx_id,
        tx_seq: origin.tx_seq,
        version,
        source_ts: origin.source_ts,
        event_ts,
        connector_version: origin.connector_version,
    }
}

/// What the message is: by the name of its schema, else by its members.
fn kind(schema: Option<&KnownSchema>, envelope: &Envelope<'_>) -> Result<Kind, DecodeError> {
    let name = schema.map(|schema| schema.wire.name.as_str()).unwrap_or_default();
    let by_name = [
        ("SchemaChangeValue", SkipKind::SchemaChange),
        (".TransactionMetadataValue", SkipKind::Transaction),
        (".Heartbeat", SkipKind::Heartbeat),
        (".Notification", SkipKind::Notification),
    ];
    if let Some((_, kind)) = by_name.iter().find(|(suffix, _)| name.ends_with(suffix)) {
        return Ok(Kind::Skipped(*kind));
    }
    let Some(op) = envelope.op else { return kind_without_op(envelope) };
    let letter = json_text(op.get()).ok_or_else(|| DecodeError::wrong_type("op", "text", op.get()))?;
    match letter.to_ascii_lowercase().as_str() {
        "c" => Ok(Kind::Change(Operation::Create)),
        "u" => Ok(Kind::Change(Operation::Update)),
        "d" => Ok(Kind::Change(Operation::Delete)),
        "r" => Ok(Kind::Change(Operation::Read)),
        "t" => Ok(Kind::Skipped(SkipKind::Truncate)),
        "m" => Ok(Kind::Skipped(SkipKind::Message)),
        _ => Err(DecodeError::UnknownOp(shortened(&letter))),
    }
}

fn kind_without_op(envelope: &Envelope<'_>) -> Result<Kind, DecodeError> {
    let images = envelope.before.is_some() || envelope.after.is_some();
    if envelope.specversion.is_some() {
        Err(DecodeError::UnsupportedFormat("a CloudEvents wrapper"))
    } else if envelope.ddl.is_some() || envelope.table_changes.is_some() {
        Ok(Kind::Skipped(SkipKind::SchemaChange))
    } else if envelope.aggregate_type.is_some() {
        Ok(Kind::Skipped(SkipKind::Notification))
    } else if envelope.status.is_some() && envelope.id.is_some() {
        Ok(Kind::Skipped(SkipKind::Transaction))
    } else if envelope.ts_ms.is_some() && envelope.source.is_none() && !images {
        Ok(Kind::Skipped(SkipKind::Heartbeat))
    } else {
        Err(DecodeError::SchemaMismatch(
            "field op is missing: not a Debezium envelope (flattened events are not supported)".to_owned(),
        ))
    }
}

/// The last part of `<prefix>.<SCHEMA>.<TABLE>`.
fn table_of_topic(topic: &str) -> &str {
    topic.rsplit('.').next().unwrap_or(topic)
}
