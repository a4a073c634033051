//! What a binary offers: applications and generators by name, and a demo.

use super::{
    DescribeFormat, Exit, Failure, LagRow, RestoreOptions, RestoreProgress, StateQuery, StoreRow, Target,
    TaskRow, VerifyRow,
};
use crate::{
    config::{Key, Settings, Table},
    observe::{Health, Metrics, Views},
};
use std::{
    io::Write,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

/// What a running application is given besides its settings.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its name in the catalogue; also its part of the health report.
    pub name: String,
    /// Set when the process has to end. Looked at often: the whole process must be gone within 5 s.
    pub stop: Arc<AtomicBool>,
    /// The process's metrics.
    pub metrics: Arc<Metrics>,
    /// The process's health. The application says when it waits and when it is ready.
    pub health: Arc<Health>,
    /// Where the application shows its stores.
    pub views: Arc<Views>,
    /// Where those who may look reach that, host:port; a loopback address counts on this host. `None` = it is not shown.
    pub address: Option<String>,
}

/// What a reset is about to do. Gathered first, shown, and only then done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResetPlan {
    /// Live members of the group; a reset refuses while there are any.
    pub members: Vec<String>,
    /// Internal topics to delete.
    pub topics: Vec<String>,
    /// State directories to delete.
    pub directories: Vec<PathBuf>,
    /// Input topics whose committed offsets are forgotten, so that they are read from the beginning.
    pub inputs: Vec<String>,
}

/// One runnable of the catalogue, made from its settings: a topology, or an exit.
pub trait Application: Send {
    /// The picture in one of the four formats.
    ///
    /// # Errors
    /// When this runnable has no picture in that format.
    fn describe(&self, format: DescribeFormat) -> Result<String, Failure>;

    /// Runs until told to stop, then ends cleanly.
    ///
    /// # Errors
    /// What ended it before it was told to.
    fn run(self: Box<Self>, running: &Running) -> Result<(), Failure>;

    /// Looks up what a reset would do. Changes nothing.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    fn plan_reset(&self) -> Result<ResetPlan, Failure>;

    /// Does what the plan says.
    ///
    /// # Errors
    /// The first step that failed; the steps before it are done and need not be undone: a reset can be repeated.
    fn reset(&self, plan: &ResetPlan) -> Result<(), Failure>;

    /// Who runs which task, and who keeps copies.
    ///
    /// # Errors
    /// The broker cannot be asked, or this runnable has no tasks.
    fn tasks(&self) -> Result<Vec<TaskRow>, Failure> {
        Err(stateless())
    }

    /// How far its group is on every input partition.
    ///
    /// # Errors
    /// As [`tasks`](Self::tasks).
    fn lag(&self) -> Result<Vec<LagRow>, Failure> {
        Err(stateless())
    }

    /// Builds local state up from the changelogs without running. `progress` is told often how far it is.
    ///
    /// # Errors
    /// The state directory is in use, there is nothing to restore, or this runnable keeps no state.
    fn restore(
        &self,
        _options: &RestoreOptions,
        _stop: &AtomicBool,
        _progress: &mut dyn FnMut(&RestoreProgress),
    ) -> Result<RestoreProgress, Failure> {
        Err(stateless())
    }

    /// What local stores there are.
    ///
    /// # Errors
    /// A process uses the state directory, it is damaged, or this runnable keeps no state.
    fn stores(&self) -> Result<Vec<StoreRow>, Failure> {
        Err(stateless())
    }

    /// Where its running processes show their stores, host:port.
    ///
    /// # Errors
    /// The broker cannot be asked, no process runs, or this runnable keeps no state.
    fn addresses(&self) -> Result<Vec<String>, Failure> {
        Err(stateless())
    }

    /// Shows rows of a local store, with their task, until `visit` says `false`.
    ///
    /// # Errors
    /// As [`stores`](Self::stores), or there is no such store.
    fn rows(
        &self,
        _query: &StateQuery,
        _visit: &mut dyn FnMut(&str, serde_json::Value) -> bool,
    ) -> Result<(), Failure> {
        Err(stateless())
    }

