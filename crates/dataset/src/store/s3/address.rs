//! Which bucket, and how it is asked.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Name;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, RetryConfig};
use url::{Host, Url};

use crate::store::error::failed;
use crate::store::settings::Environment;
use crate::store::{StoreError, StoreSettings};

/// What an address must not hold.
pub(in crate::store) const KEYS: &str =
    "keys have no place in an address: they are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const EXPECTED: &str = "write s3://BUCKET/PREFIX, or leave it empty for the folder `store` in the data folder";

/// A request's whole time: 16 megabytes come through at 1 Mbit/s. `AWS_TIMEOUT` sets another.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What the settings decide, whatever the environment says.
const DECIDED: [AmazonS3ConfigKey; 2] = [AmazonS3ConfigKey::Bucket, AmazonS3ConfigKey::VirtualHostedStyleRequest];

/// A prefix in a bucket: `s3://BUCKET/PREFIX`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct Address {
    bucket: String,
    pub(super) prefix: Name,
}

/// How an address is asked.
pub(super) struct Clients {
    /// Tries for some minutes.
    pub(super) client: AmazonS3,
    /// Tries for some seconds.
    pub(super) hasty: AmazonS3,
    /// Whether the environment has an access key.
    pub(super) has_keys: bool,
}

impl Address {
    /// Reads `s3://BUCKET/PREFIX`; `None` where the text is empty. The text is not repeated: it may hold a key.
    ///
    /// # Errors
    /// What would be right.
    pub(in crate::store) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.contains(['@', '?']) {
            return Err(KEYS);
        }
        let place = text.strip_prefix("s3://").ok_or(EXPECTED)?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let is_plain = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        };
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let plain = is_plain(bucket) && (prefix.is_empty() || prefix.split('/').all(is_plain));
        match plain {
            true => Ok(Some(Self {
                bucket: bucket.into(),
                prefix: prefix.into(),
            })),
            false => Err(EXPECTED),
        }
    }

    /// The full name of an object below the prefix.
    pub(super) fn name(&self, below: &str) -> Name {
        self.prefix.parts().chain(Name::from(below).parts()).collect()
    }

    /// The name of an object below the prefix.
    pub(super) fn without_prefix<'name>(&self, name: &'name str) -> Option<&'name str> {
        let rest = name.strip_prefix(self.prefix.as_ref())?;
        Some(rest.trim_start_matches('/'))
    }

    /// Prepares requests by the settings and the variables `AWS_*`, of which the settings go first.
    ///
    /// # Errors
    /// [`StoreError::Io`] where they contradict each other.
    pub(super) fn clients(&self, settings: &StoreSettings, environment: &Environment) -> Result<Clients, StoreError> {
        // The crate's HTTP client takes what the process has; a second time is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cannot = |error: object_store::Error| failed("connect to", self, &error);
        let mut builder = AmazonS3Builder::new()
            .with_client_options(ClientOptions::new().with_timeout(TIMEOUT))
            .with_bucket_name(&self.bucket)
            .with_virtual_hosted_style_request(!settings.s3_path_style);
        for (name, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
            let known = name.starts_with("AWS_").then(|| name.to_ascii_lowercase().parse().ok());
            if let Some(key) = known.flatten().filter(|key| !DECIDED.contains(key)) {
                builder = builder.with_config(key, value);
            }
        }
        if !settings.s3_region.is_empty() {
            builder = builder.with_region(&settings.s3_region);
        }
        builder = self.at_endpoint(builder, settings)?;
        let [has_keys, has_secret] = [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey]
            .map(|key| builder.get_config_value(&key).is_some());
        if has_keys != has_secret {
            return Err(self.wrong("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set together, and only one is"));
        }
        let hasty = builder.clone().with_retry(RetryConfig {
            backoff: BackoffConfig {
                max_backoff: Duration::from_secs(1),
                ..BackoffConfig::default()
            },
            max_retries: 4,
            retry_timeout: Duration::from_secs(10),
        });
        Ok(Clients {
            client: builder.build().map_err(cannot)?,
            hasty: hasty.build().map_err(cannot)?,
            has_keys,
        })
    }

    /// Asks the endpoint of the settings, or of the environment, where either names one.
    fn at_endpoint(&self, builder: AmazonS3Builder, settings: &StoreSettings) -> Result<AmazonS3Builder, StoreError> {
        let of_environment = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
        let of_environment = of_environment
            .iter()
            .find_map(|key| Url::parse(&builder.get_config_value(key)?).ok());
        let Some(mut endpoint) = settings.endpoint().ok().flatten().or(of_environment) else {
            return Ok(builder);
        };
        let allowed = builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
        let allowed = is_here(&endpoint) || allowed.is_some_and(|allowed| allowed == "true");
        if endpoint.scheme() == "http" && !allowed {
            return Err(
                self.wrong("plain http is for an endpoint on this machine; AWS_ALLOW_HTTP=true allows it elsewhere")
            );
        }
        if !settings.s3_path_style {
            let host = format!("{}.{}", self.bucket, endpoint.host_str().unwrap_or_default());
            let named = endpoint.set_host(Some(&host));
            named
                .map_err(|_| self.wrong("[store] s3_path_style = false needs an endpoint with a name, not a number"))?;
        }
        let address = endpoint.as_str().trim_end_matches('/');
        Ok(builder
            .with_allow_http(allowed)
            .with_config(AmazonS3ConfigKey::S3Endpoint, address))
    }

    fn wrong(&self, why: &str) -> StoreError {
        StoreError::Io {
            verb: "connect to",
            name: self.to_string(),
            reason: why.into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// Whether an endpoint is on this machine.
fn is_here(endpoint: &Url) -> bool {
    match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix_and_nothing_else() {
        let read = |text: &str| Address::parse(text).map(|address| address.map(|address| address.to_string()));
        assert_eq!(read(""), Ok(None));
        for (text, expected) in [
            ("s3://heads", "s3://heads/"),
            ("s3://heads/", "s3://heads/"),
            ("s3://my.bucket-1/a/b_c/", "s3://my.bucket-1/a/b_c"),
        ] {
            assert_eq!(read(text), Ok(Some(expected.to_string())), "{text}");
        }
        for text in [
            "heads",
            "/srv/store",
            "gs://heads/a",
            "s3://",
            "s3:///a",
            "s3://heads//a",
            "s3://heads/../a",
        ] {
            assert_eq!(read(text), Err(EXPECTED), "{text}");
        }
        for text in ["s3://KEY:secret@heads/a", "s3://heads/a?secret=1"] {
            assert_eq!(read(text), Err(KEYS), "{text}");
        }
    }

    #[test]
    fn names_lie_below_the_prefix() {
        for (text, full) in [("s3://heads", "images/ab"), ("s3://heads/a/b", "a/b/images/ab")] {
            let address = Address::parse(text).expect("is one").expect("is one");
            assert_eq!(address.name("images/ab").as_ref(), full);
            assert_eq!(address.without_prefix(full), Some("images/ab"));
        }
    }
}
