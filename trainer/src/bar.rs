//! The bar of work whose length is known.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error over so many items of what is named; nothing is drawn where standard
/// error is no terminal.
pub fn bar(length: usize, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_message(what.to_owned());
    bar.set_style(
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("the template is well-formed"),
    );
    bar
}
