//! Exact decimal numbers: money and Oracle NUMBERs, never through a float.
//!
//! A value is `unscaled / 10^scale`. NUMBER(38) fits the 127 bits of the unscaled part. Comparison is by
//! value, so `1.5` equals `1.50`; the scale only says how many digits are printed.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Largest number of digits after the point that is accepted; Oracle's own limit.
pub const SCALE_MAX: u8 = 127;

/// A decimal number with a fixed number of digits after the point.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    unscaled: i128,
    scale: u8,
}

/// Why something is not a decimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// The text is not a plain or exponent-form number.
    #[error("`{0}` is not a decimal number")]
    NotANumber(String),
    /// The number needs more than 127 bits or more than 127 digits after the point.
    #[error("the number is too large or too finely scaled for 38 digits")]
    OutOfRange,
}

impl Decimal {
    /// Zero without digits after the point.
    pub const ZERO: Decimal = Decimal { unscaled: 0, scale: 0 };

    /// `unscaled / 10^scale`. A scale above [`SCALE_MAX`] is cut to it.
    pub const fn new(unscaled: i128, scale: u8) -> Decimal {
        Decimal { unscaled, scale: if scale > SCALE_MAX { SCALE_MAX } else { scale } }
    }

    /// `unscaled / 10^scale` where the scale may be negative, as Oracle's NUMBER(p,-s) has it.
    pub fn with_signed_scale(unscaled: i128, scale: i32) -> Result<Decimal, DecimalError> {
        match u8::try_from(scale) {
            Ok(scale) if scale <= SCALE_MAX => Ok(Decimal { unscaled, scale }),
            Ok(_) => Err(DecimalError::OutOfRange),
            Err(_) if scale > 0 => Err(DecimalError::OutOfRange),
            Err(_) => {
                let unscaled = if unscaled == 0 { Some(0) } else { raise(unscaled, scale.unsigned_abs()) };
                unscaled.map(|unscaled| Decimal { unscaled, scale: 0 }).ok_or(DecimalError::OutOfRange)
            }
        }
    }

    /// The number whose unscaled part is the big-endian two's complement integer `bytes`, as Kafka Connect
    /// writes decimals. No bytes, or an integer of more than 128 bits, is an error.
    pub fn from_be_bytes(bytes: &[u8], scale: i32) -> Result<Decimal, DecimalError> {
        let first = *bytes.first().ok_or_else(|| DecimalError::NotANumber("no bytes".to_owned()))?;
        let fill = if first & 0x80 == 0 { 0x00 } else { 0xff };
        let (spare, kept) = bytes.split_at(bytes.len().saturating_sub(16));
        let sign_kept = kept.first().is_some_and(|byte| (byte ^ fill) & 0x80 == 0);
        if !sign_kept || spare.iter().any(|byte| *byte != fill) {
            return Err(DecimalError::OutOfRange);
        }
        let mut wide = [fill; 16];
        wide[16 - kept.len()..].copy_from_slice(kept);
        Decimal::with_signed_scale(i128::from_be_bytes(wide), scale)
    }

    /// The unscaled part as the shortest big-endian two's complement integer.
    pub fn to_be_bytes(self) -> Vec<u8> {
        let wide = self.unscaled.to_be_bytes();
        let fill = if self.unscaled < 0 { 0xff } else { 0x00 };
        let redundant =
            wide.windows(2).take_while(|pair| pair[0] == fill && (pair[1] ^ fill) & 0x80 == 0).count();
        wide[redundant..].to_vec()
    }

    /// The integer `value * 10^scale`.
    pub const fn unscaled(self) -> i128 {
        self.unscaled
    }

    /// Digits after the point.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// True for a number below zero.
    pub const fn is_negative(self) -> bool {
        self.unscaled < 0
    }

    /// True for zero at any scale.
    pub const fn is_zero(self) -> bool {
        self.unscaled == 0
    }

