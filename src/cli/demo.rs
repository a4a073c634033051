//! `topo demo`: everything on made-up data, checked against an independent model.

use super::{Catalogue, Console, DemoOptions, Exit, Failure, args::Format};
use std::sync::atomic::AtomicBool;

pub(super) fn demo(
    catalogue: &Catalogue,
    events: u64,
    seed: u64,
    crash: bool,
    format: Format,
    stop: &AtomicBool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let demo = catalogue.demo.ok_or_else(|| Failure::new(Exit::Usage, "this binary has no demo"))?;
    let progress = console.terminal && format == Format::Text;
    let outcome = demo(&DemoOptions { events, seed, crash, progress }, stop)?;
    match format {
        Format::Text => console.print(&outcome.text)?,
        Format::Json => console.print(&format!("{}\n", outcome.json))?,
    }
    Ok(if outcome.right { Exit::Ok } else { Exit::Differs })
}
