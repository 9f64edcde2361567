//! The style of heads, which the network takes once of each that passed the filters of single heads.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use dataset::failure::{Interrupted, Usage};
use dataset::{Key, Store};
use rayon::prelude::*;
use vision::picture::{Limits, decode};
use vision::{Style, StyleNet};

use super::blocking;
use crate::catalog::facts::Facts;
use crate::catalog::pictures::Hash;
use crate::catalog::{Catalog, styles};
use crate::decide::{self, LEAST_WANTED, Policy, Reference, decide_alone};
use crate::head::load;
use crate::progress;
use crate::stop::Stop;

/// Heads of one run of the network.
const BATCH: usize = 16;

/// Heads of one transaction.
const COMMIT: usize = 256;

/// Fills in the styles, taking those that are wanting; gives the style of the wanted heads, where some are named.
/// A head whose file is missing is reported, and has no style.
///
/// # Errors
/// `Interrupted`; where the network or the wanted heads are missing, the store vanished or the database
/// refuses.
pub(super) async fn run(
    catalog: &Catalog,
    store: &Store,
    policy: &Policy<'_>,
    facts: &mut Facts,
    stop: &Stop,
) -> anyhow::Result<Option<Reference>> {
    let settings = &policy.settings.style;
    let network = settings.network_digest()?;
    styles::fill(catalog, &network, facts).await?;
    let mut due: Vec<Hash> = Vec::new();
    let (mut imported, mut cut) = (0_u64, 0_u64);
    for ((key, head), verdict) in facts.heads.rows.iter().zip(decide_alone(facts, policy)) {
        if verdict.reason.is_none() {
            *if key.imported() { &mut imported } else { &mut cut } += 1;
            due.extend(head.style.is_none().then_some(head.head));
        }
    }
    due.sort_unstable();
    due.dedup();
    if settings.like().is_none() && imported > 0 && cut > 0 {
        warn_of_framings(imported, cut);
    }
    if due.is_empty() && settings.like().is_none() {
        return Ok(None);
    }
    let net = StyleNet::load(&settings.network, &settings.layers, 0);
    let net = Arc::new(net.context("[curate.style] network and layers in stages.toml")?);
    let bar = progress::bar(due.len() as u64, "styles");
    let mut styles: HashMap<Hash, Style> = HashMap::new();
    for some in due.chunks(COMMIT) {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let heads = some.to_vec();
        let (store, net) = (store.clone(), Arc::clone(&net));
        let taken = blocking("taking styles failed", move || {
            let taken = heads.chunks(BATCH).map(|batch| take(&store, &net, batch));
            anyhow::Ok(taken.collect::<anyhow::Result<Vec<_>>>()?.concat())
        });
        let taken = taken.await?;
        let mut write = catalog.write().await?;
        styles::record(&mut write, &network, &taken).await?;
        write.commit().await?;
        styles.extend(taken);
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    styles::give(facts, &styles);
    let Some(folder) = settings.like().map(Path::to_path_buf) else {
        return Ok(None);
    };
    let wanted = blocking("taking the style of the wanted heads failed", move || {
        of_folder(&net, &folder)
    });
    wanted.await.map(Some)
}

/// The network sees how much of a head is face. Where the set holds heads cut in two ways, what differs between
/// them passes for style.
fn warn_of_framings(imported: u64, cut: u64) {
    eprintln!(
        "warning: [curate.style] measures {imported} imported heads together with {cut} that the crop rule cut: \
         their framing counts as style. Name wanted heads that are cut as yours are by `like`, or keep imported heads in a data folder of their own"
    );
}

fn take(store: &Store, net: &StyleNet, heads: &[Hash]) -> anyhow::Result<Vec<(Hash, Style)>> {
    let limits = Limits::default();
    let pictures = heads
        .par_iter()
        .map(|head| Ok(load(store, &Key::head(&hex::encode(head))?, &limits)?.map(|picture| (*head, picture))));
    let pictures: Vec<_> = store.in_parallel(|| pictures.collect::<anyhow::Result<Vec<_>>>())?;
    let (names, pictures): (Vec<Hash>, Vec<_>) = pictures.into_iter().flatten().unzip();
    Ok(names.into_iter().zip(net.styles(&pictures)?).collect())
}

/// The style of the heads in a folder.
fn of_folder(net: &StyleNet, folder: &Path) -> anyhow::Result<Reference> {
    let (mut pictures, mut styles) = (Vec::new(), Vec::new());
    for path in decide::files(folder)? {
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        match decode(&bytes, &Limits::default()) {
            Ok(picture) => pictures.push(picture),
            Err(error) => eprintln!("{} is left out: {error}", path.display()),
        }
        if pictures.len() == BATCH {
            styles.extend(net.styles(&std::mem::take(&mut pictures))?);
        }
    }
    styles.extend(net.styles(&pictures)?);
    Reference::of_wanted(&styles).ok_or_else(|| {
        let why = format!(
            "[curate.style] like: {} holds {} pictures that can be read; {LEAST_WANTED} different heads or more tell a style",
            folder.display(),
            styles.len()
        );
        Usage(why).into()
    })
}
