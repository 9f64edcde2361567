//! `[[run.crawl]]`: a crawl as stages.toml has it, with the same filters as on the command line.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::crawl::request::{Args, Form};
use crate::selection::SelectionArgs;

/// One `[[run.crawl]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunCrawl {
    /// A site table's name, or an address of one.
    pub site: String,
    /// As `pipeline crawl --limit`.
    pub limit: Option<u64>,
    /// As `--file`.
    pub file: Option<Form>,
    /// As `--ranking`.
    pub ranking: Option<String>,
    /// As `--top`.
    pub top: Option<u64>,
    /// The filters, each a key of the same table.
    pub select: SelectionArgs,
}

impl RunCrawl {
    /// The same crawl as a command line.
    pub fn args(&self) -> Args {
        Args {
            site: self.site.clone(),
            limit: self.limit,
            file: self.file,
            ranking: self.ranking.clone(),
            top: self.top,
            select: self.select.clone(),
            ..Args::default()
        }
    }
}

impl<'de> Deserialize<'de> for RunCrawl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

/// Reads the crawl's own keys and hands the rest to the filters: serde's flatten would lose the
/// lines of mistakes, and let unknown keys pass.
struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = RunCrawl;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table with a site and filters")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RunCrawl, A::Error> {
        let mut crawl = RunCrawl::default();
        let filters = Filters { map, crawl: &mut crawl };
        let select = SelectionArgs::deserialize(MapAccessDeserializer::new(filters))?;
        Ok(RunCrawl { select, ..crawl })
    }
}

struct Filters<'crawl, A> {
    map: A,
    crawl: &'crawl mut RunCrawl,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Filters<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            match key.as_str() {
                "site" => self.crawl.site = self.map.next_value()?,
                "limit" => self.crawl.limit = Some(self.map.next_value()?),
                "file" => self.crawl.file = Some(self.map.next_value()?),
                "ranking" => self.crawl.ranking = Some(self.map.next_value()?),
                "top" => self.crawl.top = Some(self.map.next_value()?),
                _ => return seed.deserialize(key.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
