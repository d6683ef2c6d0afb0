//! Objects too large for rows, one file each in a folder.
//!
//! An object is named by its writer's random id, written under a temporary name, made durable, then renamed: it is there
//! whole or not at all. Store the id in a row in the same act; an object whose row was never written is garbage, found by
//! comparing [`BlobStore::ids`] with the table.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncWriteExt};
use uuid::Uuid;

/// Name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(Uuid);

impl std::fmt::Display for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl std::str::FromStr for BlobId {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        Uuid::try_parse(text).map(Self).map_err(|_| BlobError::Id)
    }
}

/// Why an object could not be kept or fetched.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no object of that name.
    #[error("no such object: {0}")]
    Missing(BlobId),
    /// The text is no object name.
    #[error("not an object name")]
    Id,
    /// The stream was longer than allowed; nothing was kept.
    #[error("object is larger than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The disk is full; nothing was kept.
    #[error("no room for objects: {0}")]
    Full(io::Error),
    /// The disk, or the stream the object came from, failed.
    #[error("object file: {0}")]
    Io(io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full(error)
            }
            _ => Self::Io(error),
        }
    }
}

/// A folder of objects. Several processes may share it.
#[derive(Debug, Clone)]
pub struct BlobStore {
    folder: PathBuf,
}

impl BlobStore {
    /// Opens (or creates) a folder of objects.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn open(folder: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let folder = folder.into();
        fs::create_dir_all(folder.join("incoming")).await?;
        Ok(Self { folder })
    }

    /// Keeps a stream of at most `limit` bytes and returns its name and size. It is durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`], [`BlobError::Full`], [`BlobError::Io`].
    pub async fn put(&self, stream: &mut (impl AsyncRead + Unpin), limit: u64) -> Result<(BlobId, u64), BlobError> {
        // Version 7 begins with the time, so that neighbours in time are neighbours in the folder.
        let id = BlobId(Uuid::now_v7());
        let incoming = self.folder.join("incoming").join(id.to_string());
        let result = self.receive(id, &incoming, stream, limit).await;
        if result.is_err() {
            // What remains after a failed removal is swept by hand; the first error is the one that matters.
            let _ = fs::remove_file(&incoming).await;
        }
        result.map(|size| (id, size))
    }

    /// Keeps bytes and returns their name.
    ///
    /// # Errors
    /// As [`BlobStore::put`].
    pub async fn put_bytes(&self, mut bytes: &[u8]) -> Result<BlobId, BlobError> {
        Ok(self.put(&mut bytes, u64::MAX).await?.0)
    }

    async fn receive(
        &self,
        id: BlobId,
        incoming: &Path,
        stream: &mut (impl AsyncRead + Unpin),
        limit: u64,
    ) -> Result<u64, BlobError> {
        use tokio::io::AsyncReadExt;
        let mut file = File::create_new(incoming).await?;
        let size = tokio::io::copy(&mut stream.take(limit.saturating_add(1)), &mut file).await?;
        if size > limit {
            return Err(BlobError::TooLarge { limit });
        }
        file.flush().await?;
        file.sync_all().await?;
        let place = self.path(id);
        let folder = place.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).await?;
        fs::rename(incoming, &place).await?;
        File::open(folder).await?.sync_all().await?;
        File::open(&self.folder).await?.sync_all().await?;
        Ok(size)
    }

    /// Opens an object for reading as a stream.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Io`].
    pub async fn open_blob(&self, id: BlobId) -> Result<File, BlobError> {
        File::open(self.path(id)).await.map_err(|error| missing(id, error))
    }

    /// The whole content of an object.
    ///
    /// # Errors
    /// As [`BlobStore::open_blob`].
    pub async fn get(&self, id: BlobId) -> Result<Vec<u8>, BlobError> {
        fs::read(self.path(id)).await.map_err(|error| missing(id, error))
    }

    /// Size of an object in bytes.
    ///
    /// # Errors
    /// As [`BlobStore::open_blob`].
    pub async fn size(&self, id: BlobId) -> Result<u64, BlobError> {
        Ok(fs::metadata(self.path(id)).await.map_err(|error| missing(id, error))?.len())
    }

    /// Removes an object; `false` when there was none.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn delete(&self, id: BlobId) -> Result<bool, BlobError> {
        match fs::remove_file(self.path(id)).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all objects.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub async fn ids(&self) -> Result<Vec<BlobId>, BlobError> {
        let mut ids = Vec::new();
        let mut shelves = fs::read_dir(&self.folder).await?;
        while let Some(shelf) = shelves.next_entry().await? {
            if shelf.file_name() == "incoming" {
                continue;
            }
            let mut objects = fs::read_dir(shelf.path()).await?;
            while let Some(object) = objects.next_entry().await? {
                ids.extend(object.file_name().to_str().and_then(|name| name.parse::<BlobId>().ok()));
            }
        }
        Ok(ids)
    }

    /// Two hexadecimal digits of the random part make 256 shelves of even size.
    fn path(&self, id: BlobId) -> PathBuf {
        let name = id.to_string();
        let shelf = name.get(30..).unwrap_or_default();
        self.folder.join(shelf).join(&name)
    }
}

fn missing(id: BlobId, error: io::Error) -> BlobError {
    if error.kind() == io::ErrorKind::NotFound { BlobError::Missing(id) } else { error.into() }
}
