//! The style of heads: the network takes it once, and every run measures it against the set as it is then
//! or against wanted heads.
//!
//! The rule: of all heads that passed the filters of single heads, one a group of near-duplicates, the mean
//! is taken, refused styles included; a head is refused where its distance from there is more than
//! `max_distance` times the median distance. One round: what is refused does not leave the mean, so that
//! the verdicts follow from the tables alone, whatever came first.

mod reference;
mod settings;

use std::sync::Arc;

use anyhow::Context;
use dataset::Store;
use dataset::failure::Interrupted;
use rayon::prelude::*;
use vision::picture::Limits;
use vision::{Style, StyleNet};

use super::measure::read;
use crate::catalog::verdicts::{self, HeadKey, Styled};
use crate::catalog::{Catalog, styles};
use crate::digests::Digests;
use crate::progress;
use crate::stop::Stop;
use reference::Reference;
pub use settings::StyleSettings;

/// Heads of one run of the network.
const BATCH: usize = 16;

/// Heads of one transaction that records styles.
const COMMIT: i64 = 256;

/// Heads of one transaction that settles verdicts.
const PAGE: i64 = 2000;

/// Takes the styles that are wanting, and settles which heads are refused for theirs.
///
/// # Errors
/// `Interrupted`; where the network or the wanted heads are missing, the store vanished or the database
/// refuses.
pub(super) async fn run(
    catalog: &Catalog,
    store: &Store,
    settings: &StyleSettings,
    digests: &Digests,
    stop: &Stop,
) -> anyhow::Result<()> {
    if !settings.is_on() {
        return Ok(());
    }
    let network = settings.network_digest()?;
    if settings.like().is_none() {
        warn_of_framings(styles::framings(catalog, digests).await?);
    }
    let waiting = styles::count_pending(catalog, digests, &network).await?;
    let net = match waiting > 0 || settings.like().is_some() {
        true => {
            let net = StyleNet::load(&settings.network, &settings.layers, 0);
            Some(Arc::new(
                net.context("[curate.style] network and layers in stages.toml")?,
            ))
        }
        false => None,
    };
    if let Some(net) = &net {
        take(catalog, store, (net, &network), digests, waiting, stop).await?;
    }
    let reference = match (settings.like(), net) {
        (Some(folder), Some(net)) => {
            let folder = folder.to_path_buf();
            let found = tokio::task::spawn_blocking(move || Reference::of_folder(&net, &folder));
            Some(found.await.context("looking at the wanted heads failed")??)
        }
        _ => Reference::of_set(catalog, digests, &network).await?,
    };
    settle(
        catalog,
        digests,
        &network,
        |head| refusal(head, reference.as_ref(), settings),
        stop,
    )
    .await
}

/// The network sees how much of a head is face. Where the set holds heads cut in two ways, what differs between
/// them passes for style.
fn warn_of_framings((imported, cut): (u64, u64)) {
    if imported > 0 && cut > 0 {
        eprintln!(
            "warning: [curate.style] measures {imported} imported heads together with {cut} that the crop rule cut: \
             their framing counts as style. Name wanted heads that are cut as yours are by `like`, or keep imported heads in a data folder of their own"
        );
    }
}

/// What was measured of a head that is refused. Without a measure, and by hand, all stay.
fn refusal(head: &Styled, reference: Option<&Reference>, settings: &StyleSettings) -> Option<String> {
    let distance = reference?.distance(&head.style);
    let refused = distance > settings.max_distance && !head.kept;
    refused.then(|| format!("{distance:.2} > {}", settings.max_distance))
}

/// The styles of all heads that lack one, in the order of their hashes. One whose file is missing is told,
/// and has none: it stays.
async fn take(
    catalog: &Catalog,
    store: &Store,
    (net, network): (&Arc<StyleNet>, &str),
    digests: &Digests,
    waiting: u64,
    stop: &Stop,
) -> anyhow::Result<()> {
    let bar = progress::bar(waiting, "styles");
    let mut last = String::new();
    loop {
        let heads = styles::pending(catalog, digests, network, &last, COMMIT).await?;
        let Some(end) = heads.last() else { break };
        last.clone_from(end);
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let count = heads.len() as u64;
        let (store, net) = (store.clone(), Arc::clone(net));
        let taken = tokio::task::spawn_blocking(move || {
            let batches = heads.chunks(BATCH).map(|batch| look(&store, &net, batch));
            batches.collect::<anyhow::Result<Vec<_>>>()
        });
        let taken: Vec<(String, Style)> = taken.await.context("taking styles failed")??.concat();
        let mut write = catalog.write().await?;
        styles::record(&mut write, network, &taken).await?;
        write.commit().await?;
        bar.inc(count);
    }
    bar.finish_and_clear();
    Ok(())
}

fn look(store: &Store, net: &StyleNet, heads: &[String]) -> anyhow::Result<Vec<(String, Style)>> {
    let limits = Limits::default();
    let pictures = heads
        .par_iter()
        .map(|head| Ok(read(store, head, &limits)?.map(|picture| (head.clone(), picture))));
    let pictures: Vec<_> = pictures.collect::<anyhow::Result<Vec<_>>>()?;
    let (names, pictures): (Vec<String>, Vec<_>) = pictures.into_iter().flatten().unzip();
    Ok(names.into_iter().zip(net.styles(&pictures)?).collect())
}

/// Writes what changed, page by page; each is whole, and the next run goes over all again.
async fn settle(
    catalog: &Catalog,
    digests: &Digests,
    network: &str,
    refusal: impl Fn(&Styled) -> Option<String>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let mut last = HeadKey::default();
    loop {
        let page = verdicts::styled(catalog, digests, network, &last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(()) };
        last = end.key.clone();
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let now = page.iter().map(|head| (head, refusal(head)));
        let changed: Vec<(&Styled, Option<String>)> = now.filter(|(head, now)| head.refused != *now).collect();
        if !changed.is_empty() {
            let mut write = catalog.write().await?;
            verdicts::settle_styles(&mut write, &digests.policy, &changed).await?;
            write.commit().await?;
        }
    }
}
