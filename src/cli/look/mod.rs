//! What the tools of an operator see of an application: who runs its tasks, how far it is, what its stores hold.
//!
//! Everything here only reads.

pub(super) mod cursor;
pub(super) mod lag;
pub(super) mod live;
pub(super) mod reading;
pub(super) mod remote;
pub(super) mod rows;
pub(super) mod stores;
pub(super) mod tasks;
pub(super) mod verify;
