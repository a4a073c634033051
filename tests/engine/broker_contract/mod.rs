//! What the engine relies on, as cases that run on the broker in memory and on a real Kafka, and must agree.
//!
//! A case is written once against the traits; [`cases!`] makes a test of it for each broker. Where the brokers may
//! differ (a session ends by a clock that is handed in, or by the real one) [`bench::Bench`] hides it.
//!
//! Where they do differ, `differences` says so by name: what the one does, and what the other does instead. Only a real
//! broker can be killed and restarted (`restart`), and only its client library can be taken in again without knowing that it
//! was expelled (`expelled`). Only in the broker in memory can a test hold back the markers that end a
//! transaction, between the decision and the partitions; what the engine must do then is the simulator's to show.

//! Which case shows what:
//!
//! | behaviour | where |
//! |---|---|
//! | hidden until committed, gone when aborted; last stable offset and high watermark; fencing by transactional id; a hanging transaction delays readers until its timeout | `transactions` |
//! | offsets inside a transaction; `committed` waits for pending ones; refused commits of an old epoch, an expelled member | `offsets` |
//! | static membership; sticky placement with minimal movement; what is asked back stays until it is released | `groups` |
//! | order, headers, timestamps, tombstones; record too large; unknown topic; settings | `records` |
//! | truncation: an offset that is gone, a first offset that rises, a policy that forbids it; pause and seek | `readers` |
//! | compaction | `compaction` |

mod bench;

mod compaction;
mod differences;
mod expelled;
mod groups;
mod offsets;
mod readers;
mod records;
mod restart;
mod transactions;

/// One test per case and broker.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        mod on_memory {
            $(#[test] fn $case() { super::$case(&crate::broker_contract::bench::Bench::memory()); })+
        }
        mod on_kafka {
            $(#[test] fn $case() { super::$case(&crate::broker_contract::bench::Bench::kafka()); })+
        }
    };
}
use cases;
