//! What the binary `topo` offers: the applications, the generators and the demo, by name.
//!
//! Owns the names on the command line and the keys each application adds to the configuration. Decides nothing else.

mod generators;
mod ods;
mod orders;
mod velocity;

use topo::cli::{Catalogue, Entry, Generator};

/// Everything `topo` can describe, run, generate and show.
pub fn catalogue() -> Catalogue {
    Catalogue {
        entries: vec![
            Entry {
                name: "orders",
                about: "change events of five Oracle tables, joined into enriched orders, revenue and alerts",
                keys: orders::KEYS,
                make: orders::make,
            },
            Entry {
                name: "velocity",
                about: "payments, each answered with the velocity of its accounts (rules 901 to 904)",
                keys: velocity::KEYS,
                make: velocity::make,
            },
            Entry {
                name: "orders-ods",
                about: "enriched orders, written exactly once to PostgreSQL",
                keys: ods::KEYS,
                make: ods::make,
            },
        ],
        generators: vec![
            Generator {
                name: "orders",
                about: "change events as a Debezium Oracle connector writes them",
                run: generators::orders,
            },
            Generator { name: "payments", about: "payments for velocity", run: generators::payments },
        ],
        demo: Some(crate::demo::demo),
    }
}
