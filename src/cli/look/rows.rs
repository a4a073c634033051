//! The rows of a store for people, a bounded page at a time: the same offline and over the port of a running process.

use crate::{
    cli::{Exit, Failure, StateQuery},
    graph::Topology,
};
use serde_json::{Value, json};
use std::ops::{Bound, ControlFlow};
use topo_state::{Direction, StateError, Store, StoreKind, TaskState, key_from_text, show_bytes, show_row};

/// Rows that one page looks at, whether it shows them or not.
const LOOKS: usize = 20_000;
/// Bytes of keys and values that one page shows before it ends.
const BYTES: usize = 1 << 20;

/// Where a page ended: this row was the last one it looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    task: String,
    key: Vec<u8>,
}

/// Some rows, each with its task.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<(String, Value)>,
    /// Where the next page goes on; `None` = there is nothing more.
    pub(crate) next: Option<Mark>,
}

impl Mark {
    /// As it goes over the wire.
    pub(crate) fn text(&self) -> String {
        let digits = |out: String, byte: &u8| out + &format!("{byte:02x}");
        format!("{}:{}", self.task, self.key.iter().fold(String::new(), digits))
    }

    /// Reads it back; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (task, digits) = text.rsplit_once(':')?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let pair = |pair: &[u8]| match *pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        };
        let key = digits.as_bytes().chunks(2).map(pair).collect::<Option<_>>()?;
        Some(Self { task: task.to_owned(), key })
    }
}

/// The next rows, at most `limit`: tasks in the order given, rows in the order of their bytes.
pub(crate) fn page(
    topology: &Topology,
    tasks: &[(String, TaskState)],
    query: &StateQuery,
    after: Option<&Mark>,
    limit: usize,
) -> Result<Page, Failure> {
    let mut page = Page::default();
    let mut budget = Budget { rows: limit, looks: LOOKS, bytes: BYTES };
    for (task, state) in tasks {
        let before = after.is_some_and(|mark| *task < mark.task);
        let wanted = query.task.as_ref().is_none_or(|it| it == task);
        let Some(index) = state.index_of(&query.store).filter(|_| wanted && !before) else { continue };
        let after = after.filter(|mark| mark.task == *task).map(|mark| mark.key.as_slice());
        let one = One { task, state, index, typed: typed(topology, state, index), key: query.key.as_deref() };
        if let Some(last) = one.read(after, &mut budget, &mut page.rows).map_err(Failure::from)? {
            page.next = Some(Mark { task: task.clone(), key: last });
            break;
        }
    }
    Ok(page)
}

/// What a page may still take.
struct Budget {
    rows: usize,
    looks: usize,
    bytes: usize,
}

/// The store of one task.
struct One<'a> {
    task: &'a str,
    state: &'a TaskState,
    index: usize,
    /// `None` for a store that the topology does not name any more.
    typed: Option<Box<dyn Store>>,
    key: Option<&'a str>,
}

impl One<'_> {
    /// Adds rows behind `after`. Returns the key of the last row when the budget ended before the store.
    fn read(
        &self,
        after: Option<&[u8]>,
        budget: &mut Budget,
        rows: &mut Vec<(String, Value)>,
    ) -> Result<Option<Vec<u8>>, StateError> {
        let backend = self.state.backend();
        if let Some(key) = self.row_of_key() {
            let mut take = |value: &[u8]| rows.push((self.task.to_owned(), self.show(&key, value)));
            if after.is_none() && budget.rows > 0 {
                backend.get(self.index, &key, &mut take)?;
            }
            return Ok(None);
        }
        let mut last = None;
        let mut look = |key: &[u8], value: &[u8]| {
            let row = self.show(key, value);
            budget.looks -= 1;
            if self.key.is_none_or(|wanted| plain(&row["key"]) == wanted) {
                rows.push((self.task.to_owned(), row));
                budget.rows -= 1;
                budget.bytes = budget.bytes.saturating_sub(key.len() + value.len());
            }
            if budget.rows > 0 && budget.looks > 0 && budget.bytes > 0 {
                return ControlFlow::Continue(());
            }
            last = Some(key.to_vec());
            ControlFlow::Break(())
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        backend.scan(self.index, from, Bound::Unbounded, Direction::Forward, &mut look)?;
        Ok(last)
    }

    /// Where the row of the wanted key lies, in a store that has one row a key and whose codec says how it is written.
    fn row_of_key(&self) -> Option<Vec<u8>> {
        let (typed, text) = (self.typed.as_ref()?, self.key?);
        let spec = typed.spec();
        let key = matches!(spec.kind, StoreKind::KeyValue { .. })
            .then(|| key_from_text(&spec.key_codec, text))
            .flatten()?;
        (plain(&typed.show_key(&key)) == text).then_some(key)
    }

    fn show(&self, key: &[u8], value: &[u8]) -> Value {
        match &self.typed {
            Some(typed) => show_row(typed.as_ref(), key, value),
            None => json!({"key": show_bytes(key), "value": show_bytes(value)}),
        }
    }
}

fn typed(topology: &Topology, state: &TaskState, index: usize) -> Option<Box<dyn Store>> {
    let name = &state.specs().get(index)?.name;
    let store = topology.stores.iter().find(|it| it.spec.name == *name)?;
    Some((store.make)(index, state.backend()))
}

/// A key as a person types it.
pub(crate) fn plain(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// What a person typed that is no page.
pub(crate) fn no_mark(text: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{text}` is not where a page ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_page_ended_survives_the_wire() {
        for key in [&b""[..], &[0, 255, 16]] {
            let mark = Mark { task: "a:b-0".into(), key: key.to_vec() };
            assert_eq!(Mark::parse(&mark.text()), Some(mark));
        }
        assert_eq!([Mark::parse("t"), Mark::parse("t:0"), Mark::parse("t:0g")], [const { None }; 3]);
    }
}
