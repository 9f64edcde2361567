//! How far a run is: a bar on a terminal, a line now and then elsewhere.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two updates on a terminal.
const TICK: Duration = Duration::from_millis(500);
/// Time between two lines elsewhere.
const LINE: Duration = Duration::from_secs(15);
/// Updates that the rate is measured over.
const MEMORY: usize = 20;
/// Units of the bar: it counts shares of the budget, whatever the budget counts.
const UNITS: u64 = 1000;

/// The progress of one sitting.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    next: Instant,
    seen: VecDeque<(Instant, u64)>,
}

/// What is shown.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Where the run is, as "epoch 3".
    pub place: String,
    /// Images seen so far.
    pub images: u64,
    /// Share of the budget that is spent, 0 to 1; none where the run has no end.
    pub share: Option<f64>,
    /// The newest metrics, by name.
    pub metrics: Vec<(&'static str, Option<f64>)>,
    /// A line below the bar, shown on a terminal only.
    pub curves: String,
}

impl Progress {
    /// Begins to show.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {msg}").expect("the template is well-formed");
            ProgressBar::new(UNITS).with_style(style)
        });
        Self {
            bar,
            next: Instant::now(),
            seen: VecDeque::new(),
        }
    }

    /// Shows where the run stands, if it is time to.
    pub fn show(&mut self, standing: impl FnOnce() -> Standing) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + if self.bar.is_some() { TICK } else { LINE };
        let standing = standing();
        self.observe(standing.images);
        let text = self.text(&standing);
        match &self.bar {
            Some(bar) => {
                bar.set_position((standing.share.unwrap_or(0.0) * UNITS as f64) as u64);
                bar.set_message(format!("{text}\n{}", standing.curves));
            }
            None => eprintln!("{text}"),
        }
    }

    /// Counts images, for the speed.
    pub fn observe(&mut self, images: u64) {
        // A run that was rolled back has seen fewer.
        if self.seen.back().is_some_and(|(_, before)| *before > images) {
            self.seen.clear();
        }
        self.seen.push_back((Instant::now(), images));
        if self.seen.len() > MEMORY {
            self.seen.pop_front();
        }
    }

    /// Writes a line that stays.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn text(&self, standing: &Standing) -> String {
        let mut text = format!("{} | {} images", standing.place, thousands(standing.images));
        if let Some(speed) = self.speed() {
            text.push_str(&format!(" | {speed:.0} img/s"));
        }
        if let Some(left) = self.left(standing.share) {
            text.push_str(&format!(" | {} left", duration(left)));
        }
        for (name, value) in &standing.metrics {
            if let Some(value) = value {
                text.push_str(&format!(" | {name} {value:.2}"));
            }
        }
        text
    }

    /// Images a second over the last updates.
    pub fn speed(&self) -> Option<f64> {
        let ((start, before), (end, after)) = (self.seen.front()?, self.seen.back()?);
        let seconds = (*end - *start).as_secs_f64();
        (seconds > 0.0).then(|| (after - before) as f64 / seconds)
    }

    /// Time left by the images a second and what the budget has left of them.
    pub fn left(&self, share: Option<f64>) -> Option<Duration> {
        let share = share.filter(|share| *share > 0.0)?;
        let speed = self.speed()?;
        let images = self.seen.back()?.1 as f64;
        Duration::try_from_secs_f64(images * (1.0 / share - 1.0) / speed).ok()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// 12345 as "12 k".
fn thousands(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{} k", count / 1000),
        _ => format!("{} M", count / 1_000_000),
    }
}

/// "2 h 5 min", "12 min" or "40 s".
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Letters of a curve, from the lowest value to the highest.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A curve of a few letters: the values as at most `width` blocks, each the mean of its neighbours, from the lowest to the
/// highest of them.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let means: Vec<f64> = finite
        .chunks(finite.len().div_ceil(width.max(1)).max(1))
        .map(|chunk| chunk.iter().sum::<f64>() / chunk.len() as f64)
        .collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let block = |value: &f64| {
        let share = (value - low) / (high - low).max(1e-9);
        BLOCKS[((share * 8.0) as usize).min(7)]
    };
    means.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_is_drawn_from_the_lowest_to_the_highest_block() {
        let values: Vec<f64> = (0..80).map(f64::from).collect();
        assert_eq!(sparkline(&values, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[1.0, 1.0, f64::NAN], 8), "▁▁");
        assert_eq!(sparkline(&[], 8), "");
    }
}
