//! `topo state list|stats|get|scan|verify NAME`: a look into stores, on the disk or in running processes.

use super::{
    Catalogue, Console, Exit, Failure, StoreRow, VerifyRow,
    args::{Format, Look, Place, Whose},
    look::{remote::Remote, rows::plain},
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
    /// Only those of the key that is shown as this text.
    pub key: Option<String>,
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
        Look::List { whose, place } => {
            let rows = stores(make(&whose)?.as_ref(), &whose.name, place, console)?;
            console.print(&listed(&rows, whose.format))?;
        }
        Look::Stats { whose, place } => {
            let rows = stores(make(&whose)?.as_ref(), &whose.name, place, console)?;
            console.print(&measured(&rows, whose.format))?;
        }
        Look::Get { whose, store, key, task, place } => {
            let query = StateQuery { store, task, key: Some(key) };
            let found = show(make(&whose)?.as_ref(), &whose.name, place, &query, u64::MAX, console)?;
            return Ok(if found == 0 { Exit::Differs } else { Exit::Ok });
        }
        Look::Scan { whose, store, task, limit, place } => {
            let query = StateQuery { store, task, key: None };
            show(make(&whose)?.as_ref(), &whose.name, place, &query, limit, console)?;
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

/// The processes to ask; `None` = the stores on this disk.
fn remote<'a>(
    application: &dyn super::Application,
    name: &'a str,
    place: Place,
) -> Result<Option<Remote<'a>>, Failure> {
    let addresses = match place {
        Place { at: Some(address), .. } => vec![address],
        Place { online: true, .. } => application.addresses()?,
        Place { .. } => return Ok(None),
    };
    Ok(Some(Remote { name, addresses }))
}

fn stores(
    application: &dyn super::Application,
    name: &str,
    place: Place,
    console: &mut Console<'_>,
) -> Result<Vec<StoreRow>, Failure> {
    let Some(remote) = remote(application, name, place)? else { return application.stores() };
    let (rows, missing) = remote.stores()?;
    missing.iter().for_each(|why| console.say(&format!("topo: {why}")));
    Ok(rows)
}

/// One JSON object a line, in both forms: rows hold whatever the application's types hold.
fn show(
    application: &dyn super::Application,
    name: &str,
    place: Place,
    query: &StateQuery,
    limit: u64,
    console: &mut Console<'_>,
) -> Result<u64, Failure> {
    let (mut shown, mut failure) = (0, None);
    let wanted = |row: &Value| query.key.as_ref().is_none_or(|key| plain(&row["key"]) == *key);
    let mut visit = |task: &str, mut row: Value| {
        if shown >= limit {
            return false;
        }
        if wanted(&row) {
            row["task"] = json!(task);
            failure = console.print(&format!("{row}\n")).err();
            shown += 1;
        }
        failure.is_none() && shown < limit
    };
    let missing = match remote(application, name, place)? {
        Some(remote) => remote.rows(query, &mut visit)?,
        None => application.rows(query, &mut visit).map(|()| Vec::new())?,
    };
    missing.iter().for_each(|why| console.say(&format!("topo: {why}")));
    failure.map_or(Ok(shown), Err)
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
            row.compacted.to_string(),
            row.differences.join("; "),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(&["task", "store", "result", "equal", "different", "compacted", ""], &lines)
}
