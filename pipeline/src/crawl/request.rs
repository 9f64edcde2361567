//! What a crawl was asked for, resolved once: no other part sees the command line.

use std::collections::BTreeMap;

use dataset::failure::Usage;
use url::Url;

use super::http::{Hosts, is_loopback, placeholder};
use super::settings::{CrawlSettings, SiteSettings, parse_root};
use crate::selection::{Selection, SelectionArgs};

const EXAMPLE: &str = "Example:
  pipeline crawl konachan --min-likes 500 --since 2022 --tags \"blue_eyes -comic\" --limit 200";

/// Lists a site's posts and stores their pictures
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// A site of stages.toml, [sites.SITE]
    #[arg(value_name = "SITE")]
    pub site: String,
    /// Where the site is, in place of its own root: a mirror, or a local board
    #[arg(long, value_name = "URL")]
    pub root: Option<String>,
    /// Only posts with at least this many likes, as the site counts them
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub min_likes: Option<i64>,
    /// Only posts with at least this many views; refused where the site counts none
    #[arg(long, value_name = "N")]
    pub min_views: Option<i64>,
    /// Only posts uploaded in this year or on this day (2023, 2023-05-01; UTC), or later
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only posts uploaded in this year or on this day, or earlier
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only posts with all of these tags, and none of those with a dash before them
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true)]
    pub tags: Option<String>,
    /// Only this rating: safe (where none is named), sensitive, questionable, explicit; or any
    #[arg(long, value_name = "RATING", value_parser = ["safe", "sensitive", "questionable", "explicit", "any"])]
    pub rating: Option<String>,
    /// Fetches at most so many pictures; the next run goes on from there
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
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
    /// What a cursor is kept for: the selection as text, and the root where it is not the site's own.
    pub query: String,
    /// At most so many pictures are fetched.
    pub limit: Option<u64>,
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
        let Some(site) = sites.get(&self.site) else {
            let known: Vec<&str> = sites.keys().map(String::as_str).collect();
            return Err(Usage(format!(
                "no site `{}` in stages.toml; known are {}; a new one is a table [sites.{}] there",
                self.site,
                known.join(", "),
                self.site
            )));
        };
        let given = self.root.as_deref();
        let root = parse_root(given.unwrap_or(&site.root)).map_err(Usage)?;
        let selection = SelectionArgs {
            min_likes: self.min_likes,
            since: self.since.clone(),
            until: self.until.clone(),
            tags: self.tags.clone(),
            source: Some(self.site.clone()),
            rating: Some(self.rating.clone().unwrap_or_else(|| "safe".into())).filter(|rating| rating != "any"),
        }
        .resolve()?;
        site.dialect.check(&self.site, &selection, self.min_views)?;
        let mut query = selection.describe();
        query.extend(given.map(|_| format!("root={root}")));
        let loopback = is_loopback(&root);
        if let Some(why) = placeholder(&settings.contact).filter(|_| !loopback) {
            return Err(Usage(format!(
                "{root} may not be crawled without a contact, and [crawl] contact in stages.toml {why}: set it to your mail \
                 address or page; it goes with each request, so that the site's staff can reach you"
            )));
        }
        // A board on this machine serves its own pictures: what its answers name elsewhere is not fetched.
        let listed = site.hosts.iter().filter(|_| !loopback).map(|host| host.to_lowercase());
        let listed: Vec<String> = listed.collect();
        Ok(CrawlRequest {
            name: self.site.clone(),
            hosts: Hosts::new(&root, &listed),
            site: site.clone(),
            root,
            loopback,
            selection,
            query: query.join(" "),
            limit: self.limit,
        })
    }
}

impl CrawlRequest {
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
mod tests {
    use super::*;

    fn with_contact(contact: &str, args: &Args) -> Result<CrawlRequest, Usage> {
        let site = SiteSettings {
            root: "https://board.example".into(),
            hosts: vec!["files.board.example".into()],
            ..SiteSettings::default()
        };
        let settings = CrawlSettings {
            contact: contact.into(),
            ..CrawlSettings::default()
        };
        args.resolve(&settings, &BTreeMap::from([("board".to_string(), site)]))
    }

    fn request(args: Args) -> Result<CrawlRequest, Usage> {
        with_contact("ada@lovelace.name", &args)
    }

    fn args() -> Args {
        Args {
            site: "board".into(),
            ..Args::default()
        }
    }

    #[test]
    fn pictures_come_from_listed_hosts_only() {
        let request = request(args()).expect("is sound");
        for good in [
            "/image/a.png",
            "//files.board.example/a.png",
            "https://board.example/a.png",
        ] {
            assert!(request.file_url(good).is_ok(), "{good}");
        }
        let bad = [
            "https://elsewhere.example/a.png",
            "http://127.0.0.1/a.png",
            "file:///etc/passwd",
            "https://files.board.example.elsewhere.example/a.png",
            "https://board.example@elsewhere.example/a.png",
            "ftp://board.example/a.png",
        ];
        for bad in bad {
            assert!(request.file_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_loopback_board_serves_its_own_pictures() {
        let args = Args {
            root: Some("http://127.0.0.1:4000".into()),
            ..args()
        };
        let request = with_contact("", &args).expect("is sound");
        assert!(request.loopback);
        assert!(request.file_url("http://127.0.0.1:4001/a.png").is_ok());
        assert!(request.file_url("https://files.board.example/a.png").is_err());
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let wrong = [
            (
                Args {
                    site: "bord".into(),
                    ..args()
                },
                "known are board",
            ),
            (
                Args {
                    min_views: Some(5),
                    ..args()
                },
                "no views",
            ),
            (
                Args {
                    since: Some("soon".into()),
                    ..args()
                },
                "no year",
            ),
            (
                Args {
                    root: Some("board".into()),
                    ..args()
                },
                "no URL",
            ),
            (
                Args {
                    tags: Some("order:score".into()),
                    ..args()
                },
                "order:score",
            ),
            (
                Args {
                    tags: Some("blue*".into()),
                    ..args()
                },
                "blue*",
            ),
        ];
        for (args, expected) in wrong {
            let error = request(args).expect_err("is refused").to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    #[test]
    fn a_real_site_is_not_asked_without_a_contact() {
        let error = with_contact(" ", &args()).expect_err("is refused").to_string();
        assert!(error.contains("[crawl] contact"), "{error}");
    }

    #[test]
    fn the_rating_is_safe_where_none_is_named() {
        let any = Args {
            rating: Some("any".into()),
            ..args()
        };
        assert_eq!(
            request(args()).expect("is sound").selection.rating.as_deref(),
            Some("safe")
        );
        assert_eq!(request(any).expect("is sound").selection.rating, None);
    }
}
