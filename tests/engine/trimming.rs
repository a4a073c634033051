//! Changelogs of windows are cut behind what has expired by stream time, on either broker, and nothing that counts is lost.

use std::collections::BTreeMap;
use std::path::Path;

use topo::broker::{BrokerError, CommittedOffset, Consumer, ConsumerConfig, Isolation, NewTopic, Watermarks};
use topo::state::{Windowed, i64_be, utf8};
use topo::{AppConfig, Builder, Codecs, Error, Partition, Process, Topic, Topology, Tumbling, WindowValue};

use crate::world::World;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: &str = "86400000";

/// `in` -> count by key and minute -> `out`, as text. A minute is kept for one more.
fn per_minute(world: &World) -> Topology {
    let app = Builder::new(world.application());
    let input = Topic::<String, String>::new(world.name("in"), utf8(), utf8());
    app.stream("read", &input)
        .group_by_key("by-key", Codecs::new(utf8(), utf8()))
        .windowed(Tumbling::of_ms(MINUTE_MS))
        .count("count", WindowValue::new("minutes", utf8(), i64_be()))
        .to_stream("changes")
        .map("text", |key: Windowed<String>, count: Option<i64>| {
            (format!("{}@{}", key.key, key.window.start), count.unwrap_or(0).to_string())
        })
        .to("write", &Topic::<String, String>::new(world.name("out"), utf8(), utf8()));
    app.build().unwrap()
}

fn config(world: &World) -> AppConfig {
    AppConfig { purge_interval_ms: 50, ..world.config("p") }
}

/// The first minute of a run.
fn begin(world: &World) -> i64 {
    world.now / MINUTE_MS * MINUTE_MS
}

/// One more record of two keys in a minute; waits until both have this count there.
fn count(world: &mut World, process: &mut Process, start: i64, wanted: usize) {
    world.write_at(start + 1, "in", &[("a", Some("v")), ("b", Some("v"))]);
    world.until(process, "the counts", |world| {
        let out = world.read("out");
        let last = |key: &str| out.get(&format!("{key}@{start}")).and_then(|counts| counts.last().cloned());
        last("a") == Some(wanted.to_string()) && last("b") == Some(wanted.to_string())
    });
}

fn changelog(world: &World) -> Partition {
    Partition::new(world.name("minutes-changelog"), 0)
}

fn reader(world: &World, group: Option<&str>) -> Box<dyn Consumer> {
    let config = ConsumerConfig {
        client_id: "test".into(),
        group: group.map(str::to_owned),
        isolation: Isolation::ReadUncommitted,
        buffer_bytes: 1 << 20,
    };
    world.broker.consumer(&config).unwrap()
}

fn marks(world: &World) -> Watermarks {
    reader(world, None).watermarks(&changelog(world)).unwrap()
}

/// Counts in five minutes, one after the other, until the engine has cut the changelog behind them.
fn count_until_cut(world: &mut World, process: &mut Process, start: i64) {
    for minute in 1..6 {
        count(world, process, start + minute * MINUTE_MS, 1);
    }
    world.until(process, "the changelog to be cut", |world| marks(world).low > 0);
}

/// Somebody deletes every record there is (`kafka-delete-records`), all but the end of the last transaction.
fn delete_everything(world: &World) -> i64 {
    let end = marks(world).high - 1;
    world.broker.admin().unwrap().delete_records(&[(changelog(world), end)]).unwrap();
    end
}

/// A start with no state, or with this one, ends with the error about somebody else's deletion.
fn is_refused(world: &mut World, state: Option<&Path>, end: i64) {
    let dir = world.dir.path().join("p");
    match state {
        Some(state) => replace(&dir, state),
        None => std::fs::remove_dir_all(&dir).unwrap(),
    }
    let mut process = world.start(per_minute(world), config(world));
    let error = world.failure(&mut process);
    let Error::ChangelogCutByOthers { low, cut, .. } = &error else { panic!("{error}") };
    assert!(*low == end && *cut < end, "{error}");
    let text = error.to_string();
    let named = format!("changelog {} begins at offset {end}", changelog(world));
    assert!(text.contains(&named) && text.contains("`topo reset "), "{text}");
}

