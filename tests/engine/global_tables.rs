//! Global tables under the runtime: every process has all of them before its first task runs, follows them afterwards, and
//! finds them again after a crash, with and without its directory.

use topo::state::utf8;
use topo::{Builder, KeyValue, Topic, Topology};

use crate::world::World;

/// Records of `in` name a row of `names`; what comes out is the row, or nothing.
fn named(world: &World) -> Topology {
    let app = Builder::new(world.application());
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    let rows = Topic::<String, Option<String>>::new(world.name("names"), utf8(), utf8());
    let names = app.global_table("names", &rows, KeyValue::new("names-store", utf8(), utf8()));
    app.stream("read", &text("in"))
        .join_global("named", &names, |_, wanted: &String| wanted.clone(), |_, _, name| name.clone())
        .to("write", &text("out"));
    app.build().unwrap()
}

fn follows_and_recovers(mut world: World) {
    world.create(&["in", "out"]);
    world.create_with(&["names"], 3);
    let rows: Vec<String> = (0..500).map(|row| format!("row-{row}")).collect();
    let old: Vec<(&str, Option<&str>)> = rows.iter().map(|row| (row.as_str(), Some("old"))).collect();
    world.write("names", &old);
    // The input is there before the process: no record may meet a table that is not full yet.
    let asks: Vec<(&str, Option<&str>)> = rows.iter().map(|row| (row.as_str(), Some(row.as_str()))).collect();
    world.write("in", &asks);
    let mut process = world.start(named(&world), world.config("p"));
    world.until(&mut process, "an answer for every row", |world| world.read("out").len() == 500);
    assert!(world.read("out").values().all(|answers| answers == &["old"]));

    // It follows what is written later, from every partition, deletes too.
    world.write("names", &[("row-0", Some("new")), ("row-1", Some("new")), ("row-2", None)]);
    world.pass(&mut process, 2_000);
    world.write(
        "in",
        &[("a", Some("row-0")), ("b", Some("row-1")), ("c", Some("row-2")), ("d", Some("row-3"))],
    );
    world.until(&mut process, "the later answers", |world| {
        let answers = world.read("out");
        ["a", "b", "d"].iter().all(|key| answers.contains_key(*key))
    });
    world.pass(&mut process, 200);
    let answer = |world: &World, key: &str| world.read("out").get(key).cloned().unwrap_or_default();
    assert_eq!(
        ["a", "b", "c", "d"].map(|key| answer(&world, key)),
        [vec!["new"], vec!["new"], vec![], vec!["old"]]
    );

    // What changes while nobody looks is there after the crash; with an empty directory all is read anew.
    for (life, row, lost) in [("second", "row-4", false), ("third", "row-5", true)] {
        drop(process);
        world.write("names", &[(row, Some(life))]);
        world.write("in", &[(life, Some(row)), (&format!("{life}-old"), Some("row-6"))]);
        if lost {
            std::fs::remove_dir_all(world.dir.path().join("p").join(world.application())).unwrap();
        }
        process = world.start(named(&world), world.config("p"));
        let last = format!("{life}-old");
        world.until(&mut process, "the answers after the crash", |world| {
            world.read("out").contains_key(&last)
        });
        assert_eq!(answer(&world, life), [life]);
        assert_eq!(answer(&world, &last), ["old"]);
    }
}

#[test]
fn a_global_table_is_full_before_the_first_record_and_comes_back_after_a_crash() {
    for world in World::both("global", 2) {
        follows_and_recovers(world);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_skipped_and_counted_and_the_table_goes_on() {
    let mut world = World::memory(1);
    world.create(&["in", "out", "names"]);
    let app = Builder::new(world.application());
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    let rows = Topic::<String, Option<i64>>::new(world.name("names"), utf8(), topo::state::i64_be());
    let names = app.global_table("names", &rows, KeyValue::new("names-store", utf8(), topo::state::i64_be()));
    app.stream("read", &text("in"))
        .join_global("named", &names, |_, wanted: &String| wanted.clone(), |_, _, number| number.to_string())
        .to("write", &text("out"));
    let topology = app.build().unwrap();
    world.write("names", &[("bad", Some("xyz")), ("good", Some("\0\0\0\0\0\0\0\x07"))]);
    world.write("in", &[("a", Some("bad")), ("b", Some("good"))]);
    let mut process = world.start(topology, world.config("p"));
    world.until(&mut process, "the answer", |world| world.read("out").contains_key("b"));
    assert_eq!(world.read("out").into_iter().collect::<Vec<_>>(), [("b".to_owned(), vec!["7".to_owned()])]);
    assert_eq!(world.log.count("LeftOut { how: Skipped, topic: \"app-names\""), 1);
}
