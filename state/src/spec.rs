//! What a store is: name, kind, codecs. Plain data, recorded in the state directory.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::key::{split_session_key, split_window_key};

/// The declaration of one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSpec {
    /// Unique within the application; the changelog topic is named after it.
    pub name: String,
    /// How rows are laid out.
    pub kind: StoreKind,
    /// Id of the key codec.
    pub key_codec: String,
    /// Id of the value codec.
    pub value_codec: String,
    /// Its rows are kept in memory only and come from its changelog at each start. Such a store is not recorded in the
    /// directory.
    #[serde(skip)]
    pub in_memory: bool,
}

/// The layouts of stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoreKind {
    /// One value per key.
    KeyValue {
        /// Keeps the record timestamp beside the value.
        timestamped: bool,
    },
    /// One value per key and window start (or several, with duplicates), forgotten when stream time has passed.
    Window {
        /// Keeps the record timestamp beside the value.
        timestamped: bool,
        /// Rows whose start is this much or more behind the highest start are gone, milliseconds.
        retention_ms: i64,
        /// Rows are dropped in groups of this length, milliseconds. Part of the row layout.
        segment_ms: i64,
        /// Every put adds a row instead of replacing the one with the same key and start.
        retain_duplicates: bool,
    },
    /// One value per key and session, forgotten when stream time has passed. Keeps no timestamps: a session's is its end.
    Session {
        /// Rows whose end is this much or more behind the highest end are gone, milliseconds.
        retention_ms: i64,
        /// Rows are dropped in groups of this length, milliseconds. Part of the row layout.
        segment_ms: i64,
    },
    /// The values of a key over time: what it was worth when.
    Versioned {
        /// How far behind the highest timestamp older values can be asked for and put, milliseconds.
        history_ms: i64,
    },
}

impl StoreSpec {
    /// A store with the ids of these codecs.
    pub fn new<K: 'static, V: 'static>(
        name: impl Into<String>,
        kind: StoreKind,
        key: &dyn Codec<K>,
        value: &dyn Codec<V>,
    ) -> Self {
        let (key_codec, value_codec) = (key.id().to_owned(), value.id().to_owned());
        Self { name: name.into(), kind, key_codec, value_codec, in_memory: false }
    }

    /// The same store with its rows in memory, or not.
    pub fn in_memory(self, in_memory: bool) -> Self {
        Self { in_memory, ..self }
    }

    /// Whether data written under `recorded` can be read under this declaration. A retention may change: it only moves
    /// the line behind which rows are hidden.
    pub(crate) fn reads(&self, recorded: &Self) -> bool {
        self.key_codec == recorded.key_codec
            && self.value_codec == recorded.value_codec
            && self.kind.layout() == recorded.kind.layout()
    }
}

impl StoreKind {
    /// A window store with the segment length that Kafka Streams would choose: half the retention, at least a minute.
    pub fn window(timestamped: bool, retention_ms: i64, retain_duplicates: bool) -> Self {
        let segment_ms = Self::segment_ms(retention_ms);
        Self::Window { timestamped, retention_ms, segment_ms, retain_duplicates }
    }

    /// A session store with the segment length that Kafka Streams would choose.
    pub fn session(retention_ms: i64) -> Self {
        Self::Session { retention_ms, segment_ms: Self::segment_ms(retention_ms) }
    }

    fn segment_ms(retention_ms: i64) -> i64 {
        (retention_ms / 2).max(60_000)
    }

    /// The time of a changelog record by its key: a window's start, a session's end. `None` when the key is too short to
    /// have one, and for stores without time.
    pub(crate) fn time_of(&self, key: &[u8]) -> Option<i64> {
        match self {
            Self::Window { .. } => split_window_key(key).map(|(_, start, _)| start),
            Self::Session { .. } => split_session_key(key).map(|(_, window)| window.end),
            Self::KeyValue { .. } | Self::Versioned { .. } => None,
        }
    }

    /// The number of the put that made a changelog record; 0 for stores that do not count theirs.
    pub(crate) fn sequence_of(&self, key: &[u8]) -> u32 {
        match self {
            Self::Window { .. } => split_window_key(key).map_or(0, |(_, _, sequence)| sequence),
            Self::Session { .. } | Self::KeyValue { .. } | Self::Versioned { .. } => 0,
        }
    }

    /// Whether rows carry their record timestamp.
    pub fn is_timestamped(&self) -> bool {
        match self {
            Self::KeyValue { timestamped } | Self::Window { timestamped, .. } => *timestamped,
            Self::Session { .. } => false,
            // The time is part of the row's key.
            Self::Versioned { .. } => false,
        }
    }

    /// How long rows are kept behind the newest, milliseconds; `None` = for ever.
    pub fn retention_ms(&self) -> Option<i64> {
        match self {
            Self::KeyValue { .. } | Self::Versioned { .. } => None,
            Self::Window { retention_ms, .. } | Self::Session { retention_ms, .. } => Some(*retention_ms),
        }
    }

    fn layout(&self) -> Self {
        let mut layout = self.clone();
        match &mut layout {
            Self::Window { retention_ms: kept_ms, .. }
            | Self::Session { retention_ms: kept_ms, .. }
            | Self::Versioned { history_ms: kept_ms } => *kept_ms = 0,
            Self::KeyValue { .. } => {}
        }
        layout
    }
}

impl fmt::Display for StoreSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, key_codec, value_codec, .. } = self;
        if self.in_memory {
            write!(out, "in-memory ")?;
        }
        let stamped = if kind.is_timestamped() { "timestamped " } else { "" };
        match kind {
            StoreKind::KeyValue { .. } => write!(out, "{stamped}key-value")?,
            StoreKind::Versioned { .. } => write!(out, "versioned key-value")?,
            StoreKind::Window { segment_ms, retain_duplicates, .. } => {
                let duplicates = if *retain_duplicates { ", duplicates kept" } else { "" };
                write!(out, "{stamped}window (segments of {segment_ms} ms{duplicates})")?;
            }
            StoreKind::Session { segment_ms, .. } => write!(out, "session (segments of {segment_ms} ms)")?,
        }
        write!(out, " <{key_codec}, {value_codec}>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{i64_be, json, utf8};

    #[test]
    fn a_changed_codec_or_layout_is_not_read_but_a_changed_retention_is() {
        let segment_ms = 60_000;
        let window = |retention_ms, timestamped, segment_ms| {
            let kind = StoreKind::Window { timestamped, retention_ms, segment_ms, retain_duplicates: false };
            StoreSpec::new("s", kind, &*utf8(), &*i64_be())
        };
        let recorded = window(1_000, true, segment_ms);
        assert!(window(2_000, true, segment_ms).reads(&recorded));
        assert!(!window(1_000, false, segment_ms).reads(&recorded));
        assert!(!window(1_000, true, 90_000).reads(&recorded));
        let other = StoreSpec::new("s", recorded.kind.clone(), &*utf8(), &*json::<i64>());
        assert!(!other.reads(&recorded));
    }

    #[test]
    fn the_display_names_what_can_differ() {
        let spec = StoreSpec::new("s", StoreKind::window(true, 1_000, true), &*utf8(), &*i64_be());
        assert_eq!(
            spec.to_string(),
            "timestamped window (segments of 60000 ms, duplicates kept) <utf8, i64-be>"
        );
    }
}
