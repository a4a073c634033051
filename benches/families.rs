//! One topology per family of operators, over the facts of the big bench: what each costs a record.

use topo::state::{bytes, i64_be, utf8};
use topo::{
    Builder, Codecs, Context, EmitStrategy, Fault, Grouped, Hopping, JoinWindows, KeyValue, Processor,
    Record, Session, SessionValue, Sliding, StoreHandle, Stream, StreamJoined, Suppress, Table, Topic,
    Topology, Ttl, Tumbling, WindowValue, Windows, state::KeyValueStore,
};

use crate::topologies::{FACTS, FOREIGN, ROWS};

type Facts<'b> = Stream<'b, String, Vec<u8>>;
type Rows<'b> = Table<'b, String, Vec<u8>>;

/// The name of a family, and what adds its topology.
pub(crate) type Family = (&'static str, fn(&Builder));

/// All of them.
pub(crate) const FAMILIES: [Family; 25] = [
    ("filter", |app| out(&facts(app).filter("it", |_, fact| fact.len() > 1))),
    ("flat-map-values", |app| out(&facts(app).flat_map_values("it", |_, fact| [fact]))),
    ("split", |app| {
        let streams = facts(app).split("it").branch("it-even", |_, fact| even(fact)).default("it-odd");
        streams.iter().zip(["even", "odd"]).for_each(|(stream, name)| stream.to(name, &topic("out")));
    }),
    ("repartition", |app| out(&facts(app).repartition("it", codecs()))),
    ("process-values-with-a-store", |app| {
        let store = app.store(KeyValue::new("seen", utf8(), i64_be()));
        out(&facts(app).process_values("it", store, move || Seen(store)));
    }),
    ("count", |app| told(&grouped(app).count("it", counts()))),
    ("count-per-commit", |app| told(&grouped(app).count("it", counts().emit_per_commit()))),
    ("count-ttl", |app| told(&grouped(app).count("it", counts().ttl(Ttl::stream_ms(60_000))))),
    (IDLING, |app| told(&grouped(app).count("it", counts()))),
    ("reduce", |app| sent(&grouped(app).reduce("it", rows("it-store"), |_, fact| fact))),
    ("cogroup", |app| {
        let grouped = grouped(app);
        let longest = |_: &String, fact: Vec<u8>, longest: i64| longest.max(fact.len() as i64);
        told(&grouped.cogroup(longest).cogroup(&grouped, longest).aggregate("it", counts(), || 0));
    }),
    ("count-tumbling", |app| windowed(app, Tumbling::of_ms(300_000))),
    ("count-hopping-4", |app| windowed(app, Hopping::of_ms(240_000, 60_000))),
    ("count-sliding", |app| windowed(app, Sliding::of_ms(10_000))),
    ("count-sessions", |app| {
        let sessions = grouped(app).sessions(Session::gap_ms(30_000));
        let counted = sessions.count("it", SessionValue::new("it-store", utf8(), i64_be()));
        out(&counted.to_stream("updates").map("unwindowed", |key, count| (key.key, bytes_of(count))));
    }),
    ("count-tumbling-on-close", |app| {
        let closing = grouped(app).windowed(Tumbling::of_ms(60_000)).emit(EmitStrategy::on_window_close());
        let counted = closing.count("it", WindowValue::new("it-store", utf8(), i64_be()));
        out(&counted.to_stream("updates").map("unwindowed", |key, count| (key.key, bytes_of(count))));
    }),
    ("suppress", |app| {
        let counted = grouped(app).count("count", counts());
        told(&counted.suppress("it", Suppress::time_limit_ms(10_000), Codecs::new(utf8(), i64_be())));
    }),
    ("table-filter", |app| sent(&table(app, "facts", FACTS).filter("it", |_, fact| even(fact)))),
    ("table-group-by-count", |app| {
        let grouped =
            table(app, "facts", FACTS).group_by("by", |_, fact| (foreign(fact), fact.clone()), codecs());
        told(&grouped.count("it", counts()));
    }),
    ("stream-table-join-as-of", |app| {
        let prices = app.table("rows", &topic(ROWS), rows("rows-store").history_ms(3_600_000));
        out(&facts(app).with_codecs(codecs()).join_table("it", &prices, |_, fact, _| fact.clone()));
    }),
    ("stream-table-join-grace", |app| {
        let prices = app.table("rows", &topic(ROWS), rows("rows-store").history_ms(3_600_000));
        let facts = facts(app).with_codecs(codecs());
        out(&facts.join_table_with_grace("it", &prices, 10_000, |_, fact, _| fact.clone()));
    }),
    ("stream-global-join", |app| {
        let foreign_rows = app.global_table("foreign", &topic(FOREIGN), rows("foreign-store"));
        out(&facts(app).join_global("it", &foreign_rows, |_, fact| foreign(fact), |_, fact, _| fact.clone()));
    }),
    ("table-table-join", |app| {
        let (left, right) = (table(app, "facts", FACTS), table(app, "rows", ROWS));
        sent(&left.join("it", &right, |fact, _| fact.clone()));
    }),
    ("stream-stream-left-join", |app| {
        let (left, right) = halves(app);
        let windows = JoinWindows::of_ms(30_000);
        out(&left.left_join_stream("it", &right, windows, joined(), |_, fact, _| fact.clone()));
    }),
    ("stream-stream-outer-join", |app| {
        let (left, right) = halves(app);
        let one =
            |left: Option<&Vec<u8>>, right: Option<&Vec<u8>>| left.or(right).cloned().unwrap_or_default();
        let windows = JoinWindows::of_ms(30_000);
        out(&left.outer_join_stream("it", &right, windows, joined(), move |_, l, r| one(l, r)));
    }),
];

/// The one family whose time goes on where no records come.
const IDLING: &str = "count-idle-timeout";

/// The topology of a family.
pub(crate) fn topology((name, add): Family) -> Topology {
    let app = Builder::new("family");
    let app = if name == IDLING { app.idle_timeout_ms(60_000) } else { app };
    add(&app);
    app.build().expect("a family is a topology")
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

fn facts(app: &Builder) -> Facts<'_> {
    app.stream("facts", &topic(FACTS))
}

/// The facts whose number is even, and the others.
fn halves(app: &Builder) -> (Facts<'_>, Facts<'_>) {
    let facts = facts(app);
    (facts.filter("left", |_, fact| even(fact)), facts.filter_not("right", |_, fact| even(fact)))
}

fn grouped(app: &Builder) -> Grouped<'_, String, Vec<u8>> {
    facts(app).group_by_key("by-key", codecs())
}

fn table<'b>(app: &'b Builder, name: &str, from: &str) -> Rows<'b> {
    app.table(name, &topic(from), rows(&format!("{name}-store")))
}

fn windowed(app: &Builder, windows: impl Into<Windows>) {
    let counted = grouped(app).windowed(windows).count("it", WindowValue::new("it-store", utf8(), i64_be()));
    out(&counted.to_stream("updates").map("unwindowed", |key, count| (key.key, bytes_of(count))));
}

fn out(stream: &Facts<'_>) {
    stream.to("out", &topic("out"));
}

/// A table's updates, as they are.
fn sent(table: &Rows<'_>) {
    table.to_stream("updates").to("out", &Topic::new("out", utf8(), bytes()));
}

fn told(table: &Table<'_, String, i64>) {
    table.to_stream("updates").to("out", &Topic::new("out", utf8(), i64_be()));
}

fn bytes_of(count: Option<i64>) -> Vec<u8> {
    count.unwrap_or_default().to_be_bytes().to_vec()
}

fn even(fact: &[u8]) -> bool {
    fact.get(7).is_some_and(|digit| digit % 2 == 0)
}

fn foreign(fact: &[u8]) -> String {
    fact.get(..8).map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default()
}
