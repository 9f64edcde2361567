//! How one site is asked: its hosts, paces and credentials. All that this part knows of a site.

use url::Url;

use super::hosts::Hosts;

/// How one site is asked.
#[derive(Clone, Debug)]
pub struct SiteAccess {
    /// The site's name in stages.toml.
    pub name: String,
    /// Where its API lives.
    pub root: Url,
    /// Whether that is the site's own root, and not a mirror's: its login goes nowhere else.
    pub is_own_root: bool,
    /// Whether the root is on this machine.
    pub loopback: bool,
    /// The only hosts that are asked for anything.
    pub hosts: Hosts,
    /// Seconds between two requests to the root's host.
    pub interval: f64,
    /// The same for hosts that serve only pictures.
    pub image_interval: f64,
    /// At most so many seconds more, by chance.
    pub jitter: f64,
    /// Why the API may be asked although robots.txt keeps robots from it; empty: it may not.
    pub robots_exception: String,
    /// Whether a login goes into the address, and not into a header.
    pub login_in_address: bool,
    /// The account that the User-Agent names.
    pub user: Option<String>,
    /// Where refresh tokens buy access tokens.
    pub oauth: Option<OAuth>,
}

/// Where refresh tokens buy access tokens, and as which client.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// Where they are given.
    pub url: String,
    /// What the client calls itself.
    pub client: &'static [(&'static str, &'static str)],
    /// `X-Client-Hash` is the MD5 of `X-Client-Time` and this.
    pub hash_salt: &'static str,
}
