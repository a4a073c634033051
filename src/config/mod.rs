//! Configuration: four layers, each value with the place it came from.
//!
//! Built-in defaults < file (`--config topo.toml`) < environment (`TOPO_BOOTSTRAP_SERVERS`) < flags (`--set key=value`).
//! A [`Table`] of [`Key`]s is the one place that says which keys exist; it drives parsing, the names of environment
//! variables, `topo config` and the README's list. Whatever a layer names must be in the table: an unknown key is an
//! error that names the nearest known one.
//!
//! This room never acts on a setting. It knows types, units and sources; what a value does is known where it is read.

mod error;
mod file;
mod key;
mod keys;
mod layers;
mod nearest;
mod parse;
mod passthrough;
mod render;
mod settings;
mod table;

pub use error::{ConfigError, ConfigErrors};
pub use key::{Key, Kind};
pub use keys::engine_keys;
pub use layers::{ConfigFile, Layers, Source};
pub use render::{MASK, render_json, render_reference, render_text};
pub use settings::{Entry, Settings};
pub use table::Table;
