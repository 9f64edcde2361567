//! Whom a site's staff can write to: a mail address or page that somebody reads.

/// Domains that belong to nobody (RFC 2606).
const NOBODYS: [&str; 6] = [
    "example.com",
    "example.net",
    "example.org",
    ".invalid",
    ".test",
    "localhost",
];

/// What stands in settings that were not filled in.
const MADE_UP: [&str; 7] = [
    "todo",
    "fixme",
    "changeme",
    "your",
    "placeholder",
    "noreply",
    "no-reply",
];

/// Why a contact reaches nobody; `None` where it may.
pub fn placeholder(contact: &str) -> Option<&'static str> {
    let contact = contact.to_lowercase();
    let separates =
        |character: char| character.is_whitespace() || matches!(character, ',' | ';' | '(' | ')' | '<' | '>');
    let words = || contact.split(separates).filter(|word| !word.is_empty());
    match () {
        () if words().next().is_none() => Some("is empty"),
        () if words().any(|word| MADE_UP.iter().any(|made_up| word.starts_with(made_up))) => Some("is a placeholder"),
        () if words().any(|word| NOBODYS.iter().any(|nobody| domain(word).ends_with(nobody))) => {
            Some("names a domain that belongs to nobody")
        }
        () if words().any(|word| word.contains(['@', '/']) && domain(word).trim_matches('.').contains('.')) => None,
        () => Some("is neither a mail address nor the URL of a page"),
    }
}

/// What follows the name of a mail address or the scheme of a URL.
fn domain(word: &str) -> &str {
    let address = word.split_once("://").map_or(word, |(_, rest)| rest);
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_no_contact() {
        let nobody = [
            "",
            " \t",
            "TODO",
            "your@mail.here",
            "you@example.org",
            "me@mail.example.com",
            "https://example.net/me",
            "me@somewhere.invalid",
            "me",
            "me@",
        ];
        for nobody in nobody {
            assert!(placeholder(nobody).is_some(), "{nobody}");
        }
        for somebody in [
            "ada@lovelace.name",
            "https://lovelace.name/crawler",
            "ada@lovelace.name (danbooru user 1815)",
        ] {
            assert_eq!(placeholder(somebody), None, "{somebody}");
        }
    }
}
