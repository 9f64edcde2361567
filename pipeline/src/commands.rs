//! From a parsed command line to an exit code.

use std::path::{Path, PathBuf};

use dataset::failure;

use crate::access::Access;
use crate::catalog::Catalog;
use crate::catalog::decisions::Choice;
use crate::cli::{Cli, Command};
use crate::context::{AppContext, data_folder};
use crate::reporter::Reporter;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::summary::Summary;
use crate::{crawl, curate, detect, failures, manifest, purge, run, secrets, serve, status, swap};

/// Does what was asked.
///
/// # Errors
/// What stopped it; `dataset::failure::exit_code` gives the code.
pub async fn execute(cli: Cli) -> anyhow::Result<u8> {
    let mut settings = Settings::load(&cli.config)?;
    secrets::keep_store(&settings.store);
    let data = data_folder(cli.data.as_deref(), &settings)?;
    settings.crawl.token_file = Some(data.join("tokens.json"));
    let stop = Stop::on_signals()?;
    let reporter = journal_of(&cli.command, &data);
    let code = dispatch(cli.command, &cli.config, settings, data, stop, &reporter).await;
    if let Err(error) = &code {
        reporter.error(error);
    }
    code
}

/// Commands that run long and write keep a log.
fn journal_of(command: &Command, data: &Path) -> Reporter {
    match command {
        Command::Crawl(args) if args.dry_run => Reporter::default(),
        Command::Crawl(args) => Reporter::new(args.json).with_log(data, "crawl"),
        Command::Run(args) => Reporter::new(args.json).with_log(data, "run"),
        Command::Import(_) => Reporter::default().with_log(data, "import"),
        Command::Crop(_) => Reporter::default().with_log(data, "crop"),
        Command::Curate(_) => Reporter::default().with_log(data, "curate"),
        _ => Reporter::default(),
    }
}

async fn dispatch(
    command: Command,
    config: &Path,
    settings: Settings,
    data: PathBuf,
    stop: Stop,
    reporter: &Reporter,
) -> anyhow::Result<u8> {
    let share = settings.run.max_failed_share;
    let ended = |stage: &str, summary: Summary| {
        reporter.funnel(stage, &summary);
        summary
    };
    let summary = match command {
        Command::Detect(args) if args.compare.is_some() => compare_detectors(args, settings, data, stop).await?,
        Command::Detect(args) => detect_files(args, settings, stop).await?,
        Command::Swap(args) => return swap_heads(args, settings, stop).await,
        Command::Status(args) => return show_status(&args, AppContext::to_read(settings, data, stop).await?).await,
        Command::Serve(args) => {
            let context = AppContext::to_read(settings, data, stop).await?;
            serve::run(&args, context, config.into()).await?;
            return Ok(0);
        }
        Command::Sheet(args) => {
            let selection = args.select.resolve()?;
            AppContext::to_read(settings, data, stop)
                .await?
                .sheet(&args, &selection)
                .await?
        }
        Command::Export(args) => {
            let selection = args.select.resolve()?;
            let summary = AppContext::to_read(settings, data, stop)
                .await?
                .export(&args, &selection)
                .await?;
            summary.print("export");
            summary
        }
        Command::Manifest(command) => return manifests(command, settings, data, stop, reporter).await,
        Command::Check(args) => {
            let request = args.resolve(&settings.crawl, &settings.sites)?;
            // Under the lock: a crawl under way asks its host for one answer at a time.
            let name = format!("check {}", args.site);
            let context =
                AppContext::to_write(settings, data, &name, Access::Sites(vec![request.name.clone()]), stop).await?;
            context.check(&request).await?;
            return Ok(0);
        }
        Command::Crawl(args) if args.dry_run => return dry_run(&args, &settings, &data, &stop).await,
        Command::Crawl(args) => {
            let requests = args.requests(&settings.crawl, &settings.sites)?;
            let name = requests.first().map_or("", |request| request.name.as_str());
            let (command, access) = (format!("crawl {name}"), Access::Sites(sites_of(&requests)));
            let context = AppContext::to_write(settings, data, &command, access, stop).await?;
            context.crawls(requests, reporter).await?
        }
        Command::Import(args) => {
            let request = args.resolve()?;
            let context = AppContext::to_write(settings, data, "import", Access::Heads, stop).await?;
            ended("import", context.import(&request).await?)
        }
        Command::Crop(args) => {
            let request = args.resolve()?;
            let context = AppContext::to_write(settings, data, "crop", Access::Crop, stop).await?;
            ended("crop", context.crop(&request).await?)
        }
        Command::Curate(_) => {
            let context = AppContext::to_write(settings, data, "curate", Access::Heads, stop).await?;
            ended("curate", context.curate().await?)
        }
        Command::Reject(args) => decide(Choice::Reject, &args, settings, data, stop).await?,
        Command::Keep(args) => decide(Choice::Keep, &args, settings, data, stop).await?,
        Command::Failures(args) => return list_failures(&args, settings, data, stop).await,
        Command::Purge(args) => return purges(&args, settings, data, stop).await,
        Command::Run(_) => {
            let (requests, _) = run::resolve(&settings)?;
            let access = Access::Run(sites_of(&requests));
            run::run(
                &AppContext::to_write(settings, data, "run", access, stop).await?,
                reporter,
            )
            .await?
        }
    };
    Ok(if summary.exceeds(share) {
        failure::ITEM_FAILURES
    } else {
        0
    })
}

fn sites_of(requests: &[crawl::CrawlRequest]) -> Vec<String> {
    requests.iter().map(|request| request.name.clone()).collect()
}

