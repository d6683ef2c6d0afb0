//! A message body while the gateway holds it: nothing, bytes in memory, or spooled to disk. Its SHA-512 is taken as it arrives.

use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};

use super::spool::{BLOCK, Spool, SpoolWriter};
use crate::model::header_part::sha512;

/// A complete body.
#[derive(Clone, Debug)]
pub enum Payload {
    /// No body: the message has only its header part.
    None,
    /// Held in memory.
    Memory {
        /// The bytes.
        bytes: Bytes,
        /// Their SHA-512.
        digest: [u8; 64],
    },
    /// Held on disk.
    Spooled {
        /// Where.
        spool: Arc<Spool>,
        /// SHA-512 of the plain bytes.
        digest: [u8; 64],
    },
}

impl Payload {
    /// The digest that is signed as `/attachment1`, if there is a body.
    #[must_use]
    pub fn digest(&self) -> Option<&[u8; 64]> {
        match self {
            Self::None => None,
            Self::Memory { digest, .. } | Self::Spooled { digest, .. } => Some(digest),
        }
    }

    /// Bytes in the body.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Memory { bytes, .. } => bytes.len() as u64,
            Self::Spooled { spool, .. } => spool.length(),
        }
    }

    /// The whole body in memory. Blocks when spooled: ask only for bodies within the caller's bound.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::None => Ok(Bytes::new()),
            Self::Memory { bytes, .. } => Ok(bytes.clone()),
            Self::Spooled { spool, .. } => {
                let mut out = BytesMut::with_capacity(usize::try_from(spool.length()).map_err(io::Error::other)?);
                let blocks = spool.length().div_ceil(BLOCK as u64);
                for index in 0..blocks {
                    out.extend_from_slice(&spool.block(index)?);
                }
                Ok(out.freeze())
            }
        }
    }
}

/// Where bodies too large for memory go, and how large that is.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    /// Bodies up to this many bytes stay in memory.
    pub memory_limit: usize,
    /// Directory of the temporary files.
    pub directory: Arc<Path>,
    /// The largest body that is accepted at all, bytes.
    pub max_body: u64,
}

/// Why a body could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Larger than [`SpoolSettings::max_body`].
    #[error("the body is larger than the {0} bytes this gateway accepts")]
    TooLarge(u64),
    /// The disk refused.
    #[error("the body could not be spooled: {0}")]
    Io(#[from] io::Error),
}

/// Takes a body in chunk by chunk.
pub struct PayloadBuilder<'a> {
    settings: &'a SpoolSettings,
    /// The only chunk so far: most bodies arrive in one and are never copied.
    single: Option<Bytes>,
    /// What has gathered since, neither hashed nor written yet.
    gathered: BytesMut,
    /// Set once the body has outgrown memory.
    spooling: Option<Spooling>,
    length: u64,
}

/// The part of a body that is already on disk.
struct Spooling {
    hash: digest::Context,
    writer: SpoolWriter,
}

impl<'a> PayloadBuilder<'a> {
    /// An empty body.
    #[must_use]
    pub fn new(settings: &'a SpoolSettings) -> Self {
        Self { settings, single: None, gathered: BytesMut::new(), spooling: None, length: 0 }
    }

    /// Takes in the next chunk. Disk work runs on the blocking pool.
    ///
    /// # Errors
    /// When the body grows too large or the disk refuses.
    pub async fn push(&mut self, chunk: Bytes) -> Result<(), PayloadError> {
        self.length += chunk.len() as u64;
        if self.length > self.settings.max_body {
            return Err(PayloadError::TooLarge(self.settings.max_body));
        }
        if self.length == chunk.len() as u64 {
            self.single = Some(chunk);
        } else {
            if let Some(first) = self.single.take() {
                self.gathered.extend_from_slice(&first);
            }
            self.gathered.extend_from_slice(&chunk);
        }
        let outgrown = self.spooling.is_none() && self.length > self.settings.memory_limit as u64;
        if outgrown || (self.spooling.is_some() && self.gathered.len() >= BLOCK) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Ends the body. A body of no bytes is [`Payload::None`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn finish(mut self) -> Result<Payload, PayloadError> {
        if self.spooling.is_some() {
            self.flush().await?;
        }
        if let Some(Spooling { hash, writer }) = self.spooling {
            let spool = blocking(move || writer.finish()).await?;
            return Ok(Payload::Spooled { spool: Arc::new(spool), digest: digest_of(hash) });
        }
        if self.length == 0 {
            return Ok(Payload::None);
        }
        let bytes = self.single.unwrap_or_else(|| self.gathered.freeze());
        let digest = sha512(&bytes);
        Ok(Payload::Memory { bytes, digest })
    }

    /// Hashes, seals and writes what has gathered, in one trip to the blocking pool.
    async fn flush(&mut self) -> io::Result<()> {
        let single = self.single.take();
        let mut gathered = std::mem::take(&mut self.gathered);
        let directory = Arc::clone(&self.settings.directory);
        let spooling = self.spooling.take();
        let (spooling, gathered) = blocking(move || {
            let mut spooling = match spooling {
                Some(spooling) => spooling,
                None => {
                    Spooling { hash: digest::Context::new(&digest::SHA512), writer: SpoolWriter::create(&directory)? }
                }
            };
            for bytes in [single.as_deref().unwrap_or_default(), &gathered] {
                spooling.hash.update(bytes);
                spooling.writer.write(bytes)?;
            }
            gathered.clear();
            Ok((spooling, gathered))
        })
        .await?;
        self.spooling = Some(spooling);
        self.gathered = gathered;
        Ok(())
    }
}

fn digest_of(hash: digest::Context) -> [u8; 64] {
    let mut out = [0; 64];
    out.copy_from_slice(hash.finish().as_ref());
    out
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(directory: &Path) -> SpoolSettings {
        SpoolSettings { memory_limit: 1000, directory: directory.into(), max_body: 5 * BLOCK as u64 }
    }

    async fn build(chunks: &[&[u8]]) -> Result<Payload, PayloadError> {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let mut builder = PayloadBuilder::new(&settings);
        for chunk in chunks {
            builder.push(Bytes::copy_from_slice(chunk)).await?;
        }
        builder.finish().await
    }

    #[tokio::test]
    async fn a_body_keeps_its_bytes_and_digest_in_memory_and_on_disk() {
        let large = vec![7; 2 * BLOCK + 3];
        let chunks: Vec<&[u8]> = large.chunks(70_000).collect();
        for (chunks, spooled) in [(vec![&b"abc"[..]], false), (vec![b"abc", b"def"], false), (chunks, true)] {
            let payload = build(&chunks).await.unwrap();
            let whole = chunks.concat();
            assert_eq!(matches!(payload, Payload::Spooled { .. }), spooled);
            assert_eq!(payload.digest(), Some(&sha512(&whole)));
            assert_eq!(payload.length(), whole.len() as u64);
            assert!(payload.to_bytes().unwrap() == whole);
        }
    }

    #[tokio::test]
    async fn no_bytes_are_no_body_and_too_many_are_refused() {
        assert!(matches!(build(&[]).await.unwrap(), Payload::None));
        let chunk = vec![0; BLOCK];
        assert!(matches!(build(&[chunk.as_slice(); 6]).await, Err(PayloadError::TooLarge(_))));
    }
}
