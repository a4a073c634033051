//! Who may import whom (DESIGN section 2), read from the sources.
//!
//! A room is a folder or file right below `src/`. `rules` says what each may name; `reading` finds what it does name.

mod reading;
mod rules;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reading::Source;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|it| it == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source::new(name, &std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

/// Names that `lib.rs` hands on from rooms: `crate::Data` is an import from room `data`.
fn handed_on(engine: &[Source]) -> BTreeMap<String, String> {
    let lib = engine.iter().find(|source| source.path == "src/lib.rs").unwrap();
    lib.reexports()
}

#[test]
fn rooms_import_only_what_the_design_allows() {
    let engine = sources("src");
    assert!(engine.len() > 50, "only {} sources found", engine.len());
    let found: Vec<String> =
        engine.iter().flat_map(|source| rules::objections(source, &handed_on(&engine))).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn crates_and_clocks_are_named_only_where_they_belong() {
    let all: Vec<Source> = ["src", "state/src", "topologies/src"].into_iter().flat_map(sources).collect();
    let found: Vec<String> = all.iter().flat_map(rules::strangers).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_room_has_a_rule_and_every_rule_a_room() {
    let mut rooms: Vec<String> = sources("src").iter().filter_map(Source::room).collect();
    rooms.sort();
    rooms.dedup();
    assert_eq!(rooms, rules::rooms());
}

#[test]
fn a_planted_violation_is_caught() {
    let handed_on =
        BTreeMap::from([("Builder".to_owned(), "dsl".to_owned()), ("Data".to_owned(), "data".to_owned())]);
    let planted = [
        ("src/runtime/worker.rs", "use crate::dsl::Builder;"),
        ("src/runtime/worker.rs", "use crate::Builder;"),
        ("src/runtime/a/b.rs", "use super::super::super::dsl::Builder;"),
        ("src/task/queue.rs", "use crate::{graph::{Naming, node}, broker::Broker};"),
        ("src/task/mod.rs", "fn f() { super::runtime::App::start() }"),
        ("src/graph/node.rs", "fn f(x: crate::task::Task) {}"),
        ("src/data.rs", "use topo::record::Record;"),
    ];
    for (path, text) in planted {
        assert_eq!(
            rules::objections(&Source::new(path.to_owned(), text), &handed_on).len(),
            1,
            "{path}: {text}"
        );
    }
    let strangers = [
        ("src/broker/memory/mod.rs", "use rdkafka::Message;"),
        ("state/src/memory.rs", "use rocksdb::DB;"),
        ("topologies/src/orders/mod.rs", "use sqlx::PgPool;"),
        ("src/task/task.rs", "let now = std::time::Instant::now();"),
        ("src/runtime/worker/mod.rs", "std::thread::sleep(pause);"),
        ("src/runtime/worker/mod.rs", "use crate::clock::now_ms;"),
        ("src/broker/kafka/producer.rs", "let now = std::time::SystemTime::now();"),
        ("src/graph/mod.rs", "use tokio::time;"),
        ("src/ops/each.rs", "use topologies::orders;"),
    ];
    for (path, text) in strangers {
        assert_eq!(rules::strangers(&Source::new(path.to_owned(), text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn comments_texts_and_what_is_allowed_are_no_violations() {
    let handed_on = BTreeMap::from([("Data".to_owned(), "data".to_owned())]);
    let fine = [
        ("src/task/task.rs", "// use crate::runtime::App;\nuse crate::{graph::Naming, Data};"),
        ("src/task/task.rs", "/* crate::dsl /* nested */ crate::cli */ let text = \"crate::runtime\";"),
        (
            "src/task/task.rs",
            "let text = r#\"crate::runtime \"quoted\"\"#; let quote = '\"'; use super::inputs::Inputs;",
        ),
        (
            "src/task/task.rs",
            "//! Instant::now, tokio and rdkafka are absent here.\nfn life<'a>(it: &'a str) {}",
        ),
    ];
    for (path, text) in fine {
        let source = Source::new(path.to_owned(), text);
        assert_eq!(rules::objections(&source, &handed_on), [""; 0], "{text}");
        assert_eq!(rules::strangers(&source), [""; 0], "{text}");
    }
}
