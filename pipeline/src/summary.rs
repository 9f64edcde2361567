//! What a stage returns; the runner prints it and decides the exit code.

/// Counts of one stage's run, the funnel among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Items that now have their result.
    pub done: u64,
    /// Items that had it already.
    pub skipped: u64,
    /// Items that still wait for a later run.
    pub waiting: u64,
    /// Items whose failure was recorded.
    pub failed: u64,
    /// The funnel, in order: what is counted, and how many.
    pub lines: Vec<(String, u64)>,
}

impl Summary {
    /// Adds a line to the funnel.
    pub fn line(&mut self, label: impl Into<String>, count: u64) {
        self.lines.push((label.into(), count));
    }

    /// Adds the counts of another stage, its funnel left out.
    pub fn add(&mut self, other: &Self) {
        self.done += other.done;
        self.skipped += other.skipped;
        self.waiting += other.waiting;
        self.failed += other.failed;
    }

    /// Whether more than `share` (0 to 1) of the attempted items failed.
    pub fn exceeds(&self, share: f64) -> bool {
        self.failed as f64 > share * (self.done + self.failed) as f64
    }

    /// Prints [`Self::text`].
    pub fn print(&self, stage: &str) {
        println!("{}", self.text(stage));
    }

    /// The funnel as a table, one line a count.
    pub fn text(&self, stage: &str) -> String {
        let mut text = format!(
            "{stage}: {} done, {} already there, {} failed",
            self.done, self.skipped, self.failed
        );
        let lengths = self.lines.iter().map(|(label, _)| label.chars().count());
        // A whole sentence stands out of the table.
        let width = lengths.filter(|length| *length <= 60).max();
        let width = width.unwrap_or(0);
        for (label, count) in &self.lines {
            text.push_str(&format!("\n  {label:<width$}  {count:>8}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_what_was_attempted() {
        let summary = Summary {
            done: 90,
            failed: 10,
            skipped: 1000,
            ..Summary::default()
        };
        assert!(summary.exceeds(0.09));
        assert!(!summary.exceeds(0.1));
        assert!(!Summary::default().exceeds(0.0));
    }
}
