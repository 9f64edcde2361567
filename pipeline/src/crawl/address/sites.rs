//! Which site of stages.toml an address belongs to.

use std::collections::BTreeMap;

use dataset::failure::Usage;
use url::Url;

use crate::crawl::settings::{SiteSettings, parse_root};

/// The site of an address. Of several that have its host, the one whose root it is goes first, and of
/// those with terms the ones that may be asked.
///
/// # Errors
/// [`Usage`] with the hosts that are known, where no site has it.
pub fn site_of<'sites>(url: &Url, sites: &'sites BTreeMap<String, SiteSettings>) -> Result<&'sites str, Usage> {
    let found = sites.iter().filter_map(|(name, site)| {
        let off = site.dialect.terms().is_some() && !site.acknowledged;
        rank(url, site).map(|rank| ((off, rank), name))
    });
    match found.min() {
        Some((_, name)) => Ok(name),
        None => {
            let hosts: Vec<String> = sites
                .values()
                .filter_map(|site| Some(key(&parse_root(&site.root).ok()?)))
                .collect();
            Err(Usage(format!(
                "no site of stages.toml has the host {}: known are {}; a site of a known dialect is a new table [sites.NAME], and \
                 of a mirror its site is named before: pipeline crawl konachan --root ROOT ADDRESS",
                key(url),
                hosts.join(", ")
            )))
        }
    }
}

/// How near an address is to a site, the smaller the nearer; `None` where it is none of its hosts.
pub fn rank(url: &Url, site: &SiteSettings) -> Option<u8> {
    let (host, name) = (key(url), url.host_str().unwrap_or_default());
    let of_root = parse_root(&site.root).is_ok_and(|root| key(&root) == host);
    let of_dialect = site.dialect.is_at(plain(name));
    let listed = |listed: &String| plain(&listed.to_lowercase()) == host;
    match () {
        () if of_root => Some(0),
        () if of_dialect => Some(1),
        () if site.hosts.iter().any(listed) => Some(2),
        () => None,
    }
}

/// The host with its port, where that is none of the scheme's own.
pub fn key(url: &Url) -> String {
    let host = plain(url.host_str().unwrap_or_default());
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

fn plain(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}
