//! What the listing sends to the fetching of pictures beside it: which pages are committed. So the first
//! picture is asked for after one page, not after all of them; and since a page is sent only once its posts
//! and the cursor are committed, a run that is killed at any moment leaves neither a hole nor an orphan.

use std::ops::Range;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::catalog::files::Window;

/// The listing's end.
pub struct Committed(UnboundedSender<Window>);

/// The fetching's end: first the pages as they are sent, then, once the listing has ended, all that
/// waits.
pub struct CommittedPages {
    pages: UnboundedReceiver<Window>,
    /// Whether the listing has ended, and all that waits is read.
    rest: bool,
    /// What is being read, if anything.
    window: Option<Window>,
}

/// Both ends. A page is sent as two numbers, so that the longest listing can be far ahead.
pub fn channel() -> (Committed, CommittedPages) {
    let (sender, pages) = mpsc::unbounded_channel();
    let pages_end = CommittedPages {
        pages,
        rest: false,
        window: None,
    };
    (Committed(sender), pages_end)
}

impl Committed {
    /// Posts of these numbers are committed.
    pub fn send(&self, numbers: Range<i64>) {
        let window = Window {
            from: numbers.start,
            ..Window::below(numbers.end)
        };
        // Where the fetching has ended, there is no receiver, and none is needed.
        let _ = self.0.send(window);
    }
}

impl CommittedPages {
    /// That of a listing which has ended: all that waits is read.
    pub fn ended() -> Self {
        channel().1
    }

    /// The same without the rest: what is sent is all that is read.
    pub fn without_rest(self) -> Self {
        Self { rest: true, ..self }
    }

    /// What to read next; waits for the listing. `None` where all was read.
    pub async fn window(&mut self) -> Option<Window> {
        if self.window.is_none() {
            self.window = match self.pages.recv().await {
                Some(page) => Some(page),
                None if self.rest => None,
                None => {
                    self.rest = true;
                    Some(Window::below(i64::MAX))
                }
            };
        }
        self.window
    }

    /// Whether the listing has ended: what waits will not become more.
    pub fn is_rest(&self) -> bool {
        self.rest
    }

    /// The window was read down to this post number, or, with `None`, to its end.
    pub fn read_to(&mut self, number: Option<i64>) {
        self.window = self
            .window
            .zip(number)
            .map(|(window, below)| Window { below, ..window });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(window: Option<Window>) -> Option<(i64, i64)> {
        window.map(|window| (window.from, window.below))
    }

    #[tokio::test]
    async fn pages_come_first_and_then_all_that_waits() {
        let (committed, mut pages) = channel();
        committed.send(40..60);
        drop(committed);
        assert_eq!(bounds(pages.window().await), Some((40, 60)));
        pages.read_to(Some(50));
        assert_eq!(bounds(pages.window().await), Some((40, 50)));
        pages.read_to(None);
        assert!(!pages.is_rest());
        assert_eq!(bounds(pages.window().await), Some((0, i64::MAX)));
        assert!(pages.is_rest());
        pages.read_to(None);
        assert_eq!(bounds(pages.window().await), None);
    }
}
