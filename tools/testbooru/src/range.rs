//! The ranges of the image boards' search languages.

/// The values that a term with a number lets through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Range {
    /// Both ends included; either may be infinite.
    Between(f64, f64),
    Above(f64),
    Below(f64),
    Among(Vec<f64>),
}

impl Range {
    /// `a..b`, `a..`, `..b`, `>=a`, `<=a`, `>a`, `<a`, `a,b,c` or `a`, where `value` reads the
    /// numbers; `None` for what is none.
    pub fn parse(text: &str, value: impl Fn(&str) -> Option<f64>) -> Option<Self> {
        let open = |text: &str, end: f64| if text.is_empty() { Some(end) } else { value(text) };
        if let Some((low, high)) = text.split_once("..") {
            Some(Self::Between(open(low, f64::NEG_INFINITY)?, open(high, f64::INFINITY)?))
        } else if let Some(low) = text.strip_prefix(">=") {
            Some(Self::Between(value(low)?, f64::INFINITY))
        } else if let Some(high) = text.strip_prefix("<=") {
            Some(Self::Between(f64::NEG_INFINITY, value(high)?))
        } else if let Some(low) = text.strip_prefix('>') {
            value(low).map(Self::Above)
        } else if let Some(high) = text.strip_prefix('<') {
            value(high).map(Self::Below)
        } else {
            text.split(',').map(value).collect::<Option<_>>().map(Self::Among)
        }
    }

    /// Whether it lets a value through.
    pub fn holds(&self, value: f64) -> bool {
        match self {
            Self::Between(low, high) => (*low..=*high).contains(&value),
            Self::Above(low) => value > *low,
            Self::Below(high) => value < *high,
            // Ratios are written with few digits.
            Self::Among(values) => values.iter().any(|wanted| (wanted - value).abs() < 0.005),
        }
    }

    /// The values outside of which it lets nothing through.
    fn ends(&self) -> (f64, f64) {
        match self {
            Self::Between(low, high) => (*low, *high),
            Self::Above(low) => (*low, f64::INFINITY),
            Self::Below(high) => (f64::NEG_INFINITY, *high),
            Self::Among(values) => (
                values.iter().copied().fold(f64::INFINITY, f64::min),
                values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ),
        }
    }

    /// Of ids: those outside of which nothing can match.
    pub fn ids(&self) -> std::ops::Range<u64> {
        let (low, high) = self.ends();
        // `as` saturates, infinities included.
        low.floor() as u64..(high.ceil() as u64).saturating_add(1)
    }

    /// Of days on a clock so many hours ahead of UTC: the epoch seconds, both included, outside of
    /// which nothing can match.
    pub fn times(&self, offset: i8) -> (i64, i64) {
        let (low, high) = self.ends();
        let start = |day: f64| day * 86_400.0 - f64::from(offset) * 3_600.0;
        (start(low) as i64, start(high + 1.0) as i64)
    }
}

/// A number of pixels across by pixels down, also written `16:9`.
pub(crate) fn ratio(text: &str) -> Option<f64> {
    match text.split_once(':') {
        Some((width, height)) => Some(width.parse::<f64>().ok()? / height.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

/// Days since 1970 of `2024-02-29`.
pub(crate) fn date(text: &str) -> Option<f64> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let since = date.since(jiff::civil::Date::constant(1970, 1, 1)).ok()?;
    Some(f64::from(since.get_days()))
}

/// Whether `text` fits a pattern in which `*` stands for anything.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            ends.into_iter().any(|index| fits(rest, &tail[index..]))
        }),
    }
}
