//! Where the pictures of a run come from: all that wait, or a share of them where other processes work, too.

use std::time::Duration;

use dataset::{Key, Store};
use indicatif::ProgressBar;

use super::{CropRequest, select};
use crate::catalog::Catalog;
use crate::catalog::detections::{self, CropKey, PendingPicture};
use crate::catalog::leases::{Next, Share};
use crate::selection::Selection;
use crate::stop::Stop;
use crate::summary::Summary;

/// Pictures asked for at once; a page holds hashes alone.
const PAGE: i64 = 500;

/// Between two looks at whether other workers are done.
const PAUSE: Duration = Duration::from_secs(1);

/// What a run begins with.
pub(super) struct Begun {
    pub(super) source: Source,
    /// Pictures that wait, for all workers.
    pub(super) waiting: u64,
    /// Pictures that this run may come by.
    pub(super) most: u64,
    /// Pictures that lack a result which their dropped originals can no longer give.
    pub(super) lost: u64,
    pub(super) summary: Summary,
}

/// Looks for what there is to do. Of several workers the first one counts it, for all.
///
/// # Errors
/// `Usage` where nothing is selected; otherwise what the database refuses.
pub(super) async fn begin(
    catalog: &Catalog,
    store: &Store,
    request: &CropRequest,
    key: &CropKey,
) -> anyhow::Result<Begun> {
    let limit = request.limit.unwrap_or(u64::MAX);
    let mut source = Source {
        left: i64::try_from(limit).unwrap_or(i64::MAX),
        selection: request.selection.clone(),
        share: None,
        again: Vec::new(),
        last: String::new(),
    };
    let mut summary = Summary::default();
    if let Some((share, first)) = Share::join(catalog, &request.selection, key).await? {
        if !first {
            let waiting = share.pending(catalog).await?;
            source.share = Some(share);
            return Ok(Begun {
                source,
                waiting,
                most: limit,
                lost: 0,
                summary,
            });
        }
        source.share = Some(share);
    }
    let (pending, selected) = detections::count(catalog, &request.selection, key).await?;
    if selected == 0 {
        return Err(select::nothing_selected(catalog, &request.selection).await?);
    }
    let lost = detections::count_lost(catalog, &request.selection, key).await?;
    let place = store.clone();
    let there = tokio::task::spawn_blocking(move || place.contents("heads")).await??;
    let is_there = move |head: &Key| there.holds(head, None);
    let mut again = detections::with_lost_heads(catalog, &request.selection, key, is_there).await?;
    let all = pending + again.len() as u64;
    summary.skipped = selected.saturating_sub(all + lost);
    summary.line("pictures selected", selected);
    if !again.is_empty() {
        summary.line("pictures with heads gone from the store", again.len() as u64);
    }
    let most = match &source.share {
        Some(share) => {
            share.offer(catalog, &again, all).await?;
            limit
        }
        None => {
            again.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            source.again = again;
            limit.min(all)
        }
    };
    Ok(Begun {
        source,
        waiting: limit.min(all),
        most,
        lost,
        summary,
    })
}

/// Pictures whose heads are wanted, those with lost heads first or, where they are shared, last.
pub(super) struct Source {
    /// How many may still be taken.
    left: i64,
    selection: Selection,
    share: Option<Share>,
    again: Vec<PendingPicture>,
    /// The hash up to which pages were read.
    last: String,
}

impl Source {
    /// This process's share, where there are others.
    pub(super) fn share(&self) -> Option<&Share> {
        self.share.as_ref()
    }

    /// The next pictures; none at the end. What other workers have is waited for: where one of them ends before it
    /// has recorded that, it is left to this one.
    ///
    /// # Errors
    /// Where the database refuses.
    pub(super) async fn next(
        &mut self,
        catalog: &Catalog,
        key: &CropKey,
        bar: &ProgressBar,
        stop: &Stop,
    ) -> anyhow::Result<Vec<PendingPicture>> {
        let page = match &mut self.share {
            Some(share) => loop {
                match share.next(catalog, self.left).await? {
                    Next::Pictures(page) => {
                        bar.set_message("crop");
                        break page;
                    }
                    Next::Nothing => break Vec::new(),
                    Next::Others(pictures, workers) => {
                        bar.set_message(format!(
                            "crop: waiting for {pictures} pictures of {workers} other workers"
                        ));
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.wait() => break Vec::new(),
                }
            },
            None if !self.again.is_empty() => std::mem::take(&mut self.again),
            None => {
                let page = detections::pending(catalog, &self.selection, key, &self.last, PAGE.min(self.left)).await?;
                if let Some(end) = page.last() {
                    self.last.clone_from(&end.image);
                }
                page
            }
        };
        self.left -= page.len() as i64;
        Ok(page)
    }
}
