//! A command line that names posts, pools, artists or addresses, taken apart into one crawl each.

use std::collections::BTreeMap;

use dataset::failure::Usage;
use url::Url;

use crate::crawl::address::{self, AddressQuery};
use crate::crawl::request::{Args, CrawlRequest, unknown_site};
use crate::crawl::settings::{CrawlSettings, SiteSettings};
use crate::crawl::target::{PostName, Target};

impl Args {
    /// The crawls that are asked for: of a site, or of what addresses and numbers name. Single posts of a
    /// site are one crawl.
    ///
    /// # Errors
    /// As [`Self::resolve`]; [`Usage`] where an address belongs to no site, or is of no known form.
    pub fn requests(
        &self,
        settings: &CrawlSettings,
        sites: &BTreeMap<String, SiteSettings>,
    ) -> Result<Vec<CrawlRequest>, Usage> {
        if self.names.is_empty() && !address::is_address(&self.site) {
            if self.site.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Usage(format!(
                    "whose post is {0}? Name the site first (pipeline crawl konachan {0}), or paste its address",
                    self.site
                )));
            }
            return Ok(vec![self.resolve(settings, sites)?]);
        }
        let mut asked: Vec<(String, AddressQuery)> = Vec::new();
        for (site, one) in self.named(sites)? {
            let earlier = asked.iter_mut().filter(|(name, _)| *name == site);
            match earlier
                .map(|(_, asked)| asked)
                .find_map(|earlier| single_posts(earlier, &one))
            {
                Some((posts, more)) => posts.extend(
                    more.iter()
                        .filter(|name| !posts.contains(name))
                        .cloned()
                        .collect::<Vec<_>>(),
                ),
                None => asked.push((site, one)),
            }
        }
        asked
            .into_iter()
            .map(|(site, asked)| self.with(site, asked)?.resolve(settings, sites))
            .collect()
    }

    /// What is named, each with its site.
    fn named(&self, sites: &BTreeMap<String, SiteSettings>) -> Result<Vec<(String, AddressQuery)>, Usage> {
        let first = Some(&self.site).filter(|site| !address::is_address(site));
        let words = first.is_none().then_some(&self.site).into_iter().chain(&self.names);
        words
            .flat_map(|word| match address::is_address(word) {
                true => vec![word.as_str()],
                false => word.split(',').map(str::trim).collect(),
            })
            .map(|word| {
                let url = address::is_address(word).then(|| address::parse(word)).transpose()?;
                let site = match (first, &url) {
                    (Some(site), Some(url)) => self.own(site, url, sites)?,
                    (Some(site), None) => site.clone(),
                    (None, Some(url)) => address::site_of(url, sites)?.to_string(),
                    (None, None) => {
                        return Err(Usage(format!(
                            "`{word}` stands beside addresses: name the site before all of them, or paste addresses only"
                        )));
                    }
                };
                let settings = sites.get(&site).ok_or_else(|| unknown_site(&site, sites))?;
                let asked = match &url {
                    Some(url) => address::read(url, settings, &self.root(settings)?)?,
                    None => address::read_word(word, settings.dialect)?,
                };
                Ok((site, asked))
            })
            .collect()
    }

    /// The site that was named, where the address is one of it.
    fn own(&self, name: &str, url: &Url, sites: &BTreeMap<String, SiteSettings>) -> Result<String, Usage> {
        let site = sites.get(name).ok_or_else(|| unknown_site(name, sites))?;
        if address::key(url) == address::key(&self.root(site)?) || address::rank(url, site).is_some() {
            return Ok(name.into());
        }
        Err(Usage(match address::site_of(url, sites) {
            Ok(other) => format!("{url} belongs to the site `{other}`, and `{name}` was named: leave the name out"),
            Err(_) => format!("{url} is on none of the hosts of the site `{name}`"),
        }))
    }

    /// The command line of one of the crawls.
    fn with(&self, site: String, asked: AddressQuery) -> Result<Self, Usage> {
        if asked.ranking.is_some() && self.ranking.is_some() {
            return Err(Usage(
                "--ranking and the address of a ranking name two: leave one out".into(),
            ));
        }
        let mut select = self.select.clone();
        if !asked.tags.is_empty() {
            let mut tags = asked.tags;
            tags.extend(select.tags.clone());
            select.tags = Some(tags.join(" "));
        }
        if let (Some(letter), None) = (asked.rating, &select.rating) {
            select.rating = Some(letter);
        }
        Ok(Self {
            site,
            names: Vec::new(),
            target: asked.target,
            ranking: asked.ranking.or(self.ranking.clone()),
            select,
            ..self.clone()
        })
    }
}

/// The lists of both, where each asks for single posts and nothing else.
fn single_posts<'asked>(
    earlier: &'asked mut AddressQuery,
    more: &'asked AddressQuery,
) -> Option<(&'asked mut Vec<PostName>, &'asked Vec<PostName>)> {
    let alike = earlier.tags == more.tags && earlier.rating == more.rating;
    match (&mut earlier.target, &more.target) {
        (Some(Target::Posts(posts)), Some(Target::Posts(more))) if alike => Some((posts, more)),
        _ => None,
    }
}
