//! Counts and sums over any span of milliseconds, at a cost that does not grow with the number of rows.
//!
//! Time is cut into blocks, each 64 times finer than the one above:
//!
//! ```text
//! level 4   2^30 ms  (12.4 days)   a root; a tree has as many as its rows touch
//! level 3   2^24 ms  (4.7 hours)
//! level 2   2^18 ms  (4.4 minutes)
//! level 1   2^12 ms  (4.1 seconds)
//! level 0   2^6  ms  (64 milliseconds): always rows, at most 64 of a currency
//! ```
//!
//! A block holds its rows themselves until they are more than [`FULL`]; then it is split into blocks of the next
//! level and keeps one total per child and currency. So a quiet account is one small block, and an account with a
//! million rows in its window is answered from the totals of at most two partly covered blocks per level. Rows may
//! come in any order.
//!
//! Old rows are pruned from the left in bounded portions. Totals of a half-pruned child are left as they are: nobody
//! may ask for a span that begins before what was pruned, so such a child is never taken as a whole.

use serde::{Deserialize, Serialize};
use topo::state::StateError;

use super::currency::Currency;

/// Level of the roots.
const ROOT: u8 = 4;
/// Rows a block may hold before it is split.
const FULL: usize = 64;

/// Which block of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// 0 for the finest.
    pub level: u8,
    /// How many blocks of this level lie between the epoch and this one.
    pub index: i64,
}

/// Rows, or totals per child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Block {
    /// Cells per millisecond and currency; slots are milliseconds from the block's begin.
    Rows(Vec<Cell>),
    /// Cells per child and currency; slots are the children's numbers within the block.
    Children(Vec<Cell>),
}

topo::data!(Block);

/// What happened in one slot in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    slot: u32,
    currency: Currency,
    count: u64,
    minor: i128,
}

/// Count and sums of a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Rows.
    pub count: u64,
    /// Minor units per currency, by code.
    pub sums: Vec<(Currency, i128)>,
}

/// Where the blocks of one tree are kept.
pub(crate) trait Blocks {
    /// The block at this place.
    ///
    /// # Errors
    /// The store's.
    fn load(&mut self, place: Place) -> Result<Option<&Block>, StateError>;
    /// Puts a block there.
    ///
    /// # Errors
    /// The store's.
    fn save(&mut self, place: Place, block: Block) -> Result<(), StateError>;
    /// Removes it.
    ///
    /// # Errors
    /// The store's.
    fn remove(&mut self, place: Place) -> Result<(), StateError>;
}

impl Place {
    /// The root above a time.
    pub(crate) fn root(time: i64) -> Self {
        Self { level: ROOT, index: time >> bits(ROOT) }
    }

    /// A root by its number.
    pub(crate) fn root_number(index: i64) -> Self {
        Self { level: ROOT, index }
    }

    /// The first millisecond it covers.
    pub(crate) fn begin(self) -> i64 {
        self.index << bits(self.level)
    }

    fn end(self) -> i64 {
        self.begin() + (1 << bits(self.level)) - 1
    }

    fn child(self, slot: u32) -> Self {
        Self { level: self.level - 1, index: (self.index << 6) + i64::from(slot) }
    }

    fn child_slot(self, time: i64) -> u32 {
        ((time - self.begin()) >> bits(self.level - 1)) as u32
    }
}

fn bits(level: u8) -> u32 {
    6 * (u32::from(level) + 1)
}

impl Totals {
    /// Adds rows of a currency.
    pub(crate) fn add(&mut self, currency: Currency, count: u64, minor: i128) {
        self.count += count;
        match self.sums.binary_search_by_key(&currency, |(known, _)| *known) {
            Ok(at) => self.sums[at].1 += minor,
            Err(at) => self.sums.insert(at, (currency, minor)),
        }
    }
}

/// Adds a row at `time`.
///
/// # Errors
/// The store's.
pub(crate) fn insert(
    blocks: &mut impl Blocks,
    time: i64,
    currency: Currency,
    minor: i128,
) -> Result<(), StateError> {
    let mut place = Place::root(time);
    loop {
        let block = blocks.load(place)?.cloned();
        match block {
            Some(Block::Children(mut cells)) => {
                let slot = place.child_slot(time);
                add_cell(&mut cells, Cell { slot, currency, count: 1, minor });
                blocks.save(place, Block::Children(cells))?;
                place = place.child(slot);
            }
            rows => {
                let mut cells = match rows {
                    Some(Block::Rows(cells)) => cells,
                    _ => Vec::new(),
                };
                let slot = (time - place.begin()) as u32;
                add_cell(&mut cells, Cell { slot, currency, count: 1, minor });
                if cells.len() > FULL && place.level > 0 {
                    return split(blocks, place, &cells);
                }
                return blocks.save(place, Block::Rows(cells));
            }
        }
    }
}

