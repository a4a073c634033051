//! What can be wrong with a configuration, said so that the reader can mend it.

use super::Source;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A layer names a key that does not exist.
    #[error("{at}: unknown key `{key}`; the nearest known one is `{nearest}`")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The known key (or variable) that is spelled most like it.
        nearest: String,
        /// Where it was written.
        at: Source,
    },
    /// A value does not have the form its key asks for.
    #[error("{at}: `{key}` wants {wants}, not `{value}`")]
    BadValue {
        /// The key.
        key: String,
        /// The value as written, masked when the key is a secret.
        value: String,
        /// What the key accepts, in words.
        wants: String,
        /// Where it was written.
        at: Source,
    },
    /// A librdkafka property that the engine sets itself.
    #[error("{at}: `{key}` is set by the engine; {instead}")]
    Reserved {
        /// The key as written, with its `kafka.` prefix.
        key: String,
        /// What to set in its place.
        instead: &'static str,
        /// Where it was written.
        at: Source,
    },
    /// The file is not TOML, or holds something a setting cannot be.
    #[error("{at}: {reason}")]
    BadFile {
        /// File and line.
        at: Source,
        /// What the parser says.
        reason: String,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {reason}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A `--set` without `=`.
    #[error("flag --set {text}: write --set key=value")]
    BadFlag {
        /// The argument as given.
        text: String,
    },
    /// A value is needed and no layer gives one.
    #[error("`{key}` is not set; give it as --set {key}=..., as {variable}, or in the configuration file")]
    Missing {
        /// The key.
        key: String,
        /// Its environment variable.
        variable: String,
    },
    /// Code asked for a key that is not in the table, or for another type than the table says. A bug, never the user's fault.
    #[error("`{key}` was read as {wanted}, and the table of keys does not have it so")]
    Undeclared {
        /// The key.
        key: String,
        /// The type that was asked for.
        wanted: &'static str,
    },
}

/// Everything that is wrong with the configuration, one line each. Never empty.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ConfigErrors(pub Vec<ConfigError>);

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
