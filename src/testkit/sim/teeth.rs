//! Whether the simulator bites: known bugs are planted one at a time, and each must be found.

use std::panic::catch_unwind;

use super::{Scenario, Sim};
use crate::flaw::{Flaw, plant};

#[path = "../../../tests/sim/mod.rs"]
mod scenarios;

/// Schedules after which a planted bug must have been found, at the latest.
const BOUND: u64 = 20_000;

/// How many schedules it takes, and what was said.
fn schedules_until_found(flaw: Flaw, scenario: &dyn Scenario) -> (u64, String) {
    let _planted = plant(flaw);
    let sim = Sim::new(scenario);
    let found = (0..BOUND).find_map(|seed| Some((seed + 1, sim.run(seed).err()?.what)));
    found.unwrap_or_else(|| panic!("{flaw:?} was not found in {BOUND} schedules of {}", scenario.name()))
}

macro_rules! bites {
    ($($test:ident: $flaw:ident in $scenario:expr),+ $(,)?) => {$(
        #[test]
        fn $test() {
            let (schedules, what) = schedules_until_found(Flaw::$flaw, &$scenario);
            println!("{:?} in {}: {schedules} schedules: {what}", Flaw::$flaw, $scenario.name());
        }
    )+};
}

bites! {
    the_store_is_written_before_the_broker_decides: StoreBeforeBroker in scenarios::count::Count,
    a_restore_ends_at_the_last_stable_offset: RestoreEndsAtLastStable in scenarios::count::Count,
    a_restore_ends_on_an_empty_poll: RestoreEndsOnEmptyPoll in scenarios::count::Count,
    a_restore_takes_aborted_records: RestoreTakesAborted in scenarios::count::Count,
    a_restore_ignores_pending_offsets: PendingOffsetsIgnored in scenarios::count::Count,
    a_checkpoint_stays_behind: StaleCheckpoint in scenarios::count::Count,
    offsets_are_committed_beside_the_transaction: OffsetsOutsideTransaction in scenarios::count::Count,
    an_abort_leaves_the_buffers: BufferSurvivesAbort in scenarios::count::Count,
    an_abort_leaves_the_reader: ReaderSurvivesAbort in scenarios::count::Count,
    the_proof_of_membership_is_never_renewed: StaleAuthority in scenarios::count::Count,
    a_lost_lease_is_treated_as_revoked: LostTreatedAsRevoked in scenarios::count::Count,
    a_lease_is_released_before_its_task_is_closed: ReleasedBeforeClosed in scenarios::count::Count,
    an_unanswered_commit_is_taken_for_a_failed_one: UnansweredCommitFailed in scenarios::count::Count,
    work_without_input_is_not_fenced: IdleWorkUnfenced in scenarios::punctual::Punctual,
    repartition_records_are_sent_outside_the_transaction:
        RepartitionOutsideTransaction in scenarios::regrouped::Regrouped,
    stream_time_is_not_committed: StreamTimeForgotten in scenarios::windows::Windows::OnDisk,
    changes_of_a_hot_key_are_dropped: HotKeyDropped in scenarios::count::Count,
    a_standby_is_promoted_early: StandbyPromotedEarly in scenarios::count::Count,
    a_changelog_of_windows_is_cut_too_far: CutTooFar in scenarios::trimmed::Trimmed,
    a_changelog_is_cut_further_than_is_committed: CutUncommitted in scenarios::trimmed::Trimmed,
    a_loss_is_heard_of_late_and_a_new_place_taken_for_the_old: LossUnheard in scenarios::count::Count,
    a_task_that_went_while_it_was_handed_over_is_counted_for_ever: GoneUntold in scenarios::count::Count,
    a_task_that_could_not_begin_is_forgotten: UnbegunForgotten in scenarios::count::Count,
    a_stopping_process_does_not_hear_of_a_loss: DeafWhileStopping in scenarios::punctual::Punctual,
}

#[test]
fn without_a_planted_bug_the_same_schedules_are_right() {
    for scenario in scenarios::all() {
        if let Err(failure) = Sim::new(scenario.as_ref()).run_all(0..50) {
            panic!("{failure}");
        }
    }
    // A bug that was planted is gone with its guard, also when its test ends badly.
    let _ = catch_unwind(|| {
        let _planted = plant(Flaw::StoreBeforeBroker);
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(!crate::flaw::planted(Flaw::StoreBeforeBroker));
}
