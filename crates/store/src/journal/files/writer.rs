//! The writer thread of a file journal: one write and one sync per group.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::queue::{Group, Pending, Queue};
use super::super::{JournalError, Seq};
use super::disk::Disk;
use super::format::{HEADER, Header, MARKER, Marker, RecordHead, payload_crc};
use super::segment::{Mark, Segment};
use super::{FileOptions, JournalDurability, Shared};

/// A buffer that grew larger than this in a burst is given back to the system.
const KEEP_BUFFER: usize = 4 * 1024 * 1024;

/// Records in their final form, behind room for the marker of the group.
#[derive(Debug, Default)]
pub(crate) struct FilePending {
    buffer: Vec<u8>,
    /// Places of the records within the buffer.
    marks: Vec<Mark>,
}

impl Pending for FilePending {
    type Prepared = u32;

    fn prepare(_: u8, parts: &[&[u8]]) -> u32 {
        payload_crc(parts)
    }

    fn push(&mut self, seq: Seq, kind: u8, parts: &[&[u8]], payload_crc: u32) {
        if self.buffer.is_empty() {
            self.buffer.resize(MARKER, 0);
        }
        self.marks.push(Mark { seq, offset: self.buffer.len() as u64 });
        let length = parts.iter().map(|part| part.len()).sum();
        self.buffer.extend_from_slice(&RecordHead::new(seq, kind, length, payload_crc).encode());
        parts.iter().for_each(|part| self.buffer.extend_from_slice(part));
    }
}

impl FilePending {
    /// The same buffers, empty, for the next group.
    fn recycle(mut self) -> Self {
        self.buffer.clear();
        self.buffer.shrink_to(KEEP_BUFFER);
        self.marks.clear();
        self
    }
}

/// The segment being written.
pub(super) struct Writer<D> {
    disk: D,
    options: FileOptions,
    shared: Arc<Shared>,
    segment: Arc<Segment>,
    file: File,
    /// End of the last good group.
    offset: u64,
    /// How much of the segment is known to be durable.
    synced: u64,
    /// Set after a failed sync: the kernel forgets which pages failed, so this file is not written on.
    must_roll: bool,
    /// Whether a group was written since the journal was opened.
    dirty: bool,
    broken: Option<JournalError>,
}

impl<D: Disk> Writer<D> {
    /// Goes on with the last segment, or begins the first one.
    pub(super) fn new(
        disk: D,
        options: FileOptions,
        shared: Arc<Shared>,
        last: Option<(File, u64)>,
    ) -> Result<Self, JournalError> {
        let newest = shared.segments.read().last().cloned();
        let (segment, file, offset) = match (newest, last) {
            (Some(segment), Some((file, end))) => (segment, file, end),
            _ => {
                let (segment, file) = create_segment(&disk, &shared.folder, 1, 0)?;
                shared.segments.write().push(Arc::clone(&segment));
                (segment, file, HEADER as u64)
            }
        };
        Ok(Self {
            disk,
            options,
            shared,
            segment,
            file,
            offset,
            synced: offset,
            must_roll: false,
            dirty: false,
            broken: None,
        })
    }

    /// Serves the queue until it is closed and empty.
    pub(super) fn run(mut self, queue: &Queue<FilePending>) {
        let mut spare = FilePending::default();
        while let Some(mut group) = queue.take(std::mem::take(&mut spare)) {
            let outcome = self.write_group(&mut group);
            queue.settle(group.count, outcome.as_ref().map(|written| *written).map_err(|_| ()));
            if let Err(error) = &outcome {
                tracing::error!(error = %error, journal.records = group.count, "group of records not written");
            }
            if let Some(reason) = &self.broken {
                queue.close(reason.clone());
            }
            group.promise.complete(outcome.map(|_| group.first));
            spare = group.pending.recycle();
        }
        self.seal();
    }

