//! Pasted addresses, and entries of the blacklist.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use pipeline::crawl::source::DIALECTS;
use pipeline::crawl::{Args, CrawlSettings, ListingForm, SiteSettings};
use pipeline::selection::Blocked;

fuzz_target!(|text: &str| {
    let _ = Blocked::read(text);
    for dialect in DIALECTS {
        let site = SiteSettings {
            dialect,
            listing: ListingForm::Auto,
            root: "http://127.0.0.1".into(),
            acknowledged: true,
            ..SiteSettings::default()
        };
        let sites = BTreeMap::from([("board".to_string(), site)]);
        for names in [vec![text.to_string()], vec![format!("http://127.0.0.1/{text}")]] {
            let args = Args {
                site: "board".into(),
                names,
                ..Args::default()
            };
            for request in args.requests(&CrawlSettings::default(), &sites).unwrap_or_default() {
                assert_eq!(request.name, "board");
            }
        }
    }
});
