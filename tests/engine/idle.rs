//! Time goes on where no records come, if the topology says so.

use topo::state::{WindowSize, i64_be, utf8, windowed};
use topo::testkit::Driver;
use topo::{
    Builder, Clock, Codecs, Context, EmitStrategy, Fault, Headers, Hopping, JoinWindows, KeyValue, Processor,
    Punctuation, Record, Session, SessionValue, Sliding, StreamJoined, Topic, Topology, Ttl, Tumbling,
    WindowValue, Windows,
};

use crate::world::World;

const TIMEOUT_MS: i64 = 1_000;
/// The wall clock at the start, and the time of the first record.
const START: i64 = 1_000_000;

fn numbers(name: &str) -> Topic<String, i64> {
    Topic::new(name, utf8(), i64_be())
}

fn out() -> Topic<String, Option<i64>> {
    Topic::new("out", utf8(), i64_be())
}

fn app() -> Builder {
    Builder::new("idle").idle_timeout_ms(TIMEOUT_MS)
}

fn driver(app: &Builder) -> Driver {
    Driver::builder(app.build().unwrap()).wall_clock(START).build().unwrap()
}

/// Key, value and time of what came out and was not read before.
fn seen(driver: &mut Driver) -> Vec<(String, Option<i64>, i64)> {
    driver.read(&out()).unwrap().into_iter().map(|it| (it.key, it.value, it.timestamp)).collect()
}

fn one(key: &str, value: Option<i64>, time: i64) -> Vec<(String, Option<i64>, i64)> {
    vec![(key.to_owned(), value, time)]
}

/// Pipes one record, and asserts that its result comes once the topology has been idle for long enough.
fn comes_when_idle(app: &Builder, wait_ms: i64, expected: Vec<(String, Option<i64>, i64)>) {
    let mut driver = driver(app);
    driver.pipe(&numbers("in"), "k".to_owned(), 7, START).unwrap();
    driver.advance_wall_clock(wait_ms + TIMEOUT_MS - 1).unwrap();
    assert_eq!(seen(&mut driver), [], "too early");
    driver.advance_wall_clock(TIMEOUT_MS).unwrap();
    assert_eq!(seen(&mut driver), expected);
    // What came by itself is kept: a crash gives nothing twice and forgets no time.
    driver.restore().unwrap();
    driver.advance_wall_clock(TIMEOUT_MS).unwrap();
    assert_eq!(seen(&mut driver), []);
    assert!(driver.stream_time() > Some(START));
}

/// Counts in these windows; final results only.
fn counted(windows: impl Into<Windows>) -> Builder {
    let app = app();
    app.stream("in", &numbers("in"))
        .group_by_key("by-key", Codecs::new(utf8(), i64_be()))
        .windowed(windows)
        .emit(EmitStrategy::on_window_close().at_most_every_ms(0))
        .count("count", WindowValue::new("counts", utf8(), i64_be()))
        .to_stream("updates")
        .map("key", |key, count| (key.key, count))
        .to("write", &out());
    app
}

#[test]
fn windows_close_and_give_their_results_without_a_further_record() {
    comes_when_idle(&counted(Tumbling::of_ms(500).grace_ms(200)), 700, one("k", Some(1), START));
    // A sliding window ends with its record, and closes when its grace is more than over.
    comes_when_idle(&counted(Sliding::of_ms(500).grace_ms(200)), 201, one("k", Some(1), START));
    let hops = counted(Hopping::of_ms(500, 250).grace_ms(0));
    let mut driver = driver(&hops);
    driver.pipe(&numbers("in"), "k".to_owned(), 7, START).unwrap();
    driver.advance_wall_clock(TIMEOUT_MS + 250).unwrap();
    assert_eq!(seen(&mut driver).len(), 1, "the first of the two windows");
    driver.advance_wall_clock(TIMEOUT_MS / 4).unwrap();
    assert_eq!(seen(&mut driver).len(), 1, "and the second");
}

