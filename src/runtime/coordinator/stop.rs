//! A clean stop: commit, close, leave. Never longer than a few seconds, also when the broker is away: whatever is left
//! open then is what a crash would leave, and the next start recovers from it.

use super::super::error::Error;
use super::super::mailbox::{ToRestorer, ToWorker};
use super::super::observer::Event;
use super::leases::Move;
use super::{Coordinator, Stage};
use crate::broker::MembershipEvent;
use crate::flaw::{Flaw, planted};

/// The whole process must be gone within 5 s of a signal; some of that belongs to the threads around this.
const STOP_MS: i64 = 3_500;

impl Coordinator {
    /// Tells everybody.
    pub(super) fn begin_stop(&mut self, now: i64) {
        if matches!(self.stage, Stage::Stop { .. } | Stage::Ended) {
            return;
        }
        self.stage = Stage::Stop { deadline: now + STOP_MS };
        // Whoever was to be set up now is not needed, and would not be told.
        self.launches.clear();
        for mailbox in &self.restorers {
            // One that is gone has reported why.
            let _ = mailbox.send(ToRestorer::Stop);
        }
        self.crew.tell_all(|| ToWorker::Stop);
    }

    /// Waits for the workers' last commits, then leaves. The membership is kept alive until then: the commits need it.
    pub(super) fn wind_down(&mut self, now: i64, deadline: i64) -> Result<bool, Error> {
        let late = now >= deadline;
        if self.crew.alive() > 0 && !late {
            self.stay_a_member(now);
            return Ok(false);
        }
        if !self.left {
            if self.crew.alive() > 0 {
                self.shared
                    .warn("not everything could be committed in time; the next start recovers what was open");
            }
            self.left = true;
            self.members.leave(&self.shared, now);
            if let Some(membership) = self.membership.take()
                && let Err(error) = membership.leave(self.shared.config.keep_place)
            {
                tracing::debug!(%error, "the group could not be left; it will notice");
            }
        }
        if !self.members.flushed() && !late {
            return Ok(false);
        }
        // Without mailboxes whoever still works ends by itself.
        self.crew.abandon();
        self.restorers.clear();
        self.waiting.over(&self.shared);
        self.shared.tell(&Event::Stopped);
        self.stage = Stage::Ended;
        Ok(true)
    }

    /// Keeps the membership alive for the last commits. Tasks go back with the leave; one that is lost is dropped now, and
    /// the group is not joined again: as a new member this process would have the right to commit what is somebody else's.
    fn stay_a_member(&mut self, now: i64) {
        let Some(membership) = &self.membership else { return };
        let events = match membership.poll() {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(%error, "the group during the stop");
                return;
            }
        };
        for event in events {
            let MembershipEvent::Lost(leases) = event else { continue };
            if planted(Flaw::DeafWhileStopping) {
                continue;
            }
            let tasks = self.tasks_of(&leases);
            self.leases.lost(&tasks);
            self.membership = None;
        }
        for next in self.leases.moves(now) {
            if let Move::Lose { .. } = next
                && let Err(error) = self.carry_out(next)
            {
                tracing::debug!(%error, "tasks that were lost during the stop");
            }
        }
    }
}
