//! The stores of a running process, shown over its port.
//!
//! What is read is what is committed: a row that a task has in hand is not there yet. The tasks go on meanwhile.

use super::{
    rows::{Mark, no_mark, page},
    stores::list,
};
use crate::{
    cli::{Failure, StateQuery},
    clock::now_ms,
    graph::Topology,
    observe::{Answer, Question, View},
    runtime::{Held, Whereabouts},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use topo_state::{StateError, TaskState};

/// Rows of one answer, if the question does not say.
const LIMIT: usize = 1_000;

/// Where a task is that cannot be looked into here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    pub(crate) task: String,
    /// Why it is not shown, and who shows it.
    pub(crate) why: String,
    /// Where to ask instead.
    pub(crate) http: Option<String>,
}

/// A running application.
pub(crate) struct Live {
    pub(crate) topology: Topology,
    pub(crate) held: Arc<Held>,
    /// Silence after which another process counts as gone, milliseconds.
    pub(crate) expiry_ms: i64,
}

impl View for Live {
    fn answer(&self, question: &Question) -> Answer {
        let field = |name: &str| question.query.get(name).cloned();
        let answered = match question.path.as_slice() {
            [] => self.stores(),
            [store] => {
                let query = StateQuery { store: store.clone(), task: field("task"), key: field("key") };
                let limit = field("limit").and_then(|it| it.parse().ok()).unwrap_or(LIMIT).clamp(1, LIMIT);
                self.rows(&query, field("after").as_deref(), limit)
            }
            _ => return Answer::error(404, "ask for /state/APPLICATION or /state/APPLICATION/STORE"),
        };
        answered.unwrap_or_else(|failure| Answer::error(500, failure.message))
    }
}

impl Live {
    fn stores(&self) -> Result<Answer, Failure> {
        let tasks = self.open(&|_| true)?;
        Ok(Answer::ok(json!({"stores": list(&tasks)?, "elsewhere": self.elsewhere(&tasks, &|_| true)})))
    }

    fn rows(&self, query: &StateQuery, after: Option<&str>, limit: usize) -> Result<Answer, Failure> {
        let known = |name: &String| *name == query.store;
        if !self.topology.stores.iter().any(|it| known(&it.spec.name)) {
            let names: Vec<&str> = self.topology.stores.iter().map(|it| it.spec.name.as_str()).collect();
            let names = names.join(", ");
            let why = format!("there is no store `{}`; there are: {names}", query.store);
            return Ok(Answer::error(404, why));
        }
        let wanted = |task: &str| query.task.as_ref().is_none_or(|it| it == task);
        let mut tasks = self.open(&wanted)?;
        tasks.retain(|(_, state)| state.index_of(&query.store).is_some());
        let elsewhere: Vec<Elsewhere> = self.elsewhere(&tasks, &|stores| stores.iter().any(known));
        let elsewhere: Vec<Elsewhere> = elsewhere.into_iter().filter(|it| wanted(&it.task)).collect();
        if let (Some(task), true) = (&query.task, tasks.is_empty()) {
            return Ok(match elsewhere.first() {
                Some(elsewhere) => Answer::error(409, &*elsewhere.why),
                None => Answer::error(404, format!("there is no task `{task}` with store `{}`", query.store)),
            });
        }
        let after = after.map(|text| Mark::parse(text).ok_or_else(|| no_mark(text))).transpose();
        let after = match after {
            Ok(after) => after,
            Err(failure) => return Ok(Answer::error(400, failure.message)),
        };
        let page = page(&self.topology, &tasks, query, after.as_ref(), limit)?;
        let rows = page.rows.into_iter().map(|(task, mut row)| {
            row["task"] = json!(task);
            row
        });
        let rows: Vec<_> = rows.collect();
        let next = page.next.as_ref().map(Mark::text);
        Ok(Answer::ok(json!({"rows": rows, "next": next, "elsewhere": elsewhere})))
    }

