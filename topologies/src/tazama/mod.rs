//! `velocity`: Tazama-style verdicts on payments, from aggregates that cost the same however busy an account is.
//!
//! # Why four stages
//! A payment touches three keys: its debtor (rules 901, 904), its creditor (902), and its transactionId (first wins,
//! over all accounts and partitions). Counts must follow the order of the input partition, so nothing may stand
//! between a payment and its account that mixes that order up; but whether it counts at all is known elsewhere. So:
//!
//! ```text
//! transactions -> intake --+--------- payments, in order ---------> accounts --> verdicts -> velocity.verdicts
//!                          |                                           ^
//!                          +-- transactionId --> claims -- decisions --+
//! ```
//!
//! - `intake` (by input partition) reads, notes stream time and lateness, and sends the payment three ways. What it
//!   sends to one account lies in one repartition partition, behind each other: the order is kept.
//! - `claims` (by transactionId) decides who was first, and tells both accounts.
//! - `accounts` (by account and role) holds each payment until it is decided and all earlier ones of the same account
//!   and input partition are: it counts in input order although decisions come in any order. Duplicates are never
//!   counted, not even for a moment, so no answer has to be taken back.
//! - `verdicts` (by transactionId) puts both sides together.
//!
//! Every stage is exactly-once, so every payment is decided once and every decision arrives. With at-least-once
//! processing repeated events are recognised by the payment's partition and offset.
//!
//! # What is kept
//! Rows of accounts and claims are kept for window + grace, in the stream time of the input partition they came from.
//! Each input partition has trees of its own per account: a partition that is read faster than another one (after an
//! outage, say) takes nothing away from it, so verdicts are the same at any speed.
//!
//! Counting itself is `window_tree`; [`topology()`] is the page that says all this in code.

mod accounts;
mod amount;
mod claims;
mod currency;
mod intake;
mod payment;
mod queue;
mod rules;
mod trees;
mod velocity;
mod verdicts;
mod window_tree;

pub use claims::{SETTLE_MS, SILENT_MS};
pub use currency::Currency;
pub use payment::{Origin, Payment};
pub use rules::Spans;
pub use velocity::{VelocityConfig, topology};
