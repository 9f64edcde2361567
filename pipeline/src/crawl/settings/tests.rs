//! Both tables, as a user may write them.

use super::*;
use std::path::Path;

#[test]
fn the_defaults_have_no_problem() {
    let mut file = SettingsFile::parse(Path::new("stages.toml"), "");
    CrawlSettings::default().check(&mut file);
    file.finish().expect("has no problem");
}

#[test]
fn impossible_values_are_refused_with_their_lines() {
    let text = "[crawl]\nattempts = 0\nbackoff = -1\n[sites.a]\nroot = \"ftp://a\"\nhosts = [\"*.a\"]\npage = 1000\n";
    let mut file = SettingsFile::parse(Path::new("stages.toml"), text);
    let crawl: CrawlSettings = file.table("crawl");
    crawl.check(&mut file);
    for (name, site) in file.tables::<SiteSettings>("sites") {
        site.check(&name, &mut file);
    }
    let error = file.finish().expect_err("has problems").to_string();
    for expected in [
        "line 2: [crawl] attempts",
        "line 3: [crawl] backoff",
        "line 5: [sites.a] root",
        "line 6: [sites.a] hosts",
        "line 7: [sites.a] page",
    ] {
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}
