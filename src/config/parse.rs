//! Values with units. Each function returns nothing for text that is not of its form; the caller says so with key and source.

use std::time::Duration;

/// `100ms`, `10s`, `5m`, `2h`, `7d`; a bare number is milliseconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis_per_unit: u64 = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis_per_unit)?))
}

/// `512`, `64KiB`, `96MiB`, `1GiB` (powers of 1024), `1MB` (powers of 1000); a bare number is bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes_per_unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes_per_unit)
}

/// `true` or `false`, nothing looser: `keep.place=no` should be looked at again.
pub(super) fn flag(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// Digits with at most one point and a digit on both sides of it; no exponent, no float in between.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(unsigned),
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_units_and_bare_milliseconds() {
        for (text, millis) in
            [("100", 100), ("100ms", 100), ("10s", 10_000), ("5m", 300_000), ("24 h", 86_400_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "ms", "-1s", "1.5s", "10 parsecs", "99999999999999999999", "18446744073709551615d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_tell_thousands_from_powers_of_two() {
        for (text, bytes) in
            [("1", 1), ("1kB", 1_000), ("1KiB", 1_024), ("96MiB", 100_663_296), ("2 gb", 2_000_000_000)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1TiBs", "18446744073709551615GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn a_decimal_is_digits_and_one_point() {
        assert!(["0", "10000", "10000.50", "-1.5"].into_iter().all(is_decimal));
        assert!(!["", "-", ".5", "5.", "1e3", "1.2.3", "NaN", "1,000"].into_iter().any(is_decimal));
    }
}
