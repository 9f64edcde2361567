//! What all crawls of one process share: one pace, budget and verdict a host, however many sites
//! and queries lead there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use reqwest::{Certificate, redirect};
use tokio::sync::OnceCell;

use super::hosts::Resolver;
use super::http::Client;
use super::pace::Pace;
use super::request::CrawlRequest;
use super::settings::{CrawlSettings, duration};
use crate::catalog::Catalog;
use crate::stop::Stop;

/// Variables that name a proxy, as most programs read them.
const PROXY_VARIABLES: [&str; 6] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// The way to all hosts. Cheap to clone; all clones share what is known of a host.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    #[expect(
        dead_code,
        reason = "what is remembered of hosts over runs comes with the next change"
    )]
    catalog: Catalog,
    settings: CrawlSettings,
    stop: Stop,
    hosts: Mutex<BTreeMap<String, Arc<Host>>>,
    open: OnceCell<reqwest::Client>,
    loopback: OnceCell<reqwest::Client>,
}

/// What is known of one host.
#[derive(Default)]
pub struct Host {
    /// When it may be asked next.
    pub pace: Pace,
    /// Held by the one API request under way.
    pub api: tokio::sync::Mutex<()>,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures_in_a_row: u32,
    left: Option<String>,
}

impl Host {
    /// Why the host is left in peace until a later run; `None` where it may be asked.
    pub fn left(&self) -> Option<String> {
        self.health().left.clone()
    }

    /// Leaves the host in peace until a later run.
    pub fn leave(&self, why: String) {
        self.health().left.get_or_insert(why);
    }

    /// The host answered as it should.
    pub fn answered(&self) {
        self.health().failures_in_a_row = 0;
    }

    /// A request with all its tries failed through the host; after `most` in a row it is left.
    pub fn failed(&self, most: u32, why: &str) {
        let mut health = self.health();
        health.failures_in_a_row += 1;
        if health.failures_in_a_row >= most {
            let why = format!("failed {} requests in a row, the last: {why}", health.failures_in_a_row);
            health.left.get_or_insert(why);
        }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network {
    /// Nothing is asked before a client is.
    pub fn new(catalog: &Catalog, settings: &CrawlSettings, stop: &Stop) -> Self {
        Self(Arc::new(Shared {
            catalog: catalog.clone(),
            settings: settings.clone(),
            stop: stop.clone(),
            hosts: Mutex::default(),
            open: OnceCell::new(),
            loopback: OnceCell::new(),
        }))
    }

    /// A client that asks only the request's hosts, at its site's pace.
    ///
    /// # Errors
    /// Where the certificates cannot be read.
    pub async fn client(&self, request: &CrawlRequest) -> anyhow::Result<Client> {
        let cell = if request.loopback {
            &self.0.loopback
        } else {
            &self.0.open
        };
        let client = cell
            .get_or_try_init(|| async { build(&self.0.settings, request.loopback) })
            .await?;
        Ok(Client::new(self, client.clone(), request))
    }

    /// `[crawl]`.
    pub fn settings(&self) -> &CrawlSettings {
        &self.0.settings
    }

    /// Whether to end.
    pub fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// What is known of a host, by its [`key`](super::hosts::key).
    pub fn host(&self, key: &str) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(key.to_string()).or_default())
    }
}

fn build(settings: &CrawlSettings, loopback: bool) -> anyhow::Result<reqwest::Client> {
    // Where another part of the program chose a provider first, that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seconds = |seconds| duration(seconds).unwrap_or_default();
    let builder = reqwest::Client::builder()
        .user_agent(user_agent(&settings.contact))
        .connect_timeout(seconds(settings.connect_timeout))
        .read_timeout(seconds(settings.read_timeout))
        .pool_max_idle_per_host(settings.connections)
        // Each hop is checked and paced like a request of its own.
        .redirect(redirect::Policy::none());
    let certificates = own_certificates(settings)?;
    // A board on this machine needs neither a proxy nor the system's certificates.
    let builder = if loopback {
        builder.no_proxy().tls_certs_only(certificates)
    } else {
        let proxies = PROXY_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        let proxies = proxies.filter_map(|proxy| proxy_host(&proxy)).collect();
        builder.tls_certs_merge(certificates).dns_resolver(Resolver { proxies })
    };
    builder.build().context("cannot set up the HTTP client")
}

/// The host of a proxy as the environment names it, with or without a scheme.
fn proxy_host(text: &str) -> Option<String> {
    let url = if text.contains("://") {
        text.to_string()
    } else {
        format!("http://{text}")
    };
    url::Url::parse(&url).ok()?.host_str().map(str::to_string)
}

/// Honest, and never changed on the way: name, version, and whom to write to.
fn user_agent(contact: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match contact.trim() {
        "" => format!("anime-heads/{version}"),
        contact => format!("anime-heads/{version} ({contact})"),
    }
}

fn own_certificates(settings: &CrawlSettings) -> anyhow::Result<Vec<Certificate>> {
    let Some(path) = &settings.ca_file else {
        return Ok(Vec::new());
    };
    let wrong = || {
        format!(
            "[crawl] ca_file {}: a PEM file with certificates is expected",
            path.display()
        )
    };
    let bytes = std::fs::read(path).with_context(wrong)?;
    Certificate::from_pem_bundle(&bytes).with_context(wrong)
}
