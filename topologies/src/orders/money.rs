//! Sums of money that cannot fail: what is read is bounded, so that no sum leaves the range of a decimal.

use crate::decimal::Decimal;

/// Digits of an amount before and after the point that are accepted from a row: far more than NUMBER(15,2) has, few
/// enough that a billion of them can be added up.
const DIGITS_MAX: u32 = 26;

/// The scale of money.
const CENTS: u8 = 2;

/// An amount as read from a row, if it can be added up. With fewer than two decimals it gets two.
pub(crate) fn accepted(amount: Decimal) -> Option<Decimal> {
    let amount = with_cents(amount);
    (amount.unscaled().unsigned_abs() < 10_u128.pow(DIGITS_MAX) && amount.scale() <= 6).then_some(amount)
}

/// The same amount with at least two decimals.
pub(crate) fn with_cents(amount: Decimal) -> Decimal {
    if amount.scale() >= CENTS { amount } else { amount.rescale_exact(CENTS).unwrap_or(amount) }
}

/// `one + other`. Accepted amounts never overflow; if foreign state does, the first one stands.
pub(crate) fn sum(one: Decimal, other: Decimal) -> Decimal {
    one.checked_add(other).unwrap_or(one)
}

/// `one - other`, as [`sum`].
pub(crate) fn difference(one: Decimal, other: Decimal) -> Decimal {
    one.checked_sub(other).unwrap_or(one)
}
