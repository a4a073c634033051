//! The workers of the process: where they listen, how many there are, and how many there are to be.

use std::ops::Range;
use std::sync::mpsc::Sender;

use super::super::mailbox::ToWorker;

/// The workers, by index.
pub(super) struct Crew {
    mailboxes: Vec<Sender<ToWorker>>,
    /// From this one on they were told to end. Their mailboxes stay until they have: what is lost meanwhile must reach them.
    staying: usize,
    /// How many have not said goodbye yet.
    alive: usize,
    wanted: usize,
}

/// What brings the crew nearer to what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resize {
    /// Set up workers with these indices.
    Launch(Range<usize>),
    /// Only so many stay; the others have been told to commit, close and end.
    Retire { staying: usize },
}

impl Crew {
    /// Nobody yet; `wanted` are to be set up.
    pub(super) fn new(wanted: usize) -> Self {
        Self { mailboxes: Vec::new(), staying: 0, alive: 0, wanted: wanted.max(1) }
    }

    /// So many are wanted from now on, one at least.
    pub(super) fn want(&mut self, workers: usize) {
        self.wanted = workers.max(1);
    }

    /// What is to be done about the number. One change at a time: an index is used again only when its worker has ended.
    pub(super) fn resize(&mut self) -> Option<Resize> {
        if self.alive > self.staying || self.wanted == self.staying {
            return None;
        }
        if self.wanted > self.staying {
            return Some(Resize::Launch(self.staying..self.wanted));
        }
        self.staying = self.wanted;
        self.tell_from(self.staying, || ToWorker::Stop);
        Some(Resize::Retire { staying: self.staying })
    }

    /// Where the workers that were asked for listen.
    pub(super) fn attach(&mut self, mailboxes: Vec<Sender<ToWorker>>) {
        self.alive += mailboxes.len();
        self.mailboxes.truncate(self.staying);
        self.mailboxes.extend(mailboxes);
        self.staying = self.mailboxes.len();
    }

    /// One has ended.
    pub(super) fn ended(&mut self) {
        self.alive = self.alive.saturating_sub(1);
    }

    /// How many have not ended.
    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    /// Whoever still works ends by itself, at once.
    pub(super) fn abandon(&mut self) {
        self.alive = 0;
        self.mailboxes.clear();
    }

    pub(super) fn tell(&self, worker: usize, message: ToWorker) {
        // A worker that is gone has reported why.
        if let Some(mailbox) = self.mailboxes.get(worker) {
            let _ = mailbox.send(message);
        }
    }

    pub(super) fn tell_all(&self, message: impl Fn() -> ToWorker) {
        self.tell_from(0, message);
    }

    fn tell_from(&self, first: usize, message: impl Fn() -> ToWorker) {
        (first..self.mailboxes.len()).for_each(|worker| self.tell(worker, message()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn attach(crew: &mut Crew, count: usize) -> Vec<Receiver<ToWorker>> {
        let (mailboxes, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| channel()).unzip();
        crew.attach(mailboxes);
        inboxes
    }

    #[test]
    fn an_index_is_used_again_only_when_its_worker_has_ended() {
        let mut crew = Crew::new(2);
        assert_eq!(crew.resize(), Some(Resize::Launch(0..2)));
        let first = attach(&mut crew, 2);
        assert_eq!(crew.resize(), None);
        crew.want(1);
        assert_eq!(crew.resize(), Some(Resize::Retire { staying: 1 }));
        assert!(first[0].try_recv().is_err());
        assert!(matches!(first[1].try_recv(), Ok(ToWorker::Stop)));

        crew.want(3);
        assert_eq!(crew.resize(), None, "it is still there");
        crew.tell(1, ToWorker::Lost(Vec::new()));
        assert!(matches!(first[1].try_recv(), Ok(ToWorker::Lost(_))), "and hears what is lost");
        crew.ended();
        assert_eq!(crew.resize(), Some(Resize::Launch(1..3)));
        let more = attach(&mut crew, 2);
        crew.tell(2, ToWorker::Stop);
        assert!(matches!(more[1].try_recv(), Ok(ToWorker::Stop)));
        assert_eq!((crew.alive(), crew.resize()), (3, None));
    }

    #[test]
    fn one_worker_is_the_least() {
        let mut crew = Crew::new(0);
        assert_eq!(crew.resize(), Some(Resize::Launch(0..1)));
        attach(&mut crew, 1);
        crew.want(0);
        assert_eq!(crew.resize(), None);
    }
}
