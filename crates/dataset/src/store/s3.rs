//! The store in a bucket of S3, or of a service that speaks it. Callers block; what they wait for runs on a
//! small runtime of its own, so that they may be threads of any kind.

mod address;
mod refusal;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::path::Path as Name;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::{Builder, Runtime};

use super::error::{StoreError, failed};
use super::settings::Environment;
use super::{MARKER, MARKER_TEXT, StoreSettings};
use crate::keys::Key;

use address::Clients;
pub(super) use address::{Address, KEYS};

/// Requests under way at once of one call, and threads of [`S3::threads`].
const AT_ONCE: usize = 32;
/// Objects from so many bytes on are sent in parts, of so many bytes each.
const PARTS_FROM: usize = 16 << 20;
const PART: usize = 8 << 20;
/// Attempts to remove objects.
const REMOVALS: usize = 3;
/// Parts of one object under way at once.
const PARTS_AT_ONCE: usize = 4;

/// A prefix in a bucket. Cheap to clone.
#[derive(Clone)]
pub(super) struct S3(Arc<Inner>);

struct Inner {
    client: AmazonS3,
    /// For the first contact: a wrong setting is told soon.
    hasty: AmazonS3,
    address: Address,
    /// Whether the environment has keys; without them the machine's own role is asked for.
    has_keys: bool,
    data: PathBuf,
    threads: ThreadPool,
    /// There until the end.
    runtime: Option<Runtime>,
}

// What each method promises stands at that of `Store`.
impl S3 {
    /// Prepares requests; none is sent yet. `data` is the data folder that the store belongs to.
    pub(super) fn connect(
        settings: &StoreSettings,
        address: &Address,
        data: &Path,
        environment: &Environment,
    ) -> Result<Self, StoreError> {
        let cannot = |error: &dyn std::error::Error| failed("connect to", address, error);
        let Clients {
            client,
            hasty,
            has_keys,
        } = address.clients(settings, environment)?;
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(2).thread_name("store").enable_all();
        Ok(Self(Arc::new(Inner {
            client,
            hasty,
            address: address.clone(),
            has_keys,
            data: data.into(),
            threads: ThreadPoolBuilder::new()
                .num_threads(AT_ONCE)
                .build()
                .map_err(|error| cannot(&error))?,
            runtime: Some(runtime.build().map_err(|error| cannot(&error))?),
        })))
    }

    /// Looks for the marker.
    pub(super) fn open(&self) -> Result<(), StoreError> {
        match self.wait(|inner| async move { inner.first_look().await })? {
            true => Ok(()),
            false => Err(self.0.vanished()),
        }
    }

    /// Looks for the marker, and writes it where it is missing.
    pub(super) fn create(&self) -> Result<(), StoreError> {
        self.wait(|inner| async move {
            if inner.first_look().await? {
                return Ok(());
            }
            let name = inner.address.name(MARKER);
            let put = inner.hasty.put(&name, PutPayload::from_static(MARKER_TEXT.as_bytes()));
            put.await.map_err(|error| inner.refusal("write", MARKER, &error))?;
            Ok(())
        })
    }

    pub(super) fn data(&self) -> &Path {
        &self.0.data
    }

    pub(super) fn threads(&self) -> &ThreadPool {
        &self.0.threads
    }

    pub(super) fn read(&self, key: &Key) -> Result<Vec<u8>, StoreError> {
        let wanted = key.clone();
        let bytes = self.wait(|inner| async move {
            let got = async { inner.client.get(&inner.name(&wanted)).await?.bytes().await };
            match got.await {
                Ok(bytes) => Ok(bytes),
                Err(Error::NotFound { .. }) if inner.has_marker().await? => Err(StoreError::Missing(wanted)),
                Err(Error::NotFound { .. }) => Err(inner.vanished()),
                Err(error) => Err(inner.refusal("read", wanted, &error)),
            }
        })?;
        match key.is_of(&bytes) {
            true => Ok(bytes.into()),
            false => Err(StoreError::Damaged(key.clone())),
        }
    }

