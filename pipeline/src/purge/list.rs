//! The deny list, as people see and change it.

use dataset::failure::Usage;

use crate::catalog::Catalog;
use crate::catalog::denied::{self, Entry};
use crate::period;

/// Prints the entries that were asked for, in the form that `--allow` takes.
///
/// # Errors
/// Where the catalog cannot be read.
pub async fn print_list(catalog: &Catalog) -> anyhow::Result<()> {
    let list = denied::list(catalog).await?;
    if list.is_empty() {
        println!("nothing is denied");
    }
    for listed in list {
        let day = period::show(listed.recorded_at);
        println!(
            "{day}  {}  with {} posts, pictures and MD5s",
            listed.entry, listed.brought
        );
    }
    Ok(())
}

/// Takes entries off the list, all or none.
///
/// # Errors
/// `Usage` where one is no entry, or not on the list.
pub async fn allow(catalog: &Catalog, entries: &[String]) -> anyhow::Result<()> {
    let mut write = catalog.write().await?;
    let mut lines = Vec::new();
    for text in entries {
        let entry = Entry::parse(text)?;
        let lifted = denied::lift(&mut write, &entry).await?;
        if lifted == 0 {
            return Err(Usage(format!("{entry} is not denied; `pipeline purge --list` shows what is")).into());
        }
        lines.push(format!("{entry} is allowed again, {lifted} entries in all"));
    }
    write.commit().await?;
    for line in lines {
        println!("{line}");
    }
    println!(
        "the next crawl or import takes it in; a crawl lists the sites of posts and artists from their newest post"
    );
    Ok(())
}
