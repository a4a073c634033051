//! `topo tasks NAME`: who runs what.

use super::{
    Catalogue, Console, Exit, Failure, TaskRow,
    args::Format,
    table::{or_dash, table},
};
use crate::config::Settings;

pub(super) fn tasks(
    catalogue: &Catalogue,
    settings: &Settings,
    name: &str,
    format: Format,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let entry = catalogue.entry(name)?;
    let rows = (entry.make)(&settings.for_application(name))?.tasks()?;
    console.print(&match format {
        Format::Json => format!("{:#}\n", serde_json::json!(rows)),
        Format::Text => picture(&rows),
    })?;
    Ok(Exit::Ok)
}

fn picture(rows: &[TaskRow]) -> String {
    let line = |row: &TaskRow| {
        let copy =
            |it: &super::StandbyRow| format!("{} on {} (behind {})", it.process, it.host, or_dash(it.behind));
        let standbys: Vec<String> = row.standbys.iter().map(copy).collect();
        vec![
            row.task.clone(),
            row.state.to_owned(),
            or_dash(row.process.clone()),
            or_dash(row.host.clone()),
            row.lag.to_string(),
            or_dash(row.restore_remaining),
            if standbys.is_empty() { "-".to_owned() } else { standbys.join(", ") },
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(&["task", "state", "process", "host", "lag", "to restore", "standbys"], &lines)
}
