//! A decoded row: columns with values of one canonical form, whatever the wire looked like.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::error::DecodeError;
use crate::decimal::Decimal;
use crate::time::rfc3339_from_micros;

/// The value of a column in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A whole number of up to 18 digits.
    Int(i64),
    /// Any other exact number, with its scale.
    Decimal(Decimal),
    /// A binary floating point number.
    Float(f64),
    /// True or false, where a converter made one of NUMBER(1).
    Bool(bool),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Microseconds since 1970, UTC.
    Micros(i64),
}

/// What an event says about a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// The event does not have the column.
    #[default]
    Absent,
    /// The event has the placeholder for an unchanged large value: the stored value stays.
    Unavailable,
    /// The column has this value, which may be NULL.
    Value(Value),
}

/// The names of the columns of a row, shared by all rows with the same schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames {
    /// Name of the table, for messages.
    pub table: String,
    /// Column names in the order of the cells.
    pub columns: Vec<String>,
}

/// One row image.
#[derive(Clone, Debug)]
pub struct Row {
    names: Arc<ColumnNames>,
    cells: Vec<Cell>,
}

impl Row {
    pub(super) fn new(names: Arc<ColumnNames>) -> Row {
        let cells = vec![Cell::Absent; names.columns.len()];
        Row { names, cells }
    }

    pub(super) fn set(&mut self, index: usize, cell: Cell) {
        if let Some(slot) = self.cells.get_mut(index) {
            *slot = cell;
        }
    }

    /// Name of the row's table.
    pub fn table(&self) -> &str {
        &self.names.table
    }

    /// What the row says about a column; unknown columns are absent.
    pub fn cell(&self, column: &str) -> &Cell {
        let index = self.names.columns.iter().position(|name| name == column);
        index.and_then(|index| self.cells.get(index)).unwrap_or(&Cell::Absent)
    }

    /// The value of a column; `None` when it is absent or unavailable.
    pub fn value(&self, column: &str) -> Option<&Value> {
        match self.cell(column) {
            Cell::Value(value) => Some(value),
            Cell::Absent | Cell::Unavailable => None,
        }
    }

    /// Columns with their cells, absent ones left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Cell)> {
        let named = self.names.columns.iter().map(String::as_str).zip(&self.cells);
        named.filter(|(_, cell)| **cell != Cell::Absent)
    }

    /// Names of the columns that hold the placeholder.
    pub fn unavailable(&self) -> Vec<&str> {
        self.iter().filter(|(_, cell)| **cell == Cell::Unavailable).map(|(name, _)| name).collect()
    }

    /// Puts the stored value into every column that holds the placeholder, NULL where none is stored.
    pub fn fill_unavailable_from(&mut self, stored: Option<&Row>) {
        let names = Arc::clone(&self.names);
        for (name, cell) in names.columns.iter().zip(&mut self.cells) {
            if *cell == Cell::Unavailable {
                let kept = stored.and_then(|row| row.value(name)).cloned();
                *cell = Cell::Value(kept.unwrap_or(Value::Null));
            }
        }
    }

    /// The row as JSON: decimals as text with their scale, instants as RFC 3339, bytes as an array.
    pub fn to_json(&self) -> Json {
        let known = self.iter().filter_map(|(name, cell)| match cell {
            Cell::Value(value) => Some((name.to_owned(), value.to_json())),
            Cell::Absent | Cell::Unavailable => None,
        });
        Json::Object(known.collect::<Map<_, _>>())
    }

    /// A whole-number column; NULL and the placeholder are `None`, an absent column is an error.
    pub fn int(&self, column: &str) -> Result<Option<i64>, DecodeError> {
        self.typed(column, "a whole number", |value| match value {
            Value::Int(number) => Some(*number),
            Value::Decimal(number) => number.to_i64(),
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        })
    }

    /// A number column; NULL and the placeholder are `None`, an absent column is an error.
    pub fn decimal(&self, column: &str) -> Result<Option<Decimal>, DecodeError> {
        self.typed(column, "a decimal number", |value| match value {
            Value::Decimal(number) => Some(*number),
            Value::Int(number) => Some(Decimal::from(*number)),
            _ => None,
        })
    }

    /// A text column; NULL and the placeholder are `None`, an absent column is an error.
    pub fn text(&self, column: &str) -> Result<Option<String>, DecodeError> {
        self.typed(column, "text", |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A time column in microseconds; NULL and the placeholder are `None`, an absent column is an error.
    pub fn micros(&self, column: &str) -> Result<Option<i64>, DecodeError> {
        self.typed(column, "a timestamp", |value| match value {
            Value::Micros(micros) => Some(*micros),
            _ => None,
        })
    }

    fn typed<T>(
        &self,
        column: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        match self.cell(column) {
            Cell::Value(Value::Null) | Cell::Unavailable => Ok(None),
            Cell::Value(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(DecodeError::wrong_type(column, expected, &value.to_json().to_string())),
            },
            Cell::Absent => {
                Err(DecodeError::MissingColumn { table: self.names.table.clone(), column: column.to_owned() })
            }
        }
    }
}

impl PartialEq for Row {
    /// Two rows are equal when they say the same about the same columns, in any order.
    fn eq(&self, other: &Row) -> bool {
        self.iter().count() == other.iter().count()
            && self.iter().all(|(name, cell)| other.cell(name) == cell)
    }
}

impl Value {
    /// The value as JSON: decimals as text with their scale, instants as RFC 3339, bytes as an array.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Int(number) => Json::from(*number),
            Value::Decimal(number) => Json::from(number.to_string()),
            Value::Float(number) => Json::from(*number),
            Value::Bool(flag) => Json::from(*flag),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Bytes(bytes) => Json::from(bytes.as_slice()),
            Value::Micros(micros) => rfc3339_from_micros(*micros).map_or(Json::Null, Json::from),
        }
    }
}