    /// The exact sum at the larger scale; `None` when it needs more than 127 bits.
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let unscaled = self.widened(scale)?.checked_add(other.widened(scale)?)?;
        Some(Decimal { unscaled, scale })
    }

    /// The exact difference at the larger scale; `None` when it needs more than 127 bits.
    pub fn checked_sub(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.max(other.scale);
        let unscaled = self.widened(scale)?.checked_sub(other.widened(scale)?)?;
        Some(Decimal { unscaled, scale })
    }

    /// The exact product; the scales add up. `None` when it does not fit.
    pub fn checked_mul(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.checked_add(other.scale).filter(|scale| *scale <= SCALE_MAX)?;
        Some(Decimal { unscaled: self.unscaled.checked_mul(other.unscaled)?, scale })
    }

    /// The same value at another scale; `None` when digits would be lost or it does not fit.
    pub fn rescale_exact(self, scale: u8) -> Option<Decimal> {
        if scale >= self.scale {
            return Some(Decimal { unscaled: self.widened(scale)?, scale });
        }
        let divisor = power_of_ten(u32::from(self.scale - scale));
        match divisor {
            Some(divisor) if self.unscaled % divisor == 0 => {
                Some(Decimal { unscaled: self.unscaled / divisor, scale })
            }
            None if self.unscaled == 0 => Some(Decimal { unscaled: 0, scale }),
            _ => None,
        }
    }

    /// The value at another scale, halves rounded away from zero; `None` when it does not fit.
    pub fn round_half_up(self, scale: u8) -> Option<Decimal> {
        if scale >= self.scale {
            return self.rescale_exact(scale);
        }
        let unscaled = match power_of_ten(u32::from(self.scale - scale)) {
            Some(divisor) => divide_half_up(self.unscaled, divisor),
            None => 0,
        };
        Some(Decimal { unscaled, scale })
    }

    /// The average over `count` at `scale`, halves rounded away from zero; `None` for a count below 1 or when
    /// it does not fit.
    pub fn divide_by_count(self, count: i64, scale: u8) -> Option<Decimal> {
        let count = i128::from(count);
        if count <= 0 {
            return None;
        }
        if scale >= self.scale {
            return Some(Decimal { unscaled: divide_half_up(self.widened(scale)?, count), scale });
        }
        let divisor = power_of_ten(u32::from(self.scale - scale))?.checked_mul(count)?;
        Some(Decimal { unscaled: divide_half_up(self.unscaled, divisor), scale })
    }

    /// The value as an integer; `None` when it has a fraction or does not fit.
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.rescale_exact(0)?.unscaled).ok()
    }

    fn widened(self, scale: u8) -> Option<i128> {
        if self.unscaled == 0 {
            return Some(0);
        }
        raise(self.unscaled, u32::from(scale.checked_sub(self.scale)?))
    }
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

fn raise(unscaled: i128, exponent: u32) -> Option<i128> {
    unscaled.checked_mul(power_of_ten(exponent)?)
}

