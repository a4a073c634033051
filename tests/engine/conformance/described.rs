//! The text of `describe`, to the byte.

use std::path::Path;

use serde_json::Value as Json;
use topo::Topology;

use super::mode::Mode;
use super::topology::{self, Unbuilt};

/// `<name>.json` holds a topology, `<name>.txt` its description.
pub(super) fn pair(file: &Path) -> Result<(), String> {
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let scenario: Json = serde_json::from_str(&read(file)?).map_err(|error| error.to_string())?;
    let text = read(&file.with_extension("txt"))?;
    let built = topology::build(&scenario, Mode::Memory).map_err(|unbuilt| match unbuilt {
        Unbuilt::Missing(what) | Unbuilt::Refused(what) => what,
    })?;
    matches(&built.topology, &Json::String(text))
}

pub(super) fn matches(topology: &Topology, expected: &Json) -> Result<(), String> {
    let Some(expected) = expected.as_str() else { return Ok(()) };
    let got = topology.describe();
    if got == expected {
        return Ok(());
    }
    let (mut got, mut expected) = (got.lines(), expected.lines());
    let mut nth = 0;
    loop {
        nth += 1;
        match (got.next(), expected.next()) {
            (None, None) => return Err("is described with other line ends".to_owned()),
            (got, expected) if got == expected => {}
            (got, expected) => {
                let end = "the end of the text";
                let (got, expected) = (got.unwrap_or(end), expected.unwrap_or(end));
                return Err(format!("description, line {nth}:\n- {expected}\n+ {got}"));
            }
        }
    }
}
