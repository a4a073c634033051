//! The orders that Java's collections give to names. Kafka Streams prints what its `HashMap` and `TreeSet` happen to
//! yield; to print the same bytes we walk in the same order.

use std::cmp::Ordering;

/// `HashMap` order: by bucket, then by insertion. Buckets come from the spread hash and a table that doubles at 75 %.
pub(super) fn hash_order<'n, T>(items: Vec<T>, name: impl Fn(&T) -> &'n str) -> Vec<T> {
    let mut buckets: u32 = 16;
    while items.len() > (buckets as usize) * 3 / 4 {
        buckets *= 2;
    }
    let mut items = items;
    items.sort_by_key(|item| bucket(name(item), buckets));
    items
}

fn bucket(name: &str, buckets: u32) -> u32 {
    let hash =
        name.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) & (buckets - 1)
}

/// A `TreeSet` whose comparator changes its mind between insertions, as Kafka Streams' does: sizes of nodes still grow
/// while they are inserted. What counts is the path each insertion took, so this is a red-black tree like Java's.
#[derive(Clone, Debug, Default)]
pub(super) struct TreeSet {
    entries: Vec<Entry>,
    root: Option<usize>,
}

#[derive(Clone, Debug)]
struct Entry {
    item: usize,
    red: bool,
    parent: Option<usize>,
    children: [Option<usize>; 2],
}

impl TreeSet {
    /// Inserts an item, comparing it with those on its way as they compare now.
    pub(super) fn insert(&mut self, item: usize, compare: impl Fn(usize, usize) -> Ordering) {
        let mut parent = None;
        let mut side = 0;
        let mut next = self.root;
        while let Some(at) = next {
            side = match compare(item, self.entries[at].item) {
                Ordering::Less => 0,
                Ordering::Greater => 1,
                Ordering::Equal => return,
            };
            parent = Some(at);
            next = self.entries[at].children[side];
        }
        let at = self.entries.len();
        self.entries.push(Entry { item, red: true, parent, children: [None, None] });
        match parent {
            Some(parent) => self.entries[parent].children[side] = Some(at),
            None => self.root = Some(at),
        }
        self.rebalance(at);
    }

    /// Items in the tree's order.
    pub(super) fn items(&self) -> Vec<usize> {
        let mut items = Vec::new();
        self.walk(self.root, &mut items);
        items
    }

    fn walk(&self, at: Option<usize>, items: &mut Vec<usize>) {
        let Some(at) = at else { return };
        self.walk(self.entries[at].children[0], items);
        items.push(self.entries[at].item);
        self.walk(self.entries[at].children[1], items);
    }

    /// The textbook repair after an insertion: recolour upwards while the uncle is red, else rotate.
    fn rebalance(&mut self, mut at: usize) {
        while let Some(parent) = self.entries[at].parent.filter(|parent| self.entries[*parent].red) {
            let Some(grandparent) = self.entries[parent].parent else { break };
            let side = usize::from(self.entries[grandparent].children[1] == Some(parent));
            let uncle = self.entries[grandparent].children[1 - side];
            if let Some(uncle) = uncle.filter(|uncle| self.entries[*uncle].red) {
                self.entries[parent].red = false;
                self.entries[uncle].red = false;
                self.entries[grandparent].red = true;
                at = grandparent;
                continue;
            }
            let mut top = parent;
            if self.entries[parent].children[1 - side] == Some(at) {
                self.rotate(parent, side);
                top = at;
                at = parent;
            }
            self.entries[top].red = false;
            self.entries[grandparent].red = true;
            self.rotate(grandparent, 1 - side);
        }
        if let Some(root) = self.root {
            self.entries[root].red = false;
        }
    }

    /// Turns an edge: the child on the other side of `side` takes the place of `at`, which becomes its child on `side`.
    fn rotate(&mut self, at: usize, side: usize) {
        let Some(up) = self.entries[at].children[1 - side] else { return };
        let inner = self.entries[up].children[side];
        let parent = self.entries[at].parent;
        self.entries[at].children[1 - side] = inner;
        if let Some(inner) = inner {
            self.entries[inner].parent = Some(at);
        }
        self.entries[up].parent = parent;
        match parent {
            Some(parent) => {
                let place = usize::from(self.entries[parent].children[1] == Some(at));
                self.entries[parent].children[place] = Some(up);
            }
            None => self.root = Some(up),
        }
        self.entries[up].children[side] = Some(at);
        self.entries[at].parent = Some(up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_the_order_of_a_java_hash_map() {
        // Checked against java.util.HashSet: b-store (…) stands before a-store in a recorded description.
        let order = hash_order(vec!["a-store", "b-store"], |name| name);
        assert_eq!(order, ["b-store", "a-store"]);
    }

    #[test]
    fn a_tree_set_with_a_steady_comparator_sorts() {
        let mut tree = TreeSet::default();
        for item in [5, 3, 8, 1, 4, 7, 9, 2, 6, 0] {
            tree.insert(item, |left, right| left.cmp(&right));
        }
        tree.insert(4, |left, right| left.cmp(&right));
        assert_eq!(tree.items(), (0..10).collect::<Vec<_>>());
    }
}
