//! A batch as a sorted run: what is left of its writes when only their effect counts.

use std::cmp::Reverse;

use crate::batch::{Write, WriteBatch};

/// The rows of a batch by store and key, only the last write of each key, without the rows that a later range delete of
/// the same batch removes; and those range deletes. Rows first or range deletes first: the effect is the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sorted<'a> {
    /// Puts and deletes in the order of store and key.
    pub(crate) rows: Vec<Write<'a>>,
    /// Range deletes by store; few, because those that begin alike are one.
    pub(crate) ranges: Vec<Write<'a>>,
}

impl<'a> Sorted<'a> {
    /// The part of one store.
    pub(crate) fn of(&self, store: usize) -> (&[Write<'a>], impl Iterator<Item = Write<'a>>) {
        let begin = self.rows.partition_point(|write| write.store() < store);
        let end = self.rows.partition_point(|write| write.store() <= store);
        let ranges = self.ranges.iter().filter(move |write| write.store() == store).copied();
        (&self.rows[begin..end], ranges)
    }
}

/// A put or delete on its way to its place.
struct Row<'a> {
    store: usize,
    leading: u64,
    key: &'a [u8],
    place: usize,
    write: Write<'a>,
}

/// A range delete, and when it came.
#[derive(Clone, Copy)]
struct Range<'a> {
    store: usize,
    from: &'a [u8],
    to: &'a [u8],
    place: usize,
}

impl<'a> Range<'a> {
    fn write(self) -> Write<'a> {
        Write::DeleteRange { store: self.store, from: self.from, to: self.to }
    }

    fn covers(&self, row: &Row<'_>) -> bool {
        self.store == row.store && self.from <= row.key && row.key < self.to
    }
}

/// Sorts a batch. `None` when a row was written into a range after that range was deleted: then order matters.
pub(crate) fn sorted(batch: &WriteBatch) -> Option<Sorted<'_>> {
    let mut rows = Vec::with_capacity(batch.len());
    let mut ranges: Vec<Range<'_>> = Vec::new();
    for (place, write) in batch.iter().enumerate() {
        match write {
            Write::Put { store, key, .. } | Write::Delete { store, key } => {
                rows.push(Row { store, leading: leading(key), key, place, write });
            }
            Write::DeleteRange { store, from, to } => ranges.push(Range { store, from, to, place }),
        }
    }
    // Later writes first, so that `dedup` keeps the last one.
    rows.sort_unstable_by_key(|row| (row.store, row.leading, row.key, Reverse(row.place)));
    rows.dedup_by_key(|row| (row.store, row.key));
    let widest = widest(&ranges);
    // The newest range delete first: where time only goes forward it covers whatever any of them does.
    ranges.reverse();
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if !widest.iter().any(|range| range.covers(&row)) {
            kept.push(row.write);
        } else if !ranges.iter().any(|range| range.place > row.place && range.covers(&row)) {
            return None;
        }
    }
    Some(Sorted { rows: kept, ranges: widest.into_iter().map(Range::write).collect() })
}

/// One range per store and beginning: the widest.
fn widest<'a>(ranges: &[Range<'a>]) -> Vec<Range<'a>> {
    let mut widest: Vec<Range<'a>> = Vec::new();
    for range in ranges {
        match widest.iter_mut().find(|known| (known.store, known.from) == (range.store, range.from)) {
            Some(known) => known.to = known.to.max(range.to),
            None => widest.push(*range),
        }
    }
    widest
}

/// The first eight bytes of a key as a number that orders alike: settles most comparisons without a look at the key.
fn leading(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_keeps_the_last_write_of_each_key() {
        let mut batch = WriteBatch::new();
        batch.put(1, b"a", b"1");
        batch.put(0, b"longer than eight b", b"2");
        batch.put(0, b"longer than eight a", b"3");
        batch.put(0, b"x", b"4");
        batch.delete(0, b"x");
        batch.delete(1, b"a");
        batch.put(1, b"a", b"5");
        let rows = vec![
            Write::Put { store: 0, key: b"longer than eight a", value: b"3" },
            Write::Put { store: 0, key: b"longer than eight b", value: b"2" },
            Write::Delete { store: 0, key: b"x" },
            Write::Put { store: 1, key: b"a", value: b"5" },
        ];
        assert_eq!(sorted(&batch), Some(Sorted { rows, ranges: vec![] }));
    }

    #[test]
    fn rows_go_with_the_ranges_deleted_after_them_and_ranges_become_few() {
        let mut batch = WriteBatch::new();
        for time in 1..=5_u8 {
            batch.delete_range(0, b"", &[time]);
            batch.put(0, &[time, 7], b"v");
        }
        batch.put(1, &[1], b"other store");
        let rows = vec![
            Write::Put { store: 0, key: &[5, 7], value: b"v" },
            Write::Put { store: 1, key: &[1], value: b"other store" },
        ];
        let ranges = vec![Write::DeleteRange { store: 0, from: b"", to: &[5] }];
        assert_eq!(sorted(&batch), Some(Sorted { rows, ranges }));
    }

    #[test]
    fn a_row_written_into_a_deleted_range_is_left_to_the_order_of_writes() {
        let mut batch = WriteBatch::new();
        batch.delete_range(0, b"a", b"c");
        batch.put(0, b"b", b"v");
        assert_eq!(sorted(&batch), None);
    }
}
