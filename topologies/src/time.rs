//! Instants as microseconds since 1970 (UTC) and their RFC 3339 text.
//!
//! Oracle's TIMESTAMP carries no zone and is read as UTC; the zone of the machine plays no part anywhere.

use jiff::Timestamp;

/// Why a text or number is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not an RFC 3339 instant, or one without `Z` or a numeric offset.
    #[error("`{0}` is not a timestamp with a zone such as 2024-01-20T08:15:30Z")]
    NotATimestamp(String),
    /// Outside the years -9999 to 9999.
    #[error("the timestamp {0} lies outside the years -9999 to 9999")]
    OutOfRange(i64),
}

/// The instant `micros` as RFC 3339 text in UTC, with only as many fraction digits as it needs.
pub fn rfc3339_from_micros(micros: i64) -> Result<String, TimeError> {
    let instant = Timestamp::from_microsecond(micros).map_err(|_| TimeError::OutOfRange(micros))?;
    Ok(instant.to_string())
}

/// The instant `millis` as RFC 3339 text in UTC, with only as many fraction digits as it needs.
pub fn rfc3339_from_millis(millis: i64) -> Result<String, TimeError> {
    let instant = Timestamp::from_millisecond(millis).map_err(|_| TimeError::OutOfRange(millis))?;
    Ok(instant.to_string())
}

/// Microseconds since 1970 of an ISO 8601 text with `Z` or an offset. Finer digits are cut towards the past.
pub fn micros_from_text(text: &str) -> Result<i64, TimeError> {
    let instant = parse(text)?;
    Ok(micros_from_nanos(instant.as_nanosecond()))
}

/// Milliseconds since 1970 of an ISO 8601 text with `Z` or an offset. Finer digits are cut towards the past.
pub fn millis_from_text(text: &str) -> Result<i64, TimeError> {
    Ok(micros_from_text(text)?.div_euclid(1_000))
}

/// Whole microseconds at or before an instant given in nanoseconds.
pub fn micros_from_nanos(nanos: i128) -> i64 {
    // A jiff instant and an i64 of nanoseconds both lie far inside an i64 of microseconds.
    i64::try_from(nanos.div_euclid(1_000)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Start of the window of `size` that holds `instant`, both in the same unit, also before 1970. A size below
/// 1 counts as 1.
pub fn floor_to_window(instant: i64, size: i64) -> i64 {
    instant.saturating_sub(instant.rem_euclid(size.max(1)))
}

fn parse(text: &str) -> Result<Timestamp, TimeError> {
    let refused = || TimeError::NotATimestamp(text.chars().take(60).collect());
    // jiff also takes a bracketed zone after the offset; on the wire that is not RFC 3339.
    if text.contains('[') {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_the_way_to_text_and_back() {
        for (micros, text) in [
            (1_705_738_530_123_456, "2024-01-20T08:15:30.123456Z"),
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_705_312_800_000_000, "2024-01-15T10:00:00Z"),
        ] {
            assert_eq!(rfc3339_from_micros(micros).unwrap(), text);
            assert_eq!(micros_from_text(text).unwrap(), micros);
        }
    }

    #[test]
    fn an_offset_is_an_instant_and_a_missing_zone_is_an_error() {
        assert_eq!(millis_from_text("2026-02-06T07:00:01+07:00"), millis_from_text("2026-02-06T00:00:01Z"));
        assert_eq!(millis_from_text("1969-12-31T23:59:59.9995Z"), Ok(-1));
        for text in ["2026-02-06T07:00:01", "2026-02-06", "", "soon", "2026-02-06T07:00:01Z[UTC]"] {
            assert!(matches!(millis_from_text(text), Err(TimeError::NotATimestamp(_))), "{text}");
        }
    }

    #[test]
    fn windows_floor_also_before_1970() {
        assert_eq!(floor_to_window(-1, 300), -300);
        assert_eq!(floor_to_window(-300, 300), -300);
        assert_eq!(floor_to_window(299, 300), 0);
        assert_eq!(floor_to_window(5, 0), 5);
    }

    #[test]
    fn an_instant_no_calendar_holds_is_an_error() {
        assert_eq!(rfc3339_from_micros(i64::MAX), Err(TimeError::OutOfRange(i64::MAX)));
        assert_eq!(rfc3339_from_millis(i64::MIN), Err(TimeError::OutOfRange(i64::MIN)));
    }
}
