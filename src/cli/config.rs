//! `topo config`: what is in force and where each value came from.

use super::{Catalogue, Console, Exit, Failure, args::ConfigFormat};
use crate::config::{Settings, render_json, render_reference, render_text};

pub(super) fn config(
    catalogue: &Catalogue,
    settings: &Settings,
    format: ConfigFormat,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let page = match format {
        ConfigFormat::Text => render_text(settings),
        ConfigFormat::Json => render_json(settings),
        ConfigFormat::Markdown => render_reference(&catalogue.table()),
    };
    console.print(&page)?;
    Ok(Exit::Ok)
}
