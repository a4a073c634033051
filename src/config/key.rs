//! One key of the configuration: its name, type, default and meaning.

use super::parse;

/// What the value of a key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text; empty means not set.
    Text,
    /// A path in the file system; empty means not set.
    Path,
    /// A whole number within bounds, both included.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// An exact decimal number such as `10000.50`, handed on as text.
    Decimal,
    /// `true` or `false`.
    Flag,
    /// A length of time: `10s`, `100ms`, `5m`; a bare number is milliseconds.
    Duration,
    /// A number of bytes: `96MiB`, `1GB`; a bare number is bytes.
    Size,
    /// One of a few words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// What this kind accepts, in words for an error or a manual.
    #[must_use]
    pub fn wants(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Path => "a path".into(),
            Self::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Decimal => "a decimal number such as 10000.50".into(),
            Self::Flag => "true or false".into(),
            Self::Duration => "a duration such as 100ms, 10s or 5m".into(),
            Self::Size => "a size such as 96MiB or 1GB".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// Whether `value` has the form of this kind.
    pub(super) fn accepts(self, value: &str) -> bool {
        match self {
            Self::Text | Self::Path => true,
            Self::Integer { min, max } => value.parse::<i64>().is_ok_and(|n| (min..=max).contains(&n)),
            Self::Decimal => parse::is_decimal(value),
            Self::Flag => parse::flag(value).is_some(),
            Self::Duration => parse::duration(value).is_some(),
            Self::Size => parse::size(value).is_some(),
            Self::Choice(words) => words.contains(&value),
        }
    }
}

/// A key of the configuration. Built in a `const`, so that a table of keys reads as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Dotted name in lower case: `commit.interval.ms`.
    pub name: &'static str,
    /// The form of its value.
    pub kind: Kind,
    /// The value when no layer gives one; empty for none.
    pub default: &'static str,
    /// Whether the value is masked wherever it is printed.
    pub secret: bool,
    /// Environment variables read besides the one the name maps to; a later one wins over an earlier one.
    pub aliases: &'static [&'static str],
    /// One sentence for people: meaning and unit.
    pub about: &'static str,
}

impl Key {
    /// A key of any kind.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Self {
        Self { name, kind, default, secret: false, aliases: &[], about }
    }

    /// The same key, masked wherever it is printed.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The same key, also read from these environment variables.
    #[must_use]
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The environment variable of a key: `commit.interval.ms` is `TOPO_COMMIT_INTERVAL_MS`.
    #[must_use]
    pub fn variable(name: &str) -> String {
        let upper = name.to_ascii_uppercase().replace(['.', '-'], "_");
        format!("TOPO_{upper}")
    }
}
