//! What a crawl was asked for, resolved once: no other part sees the command line.

use std::collections::BTreeMap;

use dataset::failure::Usage;
use serde::Deserialize;
use url::Url;

use crate::crawl::http::{Hosts, SiteAccess, is_loopback, placeholder, same_host};
use crate::crawl::settings::{CrawlSettings, SiteSettings, parse_root};
use crate::crawl::source::{Query, Search};
use crate::crawl::target::Target;
use crate::selection::{Selection, SelectionArgs};

const EXAMPLE: &str = "Examples:
  pipeline crawl konachan --min-likes 500 --since 3y --tags \"blue_eyes -comic\" --limit 200
  pipeline crawl konachan --character \"hatsune miku\" --min-width 1000 --dry-run
  pipeline crawl https://konachan.net/post/show/123 https://yande.re/pool/show/45
  pipeline crawl konachan 123 456 pool:45
  pipeline crawl pixiv --artist pixiv:123
  pipeline crawl zerochan --tags hatsune_miku --top 500";

/// Which of a post's files is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As it was uploaded.
    #[default]
    Original,
    /// The original as JPEG in full size; the original where the site makes none.
    Jpeg,
    /// Scaled down by the site; the original where it makes none.
    Sample,
}

impl Form {
    /// The word in settings and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Jpeg => "jpeg",
            Self::Sample => "sample",
        }
    }
}

/// Lists a site's posts and stores their pictures
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLE, mut_arg("source", |source| source.hide(true)))]
pub struct Args {
    /// A site of stages.toml, [sites.SITE]; or an address: of a post, a pool, an artist, a search or a
    /// picture
    #[arg(value_name = "SITE|URL")]
    pub site: String,
    /// Only these: posts of the site by number, pool:NUMBER, artist:NUMBER, or more addresses
    #[arg(value_name = "POST|URL")]
    pub names: Vec<String>,
    /// What `names` come to, for one crawl.
    #[arg(skip)]
    pub target: Option<Target>,
    /// Where the site is, in place of its own root: a mirror, or a local board
    #[arg(long, value_name = "URL")]
    pub root: Option<String>,
    /// Fetches at most so many pictures; the next run goes on from there
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Which file of a post is fetched [default: the site's `file` in stages.toml, original]
    #[arg(long, value_name = "FORM")]
    pub file: Option<Form>,
    /// Lists this ranking in place of a search: daily, weekly, monthly ...; by --since and --until
    #[arg(long, value_name = "NAME")]
    pub ranking: Option<String>,
    /// The N most liked of the posts that the filters select, in the site's own order; of sites that have
    /// such an order and show no likes (zerochan)
    #[arg(long, value_name = "N", conflicts_with_all = ["names", "ranking"], value_parser = clap::value_parser!(u64).range(1..))]
    pub top: Option<u64>,
    /// Only lists, and fetches no picture
    #[arg(long)]
    pub list_only: bool,
    /// Prints what would be asked and what it would cost, and does nothing
    #[arg(long)]
    pub dry_run: bool,
    /// JSON objects, one a line, in place of the table
    #[arg(long)]
    pub json: bool,
    /// Which posts
    #[command(flatten)]
    pub select: SelectionArgs,
}

/// A crawl, resolved.
#[derive(Clone, Debug)]
pub struct CrawlRequest {
    /// The site's name: the source of its posts.
    pub name: String,
    /// The site.
    pub site: SiteSettings,
    /// Where its API lives.
    pub root: Url,
    /// Whether that is this machine.
    pub loopback: bool,
    /// The only hosts that are asked for anything.
    pub hosts: Hosts,
    /// Which posts.
    pub selection: Selection,
    /// Which posts are listed: the same, but for a share of all posts, which needs them all listed.
    pub listing: Selection,
    /// What a cursor is kept for: the listing as text, and the root where it is not the site's own.
    pub query: String,
    /// At most so many pictures are fetched.
    pub limit: Option<u64>,
    /// Which of a post's files is fetched.
    pub file: Form,
    /// The ranking that is listed in place of a search.
    pub ranking: Option<String>,
    /// What is listed by its name, in place of a search.
    pub target: Option<Target>,
    /// Whether no picture is fetched.
    pub list_only: bool,
}

impl Args {
    /// Looks the site up and checks that it may be asked, and can answer what is asked.
    ///
    /// # Errors
    /// [`Usage`] that says what would be right.
    pub fn resolve(
        &self,
        settings: &CrawlSettings,
        sites: &BTreeMap<String, SiteSettings>,
    ) -> Result<CrawlRequest, Usage> {
        let site = sites.get(&self.site).ok_or_else(|| unknown_site(&self.site, sites))?;
        let root = self.root(site)?;
        let selection = settings.complete(self.selection(site)?)?;
        let target = self.target(site, &selection)?;
        let loopback = is_loopback(&root);
        self.may_be_asked(site, &root, settings)?;
        let listing = Selection {
            // What is never wanted is listed all the same.
            blacklist: Vec::new(),
            ..match selection.top_percent {
                Some(_) => selection.without_popularity(),
                None => selection.clone(),
            }
        };
        let mut query = listing.key();
        query.extend(self.ranking.as_ref().map(|ranking| format!("ranking={ranking}")));
        query.extend(self.root.as_ref().map(|_| format!("root={root}")));
        query.extend(target.as_ref().map(|target| format!("target={target}")));
        // A board on this machine serves its own pictures: what its answers name elsewhere is not fetched.
        let listed = site.hosts.iter().filter(|_| !loopback).map(|host| host.to_lowercase());
        let listed: Vec<String> = listed.collect();
        let request = CrawlRequest {
            name: self.site.clone(),
            hosts: Hosts::new(&root, &listed),
            site: site.clone(),
            root,
            loopback,
            selection,
            listing,
            query: query.join(" "),
            limit: self.limit,
            file: self.file.unwrap_or(site.file),
            ranking: self.ranking.clone(),
            target,
            list_only: self.list_only,
        };
        let whole = Search {
            selection: &request.selection,
            ..request.search()
        };
        match &request.target {
            None => whole.site.dialect.check(&whole)?,
            Some(target) => self.check_target(target, &whole)?,
        }
        if request.ranking.is_some() && request.selection.top_percent.is_some() {
            return Err(Usage(
                "--top-percent cannot be used with --ranking: a ranking lists the most liked works only; --min-likes can"
                    .into(),
            ));
        }
        Ok(request)
    }

