use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cluster::{Cluster, Log, expected};
use super::topologies::count;
use std::collections::BTreeMap;

use crate::broker::{Isolation, NewTopic};
use crate::record::Partition;
use crate::runtime::{AppConfig, Error, Rebuild, Rebuilt, rebuild};

#[test]
fn a_restore_waits_for_an_open_transaction_and_ends_behind_it() {
    let mut cluster = Cluster::new(1);
    cluster.produce("in", "a", "v");
    cluster.start("p", count());
    cluster.until("the count", |cluster| cluster.counts() == expected(&["a"], 1));
    cluster.crash("p");
    // Somebody's transaction is open on the changelog.
    let mut hanging = cluster.producer(Some("hanging"));
    hanging.init_transactions().unwrap();
    hanging.begin().unwrap();
    cluster.send(hanging.as_mut(), "app-counts-changelog", "b", "12345678");
    let fresh = AppConfig { state_dir: cluster.dir.path().join("other"), ..cluster.config("p") };
    cluster.start_with("p", count(), fresh);
    cluster.pass(5_000);
    assert!(!cluster.logs["p"].has("to: Some(Running)"), "{:#?}", cluster.logs["p"].lines());
    hanging.abort().unwrap();
    cluster.produce("in", "a", "v");
    cluster.until("the second count", |cluster| cluster.counts() == expected(&["a"], 2));
}

#[test]
fn a_store_is_rebuilt_from_its_changelog_when_the_directory_is_gone() {
    let mut cluster = Cluster::new(2);
    for _ in 0..20 {
        ["a", "b", "c"].iter().for_each(|key| cluster.produce("in", key, "v"));
    }
    cluster.start("p", count());
    cluster.until("60 counts", |cluster| cluster.records("out").len() == 60);
    cluster.crash("p");
    std::fs::remove_dir_all(cluster.dir.path().join("p")).unwrap();
    cluster.start("p", count());
    ["a", "b", "c"].iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.until("63 counts", |cluster| cluster.records("out").len() == 63);
    assert_eq!(cluster.counts(), expected(&["a", "b", "c"], 21));
}

#[test]
fn a_directory_that_was_restored_beforehand_has_nothing_left_to_replay() {
    let mut cluster = Cluster::new(2);
    for _ in 0..20 {
        ["a", "b", "c"].iter().for_each(|key| cluster.produce("in", key, "v"));
    }
    cluster.start("p", count());
    cluster.until("60 counts", |cluster| cluster.records("out").len() == 60);
    cluster.crash("p");
    let restore = |cluster: &Cluster, wanted: Rebuild| {
        let log = Arc::new(Log::default());
        let (broker, config) = (Arc::new(cluster.broker.clone()), cluster.config("q"));
        let stop = AtomicBool::new(false);
        let rebuilt = rebuild(count(), broker, config, log.clone(), &wanted, &stop, &mut |_| {});
        (rebuilt, log)
    };
    let all = || Rebuild { tasks: Vec::new(), anew: None };
    let (rebuilt, log) = restore(&cluster, all());
    assert_eq!(rebuilt.unwrap(), Rebuilt { tasks: 2, ready: 2 });
    assert!(log.has("restored: "), "{:#?}", log.lines());
    let (rebuilt, _) = restore(&cluster, Rebuild { tasks: vec!["read-1".into()], anew: Some(7) });
    assert_eq!(rebuilt.unwrap(), Rebuilt { tasks: 1, ready: 1 });
    assert!(cluster.dir.path().join("q").join("app").join("read-1.damaged-7").exists());
    let (unknown, _) = restore(&cluster, Rebuild { tasks: vec!["read-9".into()], anew: None });
    assert!(unknown.unwrap_err().to_string().contains("there are: read-0, read-1"));

    cluster.start("q", count());
    let (refused, _) = restore(&cluster, all());
    assert!(matches!(refused, Err(Error::DirectoryInUse { .. })));
    ["a", "b", "c"].iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.until("63 counts", |cluster| cluster.records("out").len() == 63);
    assert_eq!(cluster.counts(), expected(&["a", "b", "c"], 21));
    let replayed = |line: &String| line.contains("Restore {") && !line.contains("restored: 0,");
    assert!(!cluster.logs["q"].lines().iter().any(replayed), "{:#?}", cluster.logs["q"].lines());
}

#[test]
fn a_damaged_directory_is_moved_aside_and_rebuilt() {
    let mut cluster = Cluster::new(1);
    cluster.produce("in", "a", "v");
    cluster.start("p", count());
    cluster.until("the count", |cluster| cluster.counts() == expected(&["a"], 1));
    // The commit is visible before the store has it: a little time for that.
    cluster.pass(100);
    cluster.crash("p");
    let task = cluster.dir.path().join("p").join("app").join("read-0");
    std::fs::write(task.join("db").join("CURRENT"), b"nonsense").unwrap();
    cluster.start("p", count());
    cluster.produce("in", "a", "v");
    cluster.until("the second count", |cluster| cluster.counts() == expected(&["a"], 2));
    assert!(cluster.logs["p"].has("damaged"));
    let aside = std::fs::read_dir(task.parent().unwrap()).unwrap();
    assert_eq!(
        aside
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("damaged"))
            .count(),
        1
    );
}

