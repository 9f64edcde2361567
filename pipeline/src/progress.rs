//! Progress bars: drawn on a terminal, silent elsewhere; the newest one is what the curation desk shows of work under
//! way.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

/// The newest bar of the process.
static NEWEST: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// A bar over `total` items with rate and remaining time. `indicatif` draws on standard error,
/// and only where that is a terminal.
pub fn bar(total: u64, label: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:10} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}");
    let bar = ProgressBar::new(total).with_message(label);
    let bar = match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    *NEWEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    bar
}

/// Label, items done and items in all of the newest bar; none where it has ended.
pub fn under_way() -> Option<(String, u64, u64)> {
    state(NEWEST.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?)
}

fn state(bar: &ProgressBar) -> Option<(String, u64, u64)> {
    (!bar.is_finished()).then(|| (bar.message(), bar.position(), bar.length().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_how_far_it_is_until_it_ends() {
        let bar = bar(40, "a test");
        bar.inc(10);
        assert_eq!(state(&bar), Some(("a test".into(), 10, 40)));
        bar.finish_and_clear();
        assert_eq!(state(&bar), None);
    }
}
