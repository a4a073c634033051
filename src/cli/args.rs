//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Runs, describes and operates stream processing on Kafka.
#[derive(Debug, Parser)]
#[command(name = "topo", version, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags of every command.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Configuration file (TOML); also TOPO_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set one key; wins over file and environment; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Directory of local state; the same as --set state.dir=DIR
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) state_dir: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the topology of an application
    Describe {
        /// Its name
        name: String,
        /// Form of the picture
        #[arg(long, value_enum, default_value_t = DescribeFormat::Text)]
        format: DescribeFormat,
    },
    /// Run applications until told to stop (SIGTERM or Ctrl-C)
    Run {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Keep the place in the group at a clean stop, for rolling restarts; the same as --set keep.place=true
        #[arg(long)]
        keep_place: bool,
    },
    /// Run everything on made-up data, with nothing installed, through a crash
    Demo {
        /// Change events to generate; a quarter as many payments
        #[arg(long, default_value_t = 200_000)]
        events: u64,
        /// The same seed gives the same data
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Leave out the crash
        #[arg(long)]
        no_crash: bool,
        /// Form of the summary
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Generate input for an application
    Generate {
        /// What to generate
        name: String,
        /// How many events
        #[arg(long, default_value_t = 10_000)]
        events: u64,
        /// Events per second; as fast as possible without it
        #[arg(long, value_parser = positive)]
        rate: Option<f64>,
        /// The same seed gives the same data
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where to
        #[arg(long, value_enum, default_value_t = Target::Kafka)]
        to: Target,
    },
    /// Delete internal topics and local state of an application and read its input from the beginning
    Reset {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show who runs which task of an application, who keeps warm copies, and how far they are
    Tasks {
        /// Its name
        name: String,
        /// Form of the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show committed offset, end and lag of every input partition of an application
    Lag {
        /// Its name
        name: String,
        /// Form of the list
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Build local state up from the changelogs without running, so that the next start is a warm one
    Restore {
        /// Name of the application
        name: String,
        /// Only this task, as `topo tasks` names it; may be repeated
        #[arg(long, value_name = "TASK")]
        task: Vec<String>,
        /// Move what is there aside and begin with nothing
        #[arg(long)]
        rebuild: bool,
        /// Form of the summary
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Look into the stores of an application: on this disk, or in its running processes
    State {
        #[command(subcommand)]
        look: Look,
    },
    /// Print the configuration in force and where each value comes from
    Config {
        /// Form of the list; markdown prints what keys there are
        #[arg(long, value_enum, default_value_t = ConfigFormat::Text)]
        format: ConfigFormat,
    },
}

impl Command {
    /// Whether it looks at the stop flag; the others end at the first signal like any program.
    pub(super) fn stops_cleanly(&self) -> bool {
        matches!(self, Self::Run { .. } | Self::Demo { .. } | Self::Generate { .. } | Self::Restore { .. })
    }
}

/// What to see of the stores.
#[derive(Debug, Subcommand)]
pub(super) enum Look {
    /// The stores there are, with layout and codecs
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        place: Place,
    },
    /// Rows, and the changelog offset each store goes up to
    Stats {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        place: Place,
    },
    /// The rows of a key
    Get {
        #[command(flatten)]
        whose: Whose,
        /// The store
        store: String,
        /// The key as `scan` shows it
        key: String,
        /// Only this task
        #[arg(long)]
        task: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// All rows of a store in the order of their bytes
    Scan {
        #[command(flatten)]
        whose: Whose,
        /// The store
        store: String,
        /// Only this task
        #[arg(long)]
        task: Option<String>,
        /// At most so many rows
        #[arg(long, default_value_t = 100)]
        limit: u64,
        #[command(flatten)]
        place: Place,
    },
    /// Replay the committed changelogs up to the checkpoints and compare byte for byte
    Verify {
        #[command(flatten)]
        whose: Whose,
        /// Only this store
        #[arg(long)]
        store: Option<String>,
        /// Only this task
        #[arg(long)]
        task: Option<String>,
    },
}

/// An application, and how its stores are shown.
#[derive(Debug, clap::Args)]
pub(super) struct Whose {
    /// Name of the application
    pub(super) name: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Where to look. Neither = the state directory here, which no running process may use meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Ask the running process that serves metrics and health there
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "online")]
    pub(super) at: Option<String>,
    /// Ask all running processes, as they have announced themselves
    #[arg(long)]
    pub(super) online: bool,
}

/// Text for people or JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ConfigFormat {
    Text,
    Json,
    Markdown,
}

/// The form of a topology's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DescribeFormat {
    /// The layout of Kafka Streams' `Topology.describe()`.
    Text,
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// JSON.
    Json,
}

/// Where generated events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// To the input topics.
    Kafka,
    /// To standard output, one JSON object a line.
    Stdout,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("must be a number above 0".into()),
    }
}
