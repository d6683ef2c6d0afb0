//! Opening a folder of segments after whatever happened to it.
//!
//! The end of the last segment may be torn by a crash: a group that was not yet acknowledged is cut off whole. Damage to
//! acknowledged records is never cut off, it is reported. The two are told apart by the groups behind the damage: each
//! says how much of the segment was durable when it was written.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{JournalError, Seq};
use super::format::{HEADER, Header, MARKER, MARKER_MAGIC, Marker};
use super::segment::{Cursor, Frame, Mark, Segment, add_mark, damage};

/// The segments of a folder, with the last one ready to be written on.
pub(super) struct Recovered {
    pub segments: Vec<Arc<Segment>>,
    /// The last segment, if there is one: its file and its end.
    pub last: Option<(File, u64)>,
    /// Number of the last durable record, or the one before the first to come.
    pub durable: Seq,
}

pub(super) fn recover(folder: &Path) -> Result<Recovered, JournalError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "journal") {
            files.push(path);
        }
    }
    // Names are numbers of equal length, so this is the order of the records.
    files.sort();
    let mut headers = Vec::with_capacity(files.len());
    for (position, path) in files.iter().enumerate() {
        match read_header(path)? {
            Some(header) => headers.push((header, path.clone())),
            // The header is made durable before anything follows it: a file without one holds nothing.
            None if position + 1 == files.len() && path.metadata()?.len() <= HEADER as u64 => {
                std::fs::remove_file(path)?;
            }
            None => return Err(damage(path, 0, "damaged segment header")),
        }
    }
    check_chain(&headers)?;
    let Some((header, path)) = headers.pop() else {
        return Ok(Recovered { segments: Vec::new(), last: None, durable: 0 });
    };
    let mut segments = Vec::with_capacity(headers.len() + 1);
    for (header, path) in headers {
        let length = path.metadata()?.len();
        segments.push(Arc::new(Segment::new(header, path, length, None)));
    }
    let file = File::options().read(true).write(true).open(&path)?;
    let scan = scan(&file, &path, header)?;
    if file.metadata()?.len() > scan.end {
        tracing::warn!(journal.segment = %path.display(), journal.end = scan.end, "torn end of the journal cut off");
        file.set_len(scan.end)?;
    }
    // What a killed process wrote may be in memory only; once we show it to readers it has to be durable.
    file.sync_all()?;
    segments.push(Arc::new(Segment::new(header, path, scan.end, Some(scan.marks))));
    Ok(Recovered { segments, last: Some((file, scan.end)), durable: scan.last })
}

fn read_header(path: &Path) -> Result<Option<Header>, JournalError> {
    let mut bytes = Vec::with_capacity(HEADER);
    File::open(path)?.take(HEADER as u64).read_to_end(&mut bytes)?;
    let named = |header: &Header| path.file_name().is_some_and(|name| *name == *Segment::file_name(header.first));
    Ok(Header::decode(&bytes).filter(named))
}

fn check_chain(headers: &[(Header, PathBuf)]) -> Result<(), JournalError> {
    for pair in headers.windows(2) {
        if let [(before, _), (after, path)] = pair
            && after.previous != before.first
        {
            return Err(damage(path, 0, "the segment before this one is missing"));
        }
    }
    Ok(())
}

struct Scan {
    end: u64,
    last: Seq,
    marks: Vec<Mark>,
}

/// Walks the last segment group by group and finds its end.
fn scan(file: &File, path: &Path, header: Header) -> Result<Scan, JournalError> {
    let length = file.metadata()?.len();
    let mut cursor = Cursor::new(file, header.salt, HEADER as u64, length);
    let mut scan = Scan { end: HEADER as u64, last: header.first - 1, marks: Vec::new() };
    while scan.end < length {
        match scan_group(&mut cursor, scan.last)? {
            Ok((last, marks)) => {
                marks.into_iter().for_each(|mark| add_mark(&mut scan.marks, mark));
                scan.last = last;
                scan.end = cursor.offset();
            }
            Err((at, reason)) => {
                if was_durable(file, header.salt, at, length, scan.end)? {
                    return Err(damage(path, at, reason));
                }
                break;
            }
        }
    }
    Ok(scan)
}

type Damage = (u64, &'static str);

/// Reads one group. The inner error is damage: where and what.
fn scan_group(cursor: &mut Cursor<'_>, mut last: Seq) -> io::Result<Result<(Seq, Vec<Mark>), Damage>> {
    let start = cursor.offset();
    let marker = match cursor.next()? {
        Frame::Marker { marker, .. } => marker,
        Frame::Bad { at, reason } => return Ok(Err((at, reason))),
        Frame::Record { .. } | Frame::End => return Ok(Err((start, "no group marker"))),
    };
    let mut marks = Vec::new();
    for _ in 0..marker.count {
        match cursor.next()? {
            Frame::Record { at, head, .. } if head.seq > last => {
                last = head.seq;
                marks.push(Mark { seq: head.seq, offset: at });
            }
            Frame::Record { at, .. } => return Ok(Err((at, "number out of order"))),
            Frame::Marker { at, .. } => return Ok(Err((at, "group marker inside a group"))),
            Frame::Bad { at, reason } => return Ok(Err((at, reason))),
            Frame::End => return Ok(Err((cursor.offset(), "cut short"))),
        }
    }
    if cursor.offset() != start + MARKER as u64 + marker.length {
        return Ok(Err((start, "group of another length than its marker says")));
    }
    Ok(Ok((last, marks)))
}

/// Whether a group behind the damage at `at` says that the damaged group, which begins at `group`, was durable.
fn was_durable(file: &File, salt: u64, at: u64, length: u64, group: u64) -> io::Result<bool> {
    let mut rest = vec![0; usize::try_from(length - at).map_err(io::Error::other)?];
    file.read_exact_at(&mut rest, at)?;
    let mut places = rest.windows(MARKER).filter(|bytes| bytes.starts_with(&MARKER_MAGIC));
    Ok(places.any(|bytes| Marker::decode(bytes, salt).is_some_and(|marker| marker.synced > group)))
}
