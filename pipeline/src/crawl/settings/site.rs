//! `[sites.NAME]`: one site of a known dialect.

use dataset::settings::SettingsFile;
use serde::Deserialize;
use url::Url;

use super::duration;
use crate::crawl::http::variable;
use crate::crawl::request::Form;
use crate::crawl::source::{self, Dialect, Moebooru};
use crate::secrets;

/// Where a source's likes come from; likes mean something else at every site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likes {
    /// The post's score: what its voters gave, summed.
    #[default]
    Score,
    /// Votes for the post, those against it not taken away (Danbooru).
    UpScore,
    /// Users who made it a favourite (Danbooru; each of them votes for it as well).
    FavCount,
    /// Likes (pixiv).
    Likes,
    /// Users who bookmarked it (pixiv).
    Bookmarks,
    /// Likes as a ranking gives them (pixiv).
    RatingCount,
    /// Nothing: the site shows no likes.
    None,
}

impl Likes {
    /// The word in stages.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::UpScore => "up_score",
            Self::FavCount => "fav_count",
            Self::Likes => "likes",
            Self::Bookmarks => "bookmarks",
            Self::RatingCount => "rating_count",
            Self::None => "none",
        }
    }

    /// The mapping in words, as printed at the head of a run and kept in manifests.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Score => "likes = score (votes, summed)",
            Self::UpScore => "likes = up_score (votes for it)",
            Self::FavCount => "likes = fav_count (users who made it a favourite)",
            Self::Likes => "likes = likeCount",
            Self::Bookmarks => "likes = bookmarkCount",
            Self::RatingCount => "likes = rating_count (of the ranking)",
            Self::None => "likes = none (the site shows none)",
        }
    }
}

/// `[sites.NAME]`: one site of a known dialect.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSettings {
    /// The API it speaks.
    #[serde(deserialize_with = "source::by_name")]
    pub dialect: &'static dyn Dialect,
    /// Where its API lives: `https://HOST`.
    pub root: String,
    /// Hosts that serve its pictures; nothing is fetched from any other.
    pub hosts: Vec<String>,
    /// Seconds between two requests to the root's host, API and pictures together.
    pub interval: f64,
    /// As `interval`, for hosts that serve only pictures.
    pub image_interval: f64,
    /// At most so many seconds more, by chance.
    pub jitter: f64,
    /// Posts asked for at once.
    pub page: u32,
    /// What counts as likes; the dialect's own where left out.
    pub likes: Option<Likes>,
    /// Which of a post's files is fetched.
    pub file: Form,
    /// Whether posts are read from the API or from the site's pages.
    pub listing: ListingForm,
    /// Tags that a search may have; the dialect's own limit where left out.
    pub tag_limit: Option<u32>,
    /// Whether the search of a danbooru site knows `upvotes:`; where not, likes are checked on each row.
    pub search_upvotes: bool,
    /// Why the API may be asked although robots.txt keeps robots from it; empty: it may not.
    pub robots_exception: String,
    /// Pictures that one work may give, where works have several: its likes count for all of them.
    pub max_pages: u32,
    /// Where pixiv's app gets its access tokens; empty: where pixiv gives them.
    pub oauth: String,
    /// Your account there, for a site whose API wants it in the User-Agent.
    pub user: String,
    /// Set by whoever read the terms of a site that is off until then.
    pub acknowledged: bool,
}

/// Where a site's posts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListingForm {
    /// From the API, and from the pages where the API is refused.
    #[default]
    Auto,
    /// From the API only.
    Json,
    /// From the pages only.
    Html,
    /// From the API of pixiv's app, which wants a token.
    App,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            dialect: &Moebooru,
            root: String::new(),
            hosts: Vec::new(),
            interval: 1.0,
            image_interval: 1.0,
            jitter: 0.0,
            page: 100,
            likes: None,
            file: Form::default(),
            listing: ListingForm::default(),
            tag_limit: None,
            search_upvotes: true,
            robots_exception: String::new(),
            max_pages: 1,
            oauth: String::new(),
            user: String::new(),
            acknowledged: false,
        }
    }
}

