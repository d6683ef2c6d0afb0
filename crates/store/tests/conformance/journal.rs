//! The journal, on files and on the tables of both engines.

use std::collections::HashSet;

use kit::Clock;
use store::Store;
use store::journal::{FileOptions, Journal, JournalDurability, JournalError, Record, Ticket};
use tempfile::TempDir;
use tokio::task::JoinSet;

const QUEUE: usize = 64 * 1024;

/// One journal per backend. The folder must be kept.
async fn journals() -> Vec<(&'static str, Journal, Option<TempDir>)> {
    let folder = testkit::tempdir();
    let options = FileOptions { segment_bytes: 4096, queue_bytes: QUEUE, ..FileOptions::default() };
    let files = Journal::open_files(folder.path(), options).await.unwrap();
    let mut journals = vec![("files", files, Some(folder))];
    for db in testkit::databases().await {
        let table = Journal::open_table(&db.store, "log", Clock::system(), QUEUE).await.unwrap();
        journals.push((db.name, table, None));
    }
    journals
}

fn payload(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 37 % 500).unwrap();
    number.to_le_bytes().into_iter().chain(std::iter::repeat_n(0xFF, length)).collect()
}

async fn fill(journal: &Journal, count: u64) {
    let tickets: Vec<Ticket> = (1..=count).map(|number| journal.append(3, &payload(number)).unwrap()).collect();
    for (ticket, number) in tickets.into_iter().zip(1..) {
        assert_eq!(ticket.durable().await, Ok(number), "in the order of the calls");
    }
}

async fn read_all(journal: &Journal, from: u64) -> Vec<Record> {
    let (mut all, mut next) = (Vec::new(), from);
    loop {
        let page = journal.read_from(next, 2000).await.unwrap();
        let Some(last) = page.last() else { return all };
        next = last.seq + 1;
        all.extend(page);
    }
}

#[tokio::test]
async fn an_empty_journal_answers() {
    for (name, journal, _folder) in journals().await {
        assert_eq!(journal.durable_seq().await, Ok(0), "{name}");
        assert_eq!(journal.first_seq().await, Ok(1), "{name}");
        assert_eq!(journal.read_from(1, 100).await, Ok(vec![]), "{name}");
        assert_eq!(journal.read(1).await, Ok(None), "{name}");
        journal.drop_before(100).await.unwrap();
        fill(&journal, 2).await;
    }
}

