//! The contract suite: each promise is written once and holds over memory, over a disk in memory, over RocksDB, and
//! over RocksDB with every second store in memory.

/// Defines tests that get a fresh [`Home`](crate::support::Home) of each backend: `<name>::memory`, `<name>::kept`,
/// `<name>::rocks` and `<name>::mixed`.
macro_rules! contract {
    ($(fn $name:ident($home:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            fn run($home: Home) $body

            #[test]
            fn memory() {
                run(Home::memory());
            }

            #[test]
            fn kept() {
                run(Home::kept());
            }

            #[test]
            fn rocks() {
                run(Home::rocks());
            }

            #[test]
            fn mixed() {
                run(Home::mixed());
            }
        }
    )+};
}

/// Drain, apply, committed, discard, and the checkpoint.
mod commit;
/// A bounded number of keys.
mod lru;
/// Changelog records become the rows of live writes.
mod restore;
/// Ranges and prefixes over committed rows and own writes.
mod scan;
/// Sessions: search by time, visibility, expiry.
mod session;
/// Versions: order, history, expiry.
mod versioned;
/// Windows: visibility, expiry, duplicates.
mod window;
