//! `topo describe NAME`: the topology as a picture.

use super::{Catalogue, Console, DescribeFormat, Exit, Failure};
use crate::config::Settings;

pub(super) fn describe(
    catalogue: &Catalogue,
    settings: &Settings,
    name: &str,
    format: DescribeFormat,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let entry = catalogue.entry(name)?;
    let application = (entry.make)(&settings.for_application(name))?;
    let picture = application.describe(format)?;
    console.print(&picture)?;
    if !picture.ends_with('\n') {
        console.print("\n")?;
    }
    Ok(Exit::Ok)
}
