//! Years and dates of the command line as epoch seconds (UTC).

use dataset::failure::Usage;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The first second of a year (`2023`) or day (`2023-05-01`).
///
/// # Errors
/// [`Usage`] for any other text.
pub fn begin(text: &str) -> Result<i64, Usage> {
    first_day(text).and_then(|day| second_of(day, text))
}

/// The first second after a year or day: an exclusive bound that includes all of it.
///
/// # Errors
/// [`Usage`] for any other text.
pub fn end(text: &str) -> Result<i64, Usage> {
    let day = first_day(text)?;
    let next = match is_year(text) {
        true => day.checked_add(jiff::Span::new().years(1)),
        false => day.tomorrow(),
    };
    second_of(next.map_err(|_| unreadable(text))?, text)
}

/// The day of a second, as `2023-05-01`.
pub fn show(second: i64) -> String {
    match jiff::Timestamp::from_second(second) {
        Ok(moment) => moment.to_zoned(TimeZone::UTC).date().to_string(),
        Err(_) => second.to_string(),
    }
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn first_day(text: &str) -> Result<Date, Usage> {
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
    Usage(format!("`{text}` is no year (2023) and no date (2023-05-01)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_and_a_day_include_all_of_themselves() {
        assert_eq!(begin("1970").expect("a year"), 0);
        assert_eq!(end("1970").expect("a year"), 365 * 86_400);
        assert_eq!(begin("1970-01-02").expect("a day"), 86_400);
        assert_eq!(end("1970-01-02").expect("a day"), 2 * 86_400);
        assert_eq!(show(end("2023").expect("a year")), "2024-01-01");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "23", "May 2023", "2023-13-01", "20230", "99999999"] {
            assert!(begin(text).is_err(), "{text}");
        }
    }
}