    /// The states that are open here, sorted by name.
    fn open(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<(String, TaskState)>, StateError> {
        let mut tasks = Vec::new();
        for (name, rows) in self.held.rows().into_iter().filter(|(name, _)| wanted(name)) {
            if let Some(state) = rows.look()? {
                tasks.push((name, state));
            }
        }
        Ok(tasks)
    }

    /// The tasks with stores that are not open here.
    fn elsewhere(&self, open: &[(String, TaskState)], with: &dyn Fn(&[String]) -> bool) -> Vec<Elsewhere> {
        let here = |task: &str| open.iter().any(|(name, _)| name == task);
        let rows = self.held.elsewhere(now_ms(), self.expiry_ms, |seen| {
            let stores = &seen.laid.stores;
            !here(&seen.laid.name) && !stores.is_empty() && with(stores)
        });
        rows.into_iter().map(|it| told(it.task, it.whereabouts)).collect()
    }
}

/// In words, and where to ask.
fn told(task: String, whereabouts: Whereabouts) -> Elsewhere {
    let (why, http) = match whereabouts {
        Whereabouts::RestoringHere => {
            (format!("task {task} is being restored here; its stores are shown when that is over"), None)
        }
        Whereabouts::Process { process, host, http } => {
            let port = http.as_ref().map(|address| format!("; ask there: --at {address}"));
            let port = port.unwrap_or_default();
            (format!("task {task} runs on process {process} on {host}{port}"), http)
        }
        Whereabouts::Unknown => (format!("task {task} does not run here, and nobody has announced it"), None),
    };
    Elsewhere { task, why, http }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::TaskState as Shown;
    use crate::runtime::{Event, Laid, TaskId};
    use serde_json::Value;

    fn held(last_seen: i64) -> Arc<Held> {
        let held = Arc::new(Held::default());
        let task = |partition| TaskId { sub_topology: 0, partition };
        let laid = |partition: i32| {
            let name = format!("words-{partition}");
            (task(partition), Laid { name, stores: vec!["totals".to_owned()] })
        };
        held.lay_out((0..3).map(laid));
        held.tell(&Event::Task { task: task(0), from: None, to: Some(Shown::Restoring) });
        let other = json!({
            "process": "p2", "host": "host-2", "layout": {}, "claim": 1, "last_seen": last_seen,
            "holding": {"active": {"words-1": 0}, "standby": {}}, "http": "host-2:9464",
        });
        held.hear(vec![serde_json::from_value(other).unwrap()]);
        held
    }

    fn empty() -> Topology {
        Topology { name: "words".to_owned(), ..Topology::default() }
    }

    fn reasons(last_seen: i64) -> Value {
        let topology = empty();
        let live = Live { topology, held: held(last_seen), expiry_ms: 10_000 };
        let answer = live.answer(&Question::default());
        assert_eq!((answer.status, &answer.body["stores"]), (200, &json!([])));
        answer.body["elsewhere"].as_array().unwrap().iter().map(|it| it["why"].clone()).collect()
    }

    #[test]
    fn a_task_that_cannot_be_looked_into_here_says_why_and_where() {
        let said = json!([
            "task words-0 is being restored here; its stores are shown when that is over",
            "task words-1 runs on process p2 on host-2; ask there: --at host-2:9464",
            "task words-2 does not run here, and nobody has announced it",
        ]);
        assert_eq!(reasons(now_ms()), said);
    }

    #[test]
    fn a_process_that_has_long_been_silent_holds_nothing() {
        let said = reasons(now_ms() - 60_000);
        assert_eq!(said[1], json!("task words-1 does not run here, and nobody has announced it"));
    }

    #[test]
    fn what_is_not_there_is_answered_as_such() {
        let topology = empty();
        let live = Live { topology, held: held(0), expiry_ms: 10_000 };
        let ask = |path: &[&str]| {
            let path = path.iter().map(|it| (*it).to_owned()).collect();
            live.answer(&Question { path, ..Question::default() }).status
        };
        assert_eq!([ask(&["totals"]), ask(&["totals", "x"]), ask(&[])], [404, 404, 200]);
    }
}
