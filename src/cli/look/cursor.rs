//! A store read row by row, beside another one.

use std::{
    collections::VecDeque,
    ops::{Bound, ControlFlow},
    sync::Arc,
};
use topo_state::{Backend, Direction, StateError};

/// Key and value as they lie in the store.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// The rows of a store in byte order, a page at a time.
pub(crate) struct Cursor {
    backend: Arc<dyn Backend>,
    store: usize,
    page: VecDeque<Row>,
    /// Behind which key the next page begins; `None` = there is none.
    from: Option<Bound<Vec<u8>>>,
}

impl Cursor {
    const PAGE: usize = 1_000;

    pub(crate) fn new(backend: Arc<dyn Backend>, store: usize) -> Self {
        Self { backend, store, page: VecDeque::new(), from: Some(Bound::Unbounded) }
    }

    /// The next row, which stays.
    pub(crate) fn peek(&mut self) -> Result<Option<&Row>, StateError> {
        if self.page.is_empty()
            && let Some(from) = self.from.take()
        {
            let page = &mut self.page;
            let mut take = |key: &[u8], value: &[u8]| {
                page.push_back((key.to_vec(), value.to_vec()));
                if page.len() < Self::PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            let from = from.as_ref().map(Vec::as_slice);
            self.backend.scan(self.store, from, Bound::Unbounded, Direction::Forward, &mut take)?;
            let last = self.page.back().filter(|_| self.page.len() == Self::PAGE);
            self.from = last.map(|(key, _)| Bound::Excluded(key.clone()));
        }
        Ok(self.page.front())
    }

    /// Past the row that was seen.
    pub(crate) fn step(&mut self) {
        self.page.pop_front();
    }
}
