//! Logins: from the environment, or from a file that only its owner can read. They go to the site's
//! own API and nowhere else, and into no text.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dataset::failure::Usage;
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderValue};
use url::Url;

use crate::secrets;

/// The kind of the variable that holds what buys access tokens.
pub const REFRESH_TOKEN: &str = "REFRESH_TOKEN";

/// What a site is logged in with.
#[derive(Clone, Default)]
pub struct Login {
    /// Name and API key, sent as Basic authentication.
    basic: Option<(String, String)>,
    /// The whole `Cookie` header.
    cookie: Option<HeaderValue>,
    /// The whole `Authorization` header of an API that wants a token.
    token: Option<HeaderValue>,
    /// What buys such tokens.
    refresh: Option<String>,
}

impl fmt::Debug for Login {
    /// Says what there is, not what it is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.describe())
    }
}

impl Login {
    /// The login of a site: `HEADS_LOGIN_<SITE>` (NAME:API_KEY), `HEADS_SESSION_<SITE>` (the PHPSESSID
    /// cookie's value), `HEADS_TOKEN_<SITE>` (an access token) and `HEADS_REFRESH_TOKEN_<SITE>` (what buys
    /// access tokens) of the environment, else of the secrets file.
    ///
    /// # Errors
    /// [`Usage`] where the file cannot be read or can be read by others, or a value will not do.
    pub fn of_site(site: &str, secrets: Option<&Path>) -> Result<Self, Usage> {
        let kept = secrets.map(read).transpose()?.unwrap_or_default();
        let value = |kind: &str| {
            let name = variable(kind, site);
            let value = std::env::var(&name).ok().or_else(|| kept.get(&name).cloned());
            value.filter(|value| !value.is_empty()).map(|value| (name, value))
        };
        let basic = value("LOGIN").map(|(name, value)| match value.split_once(':') {
            Some((user, key)) if !user.is_empty() && !key.is_empty() => {
                secrets::keep_login(user, key);
                Ok((user.to_string(), key.to_string()))
            }
            _ => Err(Usage(format!("{name} is no login: USER:API_KEY is expected"))),
        });
        let cookie = value("SESSION").map(|(name, value)| {
            secrets::keep(&value);
            let header = HeaderValue::from_str(&format!("PHPSESSID={value}")).ok();
            let plain =
                header.filter(|_| !value.contains(|character: char| character.is_whitespace() || character == ';'));
            let mut cookie = plain.ok_or_else(|| {
                Usage(format!(
                    "{name} is no session: the value of the PHPSESSID cookie is expected"
                ))
            })?;
            cookie.set_sensitive(true);
            Ok(cookie)
        });
        let token = value("TOKEN").map(|(name, value)| {
            secrets::keep(&value);
            let plain = !value.contains(char::is_whitespace);
            let header = HeaderValue::from_str(&format!("Bearer {value}")).ok().filter(|_| plain);
            let mut token = header.ok_or_else(|| Usage(format!("{name} is no token: one word is expected")))?;
            token.set_sensitive(true);
            Ok(token)
        });
        let refresh = value(REFRESH_TOKEN).map(|(name, value)| match value.contains(char::is_whitespace) {
            true => Err(Usage(format!("{name} is no refresh token: one word is expected"))),
            false => {
                secrets::keep(&value);
                Ok(value)
            }
        });
        Ok(Self {
            basic: basic.transpose()?,
            cookie: cookie.transpose()?,
            token: token.transpose()?,
            refresh: refresh.transpose()?,
        })
    }

    /// What there is, in words.
    pub fn describe(&self) -> String {
        let kinds = [
            ("API key", self.basic.is_some()),
            ("session", self.cookie.is_some()),
            ("token", self.token.is_some()),
            ("refresh token", self.refresh.is_some()),
        ];
        let there: Vec<&str> = kinds
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(kind, _)| kind)
            .collect();
        match there.is_empty() {
            true => "none".into(),
            false => there.join(" and "),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.basic.is_none() && self.cookie.is_none() && self.token.is_none() && self.refresh.is_none()
    }

