//! What the commands are given to work with: settings, catalog, store, and the lock of those that
//! write. Stages take from here only what they use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::Store;
use dataset::failure::{Locked, Usage};
use dataset::lock::Lock;

use crate::access::Access;
use crate::catalog::decisions::Choice;
use crate::catalog::session::{HEADS, Holder};
use crate::catalog::{Catalog, aliases, removals, summary};
use crate::crawl::Network;
use crate::digests::{self, Digests};
use crate::manifest::Origin;
use crate::reporter::Reporter;
use crate::selection::Selection;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::summary::Summary;
use crate::{crawl, crop, curate, export, import, manifest, popularity, purge, sheet};

/// An opened data folder.
pub struct AppContext {
    /// All settings.
    pub settings: Settings,
    /// The data folder, absolute.
    pub data: PathBuf,
    /// The catalog.
    pub catalog: Catalog,
    /// The store.
    pub store: Store,
    /// The way to the sites, shared by all crawls.
    network: Network,
    /// Whether the run should end.
    pub stop: Stop,
    /// Held by commands that write.
    _lock: Option<Lock>,
}

impl AppContext {
    /// Opens a data folder to write to it: takes the locks, makes what is missing.
    ///
    /// # Errors
    /// `Locked`; a store that vanished; a database or folder that refuses.
    pub async fn to_write(
        settings: Settings,
        data: PathBuf,
        command: &str,
        access: Access,
        stop: Stop,
    ) -> anyhow::Result<Self> {
        let url = settings.catalog_url(&data);
        let name = format!("pipeline {command}");
        let (lock, catalog) = match Catalog::is_shared(&url) {
            true => {
                let lock = Lock::share(&data, &name)?;
                let holder = Holder::this(command, settings.crop.lease_seconds);
                let catalog = Catalog::open(&url).await?;
                (lock, catalog.hold(holder, access.alone(), &access.locks()).await?)
            }
            false => (
                Lock::take(&data, &name).map_err(one_writer)?,
                Catalog::open(&url).await?,
            ),
        };
        let context = Self::open(settings, data, catalog, stop).await?;
        context.begin(&lock).await?;
        if !access.alone() {
            context.catalog.share().await?;
        }
        Ok(Self {
            _lock: Some(lock),
            ..context
        })
    }

    /// Finishes what killed runs left, while nobody else writes: whoever comes to others that write is
    /// behind one of them that did so.
    async fn begin(&self, lock: &Lock) -> anyhow::Result<()> {
        if self.catalog.is_alone() {
            if lock.after_a_kill() {
                self.store.sweep()?;
            }
            purge::finish(&self.catalog, &self.store, &self.data).await?;
        } else if !removals::pending(&self.catalog).await?.is_empty() {
            return Err(Locked {
                what: "the catalog".into(),
                holder: "a purge was killed, and is not finished yet".into(),
            }
            .into());
        }
        Ok(self.store.check_room()?)
    }

    /// Opens a data folder that must exist, to read from it beside a run that writes.
    ///
    /// # Errors
    /// `Usage` where the folder holds nothing yet; otherwise as [`Self::to_write`].
    pub async fn to_read(settings: Settings, data: PathBuf, stop: Stop) -> anyhow::Result<Self> {
        if !data.is_dir() {
            let why = format!(
                "there is no data folder {}; `pipeline crawl` or `pipeline import` makes it",
                data.display()
            );
            return Err(Usage(why).into());
        }
        let catalog = Catalog::open(&settings.catalog_url(&data)).await?;
        Self::open(settings, data, catalog, stop).await
    }

    async fn open(settings: Settings, data: PathBuf, catalog: Catalog, stop: Stop) -> anyhow::Result<Self> {
        // Only an empty catalog may have no store: else its bytes have vanished, and making a new
        // store would hide it.
        let store = if summary::has_images(&catalog).await? {
            settings.store.open(&data)?
        } else {
            settings.store.create(&data)?
        };
        let store = store.keeping_free(settings.store.min_free_megabytes);
        Ok(Self {
            network: Network::new(&catalog, &settings.crawl, &stop),
            settings,
            data,
            catalog,
            store,
            stop,
            _lock: None,
        })
    }

