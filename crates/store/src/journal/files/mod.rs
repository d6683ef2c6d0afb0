//! The journal in segment files.

mod disk;
mod format;
mod recover;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};

use super::queue::Queue;
use super::{JournalError, JournalStats, Record, Seq, Ticket};
use disk::{Disk, RealDisk};
use segment::{Found, Segment};
use writer::{FilePending, Writer};

/// What "durable" means for a file journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JournalDurability {
    /// A completed ticket survives a power failure.
    #[default]
    Fsync,
    /// A completed ticket survives the death of the process, not of the machine: the last records may be lost, and
    /// records lost in the middle of an older segment are found only when they are read.
    OsCache,
}

/// Settings of a file journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// What a completed ticket promises.
    pub durability: JournalDurability,
    /// Size at which a new segment is begun; a single group may exceed it.
    pub segment_bytes: u64,
    /// Payload bytes that may wait to be written.
    pub queue_bytes: usize,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { durability: JournalDurability::Fsync, segment_bytes: 64 * 1024 * 1024, queue_bytes: 64 * 1024 * 1024 }
    }
}

/// What the writer shows to readers.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// In the order of their numbers; never empty once the writer is made.
    segments: RwLock<Vec<Arc<Segment>>>,
    durable: AtomicU64,
}

#[derive(Debug)]
pub(super) struct FileJournal {
    queue: Arc<Queue<FilePending>>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held as long as the folder is open.
    _lock: File,
}

impl FileJournal {
    pub(super) fn open(folder: PathBuf, options: FileOptions) -> Result<Self, JournalError> {
        Self::open_on(RealDisk, folder, options)
    }

    fn open_on(disk: impl Disk, folder: PathBuf, options: FileOptions) -> Result<Self, JournalError> {
        std::fs::create_dir_all(&folder)?;
        let lock = lock(&folder)?;
        let recovered = recover::recover(&folder)?;
        let shared = Arc::new(Shared {
            folder,
            segments: RwLock::new(recovered.segments),
            durable: AtomicU64::new(recovered.durable),
        });
        let writer = Writer::new(disk, options, Arc::clone(&shared), recovered.last)?;
        let queue = Arc::new(Queue::new(options.queue_bytes, recovered.durable + 1));
        let thread = {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name("journal-writer".to_owned())
                .spawn(move || queue.guard(|| writer.run(&queue)))?
        };
        Ok(Self { queue, shared, writer: Mutex::new(Some(thread)), _lock: lock })
    }

    pub(super) fn append(&self, kind: u8, parts: &[&[u8]]) -> Result<Ticket, JournalError> {
        self.queue.append(kind, parts)
    }

    pub(super) fn read_from(&self, seq: Seq, max_bytes: usize) -> Result<Vec<Record>, JournalError> {
        let segments = {
            let all = self.shared.segments.read();
            let after = all.partition_point(|segment| segment.header.first <= seq);
            all.get(after.saturating_sub(1)..).unwrap_or_default().to_vec()
        };
        let mut found = Found::default();
        for segment in segments {
            match segment.read(seq, max_bytes, &mut found) {
                Ok(true) => {}
                Ok(false) => break,
                // Dropped by `drop_before` since we looked: its records are gone, the later ones are not.
                Err(_) if !self.shared.segments.read().iter().any(|kept| Arc::ptr_eq(kept, &segment)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found.records)
    }

    pub(super) fn durable_seq(&self) -> Seq {
        self.shared.durable.load(Ordering::Acquire)
    }

    pub(super) fn first_seq(&self) -> Seq {
        self.shared.segments.read().first().map_or(1, |segment| segment.header.first)
    }

    pub(super) fn drop_before(&self, seq: Seq) -> Result<(), JournalError> {
        let mut segments = self.shared.segments.write();
        // Oldest first, so that a crash in between leaves no hole.
        while let [oldest, next, ..] = segments.as_slice() {
            if next.header.first > seq {
                break;
            }
            std::fs::remove_file(&oldest.path)?;
            segments.remove(0);
        }
        Ok(File::open(&self.shared.folder)?.sync_all()?)
    }

    pub(super) fn stats(&self) -> JournalStats {
        JournalStats { segments: self.shared.segments.read().len() as u64, ..self.queue.stats() }
    }

    pub(super) fn close(&self) {
        self.queue.close(JournalError::Closed);
        if let Some(writer) = self.writer.lock().take() {
            // A panic was caught and told by the queue.
            let _ = writer.join();
        }
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(folder: &std::path::Path) -> Result<File, JournalError> {
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { folder: folder.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
