//! A scan over two ordered sources: uncommitted entries of the buffer lie over the rows of the backend.

use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};

use crate::backend::{Backend, Direction};
use crate::buffer::{Buffer, Slot};
use crate::error::StateError;

/// What to scan.
#[derive(Clone, Copy)]
pub(crate) struct Range<'a> {
    pub(crate) from: Bound<&'a [u8]>,
    pub(crate) to: Bound<&'a [u8]>,
    pub(crate) direction: Direction,
}

/// A row of the merged view.
pub(crate) enum Row<'a, V> {
    /// Written and not yet committed.
    Buffered(&'a Slot<V>),
    /// Committed: key and stored value.
    Stored(&'a [u8], &'a [u8]),
}

/// What a scan is told after each row; an error ends it.
pub(crate) type Step = Result<ControlFlow<()>, StateError>;

/// Shows the merged view in byte order. A buffered entry hides the stored row of its key; a buffered delete is not shown.
pub(crate) fn scan<V>(
    buffer: &mut Buffer<V>,
    backend: &dyn Backend,
    store: usize,
    range: Range<'_>,
    visit: &mut dyn FnMut(Row<'_, V>) -> Step,
) -> Result<(), StateError> {
    let overlay = buffer.overlay(range.from, range.to);
    match range.direction {
        Direction::Forward => merge(overlay, backend, store, range, visit),
        Direction::Reverse => merge(overlay.rev(), backend, store, range, visit),
    }
}

fn merge<'b, V: 'b>(
    overlay: impl Iterator<Item = &'b Slot<V>>,
    backend: &dyn Backend,
    store: usize,
    range: Range<'_>,
    visit: &mut dyn FnMut(Row<'_, V>) -> Step,
) -> Result<(), StateError> {
    let mut overlay = overlay.peekable();
    let mut end: Step = Ok(ControlFlow::Continue(()));
    backend.scan(store, range.from, range.to, range.direction, &mut |key, value| {
        end = step(&mut overlay, key, value, range.direction, visit);
        match end {
            Ok(flow) => flow,
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    if end?.is_continue() {
        for slot in overlay {
            if show(slot, visit)?.is_break() {
                break;
            }
        }
    }
    Ok(())
}

/// Shows the buffered entries that lie before a stored row, then the row, unless it is hidden.
fn step<'b, V: 'b>(
    overlay: &mut std::iter::Peekable<impl Iterator<Item = &'b Slot<V>>>,
    key: &[u8],
    value: &[u8],
    direction: Direction,
    visit: &mut dyn FnMut(Row<'_, V>) -> Step,
) -> Step {
    while let Some(slot) = overlay.peek() {
        let order = match direction {
            Direction::Forward => slot.key.as_ref().cmp(key),
            Direction::Reverse => key.cmp(&slot.key),
        };
        if order == Ordering::Greater {
            break;
        }
        let flow = show(slot, visit)?;
        overlay.next();
        if flow.is_break() || order == Ordering::Equal {
            return Ok(flow);
        }
    }
    visit(Row::Stored(key, value))
}

fn show<V>(slot: &Slot<V>, visit: &mut dyn FnMut(Row<'_, V>) -> Step) -> Step {
    if slot.value.is_some() { visit(Row::Buffered(slot)) } else { Ok(ControlFlow::Continue(())) }
}
