//! `[store]` of stages.toml, and the store that it names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use url::Url;

use super::profile::with_profile;
use super::s3::{Address, S3};
use super::{Place, Store};
use crate::failure::Usage;
use crate::settings::SettingsFile;

/// Environment variable that overrides `[store] objects`.
pub const STORE_VARIABLE: &str = "HEADS_STORE_URL";

/// The store's folder in the data folder, where no other place is named.
const FOLDER: &str = "store";

crate::settings! {
    /// `[store]`: where the catalog and the objects are, what is kept, and what room is left.
    pub struct StoreSettings {
        /// Database URL; empty: catalog.sqlite in the data folder.
        catalog: String = String::new();
        /// Where pictures and heads are: s3://BUCKET/PREFIX; empty: `store` in the data folder.
        objects: String = String::new();
        /// Address of a service that speaks S3; empty: Amazon's.
        s3_endpoint: String = String::new();
        /// The bucket's region; empty: that of AWS_REGION, else us-east-1.
        s3_region: String = String::new();
        /// Whether the bucket stands in the path of an address, not in its host.
        s3_path_style: bool = true;
        /// Whether pictures stay in the store once their heads are cut.
        keep_originals: bool = true;
        /// Megabytes (10^6 bytes) of the store's disk that are kept free; 0: none.
        min_free_megabytes: u64 = 1000;
    }
}

/// Variables by their names.
pub(super) type Environment = BTreeMap<String, String>;

fn environment() -> Environment {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

impl StoreSettings {
    /// Reports places that cannot be stores.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        if let Err(why) = Address::parse(&self.objects) {
            file.refuse("store", "objects", why);
        }
        if let Err(why) = self.endpoint() {
            file.refuse("store", "s3_endpoint", why);
        }
    }

    /// The process's variables that the store goes by: of a bucket, with the keys of a profile. Where that cannot be
    /// read, opening the store says why.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let environment = environment();
        match self.address(&environment) {
            Ok(Some(_)) => with_profile(environment.clone()).unwrap_or(environment),
            _ => environment,
        }
    }

    /// Opens the store of a data folder, which must exist.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StoreError::Remote`](super::StoreError::Remote) where the service refuses; [`Usage`] where the environment
    /// names no place.
    pub fn open(&self, data: &Path) -> anyhow::Result<Store> {
        self.open_with(data, &environment())
    }

    /// As [`Store::create`], at the place that is set.
    ///
    /// # Errors
    /// As [`Self::open`], but for a marker that is missing.
    pub fn create(&self, data: &Path) -> anyhow::Result<Store> {
        self.create_with(data, &environment())
    }

    pub(super) fn open_with(&self, data: &Path, environment: &Environment) -> anyhow::Result<Store> {
        let Some(address) = self.address(environment)? else {
            return Ok(Store::open(&data.join(FOLDER))?);
        };
        let s3 = S3::connect(self, &address, data, &with_profile(environment.clone())?)?;
        s3.open()?;
        Ok(Store(Place::S3(s3)))
    }

    pub(super) fn create_with(&self, data: &Path, environment: &Environment) -> anyhow::Result<Store> {
        let Some(address) = self.address(environment)? else {
            return Ok(Store::create(&data.join(FOLDER))?);
        };
        let s3 = S3::connect(self, &address, data, &with_profile(environment.clone())?)?;
        s3.create()?;
        Ok(Store(Place::S3(s3)))
    }

    /// Where objects are, if that is no folder: the environment's place, else the file's.
    fn address(&self, environment: &Environment) -> Result<Option<Address>, Usage> {
        match environment.get(STORE_VARIABLE).filter(|url| !url.is_empty()) {
            Some(url) => Address::parse(url).map_err(|why| Usage(format!("{STORE_VARIABLE}: {why}"))),
            None => Address::parse(&self.objects).map_err(|why| Usage(format!("[store] objects: {why}"))),
        }
    }

    /// The endpoint that is set, if any.
    pub(super) fn endpoint(&self) -> Result<Option<Url>, &'static str> {
        if self.s3_endpoint.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(&self.s3_endpoint).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match url {
            None => Err("write http://HOST:PORT or https://HOST, or leave it empty for Amazon's"),
            Some(url) if !url.username().is_empty() || url.password().is_some() => Err(super::s3::KEYS),
            Some(url) => Ok(Some(url)),
        }
    }
}
