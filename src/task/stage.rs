//! Which calls a task takes when. Anything else is a bug of its owner and is told, not guessed around.
//!
//! ```text
//!              process, punctuate, enqueue, take_output
//!                    +-----+
//!                    v     |
//!    new ---------> Running ---- prepare ----> Prepared ---- the Kafka commit, then: committed ---+
//!                    ^  ^  |                       |                                              |
//!                    |  |  | fault that ends the   | the Kafka commit was refused,                |
//!                    |  |  v interval              v or the store                                 |
//!                    |  | Unwound <----------------+                                              |
//!                    |  |   |                                                                     |
//!                    |  +---+ aborted (also straight from Running and Prepared)                   |
//!                    +----------------------------------------------------------------------------+
//!
//!    committed fails: Kafka has the interval and the store has not -> Closed, only dropping is left; the
//!    changelog restores what is missing
//! ```

/// Where a task stands in its commit interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Takes records.
    Running,
    /// Its changes are handed out; waits for the outcome of the commit.
    Prepared,
    /// A fault left the interval half done: only `aborted` helps.
    Unwound,
    /// The store did not take a committed interval.
    Closed,
}

impl Stage {
    /// Whether `call` is in order now; the error says what is out of order.
    pub(crate) fn allows(self, call: &'static str) -> Result<(), String> {
        let allowed = match call {
            "aborted" => self != Self::Closed,
            "committed" => self == Self::Prepared,
            _ => self == Self::Running,
        };
        if allowed { Ok(()) } else { Err(format!("`{call}` is out of order while the task is {self:?}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_takes_the_calls_of_the_picture_and_no_others() {
        let table = [
            (Stage::Running, ["process", "prepare", "aborted"].as_slice()),
            (Stage::Prepared, ["committed", "aborted"].as_slice()),
            (Stage::Unwound, ["aborted"].as_slice()),
            (Stage::Closed, [].as_slice()),
        ];
        for (stage, legal) in table {
            for call in ["process", "prepare", "committed", "aborted"] {
                assert_eq!(stage.allows(call).is_ok(), legal.contains(&call), "{stage:?} {call}");
            }
        }
    }
}