    /// The folder of frozen versions.
    pub fn manifests(&self) -> PathBuf {
        self.data.join("manifests")
    }

    /// Digests of the current settings.
    ///
    /// # Errors
    /// Where the catalog or the detector cannot be read.
    pub async fn digests(&self) -> anyhow::Result<Digests> {
        digests::current(&self.catalog, &self.settings.crop, &self.settings.curate).await
    }

    /// Asks one site once, and prints what answered.
    ///
    /// # Errors
    /// As [`crawl::check::run`].
    pub async fn check(&self, request: &crawl::CrawlRequest) -> anyhow::Result<()> {
        crawl::check::run(&self.network, request).await?;
        self.network.save().await
    }

    /// Crawls one site.
    ///
    /// # Errors
    /// As [`crawl::run`].
    pub async fn crawl(&self, request: &crawl::CrawlRequest, reporter: &Reporter) -> anyhow::Result<Summary> {
        crawl::run(&self.catalog, &self.store, &self.network, request, reporter).await
    }

    /// Crawls one site after the other, and reports each as it ends; a limit holds for all together.
    ///
    /// # Errors
    /// As [`crawl::run`]; what the crawls before recorded stays.
    pub async fn crawls(&self, requests: Vec<crawl::CrawlRequest>, reporter: &Reporter) -> anyhow::Result<Summary> {
        let (several, mut all) = (requests.len() > 1, Summary::default());
        for mut request in requests {
            request.limit = request.limit.map(|limit| limit.saturating_sub(all.done));
            let stage = match several {
                true => format!("crawl {}, {}", request.name, request.query_in_words().words),
                false => "crawl".to_string(),
            };
            let summary = self.crawl(&request, reporter).await?;
            reporter.funnel(&stage, &summary);
            all.add(&summary);
        }
        Ok(all)
    }

    /// Takes in a folder, and records the verdicts on its heads.
    ///
    /// # Errors
    /// As [`import::run`] and [`curate::run`].
    pub async fn import(&self, request: &import::ImportRequest) -> anyhow::Result<Summary> {
        let (rule, limits) = (self.settings.crop.rule(), self.settings.crop.limits());
        let mut summary = import::run(&self.catalog, &self.store, rule, limits, request, &self.stop).await?;
        summary.lines.extend(self.curate().await?.lines);
        Ok(summary)
    }

    /// Cuts heads, and records the verdicts on them; of several workers the last one does that.
    ///
    /// # Errors
    /// As [`crop::run`] and [`curate::run`].
    pub async fn crop(&self, request: &crop::CropRequest) -> anyhow::Result<Summary> {
        let request = &crop::CropRequest {
            selection: self.settled(&request.selection).await?,
            drop_originals: !self.settings.store.keep_originals,
            ..request.clone()
        };
        let mut summary = crop::run(&self.catalog, &self.store, &self.settings.crop, request, &self.stop).await?;
        if self.catalog.last_of(HEADS).await? {
            summary.lines.extend(self.curate().await?.lines);
        } else {
            eprintln!("other crop workers are at work: the last one to end records the verdicts");
        }
        Ok(summary)
    }

    /// A selection of stored posts, without what is never wanted, its filters of popularity made exact, with
    /// other names of its tags.
    pub async fn settled(&self, selection: &Selection) -> anyhow::Result<Selection> {
        let selection = self.settings.crawl.complete(selection.clone())?;
        let mut settled = popularity::settle(&self.catalog, &selection, &self.settings.sites).await?;
        aliases::load(&self.catalog, &mut settled).await?;
        Ok(settled)
    }

    /// Records the verdicts on heads.
    ///
    /// # Errors
    /// As [`curate::run`].
    pub async fn curate(&self) -> anyhow::Result<Summary> {
        let (crop, settings) = (&self.settings.crop, &self.settings.curate);
        curate::run(&self.catalog, &self.store, crop, settings, &self.stop).await
    }

    /// Records a decision by hand, and the verdicts on the heads anew.
    ///
    /// # Errors
    /// As [`curate::hand::decide`] and [`curate::run`].
    pub async fn decide(&self, choice: Choice, args: &curate::hand::Args) -> anyhow::Result<Summary> {
        let decided = curate::hand::decide(&self.catalog, choice, args).await?;
        println!(
            "{decided} decisions {}",
            if args.undo { "forgotten" } else { "recorded" }
        );
        self.curate().await
    }

