//! The layers a configuration is read from, and the place each value remembers.

use super::{ConfigError, ConfigErrors};
use std::{fmt, path::Path};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Built in.
    Default,
    /// A line of the configuration file, counted from 1.
    File {
        /// The path as given.
        path: String,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag of the command line, such as `--set` or `--state-dir`.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A configuration file that has been read, not yet understood.
#[derive(Clone)]
pub struct ConfigFile {
    pub(super) path: String,
    pub(super) text: String,
}

impl ConfigFile {
    /// A file from its text; `path` is what messages call it.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] when the system refuses.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let shown = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::new(shown, text)),
            Err(error) => Err(ConfigError::Unreadable { path: shown, reason: error.to_string() }.into()),
        }
    }
}

/// What the layers above the defaults say. Handed in, so that nothing here reads the process's environment.
#[derive(Clone, Default)]
pub struct Layers {
    /// The configuration file, if any.
    pub file: Option<ConfigFile>,
    /// Environment variables; those that are not ours are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags in the order given: the flag's name as the user typed it, the key, the value.
    pub flags: Vec<(String, String, String)>,
}

impl Layers {
    /// Adds `--set key=value`.
    ///
    /// # Errors
    /// [`ConfigError::BadFlag`] when there is no `=`.
    pub fn set(&mut self, text: &str) -> Result<(), ConfigErrors> {
        match text.split_once('=') {
            Some((key, value)) => {
                self.flags.push(("--set".into(), key.trim().into(), value.into()));
                Ok(())
            }
            None => Err(ConfigError::BadFlag { text: text.into() }.into()),
        }
    }
}
