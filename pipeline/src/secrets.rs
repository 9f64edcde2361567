//! Secrets that the program was given, kept out of every text that leaves it: messages, logs, events and
//! rows of the catalog.
//!
//! Whoever reads a secret tells it here ([`keep_login`], [`keep`], [`keep_url`]). What sites answer is
//! scrubbed before anything is made of it ([`scrub`]), since a site may well repeat what it was asked
//! with; what is printed or recorded of errors passes through [`redact`] once more, which also hides what
//! merely looks like a credential.

mod pattern;
mod shape;

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use dataset::StoreSettings;

use pattern::Pattern;
pub use shape::is_credential;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// A name shorter than this is part of too many words.
const SHORTEST_NAME: usize = 3;

/// Parameters by which sites take a user's name or number.
const NAME_PARAMETERS: [&str; 6] = ["user_id", "login", "username", "user", "uid", "name"];

/// Every way in which a secret of this process may be written. Secrets are few and stay for as long as
/// the process runs.
static KNOWN: RwLock<Known> = RwLock::new(Known {
    secrets: Vec::new(),
    names: Vec::new(),
});

struct Known {
    /// Hidden everywhere.
    secrets: Vec<Pattern>,
    /// Names of users: hidden where a site speaks, for they may be words of ours, or tags.
    names: Vec<Pattern>,
}

/// A key, token, session or password.
pub fn keep(secret: &str) {
    let mut patterns = Pattern::of_secret(secret);
    // Cookies and URLs are given in encoded form at times.
    let decoded = pattern::percent_decoded(secret);
    if decoded != secret {
        patterns.extend(Pattern::of_secret(&decoded));
    }
    add(patterns, Vec::new());
}

/// A user with the key or password: each of them, and both as HTTP's Basic authentication joins them.
pub fn keep_login(user: &str, key: &str) {
    keep(key);
    keep(&format!("{user}:{key}"));
    let pairs = NAME_PARAMETERS.map(|name| Pattern::word(format!("{name}={user}")));
    let name = (user.chars().count() >= SHORTEST_NAME).then(|| Pattern::word(user.into()));
    add(pairs.into(), name.into_iter().collect());
}

/// The name and password of a URL, of a proxy or a database; whether it can be read as one or not.
pub fn keep_url(url: &str) {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    if let Some((user_info, _)) = rest.rsplit_once('@') {
        match user_info.split_once(':') {
            Some((user, password)) if !password.is_empty() => keep_login(user, password),
            _ => {}
        }
    }
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        if is_credential(name) && !value.is_empty() {
            keep(value);
        }
    }
}

/// The keys of the store's bucket, which its own library reads from the environment or a profile.
pub fn keep_store(store: &StoreSettings) {
    let variables = store.variables();
    let read = |name: &str| variables.get(name).cloned().unwrap_or_default();
    match (read("AWS_ACCESS_KEY_ID"), read("AWS_SECRET_ACCESS_KEY")) {
        (_, key) if key.is_empty() => {}
        (user, key) => keep_login(&user, &key),
    }
    let token = read("AWS_SESSION_TOKEN");
    if !token.is_empty() {
        keep(&token);
    }
}

fn add(secrets: Vec<Pattern>, names: Vec<Pattern>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let Known {
        secrets: all,
        names: all_names,
    } = &mut *known;
    for (all, new) in [(all, secrets), (all_names, names)] {
        all.extend(new);
        // The longest first: a part of it may be a secret as well.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
    }
}

/// What a site sent, without the secrets it was asked with. Only whole texts within JSON change, so that it
/// stays JSON.
pub fn scrub(bytes: &mut Vec<u8>) {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Cow::Owned(scrubbed) = pattern::masked(&known.secrets, bytes, MASK) {
        *bytes = scrubbed;
    }
}

/// A header or address that a site sent, as [`scrub`].
pub fn scrubbed(text: String) -> String {
    let mut bytes = text.into_bytes();
    scrub(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a text shows a secret.
pub fn are_in(text: &str) -> bool {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    matches!(pattern::masked(&known.secrets, text.as_bytes(), MASK), Cow::Owned(_))
}

/// A text that leaves the program, without secrets and without what looks like one.
pub fn redact(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let masked = match pattern::masked(&known.secrets, text.as_bytes(), MASK) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    };
    match shape::masked(&masked, MASK) {
        Some(hidden) => Cow::Owned(hidden),
        None => masked,
    }
}

/// What a site says, in its own words: as [`redact`], and without the names of users.
pub fn redact_said(text: &str) -> String {
    let redacted = redact(text);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let masked = pattern::masked(&known.names, redacted.as_bytes(), MASK);
    String::from_utf8_lossy(&masked).into_owned()
}

/// JSON that leaves the program: each text in it as [`redact`], so that it stays JSON.
pub fn redact_json(line: &str) -> Cow<'_, str> {
    if let Cow::Borrowed(_) = redact(line) {
        return Cow::Borrowed(line);
    }
    let (mut out, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(start) = rest.find('"') {
        let (before, text) = rest.split_at(start);
        let end = end_of_text(text);
        out.push_str(before);
        let (literal, after) = text.split_at(end);
        match serde_json::from_str::<String>(literal) {
            Ok(text) => out.push_str(&serde_json::Value::from(redact(&text).into_owned()).to_string()),
            Err(_) => out.push_str(&redact(literal)),
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where a text that begins with a quotation mark ends, behind the closing one.
fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
