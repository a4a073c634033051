//! Processors: steps by name, schedules, commits, stores that are shared or only read, global stores.

use topo::state::{KeyValueStore, i64_be, utf8};
use topo::testkit::{Driver, DriverError};
use topo::{
    AppConfig, Builder, Clock, Context, Fault, Headers, KeyValue, Processor, Punctuation, ReadHandle, Record,
    StoreHandle, Topic, Topology,
};

use crate::world::World;

type Ctx<'a, 'h, 'p> = &'a mut Context<'h, 'p, String, i64>;
type Counts = KeyValueStore<String, i64>;

fn numbers(name: &str) -> Topic<String, i64> {
    Topic::new(name, utf8(), i64_be())
}

/// All of them take and give texts with numbers.
macro_rules! types {
    () => {
        type KeyIn = String;
        type ValueIn = i64;
        type KeyOut = String;
        type ValueOut = i64;
    };
}

/// Key and value of what came out and was not read before.
fn seen(driver: &mut Driver, topic: &str) -> Vec<(String, i64)> {
    driver.read(&numbers(topic)).unwrap().into_iter().map(|it| (it.key, it.value)).collect()
}

/// Hands each record to the step that its key names.
struct ToNamed;

impl Processor for ToNamed {
    types!();
    fn process(&mut self, record: Record<String, i64>, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let step = record.key.clone();
        ctx.forward_to(&step, record)
    }
}

#[test]
fn a_record_goes_to_the_step_that_is_named_and_a_name_that_is_none_ends_the_task() {
    let app = Builder::new("named");
    let named = app.stream("read", &numbers("in")).process("named", (), || ToNamed);
    named.filter("large", |_, number| *number > 9).to("write-large", &numbers("out-large"));
    named.to("all", &numbers("out-all"));
    let mut driver = Driver::new(app.build().unwrap()).unwrap();
    for (step, number) in [("large", 5), ("large", 50), ("all", 5)] {
        driver.pipe(&numbers("in"), step.to_owned(), number, 0).unwrap();
    }
    assert_eq!(seen(&mut driver, "out-large"), [("large".to_owned(), 50)]);
    assert_eq!(seen(&mut driver, "out-all"), [("all".to_owned(), 5)]);
    let error = driver.pipe(&numbers("in"), "write-large".to_owned(), 1, 0).unwrap_err();
    let wanted = "no step \"write-large\" follows \"named\"; there is [\"large\", \"all\"]";
    assert!(error.to_string().contains(wanted), "{error}");
}

