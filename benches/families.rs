//! One topology per family of operators, over the facts of the big bench: what each costs a record.

use topo::state::{WindowSize, Windowed, bytes, i64_be, utf8, windowed};
use topo::{
    Builder, Codecs, Context, EmitStrategy, Fault, Grouped, Hopping, JoinWindows, KeyValue, Processor,
    Record, Session, SessionValue, Sliding, StoreHandle, Stream, StreamJoined, Suppress, Table, Topic,
    Topology, Ttl, Tumbling, WindowValue, Windows, state::KeyValueStore,
};

use crate::topologies::{FACTS, FOREIGN, ROWS};

type Facts<'b> = Stream<'b, String, Vec<u8>>;
type Rows<'b> = Table<'b, String, Vec<u8>>;

/// The name of a family, and what adds its topology.
type Family = (&'static str, fn(&Plan<'_>));

/// The names of all of them.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.into_iter().map(|(name, _)| name)
}

const FAMILIES: [Family; 29] = [
    ("filter", |it| it.out(&it.facts().filter("it", |_, fact| fact.len() > 1))),
    ("flat-map-values", |it| it.out(&it.facts().flat_map_values("it", |_, fact| [fact]))),
    ("split", |it| {
        let streams = it.facts().split("it").branch("it-even", |_, fact| even(fact)).default("it-odd");
        streams.iter().zip(["even", "odd"]).for_each(|(stream, name)| stream.to(name, &topic(it.out)));
    }),
    ("merge", |it| {
        let (left, right) = it.halves();
        it.out(&left.merge("it", &right));
    }),
    ("repartition", |it| it.out(&it.facts().repartition("it", codecs()))),
    ("process-values-with-a-store", |it| {
        let store = it.app.store(KeyValue::new("seen", utf8(), i64_be()));
        it.out(&it.facts().process_values("it", store, move || Seen(store)));
    }),
    ("count", |it| it.told(&it.grouped().count("it", counts()))),
    ("count-per-commit", |it| it.told(&it.grouped().count("it", counts().emit_per_commit()))),
    ("count-ttl", |it| it.told(&it.grouped().count("it", counts().ttl(Ttl::stream_ms(60_000))))),
    (IDLING, |it| it.told(&it.grouped().count("it", counts()))),
    ("reduce", |it| it.sent(&it.grouped().reduce("it", rows("it-store"), |_, fact| fact))),
    ("cogroup", |it| {
        let grouped = it.grouped();
        let longest = |_: &String, fact: Vec<u8>, longest: i64| longest.max(fact.len() as i64);
        it.told(&grouped.cogroup(longest).cogroup(&grouped, longest).aggregate("it", counts(), || 0));
    }),
    ("count-tumbling", |it| it.windowed(Tumbling::of_ms(300_000))),
    ("count-hopping-4", |it| it.windowed(Hopping::of_ms(240_000, 60_000))),
    ("count-sliding", |it| it.windowed(Sliding::of_ms(10_000))),
    ("count-sessions", |it| {
        let sessions = it.grouped().sessions(Session::gap_ms(30_000));
        let counted = sessions.count("it", SessionValue::new("it-store", utf8(), i64_be()));
        it.out(&counted.to_stream("updates").map("unwindowed", |key, count| (key.key, bytes_of(count))));
    }),
    ("count-tumbling-on-close", |it| {
        let closing = it.grouped().windowed(Tumbling::of_ms(60_000)).emit(EmitStrategy::on_window_close());
        it.unwindowed(&closing.count("it", window_counts()));
    }),
    ("suppress", |it| {
        let counted = it.grouped().count("count", counts());
        it.told(&counted.suppress("it", Suppress::time_limit_ms(10_000), Codecs::new(utf8(), i64_be())));
    }),
    ("suppress-until-window-closes", |it| {
        let counted = it.grouped().windowed(Tumbling::of_ms(60_000)).count("count", window_counts());
        let codecs = Codecs::new(windowed(utf8(), WindowSize::millis(60_000)), i64_be());
        it.unwindowed(&counted.suppress_until_window_closes("it", codecs));
    }),
    ("to-table", |it| it.sent(&it.facts().to_table("it", rows("it-store")))),
    ("table-filter", |it| it.sent(&it.table("facts", FACTS).filter("it", |_, fact| even(fact)))),
    ("table-group-by-count", |it| {
        let facts = it.table("facts", FACTS);
        let grouped = facts.group_by("by", |_, fact| (foreign(fact), fact.clone()), codecs());
        it.told(&grouped.count("it", counts()));
    }),
    ("stream-table-join-as-of", |it| {
        it.out(&it.facts().with_codecs(codecs()).join_table("it", &it.prices(), |_, fact, _| fact.clone()));
    }),
    ("stream-table-join-grace", |it| {
        let facts = it.facts().with_codecs(codecs());
        it.out(&facts.join_table_with_grace("it", &it.prices(), 10_000, |_, fact, _| fact.clone()));
    }),
    ("stream-global-join", |it| {
        let foreign_rows = it.app.global_table("foreign", &topic(FOREIGN), rows("foreign-store"));
        let joined =
            it.facts().join_global("it", &foreign_rows, |_, fact| foreign(fact), |_, fact, _| fact.clone());
        it.out(&joined);
    }),
    ("table-table-join", |it| {
        let (left, right) = (it.table("facts", FACTS), it.table("rows", ROWS));
        it.sent(&left.join("it", &right, |fact, _| fact.clone()));
    }),
    ("table-table-outer-join", |it| {
        let (left, right) = (it.table("facts", FACTS), it.table("rows", ROWS));
        it.sent(&left.outer_join("it", &right, either));
    }),
    ("stream-stream-left-join", |it| {
        let (left, right) = it.halves();
        let windows = JoinWindows::of_ms(30_000);
        it.out(&left.left_join_stream("it", &right, windows, joined(), |_, fact, _| fact.clone()));
    }),
    ("stream-stream-outer-join", |it| {
        let (left, right) = it.halves();
        let windows = JoinWindows::of_ms(30_000);
        it.out(&left.outer_join_stream("it", &right, windows, joined(), |_, l, r| either(l, r)));
    }),
];

