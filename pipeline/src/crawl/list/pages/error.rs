//! Pages that do not come, and what is said of them.

use super::{EMPTY, Pages, advice};
use crate::crawl::cost::plural;
use crate::crawl::http::{BAD_ANSWER, HttpError};
use crate::crawl::list::holes::Why;

/// A page that did not come, whatever was tried. Others may.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PageError {
    /// Of the page, as a hole keeps it.
    pub why: Why,
    /// Whether it may be of this page alone; a refusal of all that asks is not.
    of_page: bool,
    pub(super) message: String,
}

impl PageError {
    /// Whether there is sense in asking round the page, where it is the `first` of all. A web page there is
    /// no answer of this dialect, or needs a person.
    pub fn is_passable(&self, first: bool) -> bool {
        self.of_page && !(first && advice::is_web_page(&self.why.detail))
    }
}

impl Pages<'_> {
    pub(super) fn owes(&self, posts: i64) -> PageError {
        let posts = plural(posts.unsigned_abs(), "post");
        let detail = format!("the page has no row, and the site counts {posts} there");
        let error = self.page_error(EMPTY, &detail, true);
        PageError {
            why: Why {
                empty: true,
                ..error.why
            },
            ..error
        }
    }

    pub(super) fn wrong_dialect(&self) -> String {
        format!(
            "; its answers are not what its dialect promises, see whether `dialect` of [sites.{}] is right",
            self.run.request.name
        )
    }

    /// An error of one request, with the way out.
    pub(super) fn refused(&self, error: HttpError) -> PageError {
        let (HttpError::Refused { reason, detail } | HttpError::Failed { reason, detail }) = &error else {
            return self.page_error(BAD_ANSWER, &error.to_string(), false);
        };
        let advice = advice::of(detail, &self.run.request.name, &self.site, self.run.client.has_login());
        let failed = matches!(error, HttpError::Failed { .. });
        let of_page = failed && advice.is_none() && matches!(*reason, "server-error" | "truncated" | BAD_ANSWER);
        let mut page_error = self.page_error(reason, detail, of_page);
        page_error.message.extend(advice.map(|advice| format!("; {advice}")));
        page_error
    }

    pub(super) fn page_error(&self, reason: &'static str, detail: &str, of_page: bool) -> PageError {
        let message = format!(
            "cannot list {} at {}; the same command goes on from here: {detail}",
            self.run.request.name, self.run.request.root
        );
        let why = Why {
            reason,
            detail: detail.to_string(),
            empty: false,
        };
        PageError { why, of_page, message }
    }

    pub(super) fn cannot(&self, error: HttpError) -> anyhow::Error {
        error.of_run(|| {
            format!(
                "cannot list {} at {}; the same command goes on from here",
                self.run.request.name, self.run.request.root
            )
        })
    }
}
