//! `pipeline check SITE`: asks a site for its latest posts, once, and says what answered and which
//! settings apply.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;
use dataset::failure::Usage;

use crate::catalog::now;
use crate::catalog::posts::Post;
use crate::crawl::http::{Answer, Client, HttpRequest, Network, placeholder};
use crate::crawl::list::pages::MOST_BYTES;
use crate::crawl::request::{Args as CrawlArgs, CrawlRequest};
use crate::crawl::settings::{CrawlSettings, SiteSettings};
use crate::crawl::source::{Page, Probe, Search, Span};
use crate::period;
use crate::selection::SelectionArgs;

/// Asks a site for its latest posts, once, and says what answered and which settings apply
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline check konachan")]
pub struct Args {
    /// A site of stages.toml, [sites.SITE]
    #[arg(value_name = "SITE")]
    pub site: String,
    /// Where the site is, in place of its own root: a mirror, or a local board
    #[arg(long, value_name = "URL")]
    pub root: Option<String>,
}

impl Args {
    /// Looks the site up.
    ///
    /// # Errors
    /// [`Usage`] that says what would be right.
    pub fn resolve(
        &self,
        settings: &CrawlSettings,
        sites: &BTreeMap<String, SiteSettings>,
    ) -> Result<CrawlRequest, Usage> {
        let site = sites.get(&self.site);
        let probe = site.map_or_else(Probe::default, |site| site.dialect.probe(site));
        let args = CrawlArgs {
            site: self.site.clone(),
            root: self.root.clone(),
            ranking: probe.ranking.map(String::from),
            select: SelectionArgs {
                tags: probe.tags.map(String::from),
                ..SelectionArgs::default()
            },
            ..CrawlArgs::default()
        };
        let mut request = args.resolve(settings, sites)?;
        if !request.site.dialect.has_fixed_pages() {
            request.site.page = 1;
        }
        Ok(request)
    }
}

/// Asks, and prints.
///
/// # Errors
/// Why the site could not be asked, or its answer not be read. What is known until then was printed.
pub async fn run(network: &Network, request: &CrawlRequest) -> anyhow::Result<()> {
    settings(network, request)?;
    let client = network.client(&request.access()).await?;
    println!("{}", client.verdict(&request.root).await?);
    let search = Search {
        html: false,
        ..request.search()
    };
    let span = Span::default();
    let url = request.site.dialect.page_url(&search, span);
    println!("asked: GET {url}");
    let start = Instant::now();
    let asked = ask(&client, request, &url).await;
    let answer = asked.with_context(|| format!("{} did not answer as it should", request.root))?;
    let (status, bytes, seconds) = (answer.status, answer.bytes.len(), start.elapsed().as_secs_f64());
    let or_none = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("none named").to_string();
    println!(
        "answered: HTTP {status}, {}, server {}, {bytes} bytes, after {seconds:.2} s",
        or_none(Some(&answer.content_type)),
        or_none(answer.server.as_deref()),
    );
    if answer.is_web_page() {
        anyhow::bail!(
            "{} answers with a web page where JSON was due: is it a site of this dialect?",
            request.root
        );
    }
    let page = request.site.dialect.parse(&search, &answer.bytes, span, now());
    let page = page.map_err(anyhow::Error::msg);
    show(
        request,
        &page.with_context(|| format!("the answer of {} cannot be read", request.root))?,
    )
}

async fn ask(client: &Client, request: &CrawlRequest, url: &url::Url) -> anyhow::Result<Answer> {
    let referer = request.site.dialect.referer(&request.root);
    let ask = HttpRequest {
        referer: referer.as_deref(),
        ..HttpRequest::api(url, MOST_BYTES)
    };
    Ok(client.get(&ask).await?)
}

/// Prints which settings apply.
fn settings(network: &Network, request: &CrawlRequest) -> anyhow::Result<()> {
    let (crawl, site) = (network.settings(), &request.site);
    println!("site: {}, {:?} at {}", request.name, site.dialect, request.root);
    println!("hosts: {}", request.hosts.names().join(", "));
    if request.loopback {
        println!(
            "pace: {} s between two requests, as for all of this machine",
            crawl.loopback_interval
        );
    } else {
        println!(
            "pace: {} s between two requests, {} s at hosts of pictures, up to {} s more by chance",
            site.interval, site.image_interval, site.jitter
        );
    }
    println!("daily limit: {} MB a host (0: none)", crawl.daily_megabytes);
    println!(
        "contact: {}",
        match placeholder(&crawl.contact) {
            None => crawl.contact.trim(),
            Some(_) => "none, and none is needed on this machine",
        }
    );
    println!(
        "login: {}",
        network
            .login(&request.access())?
            .map_or("none, as this is not the site's own root".into(), |login| login
                .describe())
    );
    println!(
        "popularity: {}",
        request.site.dialect.likes_of(&request.search()).describe()
    );
    Ok(())
}

/// Prints the first post.
fn show(request: &CrawlRequest, page: &Page) -> anyhow::Result<()> {
    let Some(post) = page.posts.first() else {
        println!("posts: none");
        return Ok(());
    };
    println!("first post: {}", describe(request, post));
    Ok(())
}

fn describe(request: &CrawlRequest, post: &Post) -> String {
    let number = |number: Option<i64>| number.map_or("none".to_string(), |number| number.to_string());
    let file = match post.file_url.as_deref().map(|text| request.file_url(text)) {
        None => "named elsewhere".to_string(),
        Some(Ok(url)) => url.host_str().unwrap_or_default().to_string(),
        Some(Err(why)) => format!("not to be fetched ({why})"),
    };
    let date = match post.created_at {
        0 => "date unknown".to_string(),
        second => period::show(second),
    };
    let size = match (post.width, post.height) {
        (Some(width), Some(height)) => format!("{width} x {height}"),
        _ => "size unknown".to_string(),
    };
    format!(
        "{} of {}, {}, likes {}, views {}, favourites {}, score {}, {size}, {}, kinds of tags {}, file {file}",
        post.post,
        date,
        post.rating.as_str(),
        number(post.likes),
        number(post.views),
        number(post.favourites),
        number(post.score),
        post.extension.as_deref().unwrap_or("type unknown"),
        if post.kinds_known { "known" } else { "unknown" },
    )
}
