//! Objects of S3, Google Cloud Storage and Azure Blob Storage, and of folders by `file://`. In: URLs. Out: as
//! [`super::DataFiles`] hands it on. Keys and secrets come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`) and are
//! never shown.

use crate::error::{DataError, Result, StoreFault};
use bytes::{Buf, Bytes};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::runtime::{Builder, Runtime};

/// Bytes of one request while an object is read from end to end.
const RANGE: u64 = 8 << 20;

/// Connections, by the part of a URL before the first key, and what is known of objects.
#[derive(Debug, Default)]
pub(super) struct Stores {
    runtime: OnceLock<Arc<Runtime>>,
    stores: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>,
    /// As it was when it was first seen: a command reads one state of an object, or fails.
    seen: Mutex<BTreeMap<PathBuf, ObjectMeta>>,
}

/// An object in the state in which it was first seen.
pub(crate) struct Object {
    runtime: Arc<Runtime>,
    store: Arc<dyn ObjectStore>,
    meta: ObjectMeta,
}

impl Stores {
    /// Looks at an object; it is read later.
    ///
    /// # Errors
    /// [`DataError::ObjectStore`].
    pub fn open(&self, path: &Path) -> Result<Object> {
        let (store, key) = self.find(path)?;
        let runtime = self.runtime()?;
        let known = self.seen.lock().expect("no thread panics with it").get(path).cloned();
        let meta = match known {
            Some(meta) => meta,
            None => self.note(path, runtime.block_on(store.head(&key)).map_err(|error| failed(path, &error))?),
        };
        Ok(Object { runtime, store, meta })
    }

    /// Names of the folders and objects in a folder.
    ///
    /// # Errors
    /// As [`Stores::open`].
    pub fn names(&self, folder: &Path) -> Result<Vec<String>> {
        let (store, key) = self.find(folder)?;
        let prefix = (!key.as_ref().is_empty()).then_some(&key);
        let listed = match self.runtime()?.block_on(store.list_with_delimiter(prefix)) {
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            listed => listed.map_err(|error| failed(folder, &error))?,
        };
        let mut names: Vec<String> =
            listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned)).collect();
        for meta in listed.objects {
            if let Some(name) = meta.location.filename().map(str::to_owned) {
                self.note(&folder.join(&name), meta);
                names.push(name);
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Bytes of an object; `None` where there is none.
    ///
    /// # Errors
    /// As [`Stores::open`].
    pub fn size(&self, path: &Path) -> Result<Option<u64>> {
        match self.open(path) {
            Ok(object) => Ok(Some(object.size())),
            Err(DataError::ObjectStore { kind: StoreFault::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a file, in parts if it is large; it is visible when the last one is there.
    ///
    /// # Errors
    /// As [`Stores::open`]; the file cannot be read.
    pub fn upload(&self, file: File, url: &Path) -> Result<()> {
        let (store, key) = self.find(url)?;
        self.seen.lock().expect("no thread panics with it").remove(url);
        self.runtime()?.block_on(send(store.as_ref(), &key, file)).map_err(|error| failed(url, &error))
    }

    /// The first state that was seen counts.
    fn note(&self, path: &Path, meta: ObjectMeta) -> ObjectMeta {
        self.seen.lock().expect("no thread panics with it").entry(path.to_owned()).or_insert(meta).clone()
    }

    pub(super) fn runtime(&self) -> Result<Arc<Runtime>> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.clone());
        }
        let made = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let made = made.map_err(|error| DataError::io(Path::new("the thread of object stores"), error))?;
        Ok(self.runtime.get_or_init(|| Arc::new(made)).clone())
    }

    /// The store of a URL, connected once, and the key in it.
    fn find(&self, path: &Path) -> Result<(Arc<dyn ObjectStore>, Key)> {
        let url = path.to_string_lossy();
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (bucket, key) = match scheme {
            "file" => ("", rest),
            _ => rest.split_once('/').unwrap_or((rest, "")),
        };
        let key = Key::parse(key).map_err(|error| failed(path, &error.into()))?;
        let root = format!("{scheme}://{bucket}");
        let mut stores = self.stores.lock().expect("no thread panics with it");
        if let Some(store) = stores.get(&root) {
            return Ok((store.clone(), key));
        }
        let store = connect(scheme, bucket).map_err(|error| failed(path, &error))?;
        stores.insert(root, store.clone());
        Ok((store, key))
    }
}

/// An object as it is now.
#[cfg(test)]
pub(super) fn object_of(runtime: &Arc<Runtime>, store: &Arc<dyn ObjectStore>, key: &Key) -> Result<Object, Error> {
    let meta = runtime.block_on(store.head(key))?;
    Ok(Object { runtime: runtime.clone(), store: store.clone(), meta })
}

fn connect(scheme: &str, bucket: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    // Fails only where it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(match scheme {
        "s3" => Arc::new(AmazonS3Builder::from_env().with_bucket_name(bucket).build()?),
        "gs" => Arc::new(GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).build()?),
        "az" => Arc::new(MicrosoftAzureBuilder::from_env().with_container_name(bucket).build()?),
        "file" => Arc::new(LocalFileSystem::new()),
        other => {
            let reason = format!("`{other}://` is not known; s3://, gs://, az:// and file:// are");
            return Err(Error::NotSupported { source: reason.into() });
        }
    })
}

