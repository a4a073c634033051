//! The configuration for people and for programs. Secrets are masked before they get here.

use super::{Entry, Key, Settings, Table};
use serde_json::json;

/// What stands in place of a secret.
pub const MASK: &str = "********";

/// Key, value and source in three aligned columns, one setting a line.
#[must_use]
pub fn render_text(settings: &Settings) -> String {
    let entries = settings.entries();
    let width = |cell: fn(&Entry) -> &str| entries.iter().map(|entry| cell(entry).len()).max().unwrap_or(0);
    let (keys, values) = (width(|entry| &entry.key), width(|entry| &entry.shown).min(48));
    let line = |entry: &Entry| format!("{:keys$}  {:values$}  {}\n", entry.key, entry.shown, entry.source);
    entries.iter().map(line).collect()
}

/// The same as a JSON array of `{key, value, secret, source}`.
#[must_use]
pub fn render_json(settings: &Settings) -> String {
    let rows: Vec<_> = settings
        .entries()
        .into_iter()
        .map(|entry| {
            json!({"key": entry.key, "value": entry.shown, "secret": entry.secret, "source": entry.source.to_string()})
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(rows))
}

/// The table of keys as Markdown, as the README carries it.
#[must_use]
pub fn render_reference(table: &Table) -> String {
    let mut page = String::from("| key | default | takes | meaning |\n|---|---|---|---|\n");
    for Key { name, kind, default, about, .. } in table.keys() {
        let default = if default.is_empty() { "-".to_owned() } else { format!("`{default}`") };
        page.push_str(&format!("| `{name}` | {default} | {} | {about} |\n", kind.wants()));
    }
    page
}
