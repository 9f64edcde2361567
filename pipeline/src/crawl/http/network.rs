//! What all crawls of one process share: one pace, budget and verdict a host, however many sites
//! and queries lead there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use dataset::store::MEGABYTE;
use reqwest::{Certificate, redirect};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::client::Client;
use super::health::Health;
use super::hosts::Resolver;
use super::login::{Login, REFRESH_TOKEN, variable};
use super::rate_limiter::RateLimiter;
use super::robots::Rules;
use super::token::Tokens;
use super::traffic::Traffic;
use super::{HttpError, SiteAccess};
use crate::catalog::Catalog;
use crate::catalog::robots::{self, Robots};
use crate::crawl::settings::{CrawlSettings, duration};
use crate::secrets;
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

/// Bytes that one permit of the memory stands for.
const UNIT: u64 = 1000;

/// The way to all hosts. Cheap to clone; all clones share what is known of a host.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    settings: CrawlSettings,
    stop: Stop,
    hosts: Mutex<BTreeMap<String, Arc<Host>>>,
    traffic: Traffic,
    /// Access tokens, by the site's name and root: all crawls of a run use the same one.
    tokens: Mutex<BTreeMap<(String, String), Arc<Tokens>>>,
    /// For pictures on their way to the store.
    memory: Arc<Semaphore>,
    /// All permits of `memory`, each for [`UNIT`] bytes.
    units: u64,
    open: OnceCell<reqwest::Client>,
    loopback: OnceCell<reqwest::Client>,
}

/// What is known of one host.
#[derive(Default)]
pub struct Host {
    /// When it may be asked next.
    pub rate_limiter: RateLimiter,
    /// Held by the one API request under way.
    pub api: tokio::sync::Mutex<()>,
    /// Its robots.txt, once it was read.
    pub robots: tokio::sync::Mutex<Option<Arc<Rules>>>,
    health: Mutex<Health>,
}