async fn send(store: &dyn ObjectStore, key: &Key, mut file: File) -> Result<(), Error> {
    let mut block = next_block(&mut file)?;
    if (block.len() as u64) < RANGE {
        return store.put(key, block.into()).await.map(drop);
    }
    let mut parts = store.put_multipart(key).await?;
    let sent = async {
        while !block.is_empty() {
            parts.put_part(block.into()).await?;
            block = next_block(&mut file)?;
        }
        parts.complete().await.map(drop)
    };
    let sent = sent.await;
    if sent.is_err() {
        // The error that matters is the first one; the store forgets parts that were never completed.
        let _ = parts.abort().await;
    }
    sent
}

/// The next [`RANGE`] bytes of a file, fewer at its end.
fn next_block(file: &mut File) -> Result<Vec<u8>, Error> {
    let mut block = Vec::new();
    let read = file.take(RANGE).read_to_end(&mut block);
    read.map_err(|error| Error::Generic { store: "a file of this machine", source: error.into() })?;
    Ok(block)
}

fn failed(path: &Path, error: &Error) -> DataError {
    let kind = if matches!(error, Error::NotFound { .. }) {
        StoreFault::NotFound
    } else if matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) {
        StoreFault::Refused
    } else {
        StoreFault::Failed
    };
    DataError::ObjectStore { url: path.to_owned(), kind, reason: error.to_string() }
}

impl Object {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.meta.size
    }

    /// What tells this state from others: the store's own tag, or the moment of the last change.
    pub fn state(&self) -> serde_json::Value {
        let tag = self.meta.e_tag.clone().unwrap_or_else(|| self.meta.last_modified.to_rfc3339());
        serde_json::json!([self.meta.size, tag])
    }

    /// Its bytes, in order.
    pub fn into_read(self) -> Box<dyn Read + Send> {
        Box::new(ObjectReader { object: self, position: 0, block: Bytes::new() })
    }

    /// A copy on this machine, from its beginning; it goes when it is closed.
    ///
    /// # Errors
    /// It cannot be read, or the copy cannot be written.
    pub fn into_file(self) -> io::Result<File> {
        let mut copy = tempfile::tempfile()?;
        io::copy(&mut self.into_read(), &mut copy)?;
        copy.rewind()?;
        Ok(copy)
    }

    /// The bytes of a range.
    ///
    /// # Errors
    /// Every try failed; the object is another one now.
    fn read_range(&self, range: Range<u64>) -> io::Result<Bytes> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: self.meta.e_tag.clone(),
            ..GetOptions::default()
        };
        let read =
            self.runtime.block_on(async { self.store.get_opts(&self.meta.location, options).await?.bytes().await });
        let is_another = matches!(read, Err(Error::Precondition { .. }));
        let bytes = read.map_err(|error| {
            if is_another { io::Error::other("it was written over while it was being read") } else { error.into() }
        })?;
        if bytes.len() as u64 != range.end - range.start {
            let reason = format!("the store sent {} of the bytes {} to {}", bytes.len(), range.start, range.end);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        Ok(bytes)
    }
}

/// An object from end to end, a range at a time.
struct ObjectReader {
    object: Object,
    position: u64,
    block: Bytes,
}

impl Read for ObjectReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() && self.position < self.object.size() {
            let end = self.object.size().min(self.position + RANGE);
            self.block = self.object.read_range(self.position..end)?;
            self.position = end;
        }
        let length = target.len().min(self.block.len());
        self.block.copy_to_slice(&mut target[..length]);
        Ok(length)
    }
}