#[test]
fn sessions_close_without_a_further_record() {
    let app = app();
    app.stream("in", &numbers("in"))
        .group_by_key("by-key", Codecs::new(utf8(), i64_be()))
        .sessions(Session::gap_ms(300).grace_ms(100))
        .emit(EmitStrategy::on_window_close().at_most_every_ms(0))
        .count("count", SessionValue::new("counts", utf8(), i64_be()))
        .to_stream("updates")
        .map("key", |key, count| (key.key, count))
        .to("write", &out());
    comes_when_idle(&app, 400, one("k", Some(1), START));
}

#[test]
fn suppressed_results_leave_without_a_further_record_and_late_records_cannot_reopen_their_window() {
    let codec = || windowed(utf8(), WindowSize::millis(500));
    let app = app();
    app.stream("in", &numbers("in"))
        .group_by_key("by-key", Codecs::new(utf8(), i64_be()))
        .windowed(Tumbling::of_ms(500).grace_ms(0))
        .count("count", WindowValue::new("counts", utf8(), i64_be()))
        .suppress_until_window_closes("final", Codecs::new(codec(), i64_be()))
        .to_stream("updates")
        .map("key", |key, count| (key.key, count))
        .to("write", &out());
    comes_when_idle(&app, 500, one("k", Some(1), START));
    let mut driver = driver(&app);
    driver.pipe(&numbers("in"), "k".to_owned(), 7, START).unwrap();
    driver.advance_wall_clock(500 + 2 * TIMEOUT_MS).unwrap();
    driver.pipe(&numbers("in"), "k".to_owned(), 7, START + 1).unwrap();
    assert_eq!((seen(&mut driver).len(), driver.dropped()), (1, 1));
}

#[test]
fn a_time_limit_of_suppress_runs_without_a_further_record() {
    let app = app();
    app.stream("in", &numbers("in"))
        .to_table("table", KeyValue::new("rows", utf8(), i64_be()))
        .suppress("calm", topo::Suppress::time_limit_ms(600), Codecs::new(utf8(), i64_be()))
        .to_stream("updates")
        .to("write", &out());
    comes_when_idle(&app, 600, one("k", Some(7), START));
}

#[test]
fn a_record_without_a_partner_leaves_an_outer_join_without_a_further_record() {
    let app = app();
    app.stream("in", &numbers("in"))
        .left_join_stream(
            "join",
            &app.stream("other", &numbers("other")),
            JoinWindows::of_ms(400).grace_ms(100),
            StreamJoined::new("join", utf8(), i64_be(), i64_be()),
            |_, left, right| Some(left + right.unwrap_or(&0)),
        )
        .to("write", &out());
    // Stream-stream joins look at most once a second, as in Kafka Streams, first when they are asked.
    let mut driver = driver(&app);
    driver.pipe(&numbers("in"), "k".to_owned(), 7, START).unwrap();
    driver.advance_wall_clock(499 + TIMEOUT_MS).unwrap();
    assert_eq!(seen(&mut driver), []);
    driver.advance_wall_clock(2 * TIMEOUT_MS).unwrap();
    assert_eq!(seen(&mut driver), one("k", Some(7), START));
}

#[test]
fn rows_expire_by_stream_time_without_a_further_record() {
    let app = app();
    app.stream("in", &numbers("in"))
        .to_table("table", KeyValue::new("rows", utf8(), i64_be()).ttl(Ttl::stream_ms(640)))
        .to_stream("updates")
        .filter("deletions", |_, row| row.is_none())
        .to("write", &out());
    comes_when_idle(&app, 640, one("k", None, START + 640));
}

/// Forwards each tick of stream time behind the first record.
struct Ticks;