    pub(super) fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let key = key.clone();
        self.wait(|inner| async move { inner.length(&key).await })
    }

    pub(super) fn place(&self, key: &Key, bytes: &[u8]) -> Result<bool, StoreError> {
        let (key, bytes) = (key.clone(), bytes.to_vec());
        self.wait(|inner| async move {
            let (marker, found) = futures::try_join!(inner.has_marker(), inner.length(&key))?;
            if !marker {
                return Err(inner.vanished());
            }
            if found == Some(bytes.len() as u64) {
                return Ok(false);
            }
            let put = inner.put(&inner.name(&key), bytes).await;
            put.map_err(|error| inner.refusal("write", key, &error))?;
            Ok(true)
        })
    }

    pub(super) fn remove(&self, keys: &[Key]) -> Result<(), StoreError> {
        let names: Vec<Name> = keys.iter().map(|key| self.0.name(key)).collect();
        self.wait(|inner| async move {
            if !inner.has_marker().await? {
                return Err(inner.vanished());
            }
            let remove = || async {
                let removed = inner.client.delete_stream(stream::iter(names.clone()).map(Ok).boxed());
                removed.try_for_each(|_| async { Ok(()) }).await
            };
            // The library does not repeat what may have been done; to remove twice is no harm.
            let mut removed = remove().await;
            for _ in 1..REMOVALS {
                match removed {
                    Err(Error::Generic { .. }) => removed = remove().await,
                    _ => break,
                }
            }
            removed.map_err(|error| inner.refusal("delete", "objects", &error))
        })
    }

    /// Names, without the prefix, and lengths of all objects of a kind, in no order.
    pub(super) fn listing(&self, kind: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let kind = kind.to_string();
        self.wait(|inner| async move {
            let listed = inner.listing(&inner.address.name(&kind)).await;
            listed.map_err(|error| inner.refusal("list", kind, &error))
        })
    }

    /// Runs work on the store's own runtime, and waits for it.
    fn wait<Done, Work>(&self, work: impl FnOnce(Arc<Inner>) -> Work) -> Done
    where
        Done: Send + 'static,
        Work: Future<Output = Done> + Send + 'static,
    {
        let (done, result) = mpsc::sync_channel(1);
        let work = work(Arc::clone(&self.0));
        let runtime = self.0.runtime.as_ref().expect("is there until the end");
        runtime.spawn(async move {
            let _ = done.send(work.await);
        });
        result.recv().expect("the store's own work does not panic")
    }
}

impl Inner {
    fn name(&self, key: &Key) -> Name {
        self.address.name(key.as_str())
    }

    /// Whether the marker is there; a bucket that is not there is an error.
    async fn first_look(&self) -> Result<bool, StoreError> {
        match self.hasty.get(&self.address.name(MARKER)).await {
            Ok(_) => return Ok(true),
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(self.refusal("read", MARKER, &error)),
        }
        // Some services say of a bucket that is missing no more than that the object is.
        let listed = self.hasty.list_with_delimiter(Some(&self.address.prefix)).await;
        listed.map_err(|error| self.refusal("list", "the bucket", &error))?;
        Ok(false)
    }

    async fn has_marker(&self) -> Result<bool, StoreError> {
        match self.client.head(&self.address.name(MARKER)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.refusal("look for", MARKER, &error)),
        }
    }

    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match self.client.head(&self.name(key)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.refusal("look for", key, &error)),
        }
    }

    async fn put(&self, name: &Name, bytes: Vec<u8>) -> object_store::Result<()> {
        if bytes.len() < PARTS_FROM {
            self.client.put(name, bytes.into()).await?;
            return Ok(());
        }
        let mut parts = WriteMultipart::new_with_chunk_size(self.client.put_multipart(name).await?, PART);
        for part in bytes.chunks(PART) {
            parts.wait_for_capacity(PARTS_AT_ONCE).await?;
            parts.write(part);
        }
        // Takes its parts back where it fails.
        parts.finish().await?;
        Ok(())
    }

    /// All that lies below a name, each of its folders listed by itself, several at once.
    async fn listing(&self, below: &Name) -> object_store::Result<Vec<(String, u64)>> {
        let folders = self.client.list_with_delimiter(Some(below)).await?.common_prefixes;
        let listed = stream::iter(folders)
            .map(|folder| async move { self.client.list(Some(&folder)).try_collect::<Vec<_>>().await })
            .buffer_unordered(AT_ONCE);
        let listed: Vec<Vec<_>> = listed.try_collect().await?;
        let named = listed.into_iter().flatten().filter_map(|found| {
            let name = self.address.without_prefix(found.location.as_ref())?;
            Some((name.to_string(), found.size))
        });
        Ok(named.collect())
    }

    fn vanished(&self) -> StoreError {
        StoreError::Vanished {
            place: self.address.to_string(),
            way_out: "restore it, or copy the store's objects there, the marker last; [store] objects or \
                      HEADS_STORE_URL names the place",
        }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "S3({})", self.0.address)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Waiting for its threads would panic where the last store is dropped on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests;
