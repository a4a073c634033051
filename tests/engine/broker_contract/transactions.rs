//! Transactions: hidden until committed, gone when aborted, and only their owner's.

use std::time::Duration;

use topo::broker::{BrokerError, Isolation, StartOffset};

use super::bench::{
    Bench, assign, drain, eventually, read, read_nothing, read_to, retried, send, texts, write_in_transaction,
};

super::cases!(
    records_are_hidden_until_their_transaction_commits,
    an_open_transaction_holds_the_last_stable_offset_below_the_high_watermark,
    an_aborted_transaction_leaves_nothing_but_a_position,
    a_second_writer_with_the_same_id_fences_the_first_and_aborts_what_it_left,
    a_transaction_that_stays_open_delays_readers_until_its_timeout,
    an_abort_forgets_what_is_still_queued,
    committing_twice_or_nothing_does_no_harm,
);

fn records_are_hidden_until_their_transaction_commits(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let mut writer = bench.transactional(&bench.name("id"));
    let mut committed = bench.reader(Isolation::ReadCommitted, None);
    let mut uncommitted = bench.reader(Isolation::ReadUncommitted, None);
    assign(&mut *committed, &topic, 0, StartOffset::Earliest);
    assign(&mut *uncommitted, &topic, 0, StartOffset::Earliest);
    write_in_transaction(&mut *writer, &topic, &["a", "b"]);
    assert_eq!(texts(&read(&mut *uncommitted, 2)), ["a", "b"]);
    read_nothing(&mut *committed);
    retried("commit", || writer.commit()).unwrap();
    assert_eq!(texts(&read(&mut *committed, 2)), ["a", "b"]);
}

fn an_open_transaction_holds_the_last_stable_offset_below_the_high_watermark(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let mut plain = bench.writer();
    send(&mut *plain, &topic, 0, "first").unwrap();
    drain(&mut *plain);
    let mut writer = bench.transactional(&bench.name("id"));
    write_in_transaction(&mut *writer, &topic, &["a"]);
    send(&mut *plain, &topic, 0, "behind").unwrap();
    drain(&mut *plain);
    let partition = topo::Partition::new(topic.as_str(), 0);
    let mut committed = bench.reader(Isolation::ReadCommitted, None);
    let mut uncommitted = bench.reader(Isolation::ReadUncommitted, None);
    assert_eq!(committed.watermarks(&partition).unwrap().high, 1);
    assert_eq!(uncommitted.watermarks(&partition).unwrap().high, 3);
    assign(&mut *committed, &topic, 0, StartOffset::At(0));
    assert_eq!(texts(&read(&mut *committed, 1)), ["first"]);
    read_nothing(&mut *committed);
    retried("commit", || writer.commit()).unwrap();
    // The marker takes offset 3.
    assert_eq!(texts(&read_to(&mut *committed, &partition, 4)), ["a", "behind"]);
    assert_eq!(committed.watermarks(&partition).unwrap().high, 4);
}

fn an_aborted_transaction_leaves_nothing_but_a_position(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let mut writer = bench.transactional(&bench.name("id"));
    write_in_transaction(&mut *writer, &topic, &["a", "b"]);
    retried("abort", || writer.abort()).unwrap();
    let mut committed = bench.reader(Isolation::ReadCommitted, None);
    let partition = assign(&mut *committed, &topic, 0, StartOffset::At(0));
    assert!(read_to(&mut *committed, &partition, 3).is_empty());
    write_in_transaction(&mut *writer, &topic, &["c"]);
    retried("commit", || writer.commit()).unwrap();
    assert_eq!(texts(&read_to(&mut *committed, &partition, 5)), ["c"]);
}

fn a_second_writer_with_the_same_id_fences_the_first_and_aborts_what_it_left(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let id = bench.name("id");
    let mut first = bench.transactional(&id);
    write_in_transaction(&mut *first, &topic, &["zombie"]);
    let mut second = bench.transactional(&id);
    let refused = retried("the refusal", || first.commit());
    assert!(matches!(refused, Err(BrokerError::Fenced(_))), "{refused:?}");
    write_in_transaction(&mut *second, &topic, &["good"]);
    retried("commit", || second.commit()).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    assert_eq!(texts(&read(&mut *reader, 1)), ["good"]);
    read_nothing(&mut *reader);
}

fn a_transaction_that_stays_open_delays_readers_until_its_timeout(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let mut hanging = bench.transactional_for(&bench.name("id"), Duration::from_millis(1500));
    write_in_transaction(&mut *hanging, &topic, &["never"]);
    let mut plain = bench.writer();
    send(&mut *plain, &topic, 0, "behind").unwrap();
    drain(&mut *plain);
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    read_nothing(&mut *reader);
    bench.pass(Duration::from_secs(2));
    assert_eq!(texts(&read(&mut *reader, 1)), ["behind"]);
    let refused = retried("the refusal", || hanging.commit());
    assert!(matches!(refused, Err(BrokerError::Fenced(_) | BrokerError::AbortRequired(_))), "{refused:?}");
}

fn an_abort_forgets_what_is_still_queued(bench: &Bench) {
    let topic = bench.topic(1, &[]);
    let mut writer = bench.transactional(&bench.name("id"));
    writer.begin().unwrap();
    send(&mut *writer, &topic, 0, "forgotten").unwrap();
    retried("abort", || writer.abort()).unwrap();
    assert_eq!(writer.in_flight(), 0);
    let after = writer.delivered(Duration::ZERO);
    assert!(after.next_offsets.is_empty() && after.failure.is_none(), "{after:?}");
    write_in_transaction(&mut *writer, &topic, &["kept"]);
    retried("commit", || writer.commit()).unwrap();
    let mut reader = bench.reader(Isolation::ReadCommitted, None);
    assign(&mut *reader, &topic, 0, StartOffset::Earliest);
    assert_eq!(texts(&read(&mut *reader, 1)), ["kept"]);
}

fn committing_twice_or_nothing_does_no_harm(bench: &Bench) {
    let mut writer = bench.transactional(&bench.name("id"));
    writer.begin().unwrap();
    retried("an empty commit", || writer.commit()).unwrap();
    writer.begin().unwrap();
    retried("an empty abort", || writer.abort()).unwrap();
    writer.begin().unwrap();
    eventually("a second begin to be refused", || writer.begin().err());
}
