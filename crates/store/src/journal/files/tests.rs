//! File journal: recovery after torn ends and damage, and a disk that fails.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;
use crate::journal::ticket::Ticket;

fn wait(ticket: Ticket) -> Result<Seq, JournalError> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ticket.durable())
}

fn open(folder: &Path) -> Result<FileJournal, JournalError> {
    FileJournal::open(folder.to_owned(), FileOptions { segment_bytes: 2000, ..FileOptions::default() })
}

/// A journal with one group per record, left as by a crash: without the last mark.
fn crashed(folder: &Path, records: u64) -> Vec<PathBuf> {
    let journal = open(folder).unwrap();
    for number in 1..=records {
        assert_eq!(wait(journal.append(1, &[&[u8::try_from(number).unwrap(); 100]]).unwrap()), Ok(number));
    }
    let end = journal.shared.segments.read().last().unwrap().clone();
    let length = std::fs::metadata(&end.path).unwrap().len();
    drop(journal);
    File::options().write(true).open(&end.path).unwrap().set_len(length).unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some());
    files.sort();
    files
}

fn numbers(journal: &FileJournal) -> Vec<Seq> {
    journal.read_from(0, usize::MAX).unwrap().into_iter().map(|record| record.seq).collect()
}

#[test]
fn a_torn_end_is_cut_off_wherever_it_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let files = crashed(folder.path(), 5);
    let whole = std::fs::read(&files[0]).unwrap();
    let group = format::MARKER + format::RECORD + 100;
    assert_eq!(whole.len(), format::HEADER + 5 * group);
    for length in format::HEADER..whole.len() {
        std::fs::write(&files[0], &whole[..length]).unwrap();
        let journal = open(folder.path()).unwrap();
        let kept = ((length - format::HEADER) / group) as u64;
        assert_eq!(numbers(&journal), (1..=kept).collect::<Vec<_>>(), "{length} bytes left");
        assert_eq!(journal.durable_seq(), kept);
        assert_eq!(wait(journal.append(1, &[b"next"]).unwrap()), Ok(kept + 1));
    }
}