/// Forwards what a schedule says, and what the context says meanwhile: -1 when there is a position, else the time.
struct Ticks(fn(Ctx<'_, '_, '_>));

impl Processor for Ticks {
    types!();
    fn init(&mut self, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        (self.0)(ctx);
        Ok(())
    }
    fn process(&mut self, record: Record<String, i64>, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let position = ctx.position().cloned();
        assert_eq!(position.map(|it| (it.topic.to_string(), it.partition)), Some(("in".to_owned(), 0)));
        drop(record);
        Ok(())
    }
    fn punctuate(&mut self, event: Punctuation, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let value = if ctx.position().is_some() { -1 } else { event.time };
        let key = format!("{:?}", event.clock);
        ctx.forward(Record { key, value, timestamp: event.time, headers: Headers::new() })?;
        if event.time >= 300 {
            ctx.cancel(event.schedule);
        }
        Ok(())
    }
}

fn ticking(schedule: fn(Ctx<'_, '_, '_>)) -> Topology {
    let app = Builder::new("ticks");
    app.stream("read", &numbers("in"))
        .process("tick", (), move || Ticks(schedule))
        .to("write", &numbers("ticks"));
    app.build().unwrap()
}

fn ticks(driver: &mut Driver) -> Vec<i64> {
    seen(driver, "ticks").into_iter().map(|(_, time)| time).collect()
}

#[test]
fn a_schedule_from_a_time_ticks_there_and_at_every_interval_whenever_it_was_started() {
    let every_hundred = |ctx: Ctx<'_, '_, '_>| {
        ctx.schedule_from(Clock::Wall, 30, 100);
    };
    // Started at 75: the tick of 30 is over, those of 130, 230 and 330 come.
    let mut driver = Driver::builder(ticking(every_hundred)).wall_clock(75).build().unwrap();
    driver.advance_wall_clock(54).unwrap();
    assert_eq!(ticks(&mut driver), [0_i64; 0]);
    driver.advance_wall_clock(1).unwrap();
    assert_eq!(ticks(&mut driver), [130]);
    // Missed ticks coalesce, and the ones behind stay on the grid.
    driver.advance_wall_clock(110).unwrap();
    assert_eq!(ticks(&mut driver), [240]);
    driver.advance_wall_clock(89).unwrap();
    assert_eq!(ticks(&mut driver), [0_i64; 0]);
    driver.advance_wall_clock(1).unwrap();
    assert_eq!(ticks(&mut driver), [330]);
}

#[test]
fn a_schedule_from_a_time_follows_stream_time_when_told_and_begins_with_a_later_tick_only() {
    let in_stream_time = |ctx: Ctx<'_, '_, '_>| {
        ctx.schedule_from(Clock::Stream, 30, 100);
    };
    let mut driver = Driver::new(ticking(in_stream_time)).unwrap();
    for time in [10, 29, 30, 129, 130] {
        driver.pipe(&numbers("in"), "k".to_owned(), 0, time).unwrap();
    }
    assert_eq!(ticks(&mut driver), [30, 130]);
    // A restart in between moves nothing.
    driver.restore().unwrap();
    for time in [200, 230] {
        driver.pipe(&numbers("in"), "k".to_owned(), 0, time).unwrap();
    }
    assert_eq!(ticks(&mut driver), [230]);
}

#[test]
fn a_cancelled_schedule_ticks_no_more_and_no_record_is_in_hand_during_a_tick() {
    let both = |ctx: Ctx<'_, '_, '_>| {
        ctx.schedule(Clock::Wall, 100);
        ctx.schedule(Clock::Stream, 100);
    };
    let mut driver = Driver::new(ticking(both)).unwrap();
    for time in [0, 150, 300, 450] {
        driver.pipe(&numbers("in"), "k".to_owned(), 0, time).unwrap();
    }
    for _ in 0..5 {
        driver.advance_wall_clock(100).unwrap();
    }
    let wall = [100, 200, 300].map(|time| ("Wall".to_owned(), time));
    let stream = [0, 150, 300].map(|time| ("Stream".to_owned(), time));
    assert_eq!(seen(&mut driver, "ticks"), [stream, wall].concat(), "each was cancelled at 300");
}

/// Asks for a commit at every record whose number is odd.
struct CommitOdd;

impl Processor for CommitOdd {
    types!();
    fn process(&mut self, record: Record<String, i64>, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        if record.value % 2 == 1 {
            ctx.request_commit();
        }
        ctx.forward(record)
    }
}

#[test]
fn a_commit_that_is_asked_for_comes_before_its_time() {
    let mut world = World::memory(1);
    world.create(&["in", "out"]);
    let app = Builder::new(world.application());
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    app.stream("read", &text("in"))
        .map_values("length", |_, value| value.len() as i64)
        .process_values("commit-odd", (), || CommitOdd)
        .map_values("text", |_, length: i64| length.to_string())
        .to("write", &text("out"));
    let config = AppConfig { commit_interval_ms: 3_600_000, ..world.config("p") };
    let mut process = world.start(app.build().unwrap(), config);
    world.write("in", &[("even", Some("ab"))]);
    world.pass(&mut process, 2_000);
    assert_eq!(world.read("out").len(), 0, "nobody has asked yet");
    world.write("in", &[("odd", Some("abc"))]);
    world.until(&mut process, "the commit", |world| world.read("out").len() == 2);
}

/// Adds to the count of its key.
struct Add(StoreHandle<Counts>);

impl Processor for Add {
    types!();
    fn process(&mut self, record: Record<String, i64>, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let number = record.value;
        let sum = |before: Option<i64>| Some(before.unwrap_or(0) + number);
        Ok(ctx.store(self.0)?.update(&record.key, record.timestamp, sum)?)
    }
}

/// Answers with the count of its key.
struct Look(ReadHandle<Counts>);

impl Processor for Look {
    types!();
    fn process(&mut self, record: Record<String, i64>, ctx: Ctx<'_, '_, '_>) -> Result<(), Fault> {
        let count = ctx.read(self.0)?.get(&record.key)?.map_or(0, |row| row.value);
        ctx.forward(record.with_value(count))
    }
}

