//! `topo demo` as a whole: two processes in threads, on the broker in memory, with RocksDB on disk.

use std::sync::atomic::AtomicBool;

use topo::cli::DemoOptions;
use topologies::demo::demo;

#[test]
fn after_a_crash_nothing_is_lost_duplicated_or_wrong() {
    let options = DemoOptions { events: 3000, seed: 7, crash: true, progress: false };
    let outcome = demo(&options, &AtomicBool::new(false)).unwrap();
    assert!(outcome.right, "{}", outcome.text);
    assert_eq!(0, outcome.json["lost"].as_u64().unwrap() + outcome.json["wrong"].as_u64().unwrap());
    assert!(outcome.json["orders_enriched"].as_u64().unwrap() > 0, "{}", outcome.text);
    assert!(outcome.text.contains("lost 0, duplicated 0, wrong 0"), "{}", outcome.text);
}
