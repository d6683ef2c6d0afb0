//! Large bodies on disk: an unnamed temporary file, encrypted with a key that exists only in memory, written in big blocks.
//!
//! Each block of [`BLOCK`] bytes is sealed with AES-256-GCM under the block's number, so a changed, swapped or cut file is noticed.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use bytes::Bytes;
use rand::RngCore as _;

/// Plain bytes in one block.
pub const BLOCK: usize = 1024 * 1024;
/// Bytes the seal adds to a block.
const TAG: usize = 16;

/// A body being written to disk. All calls block: use it on a thread that may.
pub struct SpoolWriter {
    file: File,
    key: LessSafeKey,
    block: Vec<u8>,
    blocks: u64,
    length: u64,
}

/// A complete body on disk. Dropping it frees the space.
pub struct Spool {
    file: File,
    key: LessSafeKey,
    length: u64,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("length", &self.length).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SpoolWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpoolWriter").field("length", &self.length).finish_non_exhaustive()
    }
}

impl SpoolWriter {
    /// Opens an unnamed file in `directory`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(directory: &Path) -> io::Result<Self> {
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        let key = UnboundKey::new(&AES_256_GCM, &secret).map_err(|_| io::Error::other("cannot make a spool key"))?;
        Ok(Self {
            file: tempfile::tempfile_in(directory)?,
            key: LessSafeKey::new(key),
            block: Vec::with_capacity(BLOCK + TAG),
            blocks: 0,
            length: 0,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the disk refuses, for example because it is full.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let take = bytes.len().min(BLOCK - self.block.len());
            let (now, later) = bytes.split_at(take);
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.flush_block()?;
            }
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// As [`SpoolWriter::write`].
    pub fn finish(mut self) -> io::Result<Spool> {
        if !self.block.is_empty() {
            self.flush_block()?;
        }
        Ok(Spool { file: self.file, key: self.key, length: self.length })
    }

    fn flush_block(&mut self) -> io::Result<()> {
        self.key
            .seal_in_place_append_tag(nonce(self.blocks), Aad::empty(), &mut self.block)
            .map_err(|_| io::Error::other("cannot seal a spool block"))?;
        self.file.write_all(&self.block)?;
        self.block.clear();
        self.blocks += 1;
        Ok(())
    }
}

impl Spool {
    /// Plain bytes in the body.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Block number `index`, opened; empty after the last. Blocks are read in any order.
    ///
    /// # Errors
    /// When the disk fails or the file was changed.
    pub fn block(&self, index: u64) -> io::Result<Bytes> {
        let start = index * BLOCK as u64;
        if start >= self.length {
            return Ok(Bytes::new());
        }
        let plain = usize::try_from((self.length - start).min(BLOCK as u64)).map_err(io::Error::other)?;
        let mut sealed = vec![0; plain + TAG];
        // At its place, not at the file's cursor: a body may be read for two attempts at once.
        self.file.read_exact_at(&mut sealed, index * (BLOCK + TAG) as u64)?;
        self.key
            .open_in_place(nonce(index), Aad::empty(), &mut sealed)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a spooled block was changed on disk"))?;
        sealed.truncate(plain);
        Ok(Bytes::from(sealed))
    }
}

/// The key is used for one file only, so the block number is a nonce that never repeats.
fn nonce(block: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&block.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    fn spool(length: usize) -> (Vec<u8>, Spool) {
        let directory = tempfile::tempdir().unwrap();
        let mut plain = vec![0; length];
        rand::rng().fill_bytes(&mut plain);
        let mut writer = SpoolWriter::create(directory.path()).unwrap();
        for chunk in plain.chunks(100_000) {
            writer.write(chunk).unwrap();
        }
        (plain, writer.finish().unwrap())
    }

    fn read(spool: &Spool) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for index in 0.. {
            let block = spool.block(index)?;
            if block.is_empty() {
                break;
            }
            out.extend_from_slice(&block);
        }
        Ok(out)
    }

    #[test]
    fn bodies_of_every_length_around_a_block_come_back() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7] {
            let (plain, spool) = spool(length);
            assert_eq!(spool.length(), length as u64);
            assert!(read(&spool).unwrap() == plain, "length {length}");
        }
    }

    #[test]
    fn the_disk_never_holds_plain_bytes_and_a_change_is_noticed() {
        let (plain, spool) = spool(BLOCK + 10);
        let mut on_disk = vec![0; 64];
        spool.file.read_exact_at(&mut on_disk, 0).unwrap();
        assert_ne!(on_disk, plain[..64]);
        spool.file.write_all_at(&[on_disk[0] ^ 1], 0).unwrap();
        assert_eq!(read(&spool).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