    /// The address with the login, for sites that take it there only. It is not to be shown.
    pub fn sign_address(&self, mut url: Url) -> Url {
        if let Some((user, key)) = &self.basic {
            url.query_pairs_mut()
                .append_pair("api_key", key)
                .append_pair("user_id", user);
        }
        url
    }

    /// An address without the login that [`Self::sign_address`] put into it, or a site repeats.
    pub fn strip(&self, mut url: Url) -> Url {
        let Some((user, key)) = &self.basic else {
            return url;
        };
        let is_login = |name: &str, value: &str| value == key || (value == user && matches!(name, "user_id" | "login"));
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let kept: Vec<&(String, String)> = pairs.iter().filter(|(name, value)| !is_login(name, value)).collect();
        if kept.len() < pairs.len() {
            match kept.is_empty() {
                true => url.set_query(None),
                false => {
                    url.query_pairs_mut().clear().extend_pairs(kept);
                }
            }
        }
        url
    }

    /// The request with the login.
    pub fn sign(&self, mut request: RequestBuilder) -> RequestBuilder {
        if let Some((user, key)) = &self.basic {
            request = request.basic_auth(user, Some(key));
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie.clone());
        }
        if let Some(token) = self.token.as_ref().filter(|_| self.refresh.is_none()) {
            request = request.header(AUTHORIZATION, token.clone());
        }
        request
    }

    /// What buys access tokens; it goes before a token that was given.
    pub fn refresh_token(&self) -> Option<&str> {
        self.refresh.as_deref()
    }
}

/// The variable that holds a site's secret of a kind: `LOGIN`, `SESSION`, `TOKEN` or `REFRESH_TOKEN`.
pub fn variable(kind: &str, site: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let site: String = site.chars().map(letter).collect();
    format!("HEADS_{kind}_{}", site.to_uppercase())
}

/// Reads `NAME=VALUE` lines; empty ones and those that begin with # are left out.
fn read(path: &Path) -> Result<BTreeMap<String, String>, Usage> {
    let wrong = |why: String| Usage(format!("[crawl] secrets {}: {why}", path.display()));
    let metadata =
        std::fs::metadata(path).map_err(|error| wrong(format!("{error}; make it, or leave the setting out")))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(wrong(
            "others can read it: chmod 600 it, and change the secrets in it".into(),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong(format!("line {}: NAME=VALUE is expected", index + 1)));
        };
        values.insert(name.trim().to_string(), value.trim().trim_matches('"').to_string());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str, mode: u32) -> Result<Login, Usage> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secrets.env");
        std::fs::write(&path, text).expect("writes");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("is ours");
        Login::of_site("my.board", Some(&path))
    }

    #[test]
    fn a_login_is_read_from_a_file_of_ones_own_and_shown_nowhere() {
        let login = login(
            "# mine\n\nHEADS_LOGIN_MY_BOARD = ada:k3y\nHEADS_SESSION_MY_BOARD=\"s3ssion\"\n",
            0o600,
        )
        .expect("reads");
        assert_eq!(format!("{login:?}"), "API key and session");
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = login
            .sign(reqwest::Client::new().get("https://board.example"))
            .build()
            .expect("builds");
        assert_eq!(request.headers()["authorization"], "Basic YWRhOmszeQ==");
        assert_eq!(request.headers()["cookie"], "PHPSESSID=s3ssion");
        assert!(!format!("{request:?}").contains("s3ssion"), "{request:?}");
    }

    #[test]
    fn a_file_that_others_can_read_and_values_that_will_not_do_are_refused_unshown() {
        for (text, mode, expected) in [
            ("HEADS_LOGIN_MY_BOARD=ada:k3y", 0o640, "chmod 600"),
            ("HEADS_LOGIN_MY_BOARD=k3y", 0o600, "USER:API_KEY"),
            ("HEADS_SESSION_MY_BOARD=k3y; other=1", 0o600, "PHPSESSID"),
            ("HEADS_TOKEN_MY_BOARD=k3y k3y", 0o600, "one word"),
            ("HEADS_REFRESH_TOKEN_MY_BOARD=k3y k3y", 0o600, "one word"),
            ("k3y", 0o600, "line 1"),
        ] {
            let error = login(text, mode).expect_err("is refused").to_string();
            assert!(error.contains(expected) && !error.contains("k3y"), "{error}");
        }
    }
}
