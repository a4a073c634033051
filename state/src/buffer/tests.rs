use super::*;

fn drained(buffer: &mut Buffer<u32>) -> Vec<(Vec<u8>, Option<u32>)> {
    let mut seen = Vec::new();
    let done = buffer.drain(|slot| {
        seen.push((slot.key.to_vec(), slot.value.map(|value| value.value)));
        Ok::<_, ()>(4)
    });
    assert_eq!(done, Ok(()));
    seen
}

#[test]
fn a_hot_key_is_drained_once_and_in_the_place_of_its_first_write() {
    let mut buffer = Buffer::new(1 << 20);
    for (key, value) in [(b"b", 1), (b"a", 2), (b"b", 3)] {
        buffer.write(key, Some(value), 0, 4, false);
    }
    assert_eq!(drained(&mut buffer), [(b"b".to_vec(), Some(3)), (b"a".to_vec(), Some(2))]);
}

#[test]
fn a_write_between_drain_and_commit_stays_uncommitted() {
    let mut buffer = Buffer::new(1 << 20);
    buffer.write(b"a", Some(1), 0, 4, false);
    buffer.write(b"b", Some(1), 0, 4, false);
    drained(&mut buffer);
    buffer.write(b"a", Some(2), 0, 4, false);
    buffer.committed(true);
    assert_eq!(drained(&mut buffer), [(b"a".to_vec(), Some(2))]);
    buffer.committed(true);
    assert_eq!(buffer.dirty_bytes(), 0);
}

#[test]
fn an_entry_that_is_forgotten_in_its_interval_is_shown_to_nobody() {
    let mut buffer = Buffer::new(1 << 20);
    buffer.write(b"a", Some(1), 0, 4, false);
    let gone = buffer.find(b"a").unwrap();
    assert!(buffer.is_unseen(gone));
    buffer.forget_unseen(gone);
    buffer.write(b"b", Some(2), 0, 4, false);
    assert_eq!(buffer.overlay(Bound::Unbounded, Bound::Unbounded).count(), 1);
    assert_eq!(drained(&mut buffer), [(b"b".to_vec(), Some(2))]);
    buffer.write(b"b", Some(3), 0, 4, false);
    let shown = buffer.find(b"b").unwrap();
    assert!(!buffer.is_unseen(shown), "the drain has shown it");
    buffer.committed(true);
    buffer.write(b"c", Some(4), 0, 4, false);
    assert_eq!(drained(&mut buffer), [(b"b".to_vec(), Some(3)), (b"c".to_vec(), Some(4))]);
    buffer.committed(true);
    assert_eq!((buffer.dirty_bytes(), buffer.slots.len()), (0, 2), "its place is used again");
}

#[test]
fn a_discard_forgets_the_uncommitted_entries_only() {
    let mut buffer = Buffer::new(1 << 20);
    buffer.load(b"clean", Some(Timestamped { value: 1, timestamp: 0 }), 4);
    buffer.write(b"dirty", Some(1), 0, 4, false);
    drained(&mut buffer);
    buffer.discard();
    assert!(buffer.find(b"dirty").is_none() && buffer.find(b"clean").is_some());
    assert_eq!(buffer.dirty_bytes(), 0);
}

#[test]
fn the_cache_stays_within_its_bound_and_never_drops_uncommitted_entries() {
    let entry = cost::<u32>(4, 4);
    let mut buffer = Buffer::new(10 * entry);
    for key in 0..100_u32 {
        buffer.write(&key.to_be_bytes(), Some(key), 0, 4, false);
    }
    for key in 100..1_000_u32 {
        buffer.load(&key.to_be_bytes(), None, 4);
    }
    assert!(buffer.clean_bytes <= 12 * entry, "{} entries", buffer.clean_bytes / entry);
    assert_eq!(drained(&mut buffer).len(), 100);
    buffer.committed(true);
    assert!(buffer.clean_bytes <= 10 * entry);
    assert_eq!(buffer.index.len(), buffer.clean_bytes / entry);
}

#[test]
fn an_entry_in_use_outlives_entries_that_are_not() {
    let mut buffer: Buffer<u32> = Buffer::new(10 * cost::<u32>(4, 4));
    for key in 0..200_u32 {
        buffer.load(&key.to_be_bytes(), None, 4);
        assert!(buffer.find(&0_u32.to_be_bytes()).is_some(), "after {key}");
    }
}
