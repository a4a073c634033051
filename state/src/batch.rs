//! The writes of one commit as plain data: cheap to build, turned into the backend's own form when it is applied.

/// Writes in order. A later one of the same key wins; a range delete removes what was put before it.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    operations: Vec<Operation>,
    /// Per operation its two byte strings, one behind the other.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    store: u32,
    kind: Kind,
    first: usize,
    second: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// One write of a batch, as [`WriteBatch::iter`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// Sets a row.
    Put {
        /// Index of the store.
        store: usize,
        /// Row key.
        key: &'a [u8],
        /// Row value.
        value: &'a [u8],
    },
    /// Removes a row, if it is there.
    Delete {
        /// Index of the store.
        store: usize,
        /// Row key.
        key: &'a [u8],
    },
    /// Removes all rows from `from` up to, not including, `to`.
    DeleteRange {
        /// Index of the store.
        store: usize,
        /// First key that is removed.
        from: &'a [u8],
        /// First key that stays.
        to: &'a [u8],
    },
}

impl Write<'_> {
    /// Index of the store it goes to.
    pub fn store(&self) -> usize {
        match self {
            Self::Put { store, .. } | Self::Delete { store, .. } | Self::DeleteRange { store, .. } => *store,
        }
    }
}

impl WriteBatch {
    /// A batch without writes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a row of the store with index `store`.
    pub fn put(&mut self, store: usize, key: &[u8], value: &[u8]) {
        self.push(store, Kind::Put, [key, &[]], [value, &[]]);
    }

    /// Sets a row whose key and value come in two parts each.
    pub(crate) fn put_parts(&mut self, store: usize, key: [&[u8]; 2], value: [&[u8]; 2]) {
        self.push(store, Kind::Put, key, value);
    }

    /// Removes a row.
    pub fn delete(&mut self, store: usize, key: &[u8]) {
        self.push(store, Kind::Delete, [key, &[]], [&[], &[]]);
    }

    /// Removes a row whose key comes in two parts.
    pub(crate) fn delete_parts(&mut self, store: usize, key: [&[u8]; 2]) {
        self.push(store, Kind::Delete, key, [&[], &[]]);
    }

    /// Removes the rows from `from` up to, not including, `to`.
    pub fn delete_range(&mut self, store: usize, from: &[u8], to: &[u8]) {
        self.push(store, Kind::DeleteRange, [from, &[]], [to, &[]]);
    }

    /// Number of writes.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds all writes of `other` behind those of this batch.
    pub fn append(&mut self, other: &Self) {
        self.operations.extend_from_slice(&other.operations);
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// Forgets all writes and keeps the memory.
    pub fn clear(&mut self) {
        self.operations.clear();
        self.bytes.clear();
    }

    /// The writes in order.
    pub fn iter(&self) -> impl Iterator<Item = Write<'_>> {
        let mut rest = self.bytes.as_slice();
        self.operations.iter().map(move |operation| {
            let (first, behind) = rest.split_at(operation.first);
            let (second, behind) = behind.split_at(operation.second);
            rest = behind;
            let store = operation.store as usize;
            match operation.kind {
                Kind::Put => Write::Put { store, key: first, value: second },
                Kind::Delete => Write::Delete { store, key: first },
                Kind::DeleteRange => Write::DeleteRange { store, from: first, to: second },
            }
        })
    }

    fn push(&mut self, store: usize, kind: Kind, first: [&[u8]; 2], second: [&[u8]; 2]) {
        for part in first.iter().chain(&second) {
            self.bytes.extend_from_slice(part);
        }
        self.operations.push(Operation {
            // A task has a handful of stores; an index that does not fit is out of range for any backend.
            store: u32::try_from(store).unwrap_or(u32::MAX),
            kind,
            first: first[0].len() + first[1].len(),
            second: second[0].len() + second[1].len(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_come_back_in_order_also_after_append() {
        let mut batch = WriteBatch::new();
        batch.put(0, b"a", b"1");
        batch.delete(1, b"b");
        let mut other = WriteBatch::new();
        other.delete_range(2, b"c", b"d");
        other.put_parts(0, [b"x", b"y"], [b"", b"z"]);
        batch.append(&other);
        let writes: Vec<_> = batch.iter().collect();
        assert_eq!(
            writes,
            [
                Write::Put { store: 0, key: b"a", value: b"1" },
                Write::Delete { store: 1, key: b"b" },
                Write::DeleteRange { store: 2, from: b"c", to: b"d" },
                Write::Put { store: 0, key: b"xy", value: b"z" },
            ]
        );
        assert_eq!((batch.len(), batch.bytes()), (4, 8));
    }
}
