//! `topo lag NAME`: how far the group is on every input partition.

use super::{
    Catalogue, Console, Exit, Failure, LagRow,
    args::Format,
    table::{or_dash, table},
};
use crate::config::Settings;

pub(super) fn lag(
    catalogue: &Catalogue,
    settings: &Settings,
    name: &str,
    format: Format,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let entry = catalogue.entry(name)?;
    let rows = (entry.make)(&settings.for_application(name))?.lag()?;
    console.print(&match format {
        Format::Json => format!("{:#}\n", serde_json::json!(rows)),
        Format::Text => picture(&rows),
    })?;
    Ok(Exit::Ok)
}

fn picture(rows: &[LagRow]) -> String {
    let line = |row: &LagRow| {
        let LagRow { topic, partition, task, committed, end, lag } = row;
        vec![
            topic.clone(),
            partition.to_string(),
            task.clone(),
            or_dash(*committed),
            end.to_string(),
            lag.to_string(),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    table(&["topic", "partition", "task", "committed", "end", "lag"], &lines)
}
