//! Looks into the local state of a running process, over its port: `/state`, `/state/<application>` and what the
//! application makes of the rest of the path.

use super::percent;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// An answer: an HTTP status and a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// 200, or why not.
    pub status: u16,
    /// What was asked for, or an object with `error`.
    pub body: Value,
}

impl Answer {
    /// What was asked for.
    #[must_use]
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// Why there is no answer.
    #[must_use]
    pub fn error(status: u16, why: impl Into<String>) -> Self {
        Self { status, body: json!({"error": why.into()}) }
    }
}

/// What is asked about the state of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// The path behind the application's name, decoded.
    pub path: Vec<String>,
    /// The fields of the query, decoded.
    pub query: BTreeMap<String, String>,
}

/// One application that can be looked into. An answer must be bounded, in time and in size.
pub trait View: Send + Sync {
    /// Answers a question.
    fn answer(&self, question: &Question) -> Answer;
}

/// Who may look into the stores: they hold what the records hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Nobody.
    Off,
    /// Whoever asks from the same host.
    #[default]
    Local,
    /// Whoever reaches the port.
    All,
}

/// The applications of a process that can be looked into, by name. Shared by `Arc`.
#[derive(Default)]
pub struct Views {
    access: Access,
    open: Mutex<BTreeMap<String, Arc<dyn View>>>,
}

impl fmt::Debug for Views {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Views({:?}, {:?})", self.access, self.lock().keys().collect::<Vec<_>>())
    }
}

impl Views {
    /// No application yet, for those who have access.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { access, open: Mutex::default() }
    }

    /// This application can be looked into from now on.
    pub fn show(&self, name: &str, view: Arc<dyn View>) {
        self.lock().insert(name.to_owned(), view);
    }

    /// It is gone.
    pub fn hide(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Answers what somebody at `from` asks with this path and query, both as they stand in the request.
    #[must_use]
    pub fn answer(&self, from: IpAddr, path: &str, query: Option<&str>) -> Answer {
        let allowed = match self.access {
            Access::Off => false,
            Access::Local => from.to_canonical().is_loopback(),
            Access::All => true,
        };
        if !allowed {
            let why = "the stores of this process are not shown to you; see its setting http.state";
            return Answer::error(403, why);
        }
        let Some(mut question) = question(path, query) else {
            return Answer::error(400, "the address is not valid UTF-8 in percent encoding");
        };
        if question.path.is_empty() {
            return Answer::ok(json!({"applications": self.lock().keys().collect::<Vec<_>>()}));
        }
        let name = question.path.remove(0);
        let view = self.lock().get(&name).cloned();
        match view {
            Some(view) => view.answer(&question),
            None => {
                let names: Vec<String> = self.lock().keys().cloned().collect();
                let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
                Answer::error(
                    404,
                    format!("there is no application `{name}` to look into; there are: {names}"),
                )
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<dyn View>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path behind `/state`, and the query.
fn question(path: &str, query: Option<&str>) -> Option<Question> {
    let path = path.strip_prefix("/state").unwrap_or(path);
    let path = path.split('/').filter(|part| !part.is_empty()).map(percent::decode);
    let fields = query.unwrap_or_default().split('&').filter(|field| !field.is_empty()).map(|field| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        Some((percent::decode(name)?, percent::decode(value)?))
    });
    Some(Question { path: path.collect::<Option<_>>()?, query: fields.collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    struct Echo;

    impl View for Echo {
        fn answer(&self, question: &Question) -> Answer {
            Answer::ok(json!({"path": question.path, "query": question.query}))
        }
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_question_reaches_its_application_decoded() {
        let views = Views::new(Access::Local);
        assert_eq!(views.answer(HERE, "/state/shop", None).status, 404);
        views.show("shop", Arc::new(Echo));
        let answer = views.answer(HERE, "/state/shop/by%2Fkey", Some("key=a%20%26b&task"));
        assert_eq!(answer, Answer::ok(json!({"path": ["by/key"], "query": {"key": "a &b", "task": ""}})));
        assert_eq!(views.answer(HERE, "/state", None), Answer::ok(json!({"applications": ["shop"]})));
        assert_eq!(views.answer(HERE, "/state/shop/%zz", None).status, 400);
        views.hide("shop");
        assert_eq!(views.answer(HERE, "/state/shop", None).status, 404);
    }

    #[test]
    fn rows_are_shown_on_the_same_host_only_unless_told_otherwise() {
        let elsewhere = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        let status = |access, from| Views::new(access).answer(from, "/state", None).status;
        assert_eq!(
            [HERE, mapped, IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|it| status(Access::Local, it)),
            [200; 3]
        );
        assert_eq!(status(Access::Local, elsewhere), 403);
        assert_eq!(status(Access::All, elsewhere), 200);
        assert_eq!(status(Access::Off, HERE), 403);
    }
}
