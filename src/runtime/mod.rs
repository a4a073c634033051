//! Runs a topology on a broker: workers, commit, restore, leases, recovery from everything that can fail.
//!
//! Owns order and time: which task runs where, when a commit begins, what an error of the infrastructure means. Everything
//! is steppable: `Coordinator`, `Worker` and `Restorer` do a bounded piece of work per
//! step, take the time as an argument and talk through mailboxes; only `threads` has threads, a clock and pauses, so a
//! simulator can run the same code in one thread.
//!
//! - `app`, `config`, `error`, `observer`: the face;
//! - `coordinator`: the group, the leases, topics, the layout guard, the clean stop;
//! - `worker`: poll, process, commit;
//! - `restore`: stores brought up to date; `globals`: global stores;
//! - `held`, `query`: what an operator, and the program around it, may look into while it runs;
//! - `outside`, `rebuild`: for tools: the layout of an application that is not run here, its state built up beforehand;
//! - `plan`, `internal`: the topology laid over the cluster; `shared`, `mailbox`, `waiting`, `losses`, `times`: what
//!   all use.
//!
//! Never in here: what a record means (that is `ops` and the user), rows and files (that is `topo-state`), `rdkafka`.

mod app;
mod config;
mod coordinator;
mod error;
mod globals;
mod held;
mod internal;
mod leaving;
mod losses;
mod mailbox;
mod matching;
mod observer;
mod outside;
mod plan;
mod post;
mod process;
mod process_id;
mod query;
mod rebuild;
mod reporter;
mod restore;
mod shared;
mod threads;
mod times;
mod waiting;
mod worker;

#[cfg(test)]
mod tests;

pub use app::App;
pub use config::{AppConfig, Guarantee, Policies};
pub(crate) use coordinator::Announcement;
pub use error::{Error, Reaction};
pub(crate) use held::Held;
#[cfg(test)]
pub(crate) use held::Laid;
pub use observer::{Event, Observer, Silent, TaskId};
pub(crate) use outside::Outside;
pub(crate) use plan::Backed;
pub use process::{Part, Process};
pub(crate) use process_id::StateDirectory;
pub use query::{Elsewhere, WarmCopy, Whereabouts};
pub(crate) use rebuild::{Rebuild, Rebuilt, rebuild};
pub use reporter::Reporter;
pub use threads::Running;
