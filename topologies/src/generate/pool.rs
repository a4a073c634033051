//! Rows that live in a table: found by id, drawn at random.

use rustc_hash::FxHashMap;

use super::rows::SourceRow;

/// A set of rows.
pub(super) struct Pool<R> {
    rows: Vec<R>,
    places: FxHashMap<i64, usize>,
}

impl<R: SourceRow> Pool<R> {
    pub(super) fn new() -> Pool<R> {
        Pool { rows: Vec::new(), places: FxHashMap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn at(&self, place: usize) -> Option<&R> {
        self.rows.get(place)
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut R> {
        self.rows.get_mut(*self.places.get(&id)?)
    }

    /// Adds a row, or replaces the one with its id.
    pub(super) fn put(&mut self, row: R) {
        match self.places.get(&row.id()) {
            Some(place) => self.rows[*place] = row,
            None => {
                self.places.insert(row.id(), self.rows.len());
                self.rows.push(row);
            }
        }
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<R> {
        let place = self.places.remove(&id)?;
        let row = self.rows.swap_remove(place);
        if let Some(moved) = self.rows.get(place) {
            self.places.insert(moved.id(), place);
        }
        Some(row)
    }
}