/// Integer division with halves away from zero. The divisor is never 0 here.
fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    let rest = (value % divisor).unsigned_abs();
    let divisor_size = divisor.unsigned_abs();
    if rest >= divisor_size - rest {
        quotient + if (value < 0) == (divisor < 0) { 1 } else { -1 }
    } else {
        quotient
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.widened(scale), other.widened(scale)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // Only the side with the smaller scale is widened; when it overflows it is the larger in size.
            (None, _) => self.unscaled.cmp(&0),
            (_, None) => 0.cmp(&other.unscaled),
        }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal { unscaled: i128::from(value), scale: 0 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled < 0 { "-" } else { "" };
        let digits = self.unscaled.unsigned_abs();
        let scale = usize::from(self.scale);
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let text = format!("{digits:0width$}", width = scale + 1);
        let (whole, fraction) = text.split_at(text.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads `-12.50`, `+3`, `.5` and exponent forms such as `9.9E12`; the digits written give the scale.
    fn from_str(text: &str) -> Result<Decimal, DecimalError> {
        let not_a_number = || DecimalError::NotANumber(text.chars().take(60).collect());
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| not_a_number())?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || digits().any(|byte| !byte.is_ascii_digit()) {
            return Err(not_a_number());
        }
        let sign = if mantissa.starts_with('-') { -1 } else { 1 };
        let unscaled = digits()
            .try_fold(0_i128, |sum, byte| sum.checked_mul(10)?.checked_add(sign * i128::from(byte - b'0')))
            .ok_or(DecimalError::OutOfRange)?;
        let scale = i32::try_from(fraction.len()).ok().and_then(|length| length.checked_sub(exponent));
        Decimal::with_signed_scale(unscaled, scale.ok_or(DecimalError::OutOfRange)?)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn text_keeps_every_digit_that_was_written() {
        for text in ["0", "-0.05", "1500.00", "9999999999999.99", "0.000001", "-1234.56"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("9.99E2").to_string(), "999");
        assert_eq!(decimal("1.5E-3").to_string(), "0.0015");
        assert_eq!(decimal(".5").to_string(), "0.5");
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "-", ".", "1e", "NaN", "1 ", "0x1", "--1", "1.2.3", "\u{0661}"] {
            assert!(matches!(text.parse::<Decimal>(), Err(DecimalError::NotANumber(_))), "{text}");
        }
        for text in ["1e99", "1e-200", "1e2147483647", "1e-2147483648", &"9".repeat(40)] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn connect_bytes_decode_to_the_published_values() {
        let cases: [(&[u8], &str); 7] = [
            (&[0x00], "0.00"),
            (&[0x13, 0x87], "49.99"),
            (&[0x02, 0x49, 0xf0], "1500.00"),
            (&[0xfe, 0x1d, 0xc0], "-1234.56"),
            (&[0xff], "-0.01"),
            (&[0x00, 0x80], "1.28"),
            (&[0x03, 0x8d, 0x7e, 0xa4, 0xc6, 0x7f, 0xff], "9999999999999.99"),
        ];
        for (bytes, text) in cases {
            let read = Decimal::from_be_bytes(bytes, 2).unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!(read.to_be_bytes(), bytes);
        }
        assert_eq!(Decimal::from_be_bytes(&[5], -2).unwrap().to_string(), "500");
        assert!(Decimal::from_be_bytes(&[], 2).is_err());
        assert_eq!(Decimal::from_be_bytes(&[1; 17], 0), Err(DecimalError::OutOfRange));
    }

    #[test]
    fn halves_round_away_from_zero() {
        for (text, rounded) in [("1.005", "1.01"), ("-1.005", "-1.01"), ("1.0049", "1.00"), ("2", "2.00")] {
            assert_eq!(decimal(text).round_half_up(2).unwrap().to_string(), rounded);
        }
        assert_eq!(decimal("10.00").divide_by_count(3, 2).unwrap().to_string(), "3.33");
        assert_eq!(decimal("0.05").divide_by_count(2, 2).unwrap().to_string(), "0.03");
        assert_eq!(decimal("1.00").divide_by_count(0, 2), None);
    }

    #[test]
    fn values_compare_by_what_they_are_worth() {
        assert_eq!(decimal("1.5"), decimal("1.50"));
        assert!(decimal("-2") < decimal("-1.999"));
        assert!(Decimal::new(i128::MAX, 0) > Decimal::new(i128::MAX, 2));
        assert!(Decimal::new(i128::MIN, 0) < Decimal::new(1, 100));
        assert_eq!(decimal("1.50").rescale_exact(1).unwrap().to_string(), "1.5");
        assert_eq!(decimal("1.55").rescale_exact(1), None);
    }

    proptest! {
        #[test]
        fn bytes_and_text_are_lossless(unscaled: i128, scale in 0_u8..40) {
            let value = Decimal::new(unscaled, scale);
            let bytes = value.to_be_bytes();
            prop_assert_eq!(Decimal::from_be_bytes(&bytes, i32::from(scale)).unwrap().unscaled(), unscaled);
            prop_assert_eq!(value.to_string().parse::<Decimal>().unwrap().unscaled(), unscaled);
        }

        #[test]
        fn a_sum_minus_a_part_is_the_other_part(left in -1_000_000_000_i64.., right: i32, scale in 0_u8..10) {
            let (left, right) = (Decimal::new(i128::from(left), scale), Decimal::new(i128::from(right), 2));
            let sum = left.checked_add(right).unwrap();
            prop_assert_eq!(sum.checked_sub(right).unwrap(), left);
        }

        #[test]
        fn parsing_never_panics(text in "[-+0-9.eE]{0,50}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
