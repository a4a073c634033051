//! A simulation of several processes of one application, with everything that can fail between them.
//!
//! A [`Sim`] runs the *production* coordinator, restorer, workers and commits of one to three processes on the broker in
//! memory, in one thread, in virtual time. One seed decides everything: which part goes on next, what each call to the
//! broker suffers, when machines die, freeze, lose their disks or come back. The same seed gives the same run.
//!
//! What can go wrong is in [`Fault`]; every call of every client ([`Call`]) can be the last thing a process does, before or
//! after its effect. What is checked after every run, whatever the topology:
//! - the run ends: once nothing fails any more, everything is processed and committed;
//! - committed offsets never go back, and come only from who holds the task;
//! - no store takes anything that the broker has not decided;
//! - every store on every disk is a prefix of its committed changelog, and the newest one all of it;
//! - nothing is moved aside that was not damaged, and no process ends by itself;
//! - what a process says of its tasks (metrics and queries rest on it) is what it said before, and in the end the truth;
//! - the outputs are what the [`Scenario`] says, by a model of its own.
//!
//! A topology of your own is tested the same way:
//! ```
//! use std::collections::BTreeMap;
//! use topo::state::{i64_be, utf8};
//! use topo::testkit::sim::{Input, Outcome, Random, Scenario, Sim};
//! use topo::{Builder, Codecs, KeyValue, Topic, Topology};
//!
//! fn words() -> Topic<String, String> { Topic::new("words", utf8(), utf8()) }
//! fn counts() -> Topic<String, Option<i64>> { Topic::new("counts", utf8(), i64_be()) }
//!
//! struct Counting;
//!
//! impl Scenario for Counting {
//!     fn name(&self) -> &str { "counting" }
//!     fn topology(&self) -> Topology {
//!         let app = Builder::new("counting");
//!         app.stream("words", &words())
//!             .group_by_key("by-word", Codecs::new(utf8(), utf8()))
//!             .count("count", KeyValue::new("totals", utf8(), i64_be()))
//!             .to_stream("updates")
//!             .to("counts", &counts());
//!         app.build().unwrap()
//!     }
//!     fn topics(&self) -> Vec<(String, i32)> { vec![("words".into(), 2)] }
//!     fn input(&self, random: &mut Random) -> Vec<Input> {
//!         let word = |random: &mut Random| ["tea", "milk", "salt"][random.below(3)].to_owned();
//!         (0..20).map(|time| Input::new(&words(), 2, &word(random), &String::new(), time)).collect()
//!     }
//!     fn check(&self, outcome: &Outcome) -> Result<(), String> {
//!         let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
//!         for record in outcome.read(&words())?.into_iter().flatten() {
//!             let seen = expected.entry(record.key).or_default();
//!             seen.push(seen.len() as i64 + 1);
//!         }
//!         let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
//!         for record in outcome.read(&counts())?.into_iter().flatten() {
//!             found.entry(record.key).or_default().extend(record.value);
//!         }
//!         if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
//!     }
//! }
//!
//! Sim::new(&Counting).run_all(0..20)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - `runs`: the door; `scenario`, `outcome`, `report`, `random`, `fault`: what tests touch;
//! - `world`: one run; `events`: what befalls it; `slot`: machines and disks; `plan`: settings;
//! - `chaos`: what each call suffers; `broker`, `consumer`, `producer`, `membership`, `admin`, `client`: where it does;
//! - `ledger`, `stores`, `archive`: what is checked.
//!
//! Never in here: a thread, a clock, a decision that does not come from the seed.

mod admin;
mod archive;
mod broker;
mod chaos;
mod client;
mod consumer;
mod events;
mod fault;
mod inlet;
mod ledger;
mod membership;
mod outcome;
mod plan;
mod producer;
mod random;
mod report;
mod runs;
mod scenario;
mod slot;
mod stores;
#[cfg(test)]
mod teeth;
mod world;

pub use fault::{Call, Counts, Fault};
pub use outcome::Outcome;
pub use random::Random;
pub use report::{Failure, Report, Summary};
pub use runs::Sim;
pub use scenario::{Input, Scenario};
