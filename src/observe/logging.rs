//! Log lines on standard error, as text or JSON. Standard output belongs to the commands.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, the event's fields at its top level.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The filter is not made of tracing directives.
    #[error(
        "`log.filter` is `{filter}`: {reason}; write a level such as info, or directives such as info,topo=debug"
    )]
    BadFilter {
        /// The filter as configured.
        filter: String,
        /// What the parser says.
        reason: String,
    },
    /// The process already has a logger.
    #[error("logging is already set up: {0}")]
    Already(String),
}

/// Sets up logging for the whole process; once, by whoever owns the process.
///
/// # Errors
/// [`LogError`] when the filter is wrong or a logger is already in place.
pub fn init_logging(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let bad = |reason: String| LogError::BadFilter { filter: filter.to_owned(), reason };
    let filter = EnvFilter::try_new(filter).map_err(|error| bad(error.to_string()))?;
    let base = tracing_subscriber::registry().with(filter);
    // Colours are for people; a file or a journal gets plain text.
    let colours = std::io::stderr().is_terminal();
    let done = match format {
        LogFormat::Text => base.with(fmt::layer().with_ansi(colours).with_writer(std::io::stderr)).try_init(),
        LogFormat::Json => {
            base.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
    };
    done.map_err(|error| LogError::Already(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_makes_no_sense_is_refused_with_its_text() {
        let error = init_logging("topo=loud", LogFormat::Text).unwrap_err().to_string();
        assert!(error.contains("topo=loud") && error.contains("log.filter"), "{error}");
    }
}
