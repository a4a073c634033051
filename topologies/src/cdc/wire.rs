//! The types a Kafka Connect schema declares, read once per schema text.

use std::collections::HashMap;

use serde::Deserialize;

/// How a column is written on the wire, from the schema's `type` and `name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Int,
    Float,
    Bool,
    Text,
    Bytes,
    Decimal {
        scale: i32,
    },
    VariableScaleDecimal,
    Millis,
    Micros,
    Nanos,
    Days,
    IsoText,
    /// A form that no column of ours has, such as an array: the column counts as unknown.
    Ignored,
}

/// A schema text, read: its name and the columns of the row it describes.
#[derive(Debug)]
pub(super) struct WireSchema {
    pub(super) name: String,
    pub(super) columns: Vec<(String, WireType)>,
}

#[derive(Deserialize)]
struct SchemaText {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    field: Option<String>,
    fields: Option<Vec<SchemaText>>,
    parameters: Option<HashMap<String, String>>,
}

impl WireSchema {
    /// Reads the schema of a key (its fields are the columns) or of an envelope (those of `after`).
    pub(super) fn parse(text: &str) -> Result<WireSchema, serde_json::Error> {
        let schema: SchemaText = serde_json::from_str(text)?;
        let name = schema.name.unwrap_or_default();
        let mut fields = schema.fields.unwrap_or_default();
        let image = ["after", "before"].iter().find_map(|image| {
            fields.iter().position(|field| field.field.as_deref() == Some(image) && field.fields.is_some())
        });
        if let Some(image) = image {
            fields = fields.swap_remove(image).fields.unwrap_or_default();
        }
        let columns = fields.into_iter().filter_map(|mut column| {
            let name = column.field.take()?;
            Some((name, column.wire_type()))
        });
        Ok(WireSchema { columns: columns.collect(), name })
    }
}

impl SchemaText {
    fn wire_type(&self) -> WireType {
        match self.name.as_deref() {
            Some("org.apache.kafka.connect.data.Decimal") => self.decimal(),
            Some("io.debezium.data.VariableScaleDecimal") => WireType::VariableScaleDecimal,
            Some("io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp") => {
                WireType::Millis
            }
            Some("io.debezium.time.MicroTimestamp") => WireType::Micros,
            Some("io.debezium.time.NanoTimestamp") => WireType::Nanos,
            Some("io.debezium.time.Date" | "org.apache.kafka.connect.data.Date") => WireType::Days,
            Some("io.debezium.time.ZonedTimestamp" | "io.debezium.time.IsoTimestamp") => WireType::IsoText,
            _ => self.plain(),
        }
    }

    fn decimal(&self) -> WireType {
        let scale = self.parameters.as_ref().and_then(|parameters| parameters.get("scale"));
        // Connect always writes the scale; a Decimal without it cannot be read as a number.
        scale
            .and_then(|scale| scale.parse().ok())
            .map_or(WireType::Ignored, |scale| WireType::Decimal { scale })
    }

    fn plain(&self) -> WireType {
        match self.kind.as_str() {
            "int8" | "int16" | "int32" | "int64" => WireType::Int,
            "float" | "double" => WireType::Float,
            "boolean" => WireType::Bool,
            "string" => WireType::Text,
            "bytes" => WireType::Bytes,
            _ => WireType::Ignored,
        }
    }
}