/// Moves the rows of a full block to its children.
fn split(blocks: &mut impl Blocks, place: Place, rows: &[Cell]) -> Result<(), StateError> {
    let mut totals = Vec::new();
    let child_of = |cell: &Cell| cell.slot >> bits(place.level - 1);
    for family in rows.chunk_by(|left, right| child_of(left) == child_of(right)) {
        let child = place.child(child_of(&family[0]));
        let offset = (child.begin() - place.begin()) as u32;
        let moved = family.iter().map(|cell| Cell { slot: cell.slot - offset, ..*cell }).collect();
        blocks.save(child, Block::Rows(moved))?;
        for cell in family {
            add_cell(&mut totals, Cell { slot: child_of(cell), ..*cell });
        }
    }
    blocks.save(place, Block::Children(totals))
}

fn add_cell(cells: &mut Vec<Cell>, new: Cell) {
    match cells.binary_search_by_key(&(new.slot, new.currency), |cell| (cell.slot, cell.currency)) {
        Ok(at) => {
            cells[at].count += new.count;
            cells[at].minor += new.minor;
        }
        Err(at) => cells.insert(at, new),
    }
}

/// Adds to `totals` the rows below `place` with times from `from` to `to`, both included.
///
/// # Errors
/// The store's.
pub(crate) fn sum(
    blocks: &mut impl Blocks,
    place: Place,
    from: i64,
    to: i64,
    totals: &mut Totals,
) -> Result<(), StateError> {
    if to < place.begin() || from > place.end() {
        return Ok(());
    }
    // Only the first and the last child that the span touches can be covered in part.
    let mut in_part = [None; 2];
    match blocks.load(place)? {
        None => {}
        Some(Block::Rows(cells)) => {
            let (first, last) = (from.max(place.begin()), to.min(place.end()));
            let (first, last) = ((first - place.begin()) as u32, (last - place.begin()) as u32);
            for cell in cells.iter().filter(|cell| (first..=last).contains(&cell.slot)) {
                totals.add(cell.currency, cell.count, cell.minor);
            }
        }
        Some(Block::Children(cells)) => {
            for cell in cells {
                let child = place.child(cell.slot);
                if from <= child.begin() && child.end() <= to {
                    totals.add(cell.currency, cell.count, cell.minor);
                } else if from <= child.end() && child.begin() <= to && !in_part.contains(&Some(child)) {
                    in_part[usize::from(in_part[0].is_some())] = Some(child);
                }
            }
        }
    }
    for child in in_part.into_iter().flatten() {
        sum(blocks, child, from, to, totals)?;
    }
    Ok(())
}