    /// Writes one group and shows it to readers; returns its size in bytes.
    fn write_group(&mut self, group: &mut Group<FilePending>) -> Result<usize, JournalError> {
        if let Some(reason) = &self.broken {
            return Err(reason.clone());
        }
        let size = group.pending.buffer.len();
        let full = self.offset + size as u64 > self.options.segment_bytes && self.offset > HEADER as u64;
        if full || self.must_roll {
            self.roll(group.first)?;
        }
        let marker = self.marker(group.first, size - MARKER, group.count);
        if let Some(place) = group.pending.buffer.get_mut(..MARKER) {
            place.copy_from_slice(&marker);
        }
        self.put(&group.pending.buffer)?;
        let base = self.offset;
        self.offset += size as u64;
        if self.options.durability == JournalDurability::Fsync {
            self.synced = self.offset;
        }
        self.dirty = true;
        let marks = group.pending.marks.iter().map(|mark| Mark { seq: mark.seq, offset: base + mark.offset });
        self.segment.publish(marks, self.offset);
        self.shared.durable.store(group.first + group.count - 1, Ordering::Release);
        Ok(size)
    }

    fn marker(&self, first: Seq, length: usize, count: u64) -> [u8; MARKER] {
        // A group of 2³² records would need 70 GiB of queue.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Marker { first, length: length as u64, synced: self.synced, count }.encode(self.segment.header.salt)
    }

    /// Writes and syncs at the end of the segment; on failure the segment is as before.
    fn put(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if let Err(error) = self.disk.write(&self.file, bytes, self.offset) {
            return Err(self.undo(error.into()));
        }
        if self.options.durability == JournalDurability::Fsync
            && let Err(error) = self.disk.sync(&self.file)
        {
            self.must_roll = true;
            return Err(self.undo(error.into()));
        }
        Ok(())
    }

    /// Cuts off what a failed write left behind.
    fn undo(&mut self, cause: JournalError) -> JournalError {
        let cut = self.disk.truncate(&self.file, self.offset);
        let cut = if self.must_roll { cut.and_then(|()| self.disk.sync(&self.file)) } else { cut };
        if let Err(error) = cut {
            self.broken = Some(JournalError::Broken { reason: error.to_string() });
        }
        cause
    }

    /// Begins a new segment.
    fn roll(&mut self, first: Seq) -> Result<(), JournalError> {
        let (segment, file) = create_segment(&self.disk, &self.shared.folder, first, self.segment.header.first)?;
        self.shared.segments.write().push(Arc::clone(&segment));
        self.segment = segment;
        self.file = file;
        self.offset = HEADER as u64;
        self.synced = self.offset;
        self.must_roll = false;
        Ok(())
    }

    /// Ends with an empty group, which tells the next opening that everything before it was durable.
    fn seal(&mut self) {
        if !self.dirty
            || self.must_roll
            || self.broken.is_some()
            || self.options.durability == JournalDurability::OsCache
        {
            return;
        }
        let marker = self.marker(self.shared.durable.load(Ordering::Acquire) + 1, 0, 0);
        if let Err(error) = self.put(&marker) {
            tracing::warn!(error = %error, "journal closed without its last mark");
        }
    }
}

/// Creates a segment and makes it durable together with its name.
fn create_segment(
    disk: &impl Disk,
    folder: &Path,
    first: Seq,
    previous: Seq,
) -> Result<(Arc<Segment>, File), JournalError> {
    let header = Header { first, previous, salt: RandomState::new().build_hasher().finish() };
    let path = folder.join(Segment::file_name(first));
    let create = || {
        let file = disk.create(&path)?;
        disk.write(&file, &header.encode(), 0)?;
        disk.sync(&file)?;
        File::open(folder)?.sync_all()?;
        Ok(file)
    };
    match create() {
        Ok(file) => Ok((Arc::new(Segment::new(header, path.clone(), HEADER as u64, Some(Vec::new()))), file)),
        Err(error) => {
            // Half a segment would be taken for damage once another one follows it.
            let _ = std::fs::remove_file(&path);
            Err(std::io::Error::into(error))
        }
    }
}