#[test]
fn two_processors_share_a_store_and_one_of_them_only_reads_it() {
    let app = Builder::new("shared");
    let counts = app.store(KeyValue::new("counts", utf8(), i64_be()));
    let _ = app.stream("add", &numbers("add")).process("adder", counts, move || Add(counts));
    let looked = counts.read_only();
    app.stream("ask", &numbers("ask"))
        .process_values("look", looked, move || Look(looked))
        .to("write", &numbers("out"));
    let topology = app.build().unwrap();
    assert_eq!(
        topology.describe().matches("Sub-topology").count(),
        1,
        "one task has both: {}",
        topology.describe()
    );
    let mut driver = Driver::new(topology).unwrap();
    driver.pipe(&numbers("add"), "k".to_owned(), 3, 0).unwrap();
    driver.pipe(&numbers("add"), "k".to_owned(), 4, 1).unwrap();
    driver.pipe(&numbers("ask"), "k".to_owned(), 0, 2).unwrap();
    assert_eq!(seen(&mut driver, "out"), [("k".to_owned(), 7)]);
}

/// Keeps the sum of all numbers of a key; a global store's processor.
fn global_sums(world: &World) -> Topology {
    let app = Builder::new(world.application());
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    let store = app.store(KeyValue::new("sums", utf8(), i64_be()));
    let sums = app.global_store("sum", &text("facts"), store, move || SumText(store));
    app.stream("read", &text("in"))
        .transform_values("sum-of", (), move |ask: &Record<String, String>, ctx| {
            Ok(ctx.read(sums)?.get(&ask.value)?.map_or(0, |row| row.value).to_string())
        })
        .to("write", &text("out"));
    app.build().unwrap()
}

struct SumText(StoreHandle<Counts>);

impl Processor for SumText {
    type KeyIn = String;
    type ValueIn = String;
    type KeyOut = String;
    type ValueOut = String;
    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut Context<'_, '_, String, String>,
    ) -> Result<(), Fault> {
        let number: i64 =
            record.value.parse().map_err(|_| Fault::poison("NO_NUMBER", record.value.clone()))?;
        let sum = |before: Option<i64>| Some(before.unwrap_or(0) + number);
        Ok(ctx.store(self.0)?.update(&record.key, record.timestamp, sum)?)
    }
}

fn sums_everywhere(mut world: World) {
    world.create(&["in", "out"]);
    world.create_with(&["facts"], 3);
    world.write("facts", &[("a", Some("1")), ("b", Some("x")), ("a", Some("2")), ("b", Some("10"))]);
    world.write("in", &[("1", Some("a")), ("2", Some("b"))]);
    let mut process = world.start(global_sums(&world), world.config("p"));
    world.until(&mut process, "both answers", |world| world.read("out").len() == 2);
    assert_eq!(world.read("out").into_values().flatten().collect::<Vec<_>>(), ["3", "10"]);
    for (life, lost, sum) in [("3", false, "8"), ("4", true, "13")] {
        drop(process);
        world.write("facts", &[("a", Some("5"))]);
        world.write("in", &[(life, Some("a"))]);
        if lost {
            std::fs::remove_dir_all(world.dir.path().join("p").join(world.application())).unwrap();
        }
        process = world.start(global_sums(&world), world.config("p"));
        world.until(&mut process, "the answer of a later life", |world| world.read("out").contains_key(life));
        assert_eq!(world.read("out")[life], [sum], "no fact counts twice, and none is lost");
    }
}

#[test]
fn a_global_store_is_filled_by_its_own_processor_and_found_again_after_a_crash() {
    for world in World::both("global-store", 2) {
        sums_everywhere(world);
    }
}

#[test]
fn the_processor_of_a_global_store_has_no_punctuations() {
    let app = Builder::new("global-ticks");
    let store = app.store(KeyValue::new("store", utf8(), i64_be()));
    app.global_store("fill", &numbers("facts"), store, || {
        Ticks(|ctx| {
            ctx.schedule(Clock::Wall, 5);
        })
    });
    app.stream("read", &numbers("in")).to("write", &numbers("out"));
    let said = Driver::new(app.build().unwrap()).map(drop).unwrap_err();
    assert!(matches!(&said, DriverError::Stopped(why) if why.contains("no punctuations")), "{said}");
}
