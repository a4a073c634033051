//! The stores of this process, read by the program around it while the topology runs; and who has the rest.

use topo_state::Glimpse;

use super::coordinator::Announcement;
use super::held::{Held, Seen};
use super::threads::Running;
use crate::clock::now_ms;
use crate::fault::Fault;
use crate::observe::TaskState;
use crate::processor::{ReadHandle, ReadOnly};

/// A task whose stores are not read here. Kafka Streams: `StreamsMetadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The task, as in `topo tasks`: first source and partition.
    pub task: String,
    /// Who has it.
    pub whereabouts: Whereabouts,
    /// Who else can show its rows, not quite as new: the nearest first.
    pub copies: Vec<WarmCopy>,
}

/// Another process's copy of a task's stores, by what that process has announced. Kafka Streams: `standbyHosts` of `KeyQueryMetadata`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmCopy {
    /// Its id.
    pub process: String,
    /// Its host.
    pub host: String,
    /// Where it answers over HTTP, host:port.
    pub http: Option<String>,
    /// Changelog offsets that the copy had still to pass; `None` = not known. Kafka Streams: `allLocalStorePartitionLags`.
    pub behind: Option<u64>,
}

/// Who has a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// This process, and its stores are not up to date yet.
    RestoringHere,
    /// Another process, by what it has announced.
    Process {
        /// Its id.
        process: String,
        /// Its host.
        host: String,
        /// Where it answers over HTTP, host:port ([`AppConfig::http`](super::AppConfig::http)).
        http: Option<String>,
    },
    /// Nobody who has announced it lately: it is on its way.
    Unknown,
}

impl Running {
    /// Shows a store to `visit`, once for each task that runs here, with the task's name; a global store once. Answers
    /// with the tasks that run elsewhere: rows they hold are theirs to show, and how to ask them is the program's choice.
    ///
    /// What is read is what was committed at that instant, task by task; processing goes on meanwhile and is not waited for. A
    /// task cannot close its stores while `visit` looks at them, so look and go. Kafka Streams: `KafkaStreams.store`,
    /// `streamsMetadataForStore`, with `READ_COMMITTED` (KIP-67, KIP-796).
    ///
    /// ```
    /// # use topo::{App, AppConfig, Builder, Codecs, Fault, KeyValue, Running, Silent, Topic, state::{i64_be, utf8}};
    /// # use std::sync::Arc;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = Builder::new("words");
    /// let words: Topic<String, String> = Topic::new("words", utf8(), utf8());
    /// let counts = app
    ///     .stream("read", &words)
    ///     .group_by_key("by-word", Codecs::new(utf8(), utf8()))
    ///     .count("count", KeyValue::new("counts", utf8(), i64_be()));
    /// let store = counts.store().ok_or("a count has a store")?;
    /// # let broker = Arc::new(topo::broker::memory::MemoryBroker::new());
    /// # let dir = tempfile::tempdir()?;
    /// # let config = AppConfig { state_dir: dir.path().to_owned(), ..AppConfig::default() };
    /// # drop(counts);
    /// let running = App::start(app.build()?, broker, config, Arc::new(Silent))?;
    ///
    /// let mut count = None;
    /// let elsewhere = running.query(store, |_task, mut counts| {
    ///     count = count.or(counts.get(&"topo".to_owned())?.map(|row| row.value));
    ///     Ok(())
    /// })?;
    /// if count.is_none() {
    ///     println!("nobody here has heard the word; others that may have: {elsewhere:?}");
    /// }
    /// # running.stop();
    /// # Ok(running.wait()?)
    /// # }
    /// ```
    ///
    /// # Errors
    /// The handle is of another topology; a store cannot be read; what `visit` returns.
    pub fn query<S: 'static>(
        &self,
        store: ReadHandle<S>,
        mut visit: impl FnMut(&str, ReadOnly<'_, S>) -> Result<(), Fault>,
    ) -> Result<Vec<Elsewhere>, Fault> {
        let rows = self.shared().held.rows().into_iter().map(|(task, rows)| (task, rows, Some(0)));
        self.show(store, rows, |task, _, rows| visit(task, rows))
    }

