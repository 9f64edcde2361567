//! What looks like a credential, whoever's it is: parameters of certain names, and the name and password
//! of a URL.

/// Parameters whose values are credentials, in lower case.
const CREDENTIALS: [&str; 19] = [
    "api_key",
    "apikey",
    "api-key",
    "access_token",
    "refresh_token",
    "auth_token",
    "token",
    "password",
    "passwd",
    "password_hash",
    "pass_hash",
    "secret",
    "client_secret",
    "session",
    "session_id",
    "sessionid",
    "phpsessid",
    "user_id",
    "login",
];

/// What ends a parameter's value, but `&` in its encoded form.
const ENDS: [char; 11] = ['&', ';', '"', '\'', '`', '<', '>', ')', ',', '#', '|'];

/// Whether a parameter of this name is a credential.
pub fn is_credential(name: &str) -> bool {
    CREDENTIALS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The text with what looks like credentials masked; `None` where nothing does.
pub fn masked(text: &str, mask: &str) -> Option<String> {
    let mut masked: Option<String> = None;
    for hide in [with_masked_urls, with_masked_logins, with_masked_parameters] {
        let hidden = hide(masked.as_deref().unwrap_or(text), mask);
        masked = hidden.or(masked);
    }
    masked
}

/// `user:password@host`, a URL whose scheme was forgotten.
fn with_masked_logins(text: &str, mask: &str) -> Option<String> {
    let (mut out, mut copied, mut from) = (String::new(), 0, 0);
    while let Some(found) = text[from..].find('@') {
        let at = from + found;
        from = at + 1;
        let ends = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '/');
        let mut before = text[copied..at].char_indices().rev();
        let end = before.find(|(_, letter)| ends(*letter));
        let word = copied + end.map_or(0, |(end, letter)| end + letter.len_utf8());
        let host = text[from..].starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '[');
        let colon = text[word..at].find(':').map(|colon| word + colon + 1);
        if let Some(start) = colon.filter(|start| host && *start < at && text[*start..at] != *mask) {
            out.push_str(&text[copied..start]);
            out.push_str(mask);
            copied = at;
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

/// `scheme://user:password@host`.
fn with_masked_urls(text: &str, mask: &str) -> Option<String> {
    let (mut out, mut rest, mut found) = (String::new(), text, false);
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        out.push_str(before);
        let word = after.split(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '<' | '>'));
        let word = word.into_iter().next().unwrap_or_default();
        rest = after;
        if let Some(at) = end_of_user_info(word) {
            out.push_str(mask);
            (rest, found) = (&after[at..], true);
        }
    }
    out.push_str(rest);
    found.then_some(out)
}

/// Where the `@` is behind a URL's name and password. A password with an unescaped slash or hash makes the
/// URL another one to a parser, and is none the less a password: its port would be no number.
fn end_of_user_info(url: &str) -> Option<usize> {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    let port = authority.rsplit_once(':')?.1;
    let odd = port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit());
    url.rfind('@').filter(|_| odd && !authority.ends_with(']'))
}

/// `name=value`, also as `name%3Dvalue`.
fn with_masked_parameters(text: &str, mask: &str) -> Option<String> {
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = text[at..].find(['=', '%']) {
        let sign = at + found;
        let length = match text.as_bytes().get(sign..sign + 3) {
            _ if text[sign..].starts_with('=') => 1,
            Some([b'%', b'3', b'd' | b'D']) => 3,
            _ => {
                at = sign + 1;
                continue;
            }
        };
        at = sign + length;
        if !is_credential(name_before(&text[copied..sign])) {
            continue;
        }
        let value = &text[at..];
        let plain = value.find(|letter: char| letter.is_whitespace() || ENDS.contains(&letter));
        let encoded = if length == 3 { value.find("%26") } else { None };
        let end = at + plain.into_iter().chain(encoded).min().unwrap_or(value.len());
        if end > at {
            out.push_str(&text[copied..at]);
            out.push_str(mask);
            (at, copied) = (end, end);
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

/// The word at a text's end: a parameter's name, behind what may be an encoded `&` or `?`.
fn name_before(text: &str) -> &str {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let start = text
        .rfind(|other| !letter(other))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let name = &text[start..];
    let escape = text[..start].ends_with('%') && name.len() > 2;
    if escape { &name[2..] } else { name }
}
