//! Years and dates of the command line as epoch seconds (UTC).

use dataset::failure::Usage;
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Today, UTC.
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// The first second of a year (`2023`), a day (`2023-05-01`), or the day so long before `today`
/// (`3y`, `18mo`, `2w`, `30d`).
///
/// # Errors
/// [`Usage`] for any other text.
pub fn begin(text: &str, today: Date) -> Result<i64, Usage> {
    first_day(text, today).and_then(|day| second_of(day, text))
}

/// The first second after a year or day: an exclusive bound that includes all of it.
///
/// # Errors
/// [`Usage`] for any other text.
pub fn end(text: &str, today: Date) -> Result<i64, Usage> {
    let day = first_day(text, today)?;
    let next = match is_year(text) {
        true => day.checked_add(Span::new().years(1)),
        false => day.tomorrow(),
    };
    second_of(next.map_err(|_| unreadable(text))?, text)
}

/// Whether a text names another day each day: a number with a unit of time.
pub fn is_relative(text: &str) -> bool {
    ago(text).is_some()
}

/// The day of a second, UTC; the first of all days for a second that no calendar has.
pub fn day(second: i64) -> Date {
    match jiff::Timestamp::from_second(second) {
        Ok(moment) => moment.to_zoned(TimeZone::UTC).date(),
        Err(_) => Date::MIN,
    }
}

/// The first second of a year, UTC, and the first of the next.
pub fn year(year: i16) -> (i64, i64) {
    let begin = |year: i16| {
        let day = Date::new(year, 1, 1).unwrap_or(Date::MAX);
        day.to_zoned(TimeZone::UTC)
            .map_or(i64::MAX, |midnight| midnight.timestamp().as_second())
    };
    (begin(year), begin(year.saturating_add(1)))
}

/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// The day of a second, as `2023-05-01`.
pub fn show(second: i64) -> String {
    match jiff::Timestamp::from_second(second) {
        Ok(_) => day(second).to_string(),
        Err(_) => second.to_string(),
    }
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A relative text as a span of time.
fn ago(text: &str) -> Option<Span> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let count: i64 = text[..unit].parse().ok()?;
    match &text[unit..] {
        "y" => Span::new().try_years(count),
        "mo" => Span::new().try_months(count),
        "w" => Span::new().try_weeks(count),
        "d" => Span::new().try_days(count),
        _ => return None,
    }
    .ok()
}

fn first_day(text: &str, today: Date) -> Result<Date, Usage> {
    if let Some(span) = ago(text) {
        return today.checked_sub(span).map_err(|_| unreadable(text));
    }
    if is_year(text) {
        let year: i16 = text.parse().map_err(|_| unreadable(text))?;
        return Date::new(year, 1, 1).map_err(|_| unreadable(text));
    }
    text.parse().map_err(|_| unreadable(text))
}

fn second_of(day: Date, text: &str) -> Result<i64, Usage> {
    let midnight = day.to_zoned(TimeZone::UTC).map_err(|_| unreadable(text))?;
    Ok(midnight.timestamp().as_second())
}

fn unreadable(text: &str) -> Usage {
    Usage(format!(
        "`{text}` is no year (2023), no date (2023-05-01) and no time ago (3y, 18mo, 2w, 30d)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> String {
        show(begin(text, Date::constant(2024, 2, 29)).expect("a day"))
    }

    #[test]
    fn a_year_and_a_day_include_all_of_themselves() {
        let today = today();
        assert_eq!(begin("1970", today).expect("a year"), 0);
        assert_eq!(end("1970", today).expect("a year"), 365 * 86_400);
        assert_eq!(begin("1970-01-02", today).expect("a day"), 86_400);
        assert_eq!(end("1970-01-02", today).expect("a day"), 2 * 86_400);
        assert_eq!(show(end("2023", today).expect("a year")), "2024-01-01");
    }

    #[test]
    fn a_time_ago_is_a_whole_day() {
        assert_eq!(first("3y"), "2021-02-28");
        assert_eq!(first("18mo"), "2022-08-29");
        assert_eq!(first("2w"), "2024-02-15");
        assert_eq!(first("30d"), "2024-01-30");
        let until = end("30d", Date::constant(2024, 2, 29)).expect("a day");
        assert_eq!(show(until), "2024-01-31");
        assert!(is_relative("3y") && !is_relative("2023") && !is_relative("2023-05-01"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "23",
            "May 2023",
            "2023-13-01",
            "20230",
            "99999999",
            "y",
            "3 y",
            "-3y",
            "3h",
            "99999y",
        ] {
            assert!(begin(text, today()).is_err(), "{text}");
        }
    }
}
