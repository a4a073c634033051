//! `suppress`, `suppress_until_window_closes`: fewer updates.

use topo_state::Windowed;

use super::Table;
use crate::data::Data;
use crate::dsl::options::{Codecs, KeyValue};
use crate::dsl::suppress::Suppress;
use crate::ops::{Buffer, BufferedRows, Hold, Most, NoRows, SuppressNode};

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, K, V> {
    /// Holds updates back for a time, in stream time; of several to one key only the newest goes on, deletions included,
    /// with its own timestamp and headers. What is held back lies in the logged store `<name>-store` and survives
    /// restarts. Kafka Streams: `suppress(untilTimeLimit)` (KIP-328).
    ///
    /// ```
    /// # use topo::{Builder, Codecs, KeyValue, Suppress, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let levels: Topic<String, Option<i64>> = Topic::new("levels", utf8(), i64_be());
    /// let calm: Topic<String, Option<i64>> = Topic::new("calm", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.table("levels", &levels, KeyValue::new("levels-store", utf8(), i64_be()))
    ///     .suppress("a-second", Suppress::time_limit_ms(1_000), Codecs::new(utf8(), i64_be()))
    ///     .to_stream("updates")
    ///     .to("write", &calm);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for (level, time) in [(1, 0), (2, 500), (3, 1_000)] {
    ///     driver.pipe(&levels, "a".to_owned(), Some(level), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&calm)?.into_iter().map(|it| (it.value, it.timestamp)).collect();
    /// assert_eq!(seen, [(Some(3), 1_000)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn suppress(&self, name: &str, limits: Suppress, codecs: Codecs<K, V>) -> Self {
        let most = Most::of(limits.max_records, limits.max_bytes);
        self.hold_back(name, Hold::limits(limits.limit_ms, most, limits.shut_down), |_| None, codecs)
    }

    fn hold_back(
        &self,
        name: &str,
        hold: Hold,
        due: impl Fn(&K) -> Option<i64> + Send + Sync + 'static,
        codecs: Codecs<K, V>,
    ) -> Self {
        let (builder, buffer) = (self.builder, Buffer::codecs(&codecs));
        // As in Kafka Streams: what is held back is written with the row before it.
        if self.knows_old {
            self.olds.want();
        }
        let held = hold.counts_bytes().then(|| buffer.1.clone());
        let store = KeyValue::new(format!("{name}-store"), buffer.0, buffer.1);
        let handle = builder.add_key_value(&store, false, None);
        let due = std::sync::Arc::new(due);
        let key = codecs.key.clone();
        let node = builder.operator(name, &[self.node], &[handle.store], move || {
            SuppressNode::<K, V>::new(Buffer::new(handle, key.clone(), held.clone()), hold, due.clone())
        });
        let key = codecs.key.clone();
        let below = self.rows.clone().unwrap_or_else(|| std::sync::Arc::new(NoRows));
        let rows =
            self.rows.is_some().then(|| std::sync::Arc::new(BufferedRows::new(handle, key, below)) as _);
        let mut stores = self.stores.clone();
        stores.push(handle.store);
        Self {
            node,
            rows,
            stores,
            kept: None,
            store: None,
            key: Some(codecs.key),
            value: Some(codecs.value),
            ..self.clone()
        }
    }
}

impl<'b, K: Data<Present = K>, V: Data<Present = V>> Table<'b, Windowed<K>, V> {
    /// Holds the results of a windowed aggregation back until their window has closed (end + grace has passed in stream
    /// time), so that each window gives one, final result; nothing goes out for a window whose last update deletes it.
    /// Results come in order of window end, then key bytes, with the timestamp and headers of the last update. They are
    /// kept in the logged store `<name>-store` and survive restarts. (Example: `examples/05_final_results.rs`.) Kafka Streams:
    /// `suppress(untilWindowCloses)` (KIP-328).
    /// ```
    /// # use topo::state::{WindowSize, i64_be, utf8, windowed};
    /// # use topo::{Builder, Codecs, Topic, Tumbling, WindowValue, testkit::Driver};
    /// # let visits: Topic<String, String> = Topic::new("visits", utf8(), utf8());
    /// # let counts = Topic::new("counts", windowed(utf8(), WindowSize::millis(10)), i64_be());
    /// # let app = Builder::new("doc");
    /// app.stream("visits", &visits)
    ///     .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
    ///     .windowed(Tumbling::of_ms(10).grace_ms(5))
    ///     .count("count", WindowValue::new("counts-store", utf8(), i64_be()))
    ///     .suppress_until_window_closes("final", Codecs::new(windowed(utf8(), WindowSize::millis(10)), i64_be()))
    ///     .to_stream("updates")
    ///     .map_values("present", |_, count| count.unwrap_or_default())
    ///     .to("write", &counts);
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// for time in [1, 12, 4, 14, 15] {
    ///     driver.pipe(&visits, "ann".to_owned(), "home".to_owned(), time)?;
    /// }
    /// let seen: Vec<_> = driver.read(&counts)?.into_iter().map(|it| (it.key.window.start, it.value)).collect();
    /// assert_eq!(seen, [(0, 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn suppress_until_window_closes(&self, name: &str, codecs: Codecs<Windowed<K>, V>) -> Self {
        self.final_results(name, codecs, None)
    }

    /// The same, but stops the task when more than `max_records` results would be held back. Kafka Streams:
    /// `untilWindowCloses(maxRecords(n).shutDownWhenFull())`.
    /// The example of [`suppress_until_window_closes`](Self::suppress_until_window_closes) holds here too.
    pub fn suppress_until_window_closes_within(
        &self,
        name: &str,
        codecs: Codecs<Windowed<K>, V>,
        max_records: u64,
    ) -> Self {
        self.final_results(name, codecs, Some(max_records))
    }

    fn final_results(&self, name: &str, codecs: Codecs<Windowed<K>, V>, max_records: Option<u64>) -> Self {
        let grace_ms = self.grace_ms.unwrap_or_else(|| {
            let why =
                "nothing says when its windows close: it takes a windowed aggregation, or a view of one";
            self.builder.problem(name, why.to_owned());
            0
        });
        let hold = Hold::until_closed(grace_ms, Most::of(max_records, None));
        self.hold_back(name, hold, |key: &Windowed<K>| Some(key.window.end), codecs)
    }
}
