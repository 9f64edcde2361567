//! Years, months and dates of the command line as epoch seconds (UTC).

use dataset::failure::Usage;
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Today, UTC.
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// The first second of a year (`2023`), a month (`2023-05`), a day (`2023-05-01`), or the day so long
/// before `today` (`3y`, `18mo`, `2w`, `30d`).
///
/// # Errors
/// [`Usage`] for any other text.
pub fn begin(text: &str, today: Date) -> Result<i64, Usage> {
    named(text, today)
        .and_then(|named| second_of(named.first))
        .ok_or_else(|| invalid(text))
}

/// The first second after a year, month or day: an exclusive bound that includes all of it.
///
/// # Errors
/// [`Usage`] for any other text.
pub fn end(text: &str, today: Date) -> Result<i64, Usage> {
    let next = named(text, today).and_then(|named| named.first.checked_add(named.length).ok());
    next.and_then(second_of).ok_or_else(|| invalid(text))
}

/// Whether a text names another day each day: a number with a unit of time.
pub fn is_relative(text: &str) -> bool {
    relative(text).is_some()
}

/// A time ago in its one form: `3y` for `3 years ago`; `None` for what is no time ago.
pub fn relative(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    match text.as_str() {
        "today" | "now" => return Some("0d".into()),
        "yesterday" => return Some("1d".into()),
        _ => {}
    }
    let text = text.strip_suffix("ago").map_or(text.as_str(), str::trim_end);
    let (count, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let unit = match unit.trim_start() {
        "y" | "yr" | "yrs" | "year" | "years" => "y",
        "mo" | "mos" | "month" | "months" => "mo",
        "w" | "wk" | "wks" | "week" | "weeks" => "w",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    let count: i64 = count.parse().ok()?;
    ago(count, unit)?;
    Some(format!("{count}{unit}"))
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

/// What a text names: its first day, and how long it is.
struct Named {
    first: Date,
    length: Span,
}

fn named(text: &str, today: Date) -> Option<Named> {
    let text = text.trim();
    let day = Span::new().days(1);
    if let Some(relative) = relative(text) {
        let (count, unit) = relative.split_at(relative.find(|letter: char| !letter.is_ascii_digit())?);
        let first = today.checked_sub(ago(count.parse().ok()?, unit)?).ok()?;
        return Some(Named { first, length: day });
    }
    // A time of day behind it is left out: what is selected begins and ends with whole days.
    let date = text.split_once(['T', ' ']).filter(|(_, time)| time.contains(':'));
    let (year, month, length) = match numbers(date.map_or(text, |(date, _)| date))?[..] {
        [year] => (year, 1, Span::new().years(1)),
        [year, month] => (year, month, Span::new().months(1)),
        [year, month, day_of_month] => {
            let (month, day_of_month) = (i8::try_from(month).ok()?, i8::try_from(day_of_month).ok()?);
            let first = Date::new(year, month, day_of_month).ok()?;
            return Some(Named { first, length: day });
        }
        _ => return None,
    };
    let first = Date::new(year, i8::try_from(month).ok()?, 1).ok()?;
    Some(Named { first, length })
}

/// Year, month and day, as far as they are named: `2023`, `2023-5`, `2023/05/01`, `2023.5.1`, `20230501`.
/// The year comes first: `01.05.2023` and `05/01/2023` are each another day to other people.
fn numbers(text: &str) -> Option<Vec<i16>> {
    let separator = text.chars().find(|letter| !letter.is_ascii_digit());
    let parts: Vec<&str> = match separator {
        None if text.len() == 8 => vec![&text[..4], &text[4..6], &text[6..]],
        None => vec![text],
        Some(separator @ ('-' | '/' | '.')) => text.split(separator).collect(),
        Some(_) => return None,
    };
    let fits = |(at, part): (usize, &&str)| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits
            && if at == 0 {
                part.len() == 4
            } else {
                (1..=2).contains(&part.len())
            }
    };
    if !parts.iter().enumerate().all(fits) {
        return None;
    }
    parts.iter().map(|part| part.parse().ok()).collect()
}

fn ago(count: i64, unit: &str) -> Option<Span> {
    match unit {
        "y" => Span::new().try_years(count),
        "mo" => Span::new().try_months(count),
        "w" => Span::new().try_weeks(count),
        _ => Span::new().try_days(count),
    }
    .ok()
}

fn second_of(day: Date) -> Option<i64> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn invalid(text: &str) -> Usage {
    Usage(format!(
        "invalid date `{text}`: use 2023, 2023-05-01 or 3y (also 2023-05, 18mo, 2w, 30d)"
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
    fn dates_are_read_as_people_write_them() {
        let today = Date::constant(2024, 2, 29);
        let span = |text: &str| {
            let (begin, end) = (begin(text, today).expect(text), end(text, today).expect(text));
            (show(begin), show(end))
        };
        let days = |first: &str, next: &str| (first.to_string(), next.to_string());
        for text in ["2023-05", "2023-5", "2023/05", "2023.5", " 2023-05 "] {
            assert_eq!(span(text), days("2023-05-01", "2023-06-01"), "{text}");
        }
        assert_eq!(span("2023-12"), days("2023-12-01", "2024-01-01"));
        for text in [
            "2023-05-01",
            "2023-5-1",
            "2023/05/01",
            "2023.5.1",
            "20230501",
            "2023-05-01T12:30:00Z",
            "2023-05-01 12:30",
        ] {
            assert_eq!(span(text), days("2023-05-01", "2023-05-02"), "{text}");
        }
        for text in ["3y", "3Y", "3 years", "3 years ago", "3yrs"] {
            assert_eq!(span(text), days("2021-02-28", "2021-03-01"), "{text}");
            assert_eq!(relative(text).as_deref(), Some("3y"));
        }
        assert_eq!(first("2 weeks ago"), first("2w"));
        assert_eq!(first("18 months"), first("18mo"));
        assert_eq!((first("today"), first("yesterday")), (first("0d"), "2024-02-28".into()));
        assert!(!is_relative("2023") && !is_relative("20230501") && is_relative("1 day"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "23",
            "May 2023",
            "last year",
            "2023-13-01",
            "2023-13",
            "2023-00-01",
            "2023-02-30",
            "2023-05-",
            "2023-5/1",
            "2023-005-01",
            "01.05.2023",
            "05/01/2023",
            "23-05-01",
            "20230",
            "202305",
            "99999999",
            "y",
            "3m",
            "-3y",
            "3h",
            "3",
            "99999y",
            "２０２３",
        ] {
            let error = begin(text, today()).expect_err(text).to_string();
            let expected = format!("invalid date `{text}`: use 2023, 2023-05-01 or 3y");
            assert!(error.starts_with(&expected), "{error}");
            assert!(end(text, today()).is_err(), "{text}");
        }
    }
}