    /// What is named, in place of a search.
    fn target(&self, site: &SiteSettings, selection: &Selection) -> Result<Option<Target>, Usage> {
        match (&self.target, self.top) {
            (Some(target), Some(_)) => Err(Usage(format!("--top and {target} name two lists: leave one out"))),
            (None, Some(most)) => Ok(Some(Target::Top(most))),
            (target, None) => Ok(target.clone().or_else(|| self.artist_by_number(site, selection))),
        }
    }

    /// An artist whose works the site lists by their number: `--artist pixiv:123`.
    fn artist_by_number(&self, site: &SiteSettings, selection: &Selection) -> Option<Target> {
        let [artist] = &selection.artists[..] else {
            return None;
        };
        let number = artist.strip_prefix(site.dialect.artist_prefix()?)?.parse().ok()?;
        self.ranking.is_none().then_some(Target::Artist(number))
    }

    /// Refuses what cannot be asked of posts that are named.
    fn check_target(&self, target: &Target, search: &Search<'_>) -> Result<(), Usage> {
        let dialect = search.site.dialect;
        dialect.check_filters(search)?;
        let has = |name: &str| dialect.names().contains(&name);
        let why = match target {
            _ if self.ranking.is_some() => "--ranking lists other works than the ones that are named: leave one out",
            _ if search.selection.top_percent.is_some() => {
                "--top-percent is a share of all posts, and only some are named: use --min-likes"
            }
            Target::Pool(_) if !has("pool") => "pools have no numbers there",
            Target::Artist(_) if !has("artist") => "artists have no numbers there: name one by --artist",
            Target::Top(_) if dialect.top_url(search, 1).is_none() => {
                "--top asks for an order by likes, and none is asked for there: --min-likes and --top-percent go by the \
                 likes of each post"
            }
            _ => return Ok(()),
        };
        Err(Usage(format!("{target} of {}: {why}", self.site)))
    }

    /// Where the site is: its own root, or the one that was given.
    ///
    /// # Errors
    /// [`Usage`] where it is none.
    pub fn root(&self, site: &SiteSettings) -> Result<Url, Usage> {
        parse_root(self.root.as_deref().unwrap_or(&site.root)).map_err(Usage)
    }

