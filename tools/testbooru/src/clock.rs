//! Times as the sites write them.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::{Offset, TimeZone};

/// Hours by which the image boards' own clock is behind UTC: their dates are not UTC's, so that
/// around midnight, and above all at new year, a client which takes one for the other goes wrong.
/// The recorded answers have the same.
pub(crate) const BOARD_OFFSET: i8 = -3;
/// Hours by which Japan's clock is ahead of UTC.
pub(crate) const JAPAN_OFFSET: i8 = 9;

/// The number of the day (0 is 1970-01-01) on a clock so many hours ahead of UTC.
pub(crate) fn day(seconds: i64, offset: i8) -> i64 {
    (seconds + i64::from(offset) * 3600).div_euclid(86_400)
}

/// The epoch second in which a day begins on a clock so many hours ahead of UTC.
pub(crate) fn start(day: i64, offset: i8) -> i64 {
    day * 86_400 - i64::from(offset) * 3600
}

/// Epoch seconds in the form of a `strftime` pattern on a clock so many hours ahead of UTC; the
/// epoch for what lies outside of the calendar.
pub(crate) fn written(seconds: i64, offset: i8, pattern: &str) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::fixed(Offset::constant(offset)))
        .strftime(pattern)
        .to_string()
}

/// `2022-09-21T17:22:06+00:00`.
pub(crate) fn iso(seconds: i64, offset: i8) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.display_with_offset(Offset::constant(offset)).to_string()
}

/// `Tue, 02 Jun 2026 08:00:00 GMT`.
pub(crate) fn http_date(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .expect("years after 0 are printable")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01 00:30 UTC.
    const NEW_YEAR: i64 = 1_704_069_000;

    #[test]
    fn one_instant_lies_in_two_years() {
        assert_eq!(iso(NEW_YEAR, BOARD_OFFSET), "2023-12-31T21:30:00-03:00");
        assert_eq!(iso(NEW_YEAR, JAPAN_OFFSET), "2024-01-01T09:30:00+09:00");
        assert_eq!(day(NEW_YEAR, 0) - day(NEW_YEAR, BOARD_OFFSET), 1);
        assert_eq!(http_date(NEW_YEAR), "Mon, 01 Jan 2024 00:30:00 GMT");
    }
}
