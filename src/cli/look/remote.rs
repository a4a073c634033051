//! The stores of running processes, asked for over their ports. The other end is `live`.

use super::{live::Elsewhere, stores::StoreRow};
use crate::{
    cli::{Exit, Failure, StateQuery},
    observe::percent,
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// How long an address may stay silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Running processes of one application.
pub(crate) struct Remote<'a> {
    /// The application's name on the command line.
    pub(crate) name: &'a str,
    /// Their addresses, host:port.
    pub(crate) addresses: Vec<String>,
}

#[derive(Deserialize)]
struct Stores {
    stores: Vec<StoreRow>,
    elsewhere: Vec<Elsewhere>,
}

#[derive(Deserialize)]
struct Rows {
    rows: Vec<Value>,
    next: Option<String>,
    elsewhere: Vec<Elsewhere>,
}

impl Remote<'_> {
    /// The stores of all of them, and why some tasks are missing.
    pub(crate) fn stores(&self) -> Result<(Vec<StoreRow>, Vec<String>), Failure> {
        let (mut all, mut missing) = (Vec::new(), Missing::default());
        for address in &self.addresses {
            let Stores { stores, elsewhere } =
                ask(address, &format!("/state/{}", percent::encode(self.name)))?;
            missing.note(stores.iter().map(|row| row.task.as_str()), elsewhere);
            all.extend(stores);
        }
        all.sort_by(|a, b| a.task.cmp(&b.task));
        Ok((all, missing.reasons()))
    }

    /// Shows rows until `visit` says that it has enough; tells why some tasks are missing. The global stores are the same
    /// everywhere and shown once a process.
    pub(crate) fn rows(
        &self,
        query: &StateQuery,
        visit: &mut dyn FnMut(&str, Value) -> bool,
    ) -> Result<Vec<String>, Failure> {
        let mut missing = Missing::default();
        let several = self.addresses.len() > 1;
        for address in &self.addresses {
            let mut after: Option<String> = None;
            loop {
                let Rows { rows, next, elsewhere } = match ask(address, &self.path(query, after.as_deref())) {
                    // The one task that is wanted is on one of the others.
                    Err(Refused::Not(why)) if several => {
                        missing.reasons.insert(query.task.clone().unwrap_or_default(), why);
                        break;
                    }
                    answer => answer?,
                };
                let task = |row: &Value| row["task"].as_str().unwrap_or_default().to_owned();
                let here: BTreeSet<String> =
                    query.task.iter().cloned().chain(rows.iter().map(task)).collect();
                missing.note(here.iter().map(String::as_str), elsewhere);
                if !rows.into_iter().all(|row| visit(&task(&row), row)) {
                    return Ok(missing.reasons());
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(missing.reasons())
    }

    fn path(&self, query: &StateQuery, after: Option<&str>) -> String {
        let mut path = format!("/state/{}/{}", percent::encode(self.name), percent::encode(&query.store));
        let fields = [("task", query.task.as_deref()), ("key", query.key.as_deref()), ("after", after)];
        for (name, value) in fields.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            let mark = if path.contains('?') { '&' } else { '?' };
            path.push_str(&format!("{mark}{name}={}", percent::encode(value)));
        }
        path
    }
}

/// Tasks that nobody who was asked has shown.
#[derive(Default)]
struct Missing {
    shown: BTreeSet<String>,
    reasons: BTreeMap<String, String>,
}

impl Missing {
    fn note<'a>(&mut self, shown: impl Iterator<Item = &'a str>, elsewhere: Vec<Elsewhere>) {
        self.shown.extend(shown.map(str::to_owned));
        self.reasons.extend(elsewhere.into_iter().map(|it| (it.task, it.why)));
    }

    fn reasons(mut self) -> Vec<String> {
        self.reasons.retain(|task, _| !self.shown.contains(task));
        self.reasons.into_values().collect()
    }
}

/// Why there is no answer.
enum Refused {
    /// Nobody answers as one of ours would.
    Broken(Failure),
    /// The process says why.
    Not(String),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Broken(failure) => failure,
            Refused::Not(why) => Self::new(Exit::State, why),
        }
    }
}

fn ask<T: for<'a> Deserialize<'a>>(address: &str, path: &str) -> Result<T, Refused> {
    let broken = |detail: String| {
        Refused::Broken(Failure::new(Exit::State, format!("cannot ask {address}: {detail}")))
    };
    let (status, body) = get(address, path).map_err(|error| broken(error.to_string()))?;
    let answer: Value = serde_json::from_str(&body)
        .map_err(|_| broken(format!("it answers {status}, but not as a topo process does")))?;
    if status != 200 {
        let why = answer["error"].as_str().unwrap_or("it does not say why");
        return Err(Refused::Not(why.to_owned()));
    }
    serde_json::from_value(answer).map_err(|error| broken(format!("another version answers: {error}")))
}

/// One question, one connection.
fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let malformed = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let at = address.to_socket_addrs()?.next().ok_or_else(|| malformed("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| malformed("the answer is cut short"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| malformed("this is no HTTP"))?, body.to_owned()))
}
