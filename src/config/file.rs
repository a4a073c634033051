//! The configuration file: TOML, flattened to dotted keys with their lines.

use super::{ConfigError, ConfigFile, Source};
use toml::de::{DeTable, DeValue};

/// One value of the file: dotted key, text of the value, place.
pub(super) type Row = (String, String, Source);

/// Every value of the file in its order, or what is wrong with it.
pub(super) fn rows(file: &ConfigFile) -> Result<Vec<Row>, Vec<ConfigError>> {
    let table = DeTable::parse(&file.text).map_err(|error| {
        let at = place(file, error.span().map_or(0, |span| span.start));
        vec![ConfigError::BadFile { at, reason: error.message().trim().to_owned() }]
    })?;
    let mut reader = Reader { file, rows: Vec::new(), errors: Vec::new() };
    reader.table("", table.get_ref());
    // The parser's tables are sorted by key; people read a file from its top.
    reader.rows.sort_by_key(|(_, _, at)| line(at));
    if reader.errors.is_empty() { Ok(reader.rows) } else { Err(reader.errors) }
}

struct Reader<'a> {
    file: &'a ConfigFile,
    rows: Vec<Row>,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            let at = place(self.file, key.span().start);
            match value.get_ref() {
                DeValue::Table(inner) => self.table(&name, inner),
                other => match text(other) {
                    Some(text) => self.rows.push((name, text, at)),
                    None => {
                        let reason = format!(
                            "`{name}` is {}, and a setting is text, a number or true/false",
                            kind(other)
                        );
                        self.errors.push(ConfigError::BadFile { at, reason });
                    }
                },
            }
        }
    }
}

/// A scalar as text, or a list of scalars joined with commas (`bootstrap.servers = ["a:9092", "b:9092"]`).
fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| text(item.get_ref())).collect();
            items.map(|items| items.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list of tables or dates",
        DeValue::Integer(_) => "a number beyond 64 bits",
        _ => "a table",
    }
}

fn line(at: &Source) -> usize {
    if let Source::File { line, .. } = at { *line } else { 0 }
}

fn place(file: &ConfigFile, offset: usize) -> Source {
    let before = file.text.as_bytes().iter().take(offset);
    Source::File { path: file.path.clone(), line: 1 + before.filter(|byte| **byte == b'\n').count() }
}
