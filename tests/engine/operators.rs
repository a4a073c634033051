//! What an operator knows survives a crash, an abort and an empty disk: it is all in stores and committed times.

use topo::state::{WindowSize, i64_be, utf8, windowed};
use topo::testkit::Driver;
use topo::{Builder, Codecs, KeyValue, Topic, Topology, Tumbling, WindowValue};

type Windowed = topo::state::Windowed<String>;

fn visits() -> Topic<String, String> {
    Topic::new("visits", utf8(), utf8())
}

fn finals() -> Topic<Windowed, Option<i64>> {
    Topic::new("finals", windowed(utf8(), WindowSize::millis(10)), i64_be())
}

/// Counts per key in windows of 10 ms with 5 ms of grace; one final result each.
fn final_counts() -> Topology {
    let app = Builder::new("finals");
    app.stream("visits", &visits())
        .group_by_key("by-visitor", Codecs::new(utf8(), utf8()))
        .windowed(Tumbling::of_ms(10).grace_ms(5))
        .count("count", WindowValue::new("counts", utf8(), i64_be()))
        .suppress_until_window_closes(
            "final",
            Codecs::new(windowed(utf8(), WindowSize::millis(10)), i64_be()),
        )
        .to_stream("updates")
        .to("finals", &finals());
    app.build().unwrap()
}

fn visit(driver: &mut Driver, key: &str, timestamp: i64) {
    driver.pipe(&visits(), key.to_owned(), "v".to_owned(), timestamp).unwrap();
}

/// Key, window start, count and timestamp of the results not read before.
fn results(driver: &mut Driver) -> Vec<(String, i64, Option<i64>, i64)> {
    let records = driver.read(&finals()).unwrap();
    records.into_iter().map(|it| (it.key.key, it.key.window.start, it.value, it.timestamp)).collect()
}

#[test]
fn results_that_are_held_back_survive_the_loss_of_all_state() {
    let mut driver = Driver::new(final_counts()).unwrap();
    visit(&mut driver, "b", 1);
    visit(&mut driver, "a", 2);
    visit(&mut driver, "a", 7);
    driver.restore().unwrap();
    visit(&mut driver, "c", 14);
    assert_eq!(results(&mut driver), []);
    visit(&mut driver, "c", 15);
    assert_eq!(results(&mut driver), [("a".to_owned(), 0, Some(2), 7), ("b".to_owned(), 0, Some(1), 1)]);
    driver.restore().unwrap();
    visit(&mut driver, "c", 30);
    assert_eq!(results(&mut driver), [("c".to_owned(), 10, Some(2), 15)]);
}

#[test]
fn a_late_record_stays_late_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut driver = Driver::builder(final_counts()).rocks(directory.path()).build().unwrap();
    visit(&mut driver, "a", 1);
    visit(&mut driver, "a", 40);
    assert_eq!(results(&mut driver), [("a".to_owned(), 0, Some(1), 1)]);
    driver.crash();
    driver.reopen().unwrap();
    visit(&mut driver, "a", 2);
    assert_eq!(driver.dropped(), 1, "the window closed before the crash");
    visit(&mut driver, "a", 80);
    assert_eq!(results(&mut driver), [("a".to_owned(), 40, Some(1), 40)]);
}

#[test]
fn an_aborted_interval_is_processed_again_as_if_it_had_never_been() {
    let mut driver = Driver::builder(final_counts()).commit_by_hand().build().unwrap();
    visit(&mut driver, "a", 1);
    driver.commit().unwrap();
    visit(&mut driver, "a", 2);
    visit(&mut driver, "a", 50);
    driver.abort().unwrap();
    driver.run().unwrap();
    driver.commit().unwrap();
    assert_eq!(results(&mut driver), [("a".to_owned(), 0, Some(2), 2)]);
    assert_eq!(driver.dropped(), 0, "stream time went back with the abort");
}

#[test]
fn updates_that_change_nothing_stop_at_changes_only() {
    let rows: Topic<String, Option<String>> = Topic::new("rows", utf8(), utf8());
    let changes: Topic<String, Option<String>> = Topic::new("changes", utf8(), utf8());
    let app = Builder::new("changes");
    app.table("rows", &rows, KeyValue::new("rows-store", utf8(), utf8()))
        .map_values("first-letter", |_, row| row.chars().take(1).collect::<String>())
        .changes_only("changed")
        .to_stream("updates")
        .to("changes", &changes);
    let mut driver = Driver::new(app.build().unwrap()).unwrap();
    for (timestamp, row) in [Some("ab"), Some("ac"), Some("b"), None, None].into_iter().enumerate() {
        driver.pipe(&rows, "k".to_owned(), row.map(str::to_owned), timestamp as i64).unwrap();
    }
    let seen: Vec<_> =
        driver.read(&changes).unwrap().into_iter().map(|it| (it.value, it.timestamp)).collect();
    assert_eq!(seen, [(Some("a".to_owned()), 0), (Some("b".to_owned()), 2), (None, 3)]);
}

#[test]
fn all_that_is_wrong_with_the_wiring_is_said_at_once() {
    let rows: Topic<String, String> = Topic::new("rows", utf8(), utf8());
    let app = Builder::new("wrong");
    let view = app.table_view("view", &rows);
    let stored = app.stream("visits", &visits()).to_table("stored", KeyValue::new("s", utf8(), utf8()));
    let _ = view.join("join", &stored, |left, _| left.clone());
    app.stream("orders", &Topic::<String, String>::new("orders", utf8(), utf8()))
        .rekey("rekey", |_, value| value.len() as i64)
        .map_values("map", |_, value| value)
        .group_by_key("group", Codecs::new(i64_be(), utf8()))
        .windowed(Tumbling::of_ms(0))
        .count("count", WindowValue::new("c", i64_be(), i64_be()))
        .to_stream("updates")
        .for_each("end", |_, _| ());
    let said = app.build().map(drop).unwrap_err().to_string();
    for part in ["\"join\"", "give that table a store", "\"count\"", "0 ms has no length"] {
        assert!(said.contains(part), "{part} is missing in: {said}");
    }
}
