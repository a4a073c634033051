//! A record too large to be written becomes a dead letter without its value: headers and coordinates stay.

use std::sync::Arc;

use super::outbox::{Outbound, Shortened};
use crate::processor::Emitted;

/// Marks a dead letter that lost its value.
const MARK: &str = "dlq.truncated";

/// The dead letter for a record that was too large; `bytes` is its size, `detail` the limit that refused it.
pub(super) fn truncated(outbound: Outbound, dead_letters: &Arc<str>, bytes: usize, detail: &str) -> Outbound {
    let Outbound { record, slot, shortened } = outbound;
    let letter = record.topic == *dead_letters;
    let Emitted { topic, key, timestamp, mut headers, .. } = record;
    if shortened == Shortened::No {
        if !letter {
            describe(&mut headers, &topic, bytes, detail);
        }
        headers.push_text(MARK, "true");
    }
    let (key, shortened) = match shortened {
        Shortened::No => (key, Shortened::Value),
        Shortened::Value | Shortened::Key => (None, Shortened::Key),
    };
    let record =
        Emitted { topic: dead_letters.clone(), partition: None, key, value: None, timestamp, headers };
    Outbound { record, slot, shortened }
}