/// The one family whose time goes on where no records come.
const IDLING: &str = "count-idle-timeout";

/// The topology of a family, writing to the topic `out`; `None` when there is no such family.
pub(crate) fn topology(family: &str, out: &str) -> Option<Topology> {
    let (name, add) = FAMILIES.into_iter().find(|(name, _)| *name == family)?;
    let app = Builder::new(name);
    let app = if name == IDLING { app.idle_timeout_ms(60_000) } else { app };
    add(&Plan { app: &app, out });
    Some(app.build().expect("a family is a topology"))
}

/// A topology in the making.
struct Plan<'b> {
    app: &'b Builder,
    /// The topic that its results go to.
    out: &'b str,
}

impl<'b> Plan<'b> {
    fn facts(&self) -> Facts<'b> {
        self.app.stream("facts", &topic(FACTS))
    }

    /// The facts whose number is even, and the others.
    fn halves(&self) -> (Facts<'b>, Facts<'b>) {
        let facts = self.facts();
        (facts.filter("left", |_, fact| even(fact)), facts.filter_not("right", |_, fact| even(fact)))
    }

    fn grouped(&self) -> Grouped<'b, String, Vec<u8>> {
        self.facts().group_by_key("by-key", codecs())
    }

    fn table(&self, name: &str, from: &str) -> Rows<'b> {
        self.app.table(name, &topic(from), rows(&format!("{name}-store")))
    }

    /// Rows that know what they were.
    fn prices(&self) -> Rows<'b> {
        self.app.table("rows", &topic(ROWS), rows("rows-store").history_ms(3_600_000))
    }

    fn windowed(&self, windows: impl Into<Windows>) {
        self.unwindowed(&self.grouped().windowed(windows).count("it", window_counts()));
    }

    fn out(&self, stream: &Facts<'_>) {
        stream.to("out", &topic(self.out));
    }

    /// A table's updates, as they are.
    fn sent(&self, table: &Rows<'_>) {
        table.to_stream("updates").to("out", &Topic::new(self.out, utf8(), bytes()));
    }

    fn told(&self, table: &Table<'_, String, i64>) {
        table.to_stream("updates").to("out", &Topic::new(self.out, utf8(), i64_be()));
    }

    fn unwindowed(&self, counted: &Table<'_, Windowed<String>, i64>) {
        self.out(&counted.to_stream("updates").map("unwindowed", |key, count| (key.key, bytes_of(count))));
    }
}

/// Remembers how many records of a key it has seen.
struct Seen(StoreHandle<KeyValueStore<String, i64>>);

impl Processor for Seen {
    type KeyIn = String;
    type ValueIn = Vec<u8>;
    type KeyOut = String;
    type ValueOut = Vec<u8>;

    fn process(
        &mut self,
        record: Record<String, Vec<u8>>,
        ctx: &mut Context<'_, '_, String, Vec<u8>>,
    ) -> Result<(), Fault> {
        let time = record.timestamp;
        ctx.store(self.0)?.update(&record.key, time, |seen| Some(seen.unwrap_or(0) + 1))?;
        ctx.forward(record)
    }
}

fn topic(name: &str) -> Topic<String, Vec<u8>> {
    Topic::new(name, utf8(), bytes())
}

fn codecs() -> Codecs<String, Vec<u8>> {
    Codecs::new(utf8(), bytes())
}

fn rows(name: &str) -> KeyValue<String, Vec<u8>> {
    KeyValue::new(name, utf8(), bytes())
}

fn counts() -> KeyValue<String, i64> {
    KeyValue::new("counts", utf8(), i64_be())
}

fn joined() -> StreamJoined<String, Vec<u8>, Vec<u8>> {
    StreamJoined::new("it", utf8(), bytes(), bytes())
}

fn window_counts() -> WindowValue<String, i64> {
    WindowValue::new("windows-store", utf8(), i64_be())
}

fn bytes_of(count: Option<i64>) -> Vec<u8> {
    count.unwrap_or_default().to_be_bytes().to_vec()
}

fn either(left: Option<&Vec<u8>>, right: Option<&Vec<u8>>) -> Vec<u8> {
    left.or(right).cloned().unwrap_or_default()
}

fn even(fact: &[u8]) -> bool {
    fact.get(7).is_some_and(|digit| digit % 2 == 0)
}

fn foreign(fact: &[u8]) -> String {
    fact.get(..8).map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default()
}