#[test]
fn zeros_and_rubbish_behind_the_end_are_cut_off() {
    for tail in [vec![0; 3000], vec![0xAB; 3000], format::MARKER_MAGIC.to_vec()] {
        let folder = tempfile::tempdir().unwrap();
        let files = crashed(folder.path(), 3);
        let file = OpenOptions::new().write(true).open(&files[0]).unwrap();
        file.write_all_at(&tail, file.metadata().unwrap().len()).unwrap();
        let journal = open(folder.path()).unwrap();
        assert_eq!(numbers(&journal), [1, 2, 3]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One flipped bit anywhere: a record that was acknowledged before a later group is never lost in silence, and
    /// nothing that was not written is ever read.
    #[test]
    fn damage_is_reported_or_concerns_the_last_group(position: prop::sample::Index, bit in 0..8_u8, last: bool) {
        let folder = tempfile::tempdir().unwrap();
        let files = crashed(folder.path(), 30);
        prop_assert!(files.len() > 1);
        let path = if last { files.last().unwrap() } else { &files[0] };
        let mut bytes = std::fs::read(path).unwrap();
        let place = position.index(bytes.len());
        bytes[place] ^= 1 << bit;
        std::fs::write(path, bytes).unwrap();
        match open(folder.path()) {
            Err(JournalError::Corrupt { .. }) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
            Ok(journal) => match journal.read_from(0, usize::MAX) {
                Err(JournalError::Corrupt { .. }) => {}
                Err(other) => prop_assert!(false, "{other:?}"),
                Ok(records) => {
                    prop_assert!(last && (29..=30).contains(&records.len()), "{} records", records.len());
                    for record in records {
                        prop_assert_eq!(record.payload, vec![u8::try_from(record.seq).unwrap(); 100]);
                    }
                }
            },
        }
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let files = crashed(folder.path(), 40);
    assert!(files.len() > 2);
    std::fs::remove_file(&files[1]).unwrap();
    let damaged = open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(&damaged, JournalError::Corrupt { reason, .. } if reason.contains("missing")), "{damaged:?}");
}

#[test]
fn a_segment_whose_creation_was_torn_is_forgotten() {
    for begin in [&[] as &[u8], &[0; format::HEADER], b"LTJR"] {
        let folder = tempfile::tempdir().unwrap();
        crashed(folder.path(), 3);
        std::fs::write(folder.path().join(Segment::file_name(4)), begin).unwrap();
        let journal = open(folder.path()).unwrap();
        assert_eq!(numbers(&journal), [1, 2, 3]);
        assert_eq!(wait(journal.append(1, &[b"x"]).unwrap()), Ok(4));
    }
}

/// A disk that fails as ordered.
#[derive(Clone, Default)]
struct BadDisk(Arc<Orders>);

#[derive(Default)]
struct Orders {
    /// Writes that still fail, after half of their bytes are on disk.
    write: AtomicUsize,
    sync: AtomicUsize,
    truncate: AtomicUsize,
}

fn order(failures: &AtomicUsize) -> io::Result<()> {
    let failing = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if failing { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

impl Disk for BadDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        RealDisk.create(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = order(&self.0.write) {
            RealDisk.write(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        RealDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        order(&self.0.sync)?;
        RealDisk.sync(file)
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        order(&self.0.truncate)?;
        RealDisk.truncate(file, length)
    }
}

fn bad_disk(folder: &Path) -> (FileJournal, Arc<Orders>) {
    let disk = BadDisk::default();
    let orders = Arc::clone(&disk.0);
    (FileJournal::open_on(disk, folder.to_owned(), FileOptions::default()).unwrap(), orders)
}

fn append(journal: &FileJournal) -> Result<Seq, JournalError> {
    wait(journal.append(1, &[&[7; 100]])?)
}

#[test]
fn a_full_disk_fails_the_record_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, orders) = bad_disk(folder.path());
    assert_eq!(append(&journal), Ok(1));
    orders.write.store(3, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(matches!(append(&journal), Err(JournalError::Full { .. })));
        let length = std::fs::metadata(folder.path().join(Segment::file_name(1))).unwrap().len();
        assert_eq!(length as usize, format::HEADER + format::MARKER + format::RECORD + 100, "the half is cut off");
        assert_eq!(journal.durable_seq(), 1);
    }
    assert_eq!(append(&journal), Ok(5), "there is room again");
    assert_eq!(journal.stats().failed, 3);
    drop(journal);
    assert_eq!(numbers(&open(folder.path()).unwrap()), [1, 5]);
}

#[test]
fn after_a_failed_sync_the_journal_goes_on_in_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, orders) = bad_disk(folder.path());
    assert_eq!(append(&journal), Ok(1));
    orders.sync.store(1, Ordering::SeqCst);
    assert!(matches!(append(&journal), Err(JournalError::Full { .. })));
    assert_eq!(append(&journal), Ok(3));
    assert_eq!(journal.stats().segments, 2, "the kernel forgets which pages failed, so the file is left alone");
    assert_eq!(numbers(&journal), [1, 3]);
    drop(journal);
    assert_eq!(numbers(&open(folder.path()).unwrap()), [1, 3]);
}

#[test]
fn a_segment_that_cannot_be_created_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, orders) = bad_disk(folder.path());
    orders.sync.store(1, Ordering::SeqCst);
    assert!(append(&journal).is_err());
    orders.write.store(1, Ordering::SeqCst);
    assert!(matches!(append(&journal), Err(JournalError::Full { .. })), "the new segment has no room for its header");
    assert_eq!(append(&journal), Ok(3));
    drop(journal);
    assert_eq!(numbers(&open(folder.path()).unwrap()), [3]);
}

#[test]
fn a_failure_that_cannot_be_undone_closes_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, orders) = bad_disk(folder.path());
    assert_eq!(append(&journal), Ok(1));
    orders.write.store(1, Ordering::SeqCst);
    orders.truncate.store(1, Ordering::SeqCst);
    assert!(matches!(append(&journal), Err(JournalError::Full { .. })));
    assert!(matches!(append(&journal), Err(JournalError::Broken { .. })));
    assert_eq!(numbers(&journal), [1], "what was durable can still be read");
    drop(journal);
    let journal = open(folder.path()).unwrap();
    assert_eq!(append(&journal), Ok(2), "opening anew cuts the half off");
}

/// A disk whose driver has a bug.
struct PanickingDisk;

impl Disk for PanickingDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        RealDisk.create(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        assert_eq!(offset, 0, "only the header can be written");
        RealDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        RealDisk.sync(file)
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        RealDisk.truncate(file, length)
    }
}

#[test]
fn no_ticket_waits_for_a_writer_that_panicked() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open_on(PanickingDisk, folder.path().to_owned(), FileOptions::default()).unwrap();
    let tickets: Vec<Ticket> = (0..100).map_while(|_| journal.append(1, &[b"x"]).ok()).collect();
    assert!(!tickets.is_empty());
    for ticket in tickets {
        assert!(matches!(wait(ticket), Err(JournalError::Broken { .. })));
    }
    // Tickets fail while the writer's stack unwinds, the queue is closed right after: what slips in between must not wait either.
    while let Ok(ticket) = journal.append(1, &[b"x"]) {
        assert!(matches!(wait(ticket), Err(JournalError::Broken { .. })));
    }
    journal.close();
    assert!(matches!(journal.append(1, &[b"x"]), Err(JournalError::Broken { .. })));
}