/// Ends the process as it is ended in production: its group has no member then.
fn stop(world: &mut World, mut process: Process) {
    process.stop();
    while !process.is_finished() {
        world.round(&mut process).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn replace(dir: &Path, by: &Path) {
    std::fs::remove_dir_all(dir).unwrap();
    copy(by, dir);
}

/// The changelog as somebody else has made it.
fn make_changelog(world: &World, settings: &[(&str, &str)]) {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let topic =
        NewTopic { name: changelog(world).topic.to_string(), partitions: 1, replication: 1, settings };
    world.broker.admin().unwrap().create(&[topic]).unwrap().remove(0).unwrap();
}

#[test]
fn what_has_expired_is_deleted_and_a_store_is_built_up_from_the_rest() {
    for mut world in World::both("trimmed", 1) {
        world.create(&["in", "out"]);
        let (start, dir, old) = (begin(&world), world.dir.path().join("p"), world.dir.path().join("old"));
        let mut process = world.start(per_minute(&world), config(&world));
        count(&mut world, &mut process, start, 1);
        drop(process);
        copy(&dir, &old);
        let mut process = world.start(per_minute(&world), config(&world));
        count_until_cut(&mut world, &mut process, start);
        let cut = marks(&world);
        // Two minutes are alive; at most one more shares a segment with them.
        assert!(cut.low < cut.high && cut.high - cut.low <= cut.high / 2 + 2, "{cut:?}");
        drop(process);

        // From nothing, and from a directory that is older than what is left.
        for (times, again) in [(2, None), (3, Some(&old))] {
            match again {
                Some(old) => replace(&dir, old),
                None => std::fs::remove_dir_all(&dir).unwrap(),
            }
            let mut process = world.start(per_minute(&world), config(&world));
            // Too late for everybody, also for whoever has not seen the time pass.
            world.write_at(start + 2, "in", &[("a", Some("late"))]);
            count(&mut world, &mut process, start + 5 * MINUTE_MS, times);
        }
        assert_eq!(world.read("out")[&format!("a@{start}")], ["1"]);
        assert_eq!(world.log.count("moved to"), 0, "nothing is set aside that can be completed");
    }
}

#[test]
fn what_somebody_else_deletes_is_an_error_for_whoever_needs_it_and_none_for_the_others() {
    for mut world in World::both("cut-by-others", 1) {
        world.create(&["in", "out"]);
        let (start, dir) = (begin(&world), world.dir.path().join("p"));
        let (old, whole) = (world.dir.path().join("old"), world.dir.path().join("whole"));
        let mut process = world.start(per_minute(&world), config(&world));
        count(&mut world, &mut process, start, 1);
        drop(process);
        copy(&dir, &old);
        let mut process = world.start(per_minute(&world), config(&world));
        count_until_cut(&mut world, &mut process, start);
        drop(process);
        copy(&dir, &whole);
        let end = delete_everything(&world);
        is_refused(&mut world, Some(&old), end);
        is_refused(&mut world, None, end);
        replace(&dir, &whole);
        let mut process = world.start(per_minute(&world), config(&world));
        count(&mut world, &mut process, start + 5 * MINUTE_MS, 2);
        // It says no more than what the engine itself has cut since: what is gone counts still.
        drop(process);
        is_refused(&mut world, None, end);
    }
}

#[test]
fn what_an_older_version_has_cut_is_taken_as_it_is_and_watched_from_then_on() {
    for mut world in World::both("cut-before", 1) {
        world.create(&["in", "out"]);
        let (start, dir) = (begin(&world), world.dir.path().join("p"));
        let mut process = world.start(per_minute(&world), config(&world));
        count_until_cut(&mut world, &mut process, start);
        stop(&mut world, process);
        forget_the_cut(&world);
        std::fs::remove_dir_all(&dir).unwrap();
        let mut process = world.start(per_minute(&world), config(&world));
        count(&mut world, &mut process, start + 5 * MINUTE_MS, 2);
        assert_eq!(world.log.count("as older versions did not"), 1, "{:#?}", world.log.lines("Warning"));
        drop(process);
        let end = delete_everything(&world);
        is_refused(&mut world, None, end);
    }
}

/// Commits what is committed without the cut in it, as a version that knows nothing of cuts.
fn forget_the_cut(world: &World) {
    let mut group = reader(world, Some(world.application()));
    let input = Partition::new(world.name("in"), 0);
    let CommittedOffset { offset, metadata } =
        group.committed(std::slice::from_ref(&input)).unwrap().remove(0).unwrap();
    assert!(metadata.contains("cut:minutes@"), "{metadata}");
    let words: Vec<&str> = metadata.split(' ').filter(|word| !word.starts_with("cut:")).collect();
    let old = CommittedOffset { offset, metadata: words.join(" ") };
    while let Err(error) = group.commit(&[(input.clone(), old.clone())], None) {
        assert!(matches!(error, BrokerError::Retriable(_)), "{error}");
    }
}

#[test]
fn a_changelog_of_an_older_version_is_taken_as_it_is_and_that_is_said_once() {
    for mut world in World::both("untrimmed", 1) {
        world.create(&["in", "out"]);
        make_changelog(&world, &[("cleanup.policy", "compact")]);
        let start = begin(&world);
        let mut process = world.start(per_minute(&world), config(&world));
        for minute in 0..5 {
            count(&mut world, &mut process, start + minute * MINUTE_MS, 1);
        }
        world.pass(&mut process, 300);
        assert_eq!(marks(&world).low, 0);
        assert_eq!(world.log.count("as older versions made it"), 1);
    }
}

#[test]
fn a_store_that_the_brokers_clock_has_left_behind_is_built_up_anew_with_a_warning() {
    for mut world in World::both("aged", 1) {
        world.create(&["in", "out"]);
        make_changelog(&world, &[("cleanup.policy", "compact,delete"), ("retention.ms", DAY_MS)]);
        let (start, dir, old) = (begin(&world), world.dir.path().join("p"), world.dir.path().join("old"));
        let mut process = world.start(per_minute(&world), config(&world));
        count(&mut world, &mut process, start, 1);
        drop(process);
        copy(&dir, &old);
        let mut process = world.start(per_minute(&world), config(&world));
        count(&mut world, &mut process, start, 2);
        assert_eq!(world.log.count("by its own clock"), 2, "once at each start");
        drop(process);
        // A day later.
        let end = marks(&world).high;
        world.broker.admin().unwrap().delete_records(&[(changelog(&world), end)]).unwrap();
        replace(&dir, &old);
        let mut process = world.start(per_minute(&world), config(&world));
        // Both counts of that minute are gone: it begins anew, as for Kafka Streams.
        count(&mut world, &mut process, start, 1);
        assert_eq!(world.log.count("has deleted records by their age"), 1);
        let names = std::fs::read_dir(dir.join(world.application())).unwrap();
        let aside =
            names.filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().contains(".damaged-"));
        assert_eq!(aside.count(), 1, "moved aside, not deleted");
    }
}

#[test]
fn the_changelog_the_engine_makes_is_never_deleted_from_by_the_brokers_clock() {
    for mut world in World::both("policy", 1) {
        world.create(&["in", "out"]);
        let mut process = world.start(per_minute(&world), config(&world));
        let start = begin(&world);
        count(&mut world, &mut process, start, 1);
        let topic = changelog(&world).topic.to_string();
        let settings: BTreeMap<String, String> = world.broker.admin().unwrap().settings(&topic).unwrap();
        let mut policy: Vec<&str> = settings["cleanup.policy"].split(',').collect();
        policy.sort_unstable();
        assert_eq!(policy, ["compact", "delete"]);
        assert_eq!((settings["retention.ms"].as_str(), settings["retention.bytes"].as_str()), ("-1", "-1"));
    }
}
