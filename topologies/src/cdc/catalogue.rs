//! The declared Oracle types of the tables: needed wherever the wire does not carry the type.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// Declared type of a column, as far as decoding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OracleType {
    /// NUMBER(p,0) with p below 19: a 64-bit integer.
    Integer,
    /// Every other NUMBER with a declared scale.
    Decimal {
        /// Digits after the point; negative for NUMBER(p,-s).
        scale: i8,
    },
    /// NUMBER without precision, FLOAT, REAL, DOUBLE PRECISION: any scale.
    Number,
    /// BINARY_FLOAT and BINARY_DOUBLE.
    Float,
    /// VARCHAR2, CHAR, CLOB, XMLTYPE and their kin.
    Text,
    /// RAW and BLOB.
    Bytes,
    /// DATE or TIMESTAMP(n): wall clock read as UTC, with this many digits of a second.
    Timestamp {
        /// Digits of the fraction of a second.
        digits: u8,
    },
    /// TIMESTAMP WITH (LOCAL) TIME ZONE.
    ZonedTimestamp,
}

/// The columns of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableTypes {
    /// Columns of the primary key, in key order.
    pub primary_key: Vec<String>,
    /// Declared type per column.
    pub columns: BTreeMap<String, OracleType>,
}

/// Declared types per table name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    tables: BTreeMap<String, TableTypes>,
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("cannot read the table catalogue {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not a catalogue.
    #[error("the table catalogue is not valid: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A column has a type that is not known.
    #[error("table catalogue: {table}.{column} has the unknown type `{found}`")]
    UnknownType {
        /// Table of the column.
        table: String,
        /// The column.
        column: String,
        /// The type as written.
        found: String,
    },
    /// A primary key column is not among the columns.
    #[error("table catalogue: {table} has no column {column}, which its primary key names")]
    KeyWithoutColumn {
        /// The table.
        table: String,
        /// The column the key names.
        column: String,
    },
}

#[derive(Deserialize)]
struct CatalogueFile {
    tables: BTreeMap<String, TableFile>,
}

#[derive(Deserialize)]
struct TableFile {
    pk: Vec<String>,
    columns: BTreeMap<String, String>,
}

impl Catalogue {
    /// The five tables of the SALES schema.
    pub fn sales() -> Result<Catalogue, CatalogueError> {
        Catalogue::from_json(include_str!("sales.json"))
    }

    /// Reads a catalogue file.
    pub fn from_file(path: &Path) -> Result<Catalogue, CatalogueError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CatalogueError::Unreadable { path: path.display().to_string(), source })?;
        Catalogue::from_json(&text)
    }

    /// Reads `{"tables": {NAME: {"pk": [..], "columns": {NAME: TYPE}}}}`.
    pub fn from_json(text: &str) -> Result<Catalogue, CatalogueError> {
        let file: CatalogueFile = serde_json::from_str(text)?;
        let mut tables = BTreeMap::new();
        for (table, declared) in file.tables {
            let mut columns = BTreeMap::new();
            for (column, text) in declared.columns {
                let Some(kind) = OracleType::parse(&text) else {
                    return Err(CatalogueError::UnknownType { table, column, found: text });
                };
                columns.insert(column, kind);
            }
            if let Some(column) = declared.pk.iter().find(|column| !columns.contains_key(*column)) {
                return Err(CatalogueError::KeyWithoutColumn { column: column.clone(), table });
            }
            tables.insert(table, TableTypes { primary_key: declared.pk, columns });
        }
        Ok(Catalogue { tables })
    }

    /// All declared tables with their names.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &TableTypes)> {
        self.tables.iter().map(|(name, types)| (name.as_str(), types))
    }

    /// The table with this name, if it is declared.
    pub fn table(&self, name: &str) -> Option<&TableTypes> {
        self.tables.get(name)
    }
}