/// Removes rows before `horizon` below `place`, touching at most `budget` blocks. Says whether the block is gone.
///
/// A budget of at least five blocks, one per level, always gets further.
///
/// # Errors
/// The store's.
pub(crate) fn prune(
    blocks: &mut impl Blocks,
    place: Place,
    horizon: i64,
    budget: &mut usize,
) -> Result<bool, StateError> {
    if place.begin() >= horizon || *budget == 0 {
        return Ok(false);
    }
    *budget -= 1;
    let kept = match blocks.load(place)?.cloned() {
        None => return Ok(true),
        Some(Block::Rows(mut cells)) => {
            cells.retain(|cell| place.begin() + i64::from(cell.slot) >= horizon);
            Block::Rows(cells)
        }
        Some(Block::Children(mut cells)) => {
            let mut children: Vec<u32> = cells.iter().map(|cell| cell.slot).collect();
            children.dedup();
            for slot in children {
                if !prune(blocks, place.child(slot), horizon, budget)? {
                    break;
                }
                cells.retain(|cell| cell.slot != slot);
            }
            Block::Children(cells)
        }
    };
    let (Block::Rows(cells) | Block::Children(cells)) = &kept;
    if cells.is_empty() {
        blocks.remove(place)?;
        return Ok(true);
    }
    blocks.save(place, kept)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// Blocks in a map, counting how many were looked at.
    #[derive(Default)]
    struct Counted {
        blocks: HashMap<Place, Block>,
        loads: usize,
    }

    impl Blocks for Counted {
        fn load(&mut self, place: Place) -> Result<Option<&Block>, StateError> {
            self.loads += 1;
            Ok(self.blocks.get(&place))
        }
        fn save(&mut self, place: Place, block: Block) -> Result<(), StateError> {
            self.blocks.insert(place, block);
            Ok(())
        }
        fn remove(&mut self, place: Place) -> Result<(), StateError> {
            self.blocks.remove(&place);
            Ok(())
        }
    }

    const DAY: i64 = 86_400_000;

    fn currency(number: i64) -> Currency {
        Currency::parse(["IDR", "USD", "JPY"][number.rem_euclid(3) as usize]).unwrap().0
    }

    fn query(tree: &mut Counted, from: i64, to: i64) -> Totals {
        let mut totals = Totals::default();
        for root in Place::root(from).index..=Place::root(to).index {
            sum(tree, Place::root_number(root), from, to, &mut totals).unwrap();
        }
        totals
    }

    fn naive(rows: &[(i64, Currency, i128)], from: i64, to: i64) -> Totals {
        let mut totals = Totals::default();
        for (_, currency, minor) in rows.iter().filter(|(time, ..)| (from..=to).contains(time)) {
            totals.add(*currency, 1, *minor);
        }
        totals
    }

    #[test]
    fn any_span_of_any_rows_is_what_a_plain_list_says() {
        for seed in 0..40 {
            let mut random = StdRng::seed_from_u64(seed);
            let spread = [1000, 100_000, DAY, 40 * DAY][seed as usize % 4];
            let middle = [0, 1_770_373_800_000][seed as usize / 4 % 2];
            let (mut tree, mut rows) = (Counted::default(), Vec::new());
            for row in 0..600 {
                let time = middle + random.random_range(-spread..=spread);
                let minor = random.random_range(1..1_000_000);
                rows.push((time, currency(row), minor));
                insert(&mut tree, time, currency(row), minor).unwrap();
                let (one, other) =
                    (random.random_range(-spread..=spread), random.random_range(-spread..=spread));
                let (from, to) = (middle + one.min(other), middle + one.max(other));
                assert_eq!(naive(&rows, from, to), query(&mut tree, from, to), "seed {seed}, row {row}");
            }
        }
    }

    #[test]
    fn both_ends_of_a_span_belong_to_it() {
        let (mut tree, idr) = (Counted::default(), Currency::IDR);
        for time in [-1, 0, 1] {
            insert(&mut tree, time, idr, 5).unwrap();
        }
        assert_eq!(3, query(&mut tree, -1, 1).count);
        assert_eq!(1, query(&mut tree, 0, 0).count);
        assert_eq!(Totals::default(), query(&mut tree, 2, DAY));
    }

    #[test]
    fn a_million_rows_are_answered_from_a_handful_of_blocks() {
        let mut tree = Counted::default();
        for row in 0..1_000_000_i64 {
            insert(&mut tree, row * 86, Currency::IDR, 1).unwrap();
        }
        let begun = tree.loads;
        insert(&mut tree, 50_000_001, Currency::IDR, 1).unwrap();
        assert!(tree.loads - begun <= 5, "an insert looked at {} blocks", tree.loads - begun);
        let begun = tree.loads;
        assert_eq!(1_000_001 - 500_000 - 1, query(&mut tree, 500_000 * 86 + 1, DAY).count);
        assert!(tree.loads - begun <= 10, "a query looked at {} blocks", tree.loads - begun);
    }

    #[test]
    fn pruning_in_portions_keeps_every_answer_after_the_horizon_and_ends_with_nothing() {
        for seed in 0..10 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut tree, mut rows) = (Counted::default(), Vec::new());
            for row in 0..5000 {
                let time = random.random_range(0..DAY / [1, 1000][seed as usize % 2]);
                rows.push((time, currency(row), 7));
                insert(&mut tree, time, currency(row), 7).unwrap();
            }
            rows.sort_unstable_by_key(|(time, ..)| *time);
            let (horizon, end) = (rows[2500].0, rows[4999].0);
            loop {
                let mut budget = 8;
                prune(&mut tree, Place::root(0), horizon, &mut budget).unwrap();
                assert_eq!(naive(&rows, horizon, end), query(&mut tree, horizon, end), "seed {seed}");
                if budget > 0 {
                    break;
                }
            }
            let half = tree.blocks.len();
            while !prune(&mut tree, Place::root(0), end + 1, &mut 1000).unwrap() {}
            assert!(half > 0 && tree.blocks.is_empty(), "seed {seed}: {} blocks left", tree.blocks.len());
        }
    }
}
