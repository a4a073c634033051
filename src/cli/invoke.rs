//! From the command line to a command: parse, load the settings, call, turn the result into an exit code.

use super::{
    Catalogue, Console, Exit, Failure,
    args::{Args, Command},
    config, demo, describe, generate, lag, reset, restore, run, state, tasks,
};
use crate::config::{ConfigFile, Layers, Settings};
use clap::{CommandFactory, FromArgMatches};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::{
    ffi::OsString,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

/// What a process was started with.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// Arguments, the program's name first.
    pub args: Vec<OsString>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Set from outside when the command has to end.
    pub stop: Arc<AtomicBool>,
    /// Whether SIGTERM and SIGINT set `stop`. True for a binary, false for a library call.
    pub catch_signals: bool,
}

/// The whole of a binary: runs the command the process was started with and returns its exit code.
#[must_use]
pub fn main(catalogue: &Catalogue) -> ExitCode {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let invocation = Invocation {
        args: std::env::args_os().collect(),
        environment: std::env::vars_os().filter_map(text).collect(),
        stop: Arc::default(),
        catch_signals: true,
    };
    Console::of_process(|console| execute(catalogue, &invocation, console).into())
}

/// The first signal asks for a clean end, the second ends the process at once.
fn stop_on_signals(stop: &Arc<AtomicBool>) -> std::io::Result<()> {
    for signal in [SIGTERM, SIGINT] {
        // The order matters: the flag is still unset when the first signal asks whether to die.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(())
}

/// Runs one command.
pub fn execute(catalogue: &Catalogue, invocation: &Invocation, console: &mut Console<'_>) -> Exit {
    let command = Args::command().after_help(format!("{}{}", catalogue.names(), Exit::MEANINGS));
    let parsed =
        command.try_get_matches_from(&invocation.args).and_then(|matches| Args::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => return usage(&error, console),
    };
    match dispatch(catalogue, invocation, args, console) {
        Ok(exit) => exit,
        Err(Failure { exit, message }) => {
            for line in message.lines() {
                console.say(&format!("topo: {line}"));
            }
            exit
        }
    }
}

fn usage(error: &clap::Error, console: &mut Console<'_>) -> Exit {
    let text = error.render().to_string();
    if error.use_stderr() {
        console.say(text.trim_end());
        return Exit::Usage;
    }
    match console.print(&text) {
        Ok(()) => Exit::Ok,
        Err(failure) => failure.exit,
    }
}

fn dispatch(
    catalogue: &Catalogue,
    invocation: &Invocation,
    args: Args,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let settings = settings(catalogue, invocation, &args)?;
    let stop = &invocation.stop;
    if invocation.catch_signals && args.command.stops_cleanly() {
        let failed = |error| Failure::new(Exit::Bug, format!("cannot catch signals: {error}"));
        stop_on_signals(stop).map_err(failed)?;
    }
    match args.command {
        Command::Describe { name, format } => {
            describe::describe(catalogue, &settings, &name, format, console)
        }
        Command::Run { names, .. } => run::run(catalogue, &settings, &names, stop, console),
        Command::Demo { events, seed, no_crash, format } => {
            demo::demo(catalogue, events, seed, !no_crash, format, stop, console)
        }
        Command::Generate { name, events, rate, seed, to } => {
            let options = super::GenerateOptions { events, rate, seed, to };
            generate::generate(catalogue, &settings, &name, &options, stop, console)
        }
        Command::Reset { name, yes } => reset::reset(catalogue, &settings, &name, yes, console),
        Command::Tasks { name, format } => tasks::tasks(catalogue, &settings, &name, format, console),
        Command::Lag { name, format } => lag::lag(catalogue, &settings, &name, format, console),
        Command::Restore { name, task, rebuild, format } => {
            let options = super::RestoreOptions { tasks: task, rebuild };
            restore::restore(catalogue, &settings, &name, &options, format, stop, console)
        }
        Command::State { look } => state::state(catalogue, &settings, look, console),
        Command::Config { format } => config::config(catalogue, &settings, format, console),
    }
}

fn settings(catalogue: &Catalogue, invocation: &Invocation, args: &Args) -> Result<Settings, Failure> {
    let from_environment = || {
        let found = invocation.environment.iter().find(|(name, _)| name == "TOPO_CONFIG");
        found.map(|(_, path)| PathBuf::from(path))
    };
    let common = &args.common;
    let path = common.config.clone().or_else(from_environment);
    let file = path.as_deref().map(ConfigFile::read).transpose()?;
    let mut layers = Layers { file, environment: invocation.environment.clone(), flags: Vec::new() };
    for text in &common.set {
        layers.set(text)?;
    }
    if let Some(dir) = &common.state_dir {
        layers.flags.push(("--state-dir".into(), "state.dir".into(), dir.clone()));
    }
    if matches!(args.command, Command::Run { keep_place: true, .. }) {
        layers.flags.push(("--keep-place".into(), "keep.place".into(), "true".into()));
    }
    Ok(Settings::load(catalogue.table(), &layers)?)
}
