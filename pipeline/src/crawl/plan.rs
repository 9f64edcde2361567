//! What a crawl is going to do, in words: printed at the head of each run, and by itself with
//! `--dry-run`, which asks for a count at most, and writes neither post, cursor nor picture.

use std::fmt;

use dataset::failure::Interrupted;

use crate::catalog::cursors::Cursor;
use crate::catalog::files::{self, Window};
use crate::catalog::{Catalog, cursors, holes, posts};
use crate::crawl::cost::{self, Cost};
use crate::crawl::http::{Client, HttpError};
use crate::crawl::list::targets;
use crate::crawl::request::CrawlRequest;
use crate::crawl::settings::CrawlSettings;
use crate::crawl::target::Target;
use crate::period;

/// Parts of a list that are named one by one.
const MOST_HOLES: usize = 5;

/// Lines with labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(Vec<(&'static str, String)>);

impl Plan {
    fn line(&mut self, label: &'static str, text: impl Into<String>) {
        self.0.push((label, text.into()));
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, text) in &self.0 {
            writeln!(formatter, "  {label:<10} {text}")?;
        }
        Ok(())
    }
}

/// What the site is asked, what is left to the check of each row, and how likes, files and pace are
/// understood.
///
/// # Errors
/// [`Interrupted`].
pub async fn header(client: &Client, request: &CrawlRequest, settings: &CrawlSettings) -> anyhow::Result<Plan> {
    let verdict = match client.verdict(&request.root).await {
        Ok(verdict) => verdict,
        Err(HttpError::Stopped) => return Err(Interrupted.into()),
        // The listing meets the same, and knows whether that is a failure.
        Err(error) => error.to_string(),
    };
    let mut plan = in_words(request, settings);
    plan.line("robots", verdict);
    Ok(plan)
}

fn in_words(request: &CrawlRequest, settings: &CrawlSettings) -> Plan {
    let mut plan = Plan::default();
    let query = request.query_in_words();
    plan.line("asks", query.words);
    let mut residue = query.residue;
    residue.extend(
        request
            .selection
            .top_percent
            .map(|percent| format!("top {percent} percent of each year")),
    );
    plan.line(
        "here only",
        match &residue[..] {
            [] => "nothing: the search says it all; every row is checked all the same".to_string(),
            residue => residue.join("; "),
        },
    );
    plan.line("selects", request.selection.describe().join(", "));
    plan.line(
        "likes",
        request
            .site
            .dialect
            .likes_of(&request.search())
            .describe()
            .trim_start_matches("likes = "),
    );
    plan.line(
        "fetches",
        match request.list_only {
            true => "no pictures".to_string(),
            false => match request.limit {
                Some(limit) => format!("{limit} pictures at most, as {}", request.file.as_str()),
                None => format!("pictures as {}", request.file.as_str()),
            },
        },
    );
    plan.line(
        "pace",
        format!(
            "{} s between two requests to one host; {} pictures at once at most",
            interval(request, settings),
            settings.connections
        ),
    );
    plan.line(
        "window",
        match &request.target {
            None => format!(
                "posts of the {} days before the last finished listing are listed again",
                settings.overlap_days
            ),
            Some(_) => "all that is named is asked for in each run".to_string(),
        },
    );
    plan
}

fn interval(request: &CrawlRequest, settings: &CrawlSettings) -> f64 {
    match request.loopback {
        true => settings.loopback_interval,
        false => request.site.interval,
    }
}

