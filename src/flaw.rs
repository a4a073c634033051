//! Bugs that can be planted to see whether the simulator finds them. They exist in the unit tests of this crate and nowhere
//! else: in every other build [`planted`] is the constant `false`, and what hangs on it is not compiled in.

/// A known bug of a system like this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The store is written before the broker has decided.
    StoreBeforeBroker,
    /// A restore ends at the last stable offset instead of the high watermark.
    RestoreEndsAtLastStable,
    /// A restore ends when a poll brings nothing.
    RestoreEndsOnEmptyPoll,
    /// A restore also takes records of aborted transactions.
    RestoreTakesAborted,
    /// A restore does not wait for offsets that are pending in a transaction.
    PendingOffsetsIgnored,
    /// The checkpoint of a store stays behind its rows.
    StaleCheckpoint,
    /// Offsets are committed beside the transaction.
    OffsetsOutsideTransaction,
    /// An abort leaves the buffers of the stores as they are.
    BufferSurvivesAbort,
    /// An abort leaves the reader where it is.
    ReaderSurvivesAbort,
    /// The proof of membership of the first commit is used for all.
    StaleAuthority,
    /// A lease that is lost is treated as one that is asked back: committed, then closed.
    LostTreatedAsRevoked,
    /// A lease that is asked back is released before its task is closed.
    ReleasedBeforeClosed,
    /// A commit without an answer is taken for one that failed.
    UnansweredCommitFailed,
    /// Work without input goes out without offsets: nobody looks whether the task is still ours.
    IdleWorkUnfenced,
    /// Records for repartition topics are sent outside of the transaction.
    RepartitionOutsideTransaction,
    /// Stream time is not committed.
    StreamTimeForgotten,
    /// The changelog leaves out some changes of a key that changes often.
    HotKeyDropped,
    /// A standby runs without the tail it has not followed yet.
    StandbyPromotedEarly,
    /// The changelog of a store that forgets is cut behind its last record, not behind what has expired.
    CutTooFar,
    /// A changelog is cut further than the group has been told.
    CutUncommitted,
    /// A stopping process does not hear that its tasks are lost, and takes the proof of its new place for them.
    DeafWhileStopping,
    /// A proof of membership from behind a loss is used for tasks from before it, until the loss is heard of.
    LossUnheard,
    /// Nobody hears that a task whose lease went while it was handed over is not here any more.
    GoneUntold,
    /// A task that could not begin is forgotten.
    UnbegunForgotten,
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Flaw>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is planted in this thread.
#[cfg(test)]
pub(crate) fn planted(flaw: Flaw) -> bool {
    PLANTED.get() == Some(flaw)
}

/// Never.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn planted(_flaw: Flaw) -> bool {
    false
}

/// Plants a bug in this thread until what is returned is dropped.
#[cfg(test)]
pub(crate) fn plant(flaw: Flaw) -> Planted {
    PLANTED.set(Some(flaw));
    Planted
}

/// A planted bug.
#[cfg(test)]
pub(crate) struct Planted;

#[cfg(test)]
impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.set(None);
    }
}