    /// Refuses a site whose terms were not acknowledged, and one elsewhere that could not reach whoever
    /// asks.
    fn may_be_asked(&self, site: &SiteSettings, root: &Url, settings: &CrawlSettings) -> Result<(), Usage> {
        if let Some(terms) = site.dialect.terms().filter(|_| !site.acknowledged) {
            return Err(Usage(format!(
                "{0} is off: {terms}. Read them, then set acknowledged = true in [sites.{0}]",
                self.site
            )));
        }
        if site.dialect.wants_user() && site.user.trim().is_empty() && !is_loopback(root) {
            return Err(Usage(format!(
                "{root} may not be crawled without your account there: set user in [sites.{}] to its name; the site wants \
                 it in the User-Agent of each request",
                self.site
            )));
        }
        match placeholder(&settings.contact).filter(|_| !is_loopback(root)) {
            None => Ok(()),
            Some(why) => Err(Usage(format!(
                "{root} may not be crawled without a contact, and [crawl] contact in stages.toml {why}: set it to your mail \
                 address or page; it goes with each request, so that the site's staff can reach you"
            ))),
        }
    }

    /// The filters: of this site, and of safe posts where no rating is named.
    fn selection(&self, site: &SiteSettings) -> Result<Selection, Usage> {
        if self.select.source.as_ref().is_some_and(|source| *source != self.site) {
            return Err(Usage(format!(
                "a crawl takes its posts from its one site, `{}`: leave `source` out",
                self.site
            )));
        }
        let safe = site.dialect.has_ratings().then(|| "safe".to_string());
        let mut select = SelectionArgs {
            source: Some(self.site.clone()),
            rating: self.select.rating.clone().or(safe),
            ..self.select.clone()
        };
        if let Some(prefix) = site.dialect.artist_prefix() {
            for artist in &mut select.artist {
                if !artist.is_empty() && artist.bytes().all(|byte| byte.is_ascii_digit()) {
                    *artist = format!("{prefix}{artist}");
                }
            }
        }
        select.resolve()
    }
}

/// The refusal of a site that stages.toml has no table of.
pub fn unknown_site(name: &str, sites: &BTreeMap<String, SiteSettings>) -> Usage {
    let known: Vec<&str> = sites.keys().map(String::as_str).collect();
    Usage(format!(
        "no site `{name}` in stages.toml; known are {}; a new one is a table [sites.{name}] there",
        known.join(", ")
    ))
}

impl CrawlRequest {
    /// What the site is asked to list.
    pub fn search(&self) -> Search<'_> {
        Search {
            ranking: self.ranking.as_deref(),
            ..Search::of(&self.name, &self.site, &self.root, &self.listing)
        }
    }

    /// How the site is asked.
    pub fn access(&self) -> SiteAccess {
        let (site, dialect) = (&self.site, self.site.dialect);
        let user = site.user.trim();
        SiteAccess {
            name: self.name.clone(),
            root: self.root.clone(),
            is_own_root: parse_root(&site.root).is_ok_and(|root| same_host(&root, &self.root)),
            loopback: self.loopback,
            hosts: self.hosts.clone(),
            interval: site.interval,
            image_interval: site.image_interval,
            jitter: site.jitter,
            robots_exception: site.robots_exception.clone(),
            login_in_address: dialect.has_login_in_address(),
            user: (dialect.wants_user() && !user.is_empty()).then(|| user.to_string()),
            oauth: dialect.oauth(site),
        }
    }

    /// What is asked for, in words: the search, or what is named.
    pub fn query_in_words(&self) -> Query {
        match &self.target {
            None => self.search().query(),
            Some(target) => Query {
                words: target.to_string(),
                residue: vec!["every filter, as the posts are asked for by name".into()],
            },
        }
    }

    /// A picture's URL as its site gave it: absolute, without scheme, or only a path.
    ///
    /// # Errors
    /// What is wrong with it, where it may not be fetched.
    pub fn file_url(&self, text: &str) -> Result<Url, String> {
        let mut url = self.root.join(text).map_err(|error| format!("`{text}`: {error}"))?;
        // Old posts name http where the site has long spoken https.
        if self.root.scheme() == "https" && url.scheme() == "http" {
            url.set_scheme("https")
                .map_err(|()| format!("`{text}` has no https form"))?;
        }
        self.hosts.check(&url).map(|()| url)
    }
}

#[cfg(test)]
mod tests;