impl SiteSettings {
    /// What counts as likes there, but in rankings.
    pub fn likes(&self) -> Likes {
        let first = self.dialect.likes(self).first().copied();
        self.likes.or(first).unwrap_or(Likes::None)
    }

    /// The variable that a login of the site is read from, `name` being its table's.
    pub fn login_variable(&self, name: &str) -> String {
        variable(self.dialect.login(self), name)
    }

    /// Refuses values that no site can have; `name` is the table's.
    pub fn check(&self, name: &str, file: &mut SettingsFile<'_>) {
        let table = format!("sites.{name}");
        if let Err(why) = parse_root(&self.root) {
            file.refuse(&table, "root", why);
        }
        if let Some(wrong) = self.hosts.iter().find(|host| host.contains(['/', ':', '*'])) {
            let why = format!("`{wrong}` is no plain host name: write files.example.org, without scheme, port or path");
            file.refuse(&table, "hosts", why);
        }
        let seconds = [
            ("interval", self.interval),
            ("image_interval", self.image_interval),
            ("jitter", self.jitter),
        ];
        for (key, _) in seconds.into_iter().filter(|(_, seconds)| duration(*seconds).is_none()) {
            file.refuse(&table, key, "seconds are expected, 0 or more");
        }
        if !self.robots_exception.is_empty() && self.robots_exception.trim().chars().count() < 10 {
            file.refuse(
                &table,
                "robots_exception",
                "a reason is expected, in words: it is printed with each run",
            );
        }
        self.check_dialect(&table, file);
        if self.max_pages == 0 {
            file.refuse(&table, "max_pages", "must be 1 or more");
        }
    }

    /// Refuses what no site of the dialect can have.
    fn check_dialect(&self, table: &str, file: &mut SettingsFile<'_>) {
        let (dialect, largest) = (self.dialect, self.dialect.largest_page(self));
        if dialect.has_fixed_pages() && self.page != largest {
            let why = format!(
                "{} gives {largest} works at once, no other number",
                dialect.name().to_lowercase()
            );
            file.refuse(table, "page", why);
        } else if !(1..=largest).contains(&self.page) {
            file.refuse(table, "page", format!("1 to {largest} are expected"));
        }
        let counted = dialect.likes(self);
        if self.likes.is_some_and(|likes| !counted.contains(&likes)) {
            let known: Vec<&str> = counted.iter().map(|likes| likes.as_str()).collect();
            file.refuse(
                table,
                "likes",
                format!("a site of this dialect and listing counts {}", known.join(", ")),
            );
        }
        if self.listing == ListingForm::Html && !dialect.has_readable_pages() {
            file.refuse(table, "listing", "only the pages of a moebooru site can be read");
        }
        if self.listing == ListingForm::App && !dialect.has_app() {
            file.refuse(table, "listing", "only pixiv has an app whose API can be read");
        }
        if !self.oauth.is_empty() && self.listing != ListingForm::App {
            file.refuse(
                table,
                "oauth",
                "only the API of pixiv's app (listing = \"app\") takes tokens",
            );
        }
        if self.user.contains(|character: char| !matches!(character, ' '..='~')) {
            file.refuse(
                table,
                "user",
                "plain ASCII on one line is expected: it is part of a header",
            );
        }
        for (key, why) in dialect.refuse_settings(self) {
            file.refuse(table, key, why);
        }
    }
}

/// Reads a site's root.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_root(text: &str) -> Result<Url, String> {
    // It would be in every URL that is printed or recorded.
    if text.contains('@') {
        return Err(
            "no name or password belongs into a root: logins come from the environment, HEADS_LOGIN_<SITE>".into(),
        );
    }
    let shown = secrets::redact(text);
    let root = Url::parse(text).map_err(|error| format!("`{shown}` is no URL ({error}): write https://HOST"))?;
    if !matches!(root.scheme(), "http" | "https") || root.host_str().is_none() {
        return Err(format!("`{shown}` is no web address: write https://HOST"));
    }
    if root.query().is_some() || root.fragment().is_some() {
        return Err("a root ends before `?` and `#`: logins come from the environment, HEADS_LOGIN_<SITE>".into());
    }
    Ok(root)
}