    /// Draws contact sheets and the report.
    ///
    /// # Errors
    /// As [`sheet::run`].
    pub async fn sheet(&self, args: &sheet::Args, selection: &Selection) -> anyhow::Result<Summary> {
        let origin = sheet::Origin {
            selection: &self.settled(selection).await?,
            digests: &self.digests().await?,
            rule: self.settings.crop.rule(),
            min_score: self.settings.curate.min_score,
            settings: digests::described(&self.settings.crop, &self.settings.curate)?,
        };
        let out = args.out.clone().unwrap_or_else(|| self.data.join("sheets"));
        sheet::run(&self.catalog, &self.store, &origin, args, &out).await
    }

    /// Writes whole pictures with what is known of them.
    ///
    /// # Errors
    /// As [`export::run`].
    pub async fn export(&self, args: &export::Args, selection: &Selection) -> anyhow::Result<Summary> {
        crate::target::check(&args.dir, &self.manifests(), &self.store)?;
        let selection = self.settled(selection).await?;
        export::run(&self.catalog, &self.store, &selection, args, &self.stop).await
    }

    /// Takes out the posts and artists named, or says what would go, and prints the counts.
    ///
    /// # Errors
    /// `Usage` where they name none; otherwise as [`purge::run`].
    pub async fn purge(&self, args: &purge::Args) -> anyhow::Result<()> {
        let mut sites: Vec<String> = self.settings.sites.keys().cloned().collect();
        sites.extend(summary::counts(&self.catalog).await?.posts.into_keys());
        sites.sort_unstable();
        sites.dedup();
        let asked = args.resolve(&sites)?;
        let plan = purge::Plan::of(&self.catalog, &self.store, &self.manifests(), &asked).await?;
        plan.explain();
        if args.dry_run {
            plan.summary(&self.store)?.print("purge, nothing removed yet");
            return Ok(());
        }
        purge::run(&self.catalog, &self.store, &self.data, &plan)
            .await?
            .print("purge");
        Ok(())
    }

    /// Freezes a selection, under `name` or under the next free `vN` if the rows changed.
    ///
    /// # Errors
    /// As [`manifest::create`].
    pub async fn freeze(
        &self,
        name: Option<&str>,
        selection: &Selection,
        reporter: &Reporter,
    ) -> anyhow::Result<manifest::Creation> {
        let digests = self.digests().await?;
        let selection = &self.settled(selection).await?;
        let popularity: BTreeMap<String, String> = self
            .settings
            .sites
            .iter()
            .map(|(name, site)| (name.clone(), site.likes().describe().to_string()))
            .collect();
        let origin = Origin {
            selection,
            digests: &digests,
            rule: self.settings.crop.rule(),
            settings: &digests::described(&self.settings.crop, &self.settings.curate)?,
            popularity: &popularity,
        };
        let (catalog, folder, settings) = (&self.catalog, self.manifests(), &self.settings.manifest);
        let creation = match name {
            Some(name) => manifest::create(catalog, &folder, settings, &origin, name).await?,
            None => manifest::refresh(catalog, &folder, settings, &origin).await?,
        };
        let manifest = &creation.manifest;
        reporter.manifest(&manifest.name, creation.created, manifest.rows, &manifest.id);
        Ok(creation)
    }
}

/// Says what a second process that writes could use.
fn one_writer(error: anyhow::Error) -> anyhow::Error {
    match error.is::<Locked>() {
        true => {
            error.context("a SQLite catalog has one writer (several crop workers want PostgreSQL: [store] catalog)")
        }
        false => error,
    }
}

/// The data folder: the flag's, against the working directory; else the one beside the settings.
///
/// # Errors
/// Where the working directory is gone.
pub fn data_folder(flag: Option<&Path>, settings: &Settings) -> anyhow::Result<PathBuf> {
    Ok(match flag {
        Some(folder) => std::path::absolute(folder)?,
        None => settings.default_data.clone(),
    })
}