#[test]
fn a_table_file_that_turns_out_corrupt_while_the_task_runs_is_moved_aside_and_rebuilt() {
    let mut cluster = Cluster::new(1);
    cluster.produce("in", "a", "v");
    for _ in 0..2 {
        // The second opening moves the first one's log into a table file.
        cluster.start("p", count());
        cluster.until("it runs", |cluster| cluster.logs["p"].has("to: Some(Running)"));
        cluster.until("the count", |cluster| cluster.counts() == expected(&["a"], 1));
        cluster.pass(100);
        cluster.crash("p");
    }
    let task = cluster.dir.path().join("p").join("app").join("read-0");
    let files = std::fs::read_dir(task.join("db")).unwrap().map(|entry| entry.unwrap().path());
    let tables: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "sst")).collect();
    assert!(!tables.is_empty());
    for table in tables {
        let mut bytes = std::fs::read(&table).unwrap();
        bytes[10] ^= 0x40;
        std::fs::write(table, bytes).unwrap();
    }
    cluster.start("p", count());
    cluster.produce("in", "a", "v");
    cluster.until("the second count", |cluster| cluster.counts() == expected(&["a"], 2));
    assert!(cluster.logs["p"].has("moved to"), "{:#?}", cluster.logs["p"].lines());
    let names = std::fs::read_dir(task.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("read-0.damaged-")).count(), 1);
}

#[test]
fn a_recreated_changelog_is_an_error_that_names_topic_and_offsets() {
    let mut cluster = Cluster::new(1);
    cluster.produce("in", "a", "v");
    cluster.start("p", count());
    cluster.until("the count", |cluster| cluster.counts() == expected(&["a"], 1));
    // The commit is visible before the store has it: a little time for that.
    cluster.pass(100);
    cluster.crash("p");
    cluster.admin().delete(&["app-counts-changelog".into()]).unwrap();
    cluster.start("p", count());
    let error = cluster.failure().to_string();
    assert!(error.contains("app-counts-changelog-0 holds offsets 0 to 0"), "{error}");
    assert!(error.contains("deleted and made anew"), "{error}");

    // What the error tells to do: the stores are built up from what is left, and the old ones are kept.
    assert!(error.contains("--rebuild"), "{error}");
    cluster.crash("p");
    let rebuilt = anew(&cluster);
    assert_eq!(rebuilt.unwrap(), Rebuilt { tasks: 1, ready: 1 });
    assert!(cluster.dir.path().join("p").join("app").join("read-0.damaged-7").exists());
    cluster.start("p", count());
    cluster.produce("in", "a", "v");
    cluster.until("a count from nothing", |cluster| cluster.records("out").len() == 2);
}

/// `topo restore app --rebuild` with the state directory of `p`.
fn anew(cluster: &Cluster) -> Result<Rebuilt, Error> {
    let (broker, config) = (Arc::new(cluster.broker.clone()), cluster.config("p"));
    let wanted = Rebuild { tasks: Vec::new(), anew: Some(7) };
    rebuild(count(), broker, config, Arc::new(Log::default()), &wanted, &AtomicBool::new(false), &mut |_| {})
}

#[test]
fn a_rebuild_gives_up_no_store_that_its_changelog_could_not_replace() {
    let mut cluster = Cluster::new(1);
    ["a", "b"].iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.start("p", count());
    cluster.until("the counts", |cluster| cluster.counts() == expected(&["a", "b"], 1));
    cluster.pass(100);
    cluster.crash("p");
    cluster.broker.cut(&Partition::new("app-counts-changelog", 0), 1).unwrap();
    let refused = anew(&cluster);
    assert!(matches!(refused, Err(Error::ChangelogCut { low: 1, .. })), "{refused:?}");
    // It is as it was, and goes on.
    cluster.start("p", count());
    cluster.produce("in", "a", "v");
    cluster.until("the second count", |cluster| cluster.counts()["a"] == ["1", "2"]);
}

#[test]
fn the_checkpoint_is_never_ahead_of_the_changelog_and_the_group_never_behind_the_outputs() {
    let mut cluster = Cluster::new(1);
    cluster.start("p", count());
    let input = Partition::new("in", 0);
    for n in 1..=5 {
        cluster.produce("in", "a", "v");
        cluster.until("the count", |cluster| cluster.records("out").len() == n);
        let mut group = cluster.reader(Some("app"), Isolation::ReadCommitted);
        let committed = group.committed(std::slice::from_ref(&input)).unwrap().remove(0).unwrap();
        assert_eq!(committed.offset, i64::try_from(n).unwrap());
    }
}

#[test]
fn an_empty_store_refuses_a_changelog_whose_beginning_is_gone() {
    let mut cluster = Cluster::new(1);
    ["a", "b"].iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.start("p", count());
    cluster.until("the counts", |cluster| cluster.counts() == expected(&["a", "b"], 1));
    cluster.crash("p");
    cluster.broker.cut(&Partition::new("app-counts-changelog", 0), 1).unwrap();
    std::fs::remove_dir_all(cluster.dir.path().join("p")).unwrap();
    cluster.start("p", count());
    let error = cluster.failure();
    assert!(matches!(error, Error::ChangelogCut { low: 1, .. }), "{error}");
    assert!(error.to_string().contains("`topo reset "), "{error}");
}

#[test]
fn a_changelog_made_anew_under_a_running_store_ends_the_application_before_anything_is_committed() {
    let mut cluster = Cluster::new(1);
    ["a", "b", "c"].iter().for_each(|key| cluster.produce("in", key, "v"));
    cluster.start("p", count());
    cluster.until("the counts", |cluster| cluster.counts() == expected(&["a", "b", "c"], 1));
    cluster.pass(100);
    let name = "app-counts-changelog".to_owned();
    let settings = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
    let anew = NewTopic { name: name.clone(), partitions: 1, replication: -1, settings };
    cluster.admin().delete(&[name]).unwrap();
    cluster.admin().create(&[anew]).unwrap();
    cluster.produce("in", "a", "v");
    let error = cluster.failure();
    assert!(matches!(error, Error::ChangelogTruncated { .. }), "{error}");
    assert_eq!(cluster.counts(), expected(&["a", "b", "c"], 1));
}
