//! `pipeline reject` and `pipeline keep`: decisions by hand, which override every filter and last.

use dataset::failure::Usage;

use crate::catalog::Catalog;
use crate::catalog::decisions::{self, Choice};
use crate::period;

/// Heads that are named where an ID fits several.
const NAMED: i64 = 5;

/// Which heads, and what of them
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Heads, by the beginning of their hash as sheets show it
    #[arg(value_name = "ID", required_unless_present = "list")]
    pub heads: Vec<String>,
    /// Why, for later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub because: String,
    /// Forget what was decided by hand of these heads
    #[arg(long, conflicts_with_all = ["because", "list"])]
    pub undo: bool,
    /// Show every decision by hand
    #[arg(long, conflicts_with_all = ["heads", "because"])]
    pub list: bool,
}

/// Records what was decided, all of it or nothing, and forgets the verdicts on these heads; says how many
/// decisions were recorded or forgotten.
///
/// # Errors
/// `Usage` where an ID is none, fits several heads, or none.
pub async fn decide(catalog: &Catalog, choice: Choice, args: &Args) -> anyhow::Result<u64> {
    let mut heads = Vec::new();
    for id in &args.heads {
        heads.push(head_of(catalog, id).await?);
    }
    heads.sort_unstable();
    heads.dedup();
    let mut write = catalog.write().await?;
    let mut count = 0;
    for head in &heads {
        if args.undo {
            let undone = decisions::undo(&mut write, head).await?;
            if undone == 0 {
                let text = format!(
                    "nothing was decided of {head}; `pipeline {} --list` shows what was",
                    choice.word()
                );
                return Err(Usage(text).into());
            }
            count += undone;
        } else {
            decisions::record(&mut write, head, choice, &args.because).await?;
            count += 1;
        }
    }
    write.commit().await?;
    Ok(count)
}

/// The one head that an ID names.
async fn head_of(catalog: &Catalog, id: &str) -> anyhow::Result<String> {
    let prefix = id.to_ascii_lowercase();
    if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(|letter| letter.is_ascii_hexdigit()) {
        return Err(Usage(format!(
            "`{id}` is no ID: write the beginning of a head's hash, as sheets show it"
        ))
        .into());
    }
    let mut found = decisions::heads_like(catalog, &prefix, NAMED).await?;
    match found.len() {
        0 => Err(Usage(format!(
            "no head's hash begins with {prefix}: `pipeline sheet` shows their IDs"
        ))
        .into()),
        1 => Ok(found.remove(0)),
        _ => {
            let text = format!("{prefix} fits several heads: {}; write more of it", found.join(", "));
            Err(Usage(text).into())
        }
    }
}

/// Prints every decision, the latest first.
///
/// # Errors
/// Where the database refuses.
pub async fn print_list(catalog: &Catalog) -> anyhow::Result<()> {
    let all = decisions::all(catalog).await?;
    if all.is_empty() {
        println!("nothing was decided by hand");
    }
    for decision in all {
        let day = period::show(decision.recorded_at);
        println!(
            "{day}  {:6}  {}  {}",
            decision.decision, decision.head, decision.because
        );
    }
    Ok(())
}
