//! Says once, not every step, that a part waits and for what.

use super::observer::Event;
use super::shared::Shared;

/// One part's current reason to wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    part: String,
    /// Since when, and for what; `told` once it lasted long enough to be worth a line.
    reason: Option<(i64, String)>,
    told: bool,
    patience_ms: i64,
}

impl Waiting {
    /// A part that does not wait yet. A reason is told once it has lasted for `patience_ms`.
    pub(crate) fn new(part: impl Into<String>, patience_ms: i64) -> Self {
        Self { part: part.into(), reason: None, told: false, patience_ms }
    }

    /// The part waits for `reason`.
    pub(crate) fn because(&mut self, shared: &Shared, now: i64, reason: &str) {
        match &mut self.reason {
            Some((_, known)) if known == reason => {}
            Some((_, known)) => {
                known.clear();
                known.push_str(reason);
                self.told = false;
            }
            None => self.reason = Some((now, reason.to_owned())),
        }
        let lasted = self.reason.as_ref().is_some_and(|(since, _)| now - since >= self.patience_ms);
        if lasted && !self.told {
            self.told = true;
            shared.tell(&Event::Waiting { part: &self.part, reason });
        }
    }

    /// The part goes on.
    pub(crate) fn over(&mut self, shared: &Shared) {
        if self.reason.take().is_some() && std::mem::take(&mut self.told) {
            shared.tell(&Event::Ready { part: &self.part });
        }
    }
}