/// Says what a crawl would do, beside a run that writes and without a lock.
async fn dry_run(args: &crawl::Args, settings: &Settings, data: &Path, stop: &Stop) -> anyhow::Result<u8> {
    let requests = args.requests(&settings.crawl, &settings.sites)?;
    let catalog = Catalog::read_only(&settings.catalog_url(data)).await?;
    let network = crawl::Network::new(&catalog, &settings.crawl, stop);
    for request in &requests {
        print!("{}", crawl::dry_run(&catalog, &network, request).await?);
    }
    Ok(0)
}

/// On a thread of its own, so that a signal is heard.
async fn detect_files(args: detect::Args, settings: Settings, stop: Stop) -> anyhow::Result<Summary> {
    let detected = tokio::task::spawn_blocking(move || {
        let detector = settings.crop.load_detector(0)?;
        let (limits, least) = (settings.crop.limits(), settings.curate.min_score);
        detect::run(&args, &detector, &limits, least, &stop)
    });
    detected.await?
}

async fn swap_heads(args: swap::Args, settings: Settings, stop: Stop) -> anyhow::Result<u8> {
    let swapped = tokio::task::spawn_blocking(move || {
        let finder = swap::Finder {
            detector: settings.crop.load_detector(0)?,
            rule: settings.crop.rule(),
            limits: settings.crop.limits(),
            min_score: args.min_score.unwrap_or(settings.curate.min_score),
        };
        swap::run(&args, &finder, &stop)
    });
    swapped.await??;
    Ok(0)
}

async fn compare_detectors(
    args: detect::Args,
    settings: Settings,
    data: PathBuf,
    stop: Stop,
) -> anyhow::Result<Summary> {
    let comparison = detect::compare::Comparison {
        detectors: detect::load_both(
            args.compare.as_deref().unwrap_or_default(),
            &settings.crop,
            &settings.shipped(),
        )?,
        limits: settings.crop.limits(),
        min_score: args.min_score.unwrap_or(settings.curate.min_score),
        out: args.out.clone().unwrap_or_else(|| data.join("sheets/compare.png")),
        json: args.json,
    };
    if args.pictures.is_empty() {
        let context = AppContext::to_read(settings, data, stop).await?;
        return detect::compare_stored(&args, comparison, context).await;
    }
    let compared = tokio::task::spawn_blocking(move || detect::compare_files(&args, &comparison, &stop));
    compared.await?
}

async fn show_status(args: &status::Args, context: AppContext) -> anyhow::Result<u8> {
    let gathered = status::gather(
        &context.catalog,
        &context.data,
        &context.settings.crawl,
        &context.digests().await?,
    )
    .await?;
    if args.json {
        println!("{}", serde_json::to_string(&gathered)?);
    } else {
        let url = crate::catalog::without_password(&context.settings.catalog_url(&context.data));
        status::print(&gathered, &context.data, &url);
    }
    Ok(0)
}

async fn decide(
    choice: Choice,
    args: &curate::hand::Args,
    settings: Settings,
    data: PathBuf,
    stop: Stop,
) -> anyhow::Result<Summary> {
    if args.list {
        curate::hand::print_list(&AppContext::to_read(settings, data, stop).await?.catalog).await?;
        return Ok(Summary::default());
    }
    let context = AppContext::to_write(settings, data, choice.word(), Access::Heads, stop).await?;
    let summary = context.decide(choice, args).await?;
    summary.print("curate");
    Ok(summary)
}

async fn list_failures(args: &failures::Args, settings: Settings, data: PathBuf, stop: Stop) -> anyhow::Result<u8> {
    let context = match args.again {
        true => AppContext::to_write(settings, data, "failures", Access::Heads, stop).await?,
        false => AppContext::to_read(settings, data, stop).await?,
    };
    failures::run(&context.catalog, args).await?;
    Ok(0)
}

async fn purges(args: &purge::Args, settings: Settings, data: PathBuf, stop: Stop) -> anyhow::Result<u8> {
    if args.list {
        purge::print_list(&AppContext::to_read(settings, data, stop).await?.catalog).await?;
        return Ok(0);
    }
    if !args.allow.is_empty() {
        purge::allow(
            &AppContext::to_write(settings, data, "purge", Access::Alone, stop)
                .await?
                .catalog,
            &args.allow,
        )
        .await?;
        return Ok(0);
    }
    let context = match args.dry_run {
        true => AppContext::to_read(settings, data, stop).await?,
        false => AppContext::to_write(settings, data, "purge", Access::Alone, stop).await?,
    };
    context.purge(args).await?;
    Ok(0)
}

async fn manifests(
    command: manifest::Command,
    settings: Settings,
    data: PathBuf,
    stop: Stop,
    reporter: &Reporter,
) -> anyhow::Result<u8> {
    let folder = data.join("manifests");
    match command {
        manifest::Command::Create { name, select } => {
            let selection = select.resolve()?;
            let context = AppContext::to_write(settings, data, "manifest create", Access::Heads, stop).await?;
            context.freeze(Some(&name), &selection, reporter).await?;
        }
        manifest::Command::List { json } => manifest::list(&folder, json)?,
        manifest::Command::Show { name, json } => manifest::show(&folder, &name, json)?,
        manifest::Command::Verify { name, copies, quick } => {
            manifest::verify(&folder, &settings.store.open(&data)?, &name, quick)?;
            manifest::verify_copies(&folder, &name, &copies)?;
        }
        manifest::Command::Diff(args) => {
            let catalog = Catalog::read_only(&settings.catalog_url(&data)).await?;
            manifest::diff::run(&folder, &catalog, &args, &stop).await?;
        }
        manifest::Command::Bundle { name, target } => {
            manifest::bundle(&folder, &settings.store.open(&data)?, &name, &target)?;
        }
        manifest::Command::Export(args) => {
            manifest::export::run(&folder, &settings.store.open(&data)?, &args, &stop)?;
        }
    }
    Ok(0)
}