    /// As [`query`](Self::query), and shows what lies here of tasks that do not run here too: warm copies, and stores that are
    /// being restored. `visit` is also told how many changelog offsets these rows have still to pass: `Some(0)` for a task that runs
    /// here, `None` where it is not known. Such rows are from before, and may be from within a commit: some of its changes, not
    /// yet the others. So a process that has lost its neighbour goes on answering before the takeover is through. Kafka Streams:
    /// `StoreQueryParameters.enableStaleStores` (KIP-535).
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn query_stale<S: 'static>(
        &self,
        store: ReadHandle<S>,
        visit: impl FnMut(&str, Option<u64>, ReadOnly<'_, S>) -> Result<(), Fault>,
    ) -> Result<Vec<Elsewhere>, Fault> {
        let held = &self.shared().held;
        let running = held.rows().into_iter().map(|(task, rows)| (task, rows, Some(0)));
        self.show(store, running.chain(held.copies()), visit)
    }

    /// Shows a store of these tasks, of each once.
    fn show<S: 'static>(
        &self,
        store: ReadHandle<S>,
        tasks: impl Iterator<Item = (String, Glimpse, Option<u64>)>,
        mut visit: impl FnMut(&str, Option<u64>, ReadOnly<'_, S>) -> Result<(), Fault>,
    ) -> Result<Vec<Elsewhere>, Fault> {
        let foreign = || Fault::fatal("FOREIGN_HANDLE", "this handle is of a store of another topology");
        let shared = self.shared();
        let def = shared.topology.stores.get(store.0.store).ok_or_else(foreign)?;
        let name = &def.spec.name;
        let mut shown = Vec::new();
        for (task, rows, behind) in tasks {
            if shown.contains(&task) {
                continue;
            }
            let Some(state) = rows.look()? else { continue };
            let Some(index) = state.index_of(name) else { continue };
            let mut typed = (def.make)(index, state.backend());
            let typed = typed.as_any_mut().downcast_mut().ok_or_else(foreign)?;
            visit(&task, behind, ReadOnly(typed))?;
            shown.push(task);
        }
        let mut elsewhere = shared.held.elsewhere(now_ms(), shared.config.members_expiry_ms, |seen| {
            seen.laid.stores.contains(name) && !shown.contains(&seen.laid.name)
        });
        elsewhere.sort_by(|a, b| a.task.cmp(&b.task));
        Ok(elsewhere)
    }
}

impl Held {
    /// Who has the tasks that are `wanted`. A process that has been silent for `expiry_ms` has none.
    pub(crate) fn elsewhere(
        &self,
        now: i64,
        expiry_ms: i64,
        wanted: impl Fn(&Seen) -> bool,
    ) -> Vec<Elsewhere> {
        let others = self.others();
        let live = |it: &&Announcement| now - it.last_seen < expiry_ms;
        let whereabouts = |seen: &Seen| {
            if seen.state == Some(TaskState::Restoring) {
                return Whereabouts::RestoringHere;
            }
            let mut live = others.iter().filter(live);
            let holder = live.find(|it| it.holding.active.contains_key(&seen.laid.name));
            holder.map_or(Whereabouts::Unknown, |Announcement { process, host, http, .. }| {
                Whereabouts::Process { process: process.clone(), host: host.clone(), http: http.clone() }
            })
        };
        let copies = |seen: &Seen| {
            let copy = |it: &Announcement| {
                let behind = *it.holding.standby.get(&seen.laid.name)?;
                let Announcement { process, host, http, .. } = it.clone();
                Some(WarmCopy { process, host, http, behind })
            };
            let mut copies: Vec<_> = others.iter().filter(live).filter_map(copy).collect();
            copies.sort_by_key(|copy| copy.behind.unwrap_or(u64::MAX));
            copies
        };
        let tasks = self.tasks().into_iter().filter(|seen| wanted(seen));
        let told = |seen: Seen| Elsewhere {
            whereabouts: whereabouts(&seen),
            copies: copies(&seen),
            task: seen.laid.name,
        };
        tasks.map(told).collect()
    }
}
