//! Which addresses may be asked: only the hosts that a site lists, and none of this machine or its
//! network unless the site itself is there. What an answer names is never trusted with more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The hosts of one crawl.
#[derive(Clone, Debug)]
pub struct Hosts {
    root: Url,
    listed: Vec<String>,
}

impl Hosts {
    /// The root's host and those listed beside it, lower-case.
    pub fn new(root: &Url, listed: &[String]) -> Self {
        Self {
            root: root.clone(),
            listed: listed.to_vec(),
        }
    }

    /// Checks a URL before it is asked for.
    ///
    /// # Errors
    /// Why it may not be, for people.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        let own = self.root.host_str() == Some(host);
        let refuse = |why: &str| Err(format!("{} {why}", shown(url)));
        match url.scheme() {
            "http" | "https" => {}
            _ => return refuse("is no web address"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("carries a name or password");
        }
        if !own && !self.listed.iter().any(|listed| listed == host) {
            return refuse(&format!("is on none of the site's hosts ({})", self.names().join(", ")));
        }
        if !own && is_inside(url) {
            return refuse("is an address of this machine or its network");
        }
        if self.root.scheme() == "https" && url.scheme() == "http" {
            return refuse("gives up https");
        }
        // A board on this machine may serve its pictures from another port.
        let own_port = own && url.port() == self.root.port();
        if url.port().is_some() && !own_port && !(own && is_loopback(&self.root)) {
            return refuse("names a port of its own");
        }
        Ok(())
    }

    /// All of them, the root's first.
    pub fn names(&self) -> Vec<&str> {
        let own = self.root.host_str();
        let listed = self
            .listed
            .iter()
            .map(String::as_str)
            .filter(|listed| Some(*listed) != own);
        own.into_iter().chain(listed).collect()
    }

    /// Where a redirect from `url` leads.
    ///
    /// # Errors
    /// Why it is not followed, for people.
    pub fn follow(&self, url: &Url, target: &str) -> Result<Url, String> {
        let next = url
            .join(target)
            .map_err(|error| format!("redirected to `{target}`: {error}"))?;
        self.check(&next).map_err(|why| format!("redirected: {why}"))?;
        if url.scheme() == "https" && next.scheme() == "http" {
            return Err(format!("redirected: {} gives up https", shown(&next)));
        }
        Ok(next)
    }

    /// Whether a URL lies where the site's API is.
    pub fn is_root(&self, url: &Url) -> bool {
        key(url) == key(&self.root)
    }
}

/// What a host's pace, budget and robots.txt are kept under: its name, with the port where that is
/// none of the scheme's own.
pub fn key(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

/// Whether two URLs are of one host and port.
pub fn same_host(url: &Url, other: &Url) -> bool {
    key(url) == key(other)
}

/// Whether a URL's host is this machine, by its name or address.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_local_name(name),
        Some(Host::Ipv4(address)) => is_private(address.into()),
        Some(Host::Ipv6(address)) => is_private(address.into()),
        None => true,
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Without what may be a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Schemes without a host have no such part to clear.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Whether an address is reserved for machines, their networks or the future: whatever is not the
/// open internet (IANA's special-purpose registries; 169.254.169.254 is where clouds keep secrets).
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    match a {
        0 | 10 | 127 | 224..=255 => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && matches!(c, 0 | 2)),
        198 => matches!(b, 18 | 19) || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = || {
        let [.., high, low] = parts;
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts[0] {
        // ::, ::1 and the old form that ends in an IPv4 address.
        0 => parts[..6].iter().all(|part| *part == 0),
        // Translated IPv4.
        0x64 => parts[1] == 0xff9b && (parts[2] != 0 || is_private_v4(embedded())),
        0x2001 => parts[1] == 0xdb8,
        0xfc00..=0xfdff | 0xfe80..=0xfeff | 0xff00..=0xffff => true,
        _ => false,
    }
}

/// Resolves names as the system does, and leaves out what lies inside: a name of the open internet
/// must not lead to this machine. `proxies` are names that the environment's proxies have.
pub struct Resolver {
    /// Names that may lie inside.
    pub proxies: Vec<String>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let trusted = self.proxies.iter().any(|proxy| proxy == name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|found| trusted || !is_private(found.ip()))
                .collect();
            if let (true, Some(inside)) = (open.is_empty(), found.first()) {
                return Err(format!(
                    "{} leads to {}, an address of this machine or its network: a site there is named by its address \
                     (--root)",
                    name.as_str(),
                    inside.ip()
                )
                .into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: &str, listed: &[&str], url: &str) -> Result<(), String> {
        let listed: Vec<String> = listed.iter().map(|host| host.to_string()).collect();
        let root = Url::parse(root).expect("a root");
        let hosts = Hosts::new(&root, &listed);
        hosts.check(&root.join(url).map_err(|error| error.to_string())?)
    }

    #[test]
    fn a_site_is_left_for_no_other_host_address_scheme_or_port() {
        let listed = [
            "files.board.example",
            "localhost",
            "10.0.0.5",
            "2130706433",
            "127.0.0.1",
            "[::1]",
        ];
        let good = [
            "/a.png",
            "//files.board.example/a.png",
            "https://board.example:443/a.png",
        ];
        for good in good {
            assert_eq!(check("https://board.example", &listed, good), Ok(()), "{good}");
        }
        let bad = [
            "https://elsewhere.example/a.png",
            "https://files.board.example.elsewhere.example/a.png",
            "https://board.example@elsewhere.example/a.png",
            "https://me:secret@board.example/a.png",
            "http://board.example/a.png",
            "https://board.example:8443/a.png",
            "https://localhost/a.png",
            "https://10.0.0.5/a.png",
            "https://2130706433/a.png",
            "https://0x7f.1/a.png",
            "https://[::1]/a.png",
            "file:///etc/passwd",
            "ftp://board.example/a.png",
            "data:image/png;base64,AAAA",
        ];
        for bad in bad {
            let why = check("https://board.example", &listed, bad).expect_err(bad);
            assert!(!why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn a_site_inside_is_asked_where_it_is_and_nowhere_else() {
        assert_eq!(check("http://10.0.0.5:8080", &[], "/a.png"), Ok(()));
        assert!(check("http://10.0.0.5:8080", &["10.0.0.6"], "http://10.0.0.6/a.png").is_err());
        assert!(check("http://10.0.0.5:8080", &[], "http://10.0.0.5:9/a.png").is_err());
        assert_eq!(
            check("http://127.0.0.1:4000", &[], "http://127.0.0.1:4001/a.png"),
            Ok(())
        );
        assert!(check("http://127.0.0.1:4000", &[], "http://localhost:4000/a.png").is_err());
    }

    #[test]
    fn addresses_of_machines_and_networks_are_known() {
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2001:db8::1",
        ];
        for address in inside {
            assert!(is_private(address.parse().expect(address)), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.66.2",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            assert!(!is_private(address.parse().expect(address)), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_resolved() {
        let resolve = |proxies: Vec<String>| async move {
            let name = "localhost".parse().expect("a name");
            Resolver { proxies }.resolve(name).await.map(Iterator::count)
        };
        let error = resolve(Vec::new()).await.expect_err("leads inside").to_string();
        assert!(error.contains("--root"), "{error}");
        assert!(resolve(vec!["localhost".into()]).await.expect("is the proxy") > 0);
    }
}
