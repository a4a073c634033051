//! `topo state list|stats|get|scan|verify NAME`: a look into local stores.

use super::{
    Catalogue, Console, Exit, Failure, StoreRow, VerifyRow,
    args::{Format, Look, Whose},
    table::{or_dash, table},
};
use crate::config::Settings;
use serde_json::{Value, json};

/// Which rows are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateQuery {
    /// The store.
    pub store: String,
    /// Only this task's.
    pub task: Option<String>,
}

pub(super) fn state(
    catalogue: &Catalogue,
    settings: &Settings,
    look: Look,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let make = |whose: &Whose| {
        let entry = catalogue.entry(&whose.name)?;
        (entry.make)(&settings.for_application(&whose.name))
    };
    match look {
        Look::List(whose) => {
            let rows = make(&whose)?.stores()?;
            console.print(&listed(&rows, whose.format))?;
        }
        Look::Stats(whose) => {
            let rows = make(&whose)?.stores()?;
            console.print(&measured(&rows, whose.format))?;
        }
        Look::Get { whose, store, key, task } => {
            let wanted = |row: &Value| plain(&row["key"]) == key;
            let found =
                show(make(&whose)?.as_ref(), &StateQuery { store, task }, u64::MAX, &wanted, console)?;
            return Ok(if found == 0 { Exit::Differs } else { Exit::Ok });
        }
        Look::Scan { whose, store, task, limit } => {
            show(make(&whose)?.as_ref(), &StateQuery { store, task }, limit, &|_| true, console)?;
        }
        Look::Verify { whose, store, task } => {
            let rows = make(&whose)?.verify(store.as_deref(), task.as_deref())?;
            console.print(&verified(&rows, whose.format))?;
            let bad = rows.iter().any(|row| matches!(row.result, "differs" | "unfinished"));
            return Ok(if bad { Exit::Differs } else { Exit::Ok });
        }
    }
    Ok(Exit::Ok)
}

/// One JSON object a line, in both forms: rows hold whatever the application's types hold.
fn show(
    application: &dyn super::Application,
    query: &StateQuery,
    limit: u64,
    wanted: &dyn Fn(&Value) -> bool,
    console: &mut Console<'_>,
) -> Result<u64, Failure> {
    let (mut shown, mut failure) = (0, None);
    application.rows(query, &mut |task, mut row| {
        if shown >= limit {
            return false;
        }
        if wanted(&row) {
            row["task"] = json!(task);
            failure = console.print(&format!("{row}\n")).err();
            shown += 1;
        }
        failure.is_none() && shown < limit
    })?;
    failure.map_or(Ok(shown), Err)
}

/// A key as a person types it.
fn plain(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

fn listed(rows: &[StoreRow], format: Format) -> String {
    if format == Format::Json {
        return format!("{:#}\n", json!(rows));
    }
    let line = |row: &StoreRow| vec![row.task.clone(), row.store.clone(), row.declared.clone()];
    table(&["task", "store", "declared"], &rows.iter().map(line).collect::<Vec<_>>())
}

fn measured(rows: &[StoreRow], format: Format) -> String {
    if format == Format::Json {
        return format!("{:#}\n", json!(rows));
    }
    let line = |row: &StoreRow| {
        let note = if row.unfinished { "a restore was cut off; the next start completes it" } else { "" };
        vec![
            row.task.clone(),
            row.store.clone(),
            row.rows.to_string(),
            or_dash(row.checkpoint),
            note.to_owned(),
        ]
    };
    table(&["task", "store", "rows (about)", "checkpoint", ""], &rows.iter().map(line).collect::<Vec<_>>())
}

fn verified(rows: &[VerifyRow], format: Format) -> String {
    if format == Format::Json {
        return format!("{:#}\n", json!(rows));
    }
    let line = |row: &VerifyRow| {
        vec![
            row.task.clone(),
            row.store.clone(),
            row.result.to_owned(),
            row.equal.to_string(),
            row.different.to_string(),
            row.differences.join("; "),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(&["task", "store", "result", "equal", "different", ""], &lines)
}
