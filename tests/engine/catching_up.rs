//! A join that has much to catch up with takes the records of both sides by time, as they would have come.

use topo::state::utf8;
use topo::{AppConfig, Builder, KeyValue, Topic, Topology};

use crate::world::World;

const ROWS: usize = 3_000;

/// Each record of `in` with the row of its key, or the word `missing`.
fn joined(world: &World) -> Topology {
    let app = Builder::new(world.application());
    let text = |name: &str| Topic::<String, String>::new(world.name(name), utf8(), utf8());
    let rows = app.table("rows", &text("rows"), KeyValue::new("rows-store", utf8(), utf8()));
    app.stream("read", &text("in"))
        .left_join_table("join", &rows, |_, _, row| row.cloned().unwrap_or_else(|| "missing".to_owned()))
        .to("write", &text("out"));
    app.build().unwrap()
}

fn each_meets_its_row(mut world: World) {
    world.create(&["in", "rows", "out"]);
    let keys: Vec<String> = (0..ROWS).map(|row| format!("row-{row}")).collect();
    let all = |value| keys.iter().map(|key| (key.as_str(), Some(value))).collect::<Vec<_>>();
    let config = AppConfig { step_records: 50, ..world.config("p") };
    // What comes while nobody runs is caught up with later, by a task that knows the rows of before.
    for (life, value) in ["first", "second"].into_iter().enumerate() {
        let time = world.now;
        // The records that must wait come first, and with one of their own for each row.
        world.write_at(time + 1, "in", &all("ask"));
        world.write_at(time, "rows", &all(value));
        let mut process = world.start(joined(&world), config.clone());
        world.until(&mut process, "an answer to each", |world| {
            world.read("out").values().map(Vec::len).sum::<usize>() == (life + 1) * ROWS
        });
        let answers = world.read("out");
        let wrong = answers.iter().filter(|(_, answers)| answers[life] != value);
        assert_eq!(wrong.collect::<Vec<_>>(), [], "in the {value} life");
        drop(process);
    }
}

#[test]
fn whoever_catches_up_joins_each_record_with_the_row_of_its_time() {
    for world in World::both("catching-up", 2) {
        each_meets_its_row(world);
    }
}
