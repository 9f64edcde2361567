//! What each host was asked for today (UTC), over all runs: the daily cap is counted here, and kept
//! in the catalog.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::catalog::{Catalog, Write, now, traffic};
use crate::period::DAY;

/// The counts of one process.
#[derive(Default)]
pub struct Traffic(Mutex<BTreeMap<(i64, String), Count>>);

#[derive(Clone, Copy, Default)]
struct Count {
    /// Bytes of the day, those of earlier runs included.
    bytes: u64,
    unsaved_requests: u64,
    unsaved_bytes: u64,
}

impl Traffic {
    /// Bytes that a host was asked for today.
    ///
    /// # Errors
    /// Where the catalog cannot be read.
    pub async fn today(&self, catalog: &Catalog, host: &str) -> anyhow::Result<u64> {
        let key = (now() / DAY, host.to_string());
        if let Some(count) = self.counts().get(&key) {
            return Ok(count.bytes);
        }
        let before = traffic::bytes(catalog, key.0, host).await?;
        let mut counts = self.counts();
        let count = counts.entry(key).or_insert(Count {
            bytes: before,
            ..Count::default()
        });
        Ok(count.bytes)
    }

    /// Counts a request, and the bytes that came.
    pub fn add(&self, host: &str, bytes: u64) {
        let mut counts = self.counts();
        let count = counts.entry((now() / DAY, host.to_string())).or_default();
        count.bytes += bytes;
        count.unsaved_bytes += bytes;
        count.unsaved_requests += 1;
    }

    /// Puts what was counted since the last call into the catalog, with whatever else is written.
    ///
    /// # Errors
    /// Where the catalog refuses.
    pub async fn save(&self, write: &mut Write) -> anyhow::Result<()> {
        let mut unsaved = Vec::new();
        for ((day, host), count) in self.counts().iter_mut().filter(|(_, count)| count.unsaved_requests > 0) {
            unsaved.push((*day, host.clone(), count.unsaved_requests, count.unsaved_bytes));
            (count.unsaved_requests, count.unsaved_bytes) = (0, 0);
        }
        for (day, host, requests, bytes) in unsaved {
            traffic::add(write, day, &host, requests, bytes).await?;
        }
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(i64, String), Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
