//! A row image on the wire: the plan of its columns, and a JSON object read along that plan.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::catalogue::TableTypes;
use super::column::{ColumnPlan, Forms};
use super::error::DecodeError;
use super::row::{ColumnNames, Row};
use super::wire::WireSchema;

/// How to read every column of a table.
#[derive(Debug)]
pub(super) struct RowPlan {
    names: Arc<ColumnNames>,
    columns: Vec<ColumnPlan>,
}

/// The members of a JSON object in their order, values unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl RowPlan {
    /// The plan of a table whose schema is on the wire; the catalogue adds what the schema cannot say.
    pub(super) fn from_schema(table: &str, schema: &WireSchema, declared: Option<&TableTypes>) -> RowPlan {
        let columns = schema.columns.iter().map(|(name, wire)| {
            let declared = declared.and_then(|types| types.columns.get(name)).copied();
            (name.clone(), ColumnPlan { wire: Some(*wire), declared })
        });
        RowPlan::new(table, columns)
    }

    /// The plan of a table without a schema on the wire.
    pub(super) fn from_catalogue(table: &str, declared: &TableTypes) -> RowPlan {
        let columns = declared
            .columns
            .iter()
            .map(|(name, declared)| (name.clone(), ColumnPlan { wire: None, declared: Some(*declared) }));
        RowPlan::new(table, columns)
    }

    fn new(table: &str, columns: impl Iterator<Item = (String, ColumnPlan)>) -> RowPlan {
        let (names, columns) = columns.filter(|(_, plan)| !plan.is_ignored()).unzip();
        RowPlan { names: Arc::new(ColumnNames { table: table.to_owned(), columns: names }), columns }
    }

    pub(super) fn table(&self) -> &str {
        &self.names.table
    }

    /// Reads the JSON object `text`. Columns outside the plan are ignored.
    pub(super) fn decode(&self, place: &str, text: &str, forms: &Forms) -> Result<Row, DecodeError> {
        let members: Members<'_> =
            serde_json::from_str(text).map_err(|error| DecodeError::from_json(place, &error))?;
        let mut row = Row::new(Arc::clone(&self.names));
        for (position, (name, raw)) in members.0.iter().enumerate() {
            if let Some(index) = self.index(name, position) {
                let cell = self.columns[index].decode(name, raw.get(), forms)?;
                row.set(index, cell);
            }
        }
        Ok(row)
    }

    /// Most rows list their columns in the order of the plan, so the position is tried first.
    fn index(&self, name: &str, position: usize) -> Option<usize> {
        let names = &self.names.columns;
        if names.get(position).is_some_and(|expected| expected == name) {
            return Some(position);
        }
        names.iter().position(|expected| expected == name)
    }
}

#[derive(Deserialize)]
struct MemberName<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'de>, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one member per column")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(MemberName(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
