//! Left and right, as types: a side knows its own values from the other's.

use super::row::Row;
use crate::dsl::JoinWindows;

/// One side of a join of values `V1` (left) and `V2` (right).
pub(crate) trait Side<V1, V2>: Send + 'static {
    /// The side's own values.
    type Own: Clone + Send + Sync + 'static;
    /// Its partners.
    type Other: Clone + Send + Sync + 'static;

    /// The side in the keys of its waiting rows. The right side stands before the left.
    const OWN: u8;
    /// The same of the other side.
    const OTHER: u8;

    /// The join's span as this side sees it.
    fn windows(windows: JoinWindows) -> JoinWindows;

    /// Own value first, turned into left and right.
    fn join<R>(
        own: Option<&Self::Own>,
        other: Option<&Self::Other>,
        join: impl FnOnce(Option<&V1>, Option<&V2>) -> R,
    ) -> R;

    /// A value of this side that waits, behind those that wait already.
    fn push(row: Option<Row<V1, V2>>, value: Self::Own) -> Row<V1, V2>;
}

/// A right record's side, as Kafka Streams writes it.
pub(crate) const RIGHT: u8 = 0;
/// A left record's side.
pub(crate) const LEFT: u8 = 1;

/// The left side.
pub(crate) struct Left;

/// The right side.
pub(crate) struct Right;

impl<V1, V2> Side<V1, V2> for Left
where
    V1: Clone + Send + Sync + 'static,
    V2: Clone + Send + Sync + 'static,
{
    type Own = V1;
    type Other = V2;
    const OWN: u8 = LEFT;
    const OTHER: u8 = RIGHT;

    fn windows(windows: JoinWindows) -> JoinWindows {
        windows
    }

    fn join<R>(own: Option<&V1>, other: Option<&V2>, join: impl FnOnce(Option<&V1>, Option<&V2>) -> R) -> R {
        join(own, other)
    }

    fn push(row: Option<Row<V1, V2>>, value: V1) -> Row<V1, V2> {
        match row {
            Some(Row::Left(mut values)) => {
                values.push(value);
                Row::Left(values)
            }
            _ => Row::Left(vec![value]),
        }
    }
}

impl<V1, V2> Side<V1, V2> for Right
where
    V1: Clone + Send + Sync + 'static,
    V2: Clone + Send + Sync + 'static,
{
    type Own = V2;
    type Other = V1;
    const OWN: u8 = RIGHT;
    const OTHER: u8 = LEFT;

    fn windows(windows: JoinWindows) -> JoinWindows {
        windows.mirrored()
    }

    fn join<R>(own: Option<&V2>, other: Option<&V1>, join: impl FnOnce(Option<&V1>, Option<&V2>) -> R) -> R {
        join(other, own)
    }

    fn push(row: Option<Row<V1, V2>>, value: V2) -> Row<V1, V2> {
        match row {
            Some(Row::Right(mut values)) => {
                values.push(value);
                Row::Right(values)
            }
            _ => Row::Right(vec![value]),
        }
    }
}
