//! The runtime on the memory broker, stepped by hand in one thread: time moves only when a test says so.

mod cluster;
mod topologies;

/// A task that cannot begin yet is tried again.
mod beginning;
/// A crash after any step of a worker loses nothing and doubles nothing; a zombie is refused.
mod exactly_once;
/// Who waits for whom, and for what.
mod guards;
/// What is lost commits nothing any more.
mod losing;
/// The oldest record on the broker comes first, whichever input it is in.
mod order;
/// Tasks move when processes come and go, and no more than they must.
mod rebalance;
/// A restore ends exactly where the last owner's commits end.
mod restore;
/// Warm copies on other processes, and takeovers by those who have them.
mod standby;
/// A clean stop is quick, with and without a broker.
mod stop;