impl Processor for Ticks {
    type KeyIn = String;
    type ValueIn = i64;
    type KeyOut = String;
    type ValueOut = Option<i64>;
    fn init(&mut self, ctx: &mut Context<'_, '_, String, Option<i64>>) -> Result<(), Fault> {
        ctx.schedule_from(Clock::Stream, START + 100, 100);
        Ok(())
    }
    fn process(
        &mut self,
        record: Record<String, i64>,
        ctx: &mut Context<'_, '_, String, Option<i64>>,
    ) -> Result<(), Fault> {
        ctx.observe(record.timestamp);
        Ok(())
    }
    fn idle(&mut self, ctx: &mut Context<'_, '_, String, Option<i64>>) -> Result<(), Fault> {
        let Some(timestamp) = ctx.idle_time() else { return Ok(()) };
        ctx.forward(Record { key: "idle".to_owned(), value: None, timestamp, headers: Headers::new() })
    }
    fn punctuate(
        &mut self,
        tick: Punctuation,
        ctx: &mut Context<'_, '_, String, Option<i64>>,
    ) -> Result<(), Fault> {
        let key = "tick".to_owned();
        ctx.forward(Record { key, value: None, timestamp: tick.time, headers: Headers::new() })
    }
}

fn ticking(idle: bool) -> Topology {
    let app = if idle { app() } else { Builder::new("busy") };
    app.stream("in", &numbers("in")).process("ticks", (), || Ticks).to("write", &out());
    app.build().unwrap()
}

#[test]
fn processors_are_told_and_punctuations_of_stream_time_fire() {
    let mut driver = Driver::builder(ticking(true)).wall_clock(START).build().unwrap();
    driver.advance_wall_clock(5 * TIMEOUT_MS).unwrap();
    assert_eq!(seen(&mut driver), [], "before the first record there is no time that could go on");
    let now = START + 5 * TIMEOUT_MS;
    driver.pipe(&numbers("in"), "k".to_owned(), 1, START).unwrap();
    driver.advance_wall_clock(TIMEOUT_MS).unwrap();
    let expected = [("idle", now), ("tick", now)].map(|(key, time)| (key.to_owned(), None, time));
    assert_eq!(seen(&mut driver), expected);
    // Newer records than the wall clock says are not overtaken.
    driver.pipe(&numbers("in"), "k".to_owned(), 1, now + 60_000).unwrap();
    seen(&mut driver);
    driver.advance_wall_clock(10 * TIMEOUT_MS).unwrap();
    assert_eq!(seen(&mut driver), []);
    assert_eq!(driver.stream_time(), Some(now + 60_000));
}

#[test]
fn without_a_timeout_time_stands_still() {
    let mut driver = Driver::builder(ticking(false)).wall_clock(START).build().unwrap();
    driver.pipe(&numbers("in"), "k".to_owned(), 1, START).unwrap();
    driver.advance_wall_clock(1_000_000).unwrap();
    assert_eq!((seen(&mut driver), driver.stream_time()), (vec![], Some(START)));
}

#[test]
fn a_quiet_partition_closes_its_windows_while_the_other_is_busy() {
    for mut world in World::both("idle", 2) {
        world.create(&["in", "out"]);
        let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
        let app = Builder::new(world.application()).idle_timeout_ms(1_500);
        app.stream("read", &text("in"))
            .group_by_key("by-key", Codecs::new(utf8(), utf8()))
            .windowed(Tumbling::of_ms(100).grace_ms(0))
            .emit(EmitStrategy::on_window_close())
            .count("count", WindowValue::new("counts", utf8(), i64_be()))
            .to_stream("updates")
            .map("text", |key, count| (key.key, count.unwrap_or(0).to_string()))
            .to("write", &text("out"));
        let topology = app.build().unwrap();
        let [quiet, busy] = [0, 1].map(|partition| {
            let keys = (0..).map(|number| format!("k{number}"));
            keys.into_iter().find(|key| topo::partition_of(key.as_bytes(), 2) == partition).unwrap()
        });
        let mut process = world.start(topology, world.config("p"));
        world.write("in", &[(&quiet, Some("v"))]);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !world.read("out").contains_key(&quiet) {
            world.write("in", &[(&busy, Some("v"))]);
            world.pass(&mut process, 400);
            assert!(std::time::Instant::now() < deadline, "the quiet window never closed");
        }
        assert_eq!(world.read("out")[&quiet], ["1"]);
    }
}
