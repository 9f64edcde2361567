//! What people paste: addresses of posts, pools, artists, pictures and searches, and plain numbers.

pub mod boards;
pub mod pixiv;
mod sites;

use dataset::failure::Usage;
use url::Url;

use crate::crawl::settings::SiteSettings;
use crate::crawl::source::Dialect;
use crate::crawl::target::{PostName, Target};
use crate::secrets;

pub use sites::{key, rank, site_of};

/// What an address asks its site for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressQuery {
    /// Posts, a pool or an artist.
    pub target: Option<Target>,
    /// Words of a search, as `--tags` takes them; with a target they must hold for its posts.
    pub tags: Vec<String>,
    /// A rating that the search names.
    pub rating: Option<String>,
    /// A ranking.
    pub ranking: Option<String>,
}

impl AddressQuery {
    fn of(target: Target) -> Self {
        Self {
            target: Some(target),
            ..Self::default()
        }
    }

    /// One post.
    pub fn post(number: i64) -> Self {
        Self::of(Target::Posts(vec![PostName::Number(number)]))
    }

    fn md5(md5: String) -> Self {
        Self::of(Target::Posts(vec![PostName::Md5(md5)]))
    }
}

/// An address taken apart.
pub struct Parts {
    /// In small letters.
    pub host: String,
    /// Of the path below the site's root, decoded, without empty ones.
    path: Vec<String>,
    query: Vec<(String, String)>,
}

impl Parts {
    /// Those of an address of a site whose API is at `root`.
    pub fn of(url: &Url, root: &Url) -> Self {
        let folder = root.path().trim_end_matches('/');
        let path = url.path().strip_prefix(folder).unwrap_or(url.path());
        let pairs = url.query_pairs();
        Self {
            host: url.host_str().unwrap_or_default().to_lowercase(),
            path: path.split('/').filter(|part| !part.is_empty()).map(decoded).collect(),
            query: pairs
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        }
    }

    /// The parts of the path.
    pub fn path(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A parameter of the query that says something.
    fn text(&self, key: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(name, _)| name == key);
        values
            .next()
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn number(&self, key: &str) -> Option<i64> {
        number(self.text(key)?)
    }
}

/// A part of a path without its `%XX`.
fn decoded(part: &str) -> String {
    let pair = format!("={}", part.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A number of a post, pool or artist.
fn number(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && (1..1_000_000_000_000_000).contains(number))
}

/// Whether a word is an address and not a site's name or a number.
pub fn is_address(word: &str) -> bool {
    word.contains('/')
}

/// Reads a pasted address; one without a scheme is taken for https. What would log somebody in is left out.
///
/// # Errors
/// [`Usage`] where it is none.
pub fn parse(word: &str) -> Result<Url, Usage> {
    let text = if word.contains("://") {
        word.to_string()
    } else {
        format!("https://{word}")
    };
    let url = Url::parse(&text).ok();
    let web = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    let Some(mut url) = web else {
        let shown = word.split(['?', '@']).next().filter(|_| !word.contains('@'));
        return Err(Usage(format!(
            "`{}` is not a web address: paste it as https://HOST/…",
            shown.unwrap_or("…")
        )));
    };
    // A web address has room for a name and a password, so that neither call can fail.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let pairs = url.query_pairs().into_owned();
    let (private, open): (Vec<_>, Vec<_>) = pairs.partition(|(key, _)| secrets::is_credential(key));
    if !private.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(open);
    }
    Ok(url)
}

/// What an address asks a site for, whose API is at `root`.
///
/// # Errors
/// [`Usage`] with the forms that are understood.
pub fn read(url: &Url, site: &SiteSettings, root: &Url) -> Result<AddressQuery, Usage> {
    let parts = Parts::of(url, root);
    site.dialect.read_address(&parts).ok_or_else(|| {
        let forms = site.dialect.address_forms();
        Usage(format!(
            "{url} is not an address that can be crawled; understood are {forms}"
        ))
    })
}

/// What a word beside a site's name asks for: a number, or `post:`, `pool:`, `artist:` and one.
///
/// # Errors
/// [`Usage`] with the forms that are understood.
pub fn read_word(word: &str, dialect: &dyn Dialect) -> Result<AddressQuery, Usage> {
    let (kind, text) = word.split_once(':').unwrap_or(("post", word));
    let has = |name: &str| dialect.names().contains(&name);
    let asked = match (kind, number(text)) {
        ("post", Some(number)) => Some(AddressQuery::post(number)),
        ("pool", Some(number)) if has("pool") => Some(AddressQuery::of(Target::Pool(number))),
        ("artist" | "user", Some(number)) if has("artist") => Some(AddressQuery::of(Target::Artist(number))),
        ("md5", None) if has("md5") => boards::md5_of(text).map(AddressQuery::md5),
        _ => None,
    };
    asked.ok_or_else(|| {
        let form = |name: &&str| match *name {
            "md5" => "md5:HASH".to_string(),
            name => format!("{name}:123"),
        };
        let mut forms: Vec<String> = dialect.names().iter().map(form).collect();
        forms.insert(0, "123".into());
        let last = forms.pop().unwrap_or_default();
        let forms = format!("{} and {last}", forms.join(", "));
        Usage(format!(
            "`{word}` names nothing of this site; understood are {forms}, and pasted addresses"
        ))
    })
}
