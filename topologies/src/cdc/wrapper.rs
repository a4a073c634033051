//! The schema wrapper `{"schema":..,"payload":..}` and the cache that keeps it cheap.
//!
//! The schema is about 3.5 KB of the 5 KB of a record and the same for thousands of records. The text up to
//! the payload is kept after it was read once; a record that starts with a known text is cut there by one
//! comparison of memory, and its schema is neither scanned nor parsed again.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::catalogue::Catalogue;
use super::error::DecodeError;
use super::image::RowPlan;
use super::wire::WireSchema;

/// Schemas kept; a topic has one per table and schema change, so a full cache means something odd.
const SCHEMAS_MAX: usize = 256;

/// A schema text that was seen, read.
#[derive(Debug)]
pub(super) struct KnownSchema {
    head: Box<str>,
    pub(super) wire: WireSchema,
    plan: OnceLock<Arc<RowPlan>>,
}

/// A message taken out of its wrapper.
pub(super) struct Unwrapped<'a> {
    pub(super) schema: Option<Arc<KnownSchema>>,
    pub(super) payload: &'a str,
}

/// The schemas seen so far.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    known: RwLock<Vec<Arc<KnownSchema>>>,
}

#[derive(Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow, default)]
    schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

impl KnownSchema {
    /// How to read rows of `table` under this schema.
    pub(super) fn plan(&self, table: &str, catalogue: &Catalogue) -> Arc<RowPlan> {
        let make = || Arc::new(RowPlan::from_schema(table, &self.wire, catalogue.table(table)));
        let plan = self.plan.get_or_init(make);
        // One schema text serves one table; a router that renames tables could still break that.
        if plan.table() == table { Arc::clone(plan) } else { make() }
    }
}

impl Schemas {
    /// Takes a message out of its wrapper by the known schemas alone.
    pub(super) fn unwrap_known<'a>(&self, text: &'a str) -> Option<Unwrapped<'a>> {
        if !text.starts_with("{\"schema\":") {
            return None;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let schema = known.iter().find(|schema| text.starts_with(&*schema.head))?;
        let payload = text[schema.head.len()..].strip_suffix('}')?;
        Some(Unwrapped { schema: Some(Arc::clone(schema)), payload })
    }

    /// Takes a message out of its wrapper by reading it, and remembers its schema.
    pub(super) fn unwrap_unknown<'a>(&self, text: &'a str) -> Result<Unwrapped<'a>, DecodeError> {
        let wrapper: Wrapper<'a> =
            serde_json::from_str(text).map_err(|error| DecodeError::from_json("the message", &error))?;
        let Some(payload) = wrapper.payload else { return Ok(Unwrapped { schema: None, payload: text }) };
        let schema = wrapper.schema.map(|schema| self.learn(schema.get())).transpose()?;
        Ok(Unwrapped { schema, payload: payload.get() })
    }

    fn learn(&self, schema: &str) -> Result<Arc<KnownSchema>, DecodeError> {
        let head = format!("{{\"schema\":{schema},\"payload\":").into_boxed_str();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = known.iter().find(|schema| schema.head == head) {
            return Ok(Arc::clone(schema));
        }
        let wire = WireSchema::parse(schema)
            .map_err(|error| DecodeError::SchemaMismatch(format!("field schema: {error}")))?;
        let schema = Arc::new(KnownSchema { head, wire, plan: OnceLock::new() });
        if known.len() >= SCHEMAS_MAX {
            known.clear();
        }
        known.push(Arc::clone(&schema));
        Ok(schema)
    }
}