    /// Compares local stores with a replay of their changelogs.
    ///
    /// # Errors
    /// As [`stores`](Self::stores), or the broker cannot be asked.
    fn verify(&self, _store: Option<&str>, _task: Option<&str>) -> Result<Vec<VerifyRow>, Failure> {
        Err(stateless())
    }
}

fn stateless() -> Failure {
    Failure::new(Exit::Usage, "this runnable has no tasks and keeps no local state")
}

/// Makes an application from the settings as it sees them.
pub type MakeApplication = fn(&Settings) -> Result<Box<dyn Application>, Failure>;

/// A runnable by name.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The name on the command line, the default application id and group.
    pub name: &'static str,
    /// One sentence for the list of names.
    pub about: &'static str,
    /// Its own keys, by full name (`orders.alert.threshold`). Shared keys may be named by several entries.
    pub keys: &'static [Key],
    /// Makes it.
    pub make: MakeApplication,
}

/// What `topo generate` was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// How many events.
    pub events: u64,
    /// Events per second; as fast as possible when absent.
    pub rate: Option<f64>,
    /// The same seed gives the same events.
    pub seed: u64,
    /// Where they go.
    pub to: Target,
}

/// Generates events: settings, options, the flag that says stop, and standard output.
pub type Generate = fn(&Settings, &GenerateOptions, &AtomicBool, &mut dyn Write) -> Result<(), Failure>;

/// A source of made-up input by name.
#[derive(Clone, Copy)]
pub struct Generator {
    /// The name on the command line.
    pub name: &'static str,
    /// One sentence for the list of names.
    pub about: &'static str,
    /// Generates.
    pub run: Generate,
}

/// What `topo demo` was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Change events; payments are a quarter of them.
    pub events: u64,
    /// The same seed gives the same events.
    pub seed: u64,
    /// Whether a worker is crashed half-way.
    pub crash: bool,
    /// Whether to draw a progress bar on standard error.
    pub progress: bool,
}

/// What a demo found.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoOutcome {
    /// The summary for people.
    pub text: String,
    /// The same as one JSON object.
    pub json: serde_json::Value,
    /// Whether nothing was lost, duplicated or wrong.
    pub right: bool,
}

/// Runs the demo.
pub type Demo = fn(&DemoOptions, &AtomicBool) -> Result<DemoOutcome, Failure>;

/// Everything a binary offers.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// Runnables, in the order they are listed.
    pub entries: Vec<Entry>,
    /// Sources of made-up input.
    pub generators: Vec<Generator>,
    /// The demo, if there is one.
    pub demo: Option<Demo>,
}

impl Catalogue {
    /// The keys the engine and all entries know.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut keys: Vec<Key> = Vec::new();
        for key in self.entries.iter().flat_map(|entry| entry.keys) {
            if keys.iter().all(|known| known.name != key.name) {
                keys.push(*key);
            }
        }
        let names: Vec<&'static str> = self.entries.iter().map(|entry| entry.name).collect();
        Table::new(&keys, &names)
    }

    pub(super) fn entry(&self, name: &str) -> Result<&Entry, Failure> {
        let names = || self.entries.iter().map(|entry| entry.name);
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| unknown("application", name, names()))
    }

    pub(super) fn generator(&self, name: &str) -> Result<&Generator, Failure> {
        let names = || self.generators.iter().map(|generator| generator.name);
        self.generators.iter().find(|it| it.name == name).ok_or_else(|| unknown("generator", name, names()))
    }

    /// The names with their sentences, for the help.
    pub(super) fn names(&self) -> String {
        let list = |title: &str, rows: Vec<(&str, &str)>| {
            let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            let lines: Vec<String> =
                rows.iter().map(|(name, about)| format!("  {name:width$}  {about}\n")).collect();
            format!("{title}:\n{}\n", lines.concat())
        };
        let applications = self.entries.iter().map(|it| (it.name, it.about)).collect();
        let generators = self.generators.iter().map(|it| (it.name, it.about)).collect();
        list("Applications", applications) + &list("Generators", generators)
    }
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    let names: Vec<&str> = names.collect();
    Failure::new(Exit::Usage, format!("there is no {what} `{name}`; there are: {}", names.join(", ")))
}