impl Host {
    /// How it has answered, and whether it may be asked.
    pub fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network {
    /// Nothing is asked before a client is.
    pub fn new(catalog: &Catalog, settings: &CrawlSettings, stop: &Stop) -> Self {
        let units = settings.memory_megabytes.saturating_mul(MEGABYTE) / UNIT;
        let units = units.clamp(1, Semaphore::MAX_PERMITS as u64);
        Self(Arc::new(Shared {
            catalog: catalog.clone(),
            settings: settings.clone(),
            stop: stop.clone(),
            hosts: Mutex::default(),
            traffic: Traffic::default(),
            tokens: Mutex::default(),
            memory: Arc::new(Semaphore::new(units as usize)),
            units,
            open: OnceCell::new(),
            loopback: OnceCell::new(),
        }))
    }

    /// A client that asks only the site's hosts, at its pace. The robots.txt of the site's own host is
    /// read.
    ///
    /// # Errors
    /// Where the certificates or the login cannot be read, or the robots.txt; `Interrupted`.
    pub async fn client(&self, site: &SiteAccess) -> anyhow::Result<Client> {
        let cell = if site.loopback { &self.0.loopback } else { &self.0.open };
        let client = cell
            .get_or_try_init(|| async { build(&self.0.settings, site.loopback) })
            .await?;
        let client = Client::new(self, client.clone(), site, self.login(site)?);
        match client.verdict(&site.root).await {
            // The listing meets the same `Later`, and says so.
            Ok(_) | Err(HttpError::Later { .. }) => {}
            Err(error) => return Err(error.of_run(|| format!("cannot crawl {}", site.name))),
        }
        Ok(client)
    }

    /// The login of a site, where its root is the site's own or on this machine.
    ///
    /// # Errors
    /// As [`Login::of_site`].
    pub fn login(&self, site: &SiteAccess) -> anyhow::Result<Option<Login>> {
        if !site.is_own_root && !site.loopback {
            return Ok(None);
        }
        let secrets = self.0.settings.secrets.as_deref();
        Ok(Some(Login::of_site(&site.name, secrets)?))
    }

    /// Where a site's access tokens come from, for logins that buy them.
    pub fn tokens(&self, site: &SiteAccess, login: &Login) -> Option<Arc<Tokens>> {
        let (refresh, oauth) = login.refresh_token().zip(site.oauth.as_ref())?;
        let mut tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let of_site = tokens.entry((site.name.clone(), site.root.to_string()));
        let variable = variable(REFRESH_TOKEN, &site.name);
        let file = self.0.settings.token_file.clone();
        let new = || Arc::new(Tokens::new(oauth, &site.root, variable, refresh, file));
        Some(Arc::clone(of_site.or_insert_with(new)))
    }

    /// `[crawl]`.
    pub fn settings(&self) -> &CrawlSettings {
        &self.0.settings
    }

    /// Whether to end.
    pub fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// What is known of a host, by its [`key`].
    pub fn host(&self, key: &str) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(key.to_string()).or_default())
    }

    /// Why a host is not asked until a later run; `None` where it may be asked.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn left(&self, key: &str, host: &Host) -> Result<Option<String>, HttpError> {
        if let Some(why) = host.health().left(Instant::now()) {
            return Ok(Some(why));
        }
        let megabytes = self.0.settings.daily_megabytes;
        if megabytes == 0 {
            return Ok(None);
        }
        let today = self.0.traffic.today(&self.0.catalog, key).await.map_err(of_catalog)?;
        Ok((today >= megabytes.saturating_mul(MEGABYTE)).then(|| {
            format!(
                "sent the {megabytes} MB of [crawl] daily_megabytes today: run the same command again tomorrow (UTC)"
            )
        }))
    }

    /// What was counted of each host.
    pub fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// Puts what was counted since the last call into the catalog.
    ///
    /// # Errors
    /// Where the catalog refuses.
    pub async fn save(&self) -> anyhow::Result<()> {
        let mut write = self.0.catalog.write().await?;
        self.0.traffic.save(&mut write).await?;
        write.commit().await
    }

    /// Waits until there is memory for a file: for the length it gives, or for the largest one.
    pub async fn memory(&self, promised: Option<u64>, cap: u64) -> Option<OwnedSemaphorePermit> {
        let units = promised.unwrap_or(cap).min(cap).div_ceil(UNIT).clamp(1, self.0.units);
        let permits = u32::try_from(units).unwrap_or(u32::MAX);
        // Only a closed semaphore gives none, and this one is never closed.
        Arc::clone(&self.0.memory).acquire_many_owned(permits).await.ok()
    }

    /// The robots.txt that the catalog remembers of a host.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn saved_robots(&self, key: &str) -> Result<Option<Robots>, HttpError> {
        robots::load(&self.0.catalog, key).await.map_err(of_catalog)
    }

    /// Remembers a host's robots.txt.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn save_robots(&self, key: &str, found: &Robots) -> Result<(), HttpError> {
        let save = async {
            let mut write = self.0.catalog.write().await?;
            robots::record(&mut write, key, found).await?;
            self.0.traffic.save(&mut write).await?;
            write.commit().await
        };
        save.await.map_err(of_catalog)
    }
}

fn of_catalog(error: anyhow::Error) -> HttpError {
    HttpError::Catalog(format!("{error:#}"))
}

fn build(settings: &CrawlSettings, loopback: bool) -> anyhow::Result<reqwest::Client> {
    // Where another part of the program chose a provider first, that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seconds = |seconds| duration(seconds).unwrap_or_default();
    let builder = reqwest::Client::builder()
        .user_agent(user_agent(&settings.contact, None))
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
        let proxies = proxies.inspect(|proxy| secrets::keep_url(proxy));
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

/// Honest, and never changed on the way: name, version, whom to write to, and the account at a site that
/// asks for it.
pub fn user_agent(contact: &str, user: Option<&str>) -> String {
    let mut agent = format!("anime-heads/{}", env!("CARGO_PKG_VERSION"));
    if !contact.trim().is_empty() {
        agent += &format!(" ({})", contact.trim());
    }
    if let Some(user) = user {
        agent += &format!(" - {user}");
    }
    agent
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
