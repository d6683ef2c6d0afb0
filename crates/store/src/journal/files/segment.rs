//! One segment file: walking its frames, and finding a record by number.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::super::{JournalError, Record, Seq};
use super::format::{HEADER, Header, MARKER, MARKER_MAGIC, Marker, RECORD, RecordHead};

/// Bytes between two entries of the index: what a point read has to walk at most, beside one group.
const INDEX_STEP: u64 = 32 * 1024;
/// Bytes read at once.
const READ: u64 = 128 * 1024;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub seq: Seq,
    pub offset: u64,
}

/// A segment that readers may use up to `end`.
#[derive(Debug)]
pub(super) struct Segment {
    pub header: Header,
    pub path: PathBuf,
    end: AtomicU64,
    /// `None` until the first read of a segment that an earlier process wrote.
    index: Mutex<Option<Vec<Mark>>>,
}

impl Segment {
    pub(super) fn new(header: Header, path: PathBuf, end: u64, index: Option<Vec<Mark>>) -> Self {
        Self { header, path, end: AtomicU64::new(end), index: Mutex::new(index) }
    }

    /// File name of a segment.
    pub(super) fn file_name(first: Seq) -> String {
        format!("{first:020}.journal")
    }

    pub(super) fn damage(&self, offset: u64, reason: &str) -> JournalError {
        damage(&self.path, offset, reason)
    }

    /// Shows a group to readers. `marks`: places of its records, by file offset.
    pub(super) fn publish(&self, marks: impl Iterator<Item = Mark>, end: u64) {
        if let Some(index) = self.index.lock().as_mut() {
            marks.for_each(|mark| add_mark(index, mark));
        }
        self.end.store(end, Ordering::Release);
    }

    /// Adds the records from `seq` on to `found` until their payloads exceed `max_bytes`. `true`: there was no end to be
    /// seen, go on with the next segment.
    pub(super) fn read(&self, seq: Seq, max_bytes: usize, found: &mut Found) -> Result<bool, JournalError> {
        let file = File::open(&self.path)?;
        let end = self.end.load(Ordering::Acquire);
        let start = self.start_for(&file, seq, end)?;
        let mut cursor = Cursor::new(&file, self.header.salt, start, end);
        loop {
            match cursor.next()? {
                Frame::End => return Ok(true),
                Frame::Marker { .. } => {}
                Frame::Bad { at, reason } => return Err(self.damage(at, reason)),
                Frame::Record { head, payload, .. } if head.seq >= seq => {
                    if !found.records.is_empty() && found.bytes + payload.len() > max_bytes {
                        return Ok(false);
                    }
                    found.bytes += payload.len();
                    found.records.push(Record { seq: head.seq, kind: head.kind, payload: payload.to_vec() });
                    if found.bytes >= max_bytes {
                        return Ok(false);
                    }
                }
                Frame::Record { .. } => {}
            }
        }
    }

    /// A place at or before the first record with a number of `seq` or more.
    fn start_for(&self, file: &File, seq: Seq, end: u64) -> Result<u64, JournalError> {
        let mut index = self.index.lock();
        let marks = match index.take() {
            Some(marks) => index.insert(marks),
            None => index.insert(self.build_index(file, end)?),
        };
        let after = marks.partition_point(|mark| mark.seq <= seq);
        Ok(after.checked_sub(1).and_then(|last| marks.get(last)).map_or(HEADER as u64, |mark| mark.offset))
    }

    fn build_index(&self, file: &File, end: u64) -> Result<Vec<Mark>, JournalError> {
        let mut cursor = Cursor::new(file, self.header.salt, HEADER as u64, end);
        let mut marks = Vec::new();
        loop {
            match cursor.next()? {
                Frame::End => return Ok(marks),
                Frame::Marker { .. } => {}
                Frame::Record { at, head, .. } => add_mark(&mut marks, Mark { seq: head.seq, offset: at }),
                Frame::Bad { at, reason } => return Err(self.damage(at, reason)),
            }
        }
    }
}

/// Records found so far.
#[derive(Default)]
pub(super) struct Found {
    pub records: Vec<Record>,
    pub bytes: usize,
}

pub(super) fn damage(path: &Path, offset: u64, reason: &str) -> JournalError {
    let segment = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    JournalError::Corrupt { segment, offset, reason: reason.to_owned() }
}

/// Adds a mark if it is far enough from the last.
pub(super) fn add_mark(index: &mut Vec<Mark>, mark: Mark) {
    if index.last().is_none_or(|last| mark.offset >= last.offset + INDEX_STEP) {
        index.push(mark);
    }
}

/// What stands at a place in a segment.
pub(super) enum Frame<'c> {
    Marker { at: u64, marker: Marker },
    Record { at: u64, head: RecordHead, payload: &'c [u8] },
    Bad { at: u64, reason: &'static str },
    End,
}

/// Walks the frames of a segment between two offsets, through one buffer.
pub(super) struct Cursor<'f> {
    file: &'f File,
    salt: u64,
    offset: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl<'f> Cursor<'f> {
    pub(super) fn new(file: &'f File, salt: u64, offset: u64, end: u64) -> Self {
        Self { file, salt, offset, end, buffer: Vec::new(), buffer_at: offset }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame. After `Bad` the cursor does not move.
    pub(super) fn next(&mut self) -> io::Result<Frame<'_>> {
        let at = self.offset;
        if at >= self.end {
            return Ok(Frame::End);
        }
        let bad = |reason| Ok(Frame::Bad { at, reason });
        let salt = self.salt;
        let Some(bytes) = self.bytes(at, RECORD)? else { return bad("cut short") };
        if bytes.starts_with(&MARKER_MAGIC) {
            let Some(bytes) = self.bytes(at, MARKER)? else { return bad("cut short") };
            let Some(marker) = Marker::decode(bytes, salt) else { return bad("damaged group marker") };
            self.offset += MARKER as u64;
            return Ok(Frame::Marker { at, marker });
        }
        let Some(head) = RecordHead::decode(bytes) else { return bad("impossible length") };
        let size = RECORD + head.length;
        // Judged before anything is handed out, because the borrow below lasts for the caller.
        match self.bytes(at, size)?.and_then(|bytes| bytes.get(RECORD..)) {
            None => return bad("cut short"),
            Some(payload) if !head.fits(payload) => return bad("checksum does not match"),
            Some(_) => {}
        }
        self.offset += size as u64;
        let payload = self.bytes(at, size)?.and_then(|bytes| bytes.get(RECORD..)).unwrap_or_default();
        Ok(Frame::Record { at, head, payload })
    }

    /// `length` bytes at `offset`; `None` when that reaches beyond the end.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let until = offset + length as u64;
        if until > self.end {
            return Ok(None);
        }
        if offset < self.buffer_at || until > self.buffer_at + self.buffer.len() as u64 {
            let size = (length as u64).max(READ.min(self.end - offset));
            self.buffer.resize(usize::try_from(size).map_err(io::Error::other)?, 0);
            self.buffer_at = offset;
            self.file.read_exact_at(&mut self.buffer, offset)?;
        }
        let start = usize::try_from(offset - self.buffer_at).map_err(io::Error::other)?;
        Ok(self.buffer.get(start..start + length))
    }
}