/// The header with what is known already, and what the run would cost.
///
/// # Errors
/// Where the catalog fails, or the run is interrupted.
pub async fn dry_run(
    catalog: &Catalog,
    client: &Client,
    request: &CrawlRequest,
    settings: &CrawlSettings,
) -> anyhow::Result<Plan> {
    let mut plan = header(client, request, settings).await?;
    if let Some(target) = &request.target {
        plan.target(target, request, settings);
        return Ok(plan);
    }
    let cursor = cursors::load(catalog, &request.name, &request.query).await?;
    plan.known(catalog, request, &cursor).await?;
    let cost = cost::of_listing(catalog, client, request, settings).await?;
    plan.listing(&cost);
    let requests = cost.requests.unwrap_or(0);
    if request.list_only {
        plan.line("time", time(requests, request, settings));
        return Ok(plan);
    }
    let attempts = i64::from(settings.file_attempts);
    let waiting = files::count_pending(catalog, &request.selection, attempts, Window::below(i64::MAX)).await?;
    let unknown = if cursor.finished_at > 0 { Some(0) } else { cost.posts };
    let pictures = unknown.map(|posts| (waiting + posts).min(request.limit.unwrap_or(u64::MAX)));
    let found = match (unknown, pictures) {
        (Some(0), _) => format!("{waiting} wait; those of new posts come on top"),
        (_, Some(most)) => format!("{waiting} wait; {most} at most with those still to be listed"),
        _ => format!("{waiting} wait; nobody knows how many will be listed"),
    };
    plan.line("pictures", found);
    plan.line("time", time(requests + pictures.unwrap_or(waiting), request, settings));
    Ok(plan)
}

impl Plan {
    /// What a target costs.
    fn target(&mut self, target: &Target, request: &CrawlRequest, settings: &CrawlSettings) {
        let Some((requests, pictures)) = targets::cost(target, &request.search()) else {
            let unknown = "an unknown number of requests (how many posts it has is known once it is listed)";
            self.line("listing", unknown);
            return;
        };
        self.line("listing", cost::plural(requests, "request"));
        let most = if request.list_only {
            0
        } else {
            request.limit.unwrap_or(u64::MAX)
        };
        self.line("time", time(requests + pictures.min(most), request, settings));
    }

    /// What earlier runs listed, and what is missing of that.
    async fn known(&mut self, catalog: &Catalog, request: &CrawlRequest, cursor: &Cursor) -> anyhow::Result<()> {
        let listed = posts::count(catalog, &request.listing, None).await?;
        let selected = posts::count(catalog, &request.selection, None).await?;
        let when = match (cursor.finished_at, cursor.begun_at) {
            (0, 0) => "never listed under this query".to_string(),
            (0, _) => "the first listing is under way".to_string(),
            (finished, _) => format!("listed in full on {}", period::show(finished)),
        };
        self.line("known", format!("{listed} posts, {selected} selected; {when}"));
        let missing = holes::all(catalog, &request.name, &request.query).await?;
        let missing: Vec<String> = missing
            .iter()
            .filter(|hole| !hole.given_up)
            .take(MOST_HOLES)
            .map(|hole| format!("{} ({})", hole.place, hole.reason))
            .collect();
        if !missing.is_empty() {
            self.line("missing", format!("{}: asked for again", missing.join(", ")));
        }
        Ok(())
    }

    /// What the listing costs.
    fn listing(&mut self, cost: &Cost) {
        let requests = match cost.requests {
            Some(requests) => cost::plural(requests, "request"),
            None => "an unknown number of requests".into(),
        };
        self.line("listing", format!("{requests} ({})", cost.why));
        if cost.saved > 0 {
            let saved = cost::plural(cost.saved, "request");
            self.line(
                "saved",
                format!(
                    "about {saved}: the rows of the first page refuse as large a share of its works, which are not asked for"
                ),
            );
        }
    }
}

/// Requests at the pace of one host.
fn time(requests: u64, request: &CrawlRequest, settings: &CrawlSettings) -> String {
    let seconds = requests as f64 * interval(request, settings);
    let minutes = (seconds / 60.0).ceil() as u64;
    let time = match minutes {
        0 | 1 => "a minute or less".to_string(),
        minutes @ 2..60 => format!("{minutes} minutes"),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    };
    format!(
        "{time} for {}, if one host serves them all",
        cost::plural(requests, "request")
    )
}
