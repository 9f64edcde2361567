//! What mends a refusal: the setting that a site's own words point to.

use crate::crawl::error_body;
use crate::crawl::settings::SiteSettings;

/// Words that ask who the visitor is.
const LOGIN: [&str; 12] = [
    "authenticat",
    "unauthori",
    "api key",
    "api_key",
    "apikey",
    "access token",
    "oauth",
    "log in",
    "login",
    "logged in",
    "credential",
    "ログイン",
];

/// Words that ask for fewer tags.
const TAGS: [&str; 3] = ["tags at a time", "too many tags", "tag limit"];

/// Words that ask for longer intervals.
const THROTTLED: [&str; 5] = ["throttl", "too many requests", "rate limit", "abuse", "slow down"];

/// The way out of a refusal, where its words show one; `name` is the site's, `has_login` whether it is
/// asked with one.
pub fn of(detail: &str, name: &str, site: &SiteSettings, has_login: bool) -> Option<String> {
    // The address of what was asked for is not the site's.
    let detail = detail.split_whitespace().filter(|word| !word.contains("://"));
    let detail = detail.collect::<Vec<_>>().join(" ").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let variable = site.login_variable(name);
    match () {
        () if detail.starts_with("401") || has(&LOGIN) => Some(match has_login {
            false => format!(
                "it requires authentication: set {variable} in the environment, or in the file of [crawl] secrets"
            ),
            true => format!("the login was refused: see whether {variable} is right, and still holds"),
        }),
        () if has(&TAGS) => Some(format!(
            "set tag_limit of [sites.{name}] to what it allows: further tags are then checked on each row"
        )),
        () if has(&THROTTLED) => Some(format!("wait, and let interval of [sites.{name}] be longer")),
        () => None,
    }
}

/// What [`web_page`] begins with.
const WEB_PAGE: &str = "a web page where JSON was due";

/// Whether an error is that of [`web_page`].
pub fn is_web_page(detail: &str) -> bool {
    detail.contains(WEB_PAGE)
}

/// A web page where the answer of an API was due, with its title.
pub fn web_page(bytes: &[u8]) -> String {
    let title = error_body::words(bytes)
        .map(|title| format!(" (`{title}`)"))
        .unwrap_or_default();
    format!(
        "{WEB_PAGE}{title}: a browser challenge, or no site of this dialect. It is not worked round; \
         open it in a browser, wait, or name another root (--root)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_site_point_to_a_setting() {
        let of = |detail: &str, login| of(detail, "board", &SiteSettings::default(), login).unwrap_or_default();
        for (detail, advice) in [
            (
                "https://a/b: the site refused: Missing authentication",
                "HEADS_LOGIN_BOARD",
            ),
            ("https://a/b: 401 Unauthorized", "HEADS_LOGIN_BOARD"),
            (
                "the site refused: You cannot search for more than 2 tags at a time",
                "tag_limit",
            ),
            ("the site refused: API limited due to abuse.", "interval"),
        ] {
            assert!(of(detail, false).contains(advice), "{detail}");
        }
        let refused = of("the site refused: Invalid API key", true);
        assert!(
            refused.contains("was refused") && !refused.contains("set HEADS"),
            "{refused}"
        );
        assert_eq!(of("https://login.example/x?api_key=1: 500", false), "");
    }
}