#[tokio::test]
async fn records_come_back_in_order_by_page_and_by_number() {
    for (name, journal, _folder) in journals().await {
        fill(&journal, 120).await;
        assert_eq!(journal.durable_seq().await, Ok(120), "{name}");
        let all = read_all(&journal, 1).await;
        assert_eq!(all.len(), 120, "{name}");
        for (record, number) in all.iter().zip(1..) {
            assert_eq!((record.seq, record.kind, &record.payload), (number, 3, &payload(number)), "{name}");
        }
        assert_eq!(read_all(&journal, 77).await, all[76..], "{name}");
        for number in [1, 2, 60, 119, 120] {
            let record = journal.read(number).await.unwrap();
            assert_eq!(record.as_ref(), all.get(usize::try_from(number).unwrap() - 1), "{name}");
        }
        assert_eq!(journal.read(121).await, Ok(None), "{name}");
        assert_eq!(journal.read(0).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn pages_respect_their_size_but_never_starve() {
    for (name, journal, _folder) in journals().await {
        for size in [100, 100, 5000, 100] {
            journal.append_parts(1, &[&vec![7; size / 2], &vec![7; size / 2]]).unwrap().durable().await.unwrap();
        }
        let sizes = async |from, max| {
            let records = journal.read_from(from, max).await.unwrap();
            records.iter().map(|record| record.payload.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(1, 250).await, [100, 100], "{name}");
        assert_eq!(sizes(1, 0).await, [100], "{name}");
        assert_eq!(sizes(3, 10).await, [5000], "{name}: one record, however large");
        assert_eq!(sizes(1, 100_000).await, [100, 100, 5000, 100], "{name}");
    }
}

#[tokio::test]
async fn too_much_is_refused_and_nothing_is_lost() {
    for (name, journal, _folder) in journals().await {
        let large = journal.append(1, &vec![0; QUEUE + 1]).unwrap_err();
        assert_eq!(large, JournalError::TooLarge { size: QUEUE + 1, limit: QUEUE }, "{name}");
        let mut tickets = Vec::new();
        let refused = loop {
            match journal.append(1, &[0; 8000]) {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => break error,
            }
            assert!(tickets.len() < 100_000, "{name}: the queue has no end");
        };
        assert!(matches!(refused, JournalError::Backpressure { limit: QUEUE, .. }), "{name}: {refused:?}");
        let count = tickets.len() as u64;
        for ticket in tickets {
            ticket.durable().await.unwrap();
        }
        assert_eq!(journal.append(1, b"again").unwrap().durable().await, Ok(count + 1), "{name}");
        assert_eq!(read_all(&journal, 1).await.len() as u64, count + 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_groups_and_every_number_is_given_once() {
    for (name, journal, _folder) in journals().await {
        let mut tasks = JoinSet::new();
        for task in 0..64_u64 {
            let journal = journal.clone();
            tasks.spawn(async move {
                let mut numbers = Vec::new();
                for round in 0..10 {
                    let payload = (task * 1000 + round).to_le_bytes();
                    numbers.push(journal.append(1, &payload).unwrap().durable().await.unwrap());
                }
                assert!(numbers.is_sorted(), "one caller's records keep their order");
                numbers
            });
        }
        let numbers: HashSet<u64> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(numbers.len(), 640, "{name}");
        let contents: HashSet<Vec<u8>> = read_all(&journal, 1).await.into_iter().map(|r| r.payload).collect();
        assert_eq!(contents.len(), 640, "{name}");
        let stats = journal.stats();
        assert_eq!((stats.records, stats.failed, stats.queued_bytes), (640, 0, 0), "{name}");
        assert!(stats.groups <= 640 && stats.largest_group >= 1, "{name}: {stats:?}");
    }
}

#[tokio::test]
async fn old_records_go_and_numbers_go_on() {
    for (name, journal, _folder) in journals().await {
        // One by one: a group is never split between segments.
        for number in 1..=120 {
            assert_eq!(journal.append(3, &payload(number)).unwrap().durable().await, Ok(number), "{name}");
        }
        journal.drop_before(100).await.unwrap();
        let first = journal.first_seq().await.unwrap();
        assert!((2..=100).contains(&first), "{name}: {first}");
        let left = read_all(&journal, 1).await;
        assert_eq!(left.first().unwrap().seq, first, "{name}");
        assert_eq!(left.last().unwrap().seq, 120, "{name}: what is newer stays");
        journal.drop_before(u64::MAX >> 1).await.unwrap();
        assert_eq!(journal.append(1, b"x").unwrap().durable().await, Ok(121), "{name}");
        assert_eq!(journal.read(121).await.unwrap().unwrap().payload, b"x", "{name}");
    }
}

#[tokio::test]
async fn closing_writes_what_is_queued() {
    for (name, journal, _folder) in journals().await {
        let tickets: Vec<Ticket> = (0..20).map(|_| journal.append(1, b"x").unwrap()).collect();
        journal.close().await;
        for ticket in tickets {
            ticket.durable().await.unwrap();
        }
        assert_eq!(journal.append(1, b"y").unwrap_err(), JournalError::Closed, "{name}");
        assert_eq!(read_all(&journal, 1).await.len(), 20, "{name}: readable to the end");
    }
}

#[tokio::test]
async fn files_are_found_again_and_belong_to_one_process() {
    let folder = testkit::tempdir();
    for durability in [JournalDurability::Fsync, JournalDurability::OsCache] {
        let options = FileOptions { segment_bytes: 4096, durability, ..FileOptions::default() };
        for _ in 0..3 {
            let journal = Journal::open_files(folder.path(), options).await.unwrap();
            let before = journal.durable_seq().await.unwrap();
            for number in before + 1..=before + 30 {
                assert_eq!(journal.append(1, &payload(number)).unwrap().durable().await, Ok(number));
            }
            let second = Journal::open_files(folder.path(), options).await;
            assert!(matches!(second, Err(JournalError::Locked { .. })), "{second:?}");
            drop(journal);
        }
    }
    let journal = Journal::open_files(folder.path(), FileOptions::default()).await.unwrap();
    let all = read_all(&journal, 1).await;
    assert_eq!(all.len(), 180);
    assert!(all.iter().zip(1..).all(|(record, number)| record.payload == payload(number)));
    assert!(journal.stats().segments > 3);
}

/// Four processes append to one table while a reader follows: it must see every record, in order, without going back.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_shared_table_misses_nothing() {
    for db in testkit::databases().await {
        let mut writers = JoinSet::new();
        for process in 0..4_u8 {
            let url = db.url.clone();
            writers.spawn(async move {
                let store = Store::open(&url).await.unwrap();
                let journal = Journal::open_table(&store, "shared", Clock::system(), QUEUE).await.unwrap();
                for round in 0..20_u8 {
                    let tickets = [0, 1, 2].map(|part| journal.append(process, &[round, part]).unwrap());
                    for ticket in tickets {
                        ticket.durable().await.unwrap();
                    }
                }
            });
        }
        let reader = Journal::open_table(&db.store, "shared", Clock::system(), QUEUE).await.unwrap();
        let (mut next, mut seen) = (1, Vec::new());
        while seen.len() < 240 {
            for record in reader.read_from(next, 1000).await.unwrap() {
                assert_eq!(record.seq, next, "{}: no number is passed over", db.name);
                next += 1;
                seen.push(record);
            }
        }
        for writer in writers.join_all().await {
            writer
        }
        for process in 0..4 {
            let own: Vec<&Vec<u8>> = seen.iter().filter(|r| r.kind == process).map(|r| &r.payload).collect();
            assert_eq!(own.len(), 60, "{}", db.name);
            assert!(own.is_sorted(), "{}: each process keeps its order", db.name);
        }
        let other = Journal::open_table(&db.store, "another", Clock::system(), QUEUE).await.unwrap();
        assert_eq!(other.durable_seq().await, Ok(0), "{}: journals are apart", db.name);
    }
}