impl OracleType {
    /// Reads a declared type such as `NUMBER(15,2)`; `None` when it is not known.
    pub fn parse(text: &str) -> Option<OracleType> {
        let text = text.trim().to_ascii_uppercase();
        let (head, rest) = text.split_once('(').unwrap_or((&text, ""));
        let (inside, tail) = rest.split_once(')').unwrap_or(("", ""));
        let sizes: Vec<i32> = inside.split(',').filter_map(|size| size.trim().parse().ok()).collect();
        match head.trim() {
            "NUMBER" | "NUMERIC" | "DECIMAL" => OracleType::number(&sizes),
            "INTEGER" | "INT" | "SMALLINT" => Some(OracleType::Decimal { scale: 0 }),
            "FLOAT" | "REAL" | "DOUBLE PRECISION" => Some(OracleType::Number),
            "BINARY_FLOAT" | "BINARY_DOUBLE" => Some(OracleType::Float),
            "VARCHAR2" | "VARCHAR" | "NVARCHAR2" | "CHAR" | "NCHAR" | "CLOB" | "NCLOB" | "XMLTYPE"
            | "JSON" | "LONG" | "ROWID" => Some(OracleType::Text),
            "RAW" | "LONG RAW" | "BLOB" => Some(OracleType::Bytes),
            "DATE" => Some(OracleType::Timestamp { digits: 3 }),
            head if head.starts_with("TIMESTAMP") => {
                if head.contains("ZONE") || tail.contains("ZONE") {
                    return Some(OracleType::ZonedTimestamp);
                }
                let digits = sizes.first().copied().unwrap_or(6);
                u8::try_from(digits)
                    .ok()
                    .filter(|digits| *digits <= 9)
                    .map(|digits| OracleType::Timestamp { digits })
            }
            _ => None,
        }
    }

    fn number(sizes: &[i32]) -> Option<OracleType> {
        let Some(precision) = sizes.first().copied() else { return Some(OracleType::Number) };
        let scale = i8::try_from(sizes.get(1).copied().unwrap_or(0)).ok()?;
        if scale <= 0 && precision - i32::from(scale) < 19 {
            return Some(OracleType::Integer);
        }
        Some(OracleType::Decimal { scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_read_as_the_connector_sees_them() {
        let cases = [
            ("NUMBER(10)", OracleType::Integer),
            ("NUMBER(1)", OracleType::Integer),
            ("NUMBER(15,2)", OracleType::Decimal { scale: 2 }),
            ("NUMBER(38)", OracleType::Decimal { scale: 0 }),
            ("NUMBER", OracleType::Number),
            ("varchar2(20)", OracleType::Text),
            ("DATE", OracleType::Timestamp { digits: 3 }),
            ("TIMESTAMP", OracleType::Timestamp { digits: 6 }),
            ("TIMESTAMP(9)", OracleType::Timestamp { digits: 9 }),
            ("TIMESTAMP(6) WITH LOCAL TIME ZONE", OracleType::ZonedTimestamp),
            ("TIMESTAMP WITH TIME ZONE", OracleType::ZonedTimestamp),
        ];
        for (text, kind) in cases {
            assert_eq!(OracleType::parse(text), Some(kind), "{text}");
        }
        assert_eq!(OracleType::parse("SDO_GEOMETRY"), None);
        assert_eq!(OracleType::parse("TIMESTAMP(12)"), None);
    }

    #[test]
    fn the_built_in_catalogue_has_the_five_tables() {
        let catalogue = Catalogue::sales().unwrap();
        for (table, key) in [
            ("ORDERS", "ORDER_ID"),
            ("ORDER_ITEMS", "ITEM_ID"),
            ("CUSTOMERS", "CUSTOMER_ID"),
            ("PRODUCTS", "PRODUCT_ID"),
            ("AUDIT_LOG", "LOG_ID"),
        ] {
            assert_eq!(catalogue.table(table).unwrap().primary_key, [key]);
        }
    }

    #[test]
    fn a_bad_catalogue_says_where() {
        let unknown = r#"{"tables":{"T":{"pk":[],"columns":{"C":"SDO_GEOMETRY"}}}}"#;
        assert_eq!(
            Catalogue::from_json(unknown).unwrap_err().to_string(),
            "table catalogue: T.C has the unknown type `SDO_GEOMETRY`"
        );
        let keyless = r#"{"tables":{"T":{"pk":["ID"],"columns":{}}}}"#;
        assert!(matches!(Catalogue::from_json(keyless), Err(CatalogueError::KeyWithoutColumn { .. })));
    }
}
