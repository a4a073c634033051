//! Exact amounts: decimal text to integer minor units and back, without any float.

/// More minor units than any bank has; keeps sums of many payments inside an `i128`.
const LARGEST: i128 = 10_i128.pow(30);

/// Reads a positive decimal number (`15000000`, `12.50`, `1.5e7`) as minor units of `decimals` places.
///
/// # Errors
/// What is wrong with it: not a number, not positive, finer than a minor unit, too large.
pub(crate) fn parse_minor(text: &str, decimals: u32) -> Result<i128, String> {
    let no_number = || format!("`{text}` is not a decimal number");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| no_number())?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(no_number());
    }
    let significant = format!("{whole}{fraction}");
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Err(format!("`{text}` is zero; a payment moves money"));
    }
    if negative {
        return Err(format!("`{text}` is negative"));
    }
    // value = trimmed * 10^shift in minor units.
    let dropped = i64::try_from(significant.len() - trimmed.len()).unwrap_or(i64::MAX);
    let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let shift = i64::from(exponent) - places + dropped + i64::from(decimals);
    let shift = u32::try_from(shift)
        .map_err(|_| format!("`{text}` is finer than a minor unit ({decimals} decimals)"))?;
    let too_large = || format!("`{text}` is too large for an amount");
    let value: i128 = trimmed.trim_start_matches('0').parse().map_err(|_| too_large())?;
    let scale = 10_i128.checked_pow(shift).ok_or_else(too_large)?;
    value.checked_mul(scale).filter(|minor| *minor <= LARGEST).ok_or_else(too_large)
}

/// Writes minor units as major units, without trailing zeros: `1500000050` with 2 decimals is `15000000.5`.
pub(crate) fn major_text(minor: i128, decimals: u32) -> String {
    let scale = 10_i128.pow(decimals);
    let (whole, fraction) = (minor / scale, (minor % scale).abs());
    if fraction == 0 {
        return whole.to_string();
    }
    let places = decimals as usize;
    format!("{whole}.{fraction:0places$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_minor_units_exactly() {
        let cases = [("15000000", 2, 1_500_000_000), ("12.50", 2, 1250), ("1.5e7", 2, 1_500_000_000)];
        let more = [("7", 0, 7), ("0.001", 3, 1), ("100.100", 2, 10010), ("1E-2", 2, 1), ("007", 0, 7)];
        for (text, decimals, minor) in cases.into_iter().chain(more) {
            assert_eq!(Ok(minor), parse_minor(text, decimals), "{text}");
        }
        assert_eq!(
            Ok(900_719_925_474_099_300),
            parse_minor("9007199254740993", 2),
            "no float has this value"
        );
    }

    #[test]
    fn what_is_no_payable_amount_is_refused() {
        for text in ["", "-", "1,5", "abc", "1.", ".5", "NaN", "Infinity", "--1", "+1", "1e", "0x10", " 1"] {
            assert!(parse_minor(text, 2).unwrap_err().contains("not a decimal"), "{text:?}");
        }
        assert!(parse_minor("0.00", 2).unwrap_err().contains("zero"));
        assert!(parse_minor("-5", 2).unwrap_err().contains("negative"));
        assert!(parse_minor("1.005", 2).unwrap_err().contains("finer"));
        assert!(parse_minor("0.5", 0).unwrap_err().contains("finer"));
        for text in ["1e400", "1e2000000000", "99999999999999999999999999999999999999999999"] {
            assert!(parse_minor(text, 2).unwrap_err().contains("too large"), "{text}");
        }
    }

    #[test]
    fn major_units_are_written_without_trailing_zeros() {
        let cases =
            [(1_500_000_000, 2, "15000000"), (1_500_000_050, 2, "15000000.5"), (5, 3, "0.005"), (7, 0, "7")];
        for (minor, decimals, text) in cases {
            assert_eq!(text, major_text(minor, decimals));
        }
    }
}
