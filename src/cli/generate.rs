//! `topo generate NAME`: made-up input, to Kafka or to standard output.

use super::{Catalogue, Console, Exit, Failure, GenerateOptions};
use crate::config::Settings;
use std::{
    io::{BufWriter, Write},
    sync::atomic::AtomicBool,
};

pub(super) fn generate(
    catalogue: &Catalogue,
    settings: &Settings,
    name: &str,
    options: &GenerateOptions,
    stop: &AtomicBool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let generator = catalogue.generator(name)?;
    let mut out = BufWriter::new(&mut *console.out);
    (generator.run)(settings, options, stop, &mut out)?;
    // Flushed here, not at the drop: there a failure would be silent.
    out.flush()?;
    Ok(Exit::Ok)
}
