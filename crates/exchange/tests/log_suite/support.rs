//! A message log for a test: on a real journal and database, with a clock and a time-stamping authority that obey.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use directory::{ClientId, ServiceId};
use exchange::log::{
    Body, Direction, LogSettings, MessageLog, MessageQuery, MessageRecord, MessageSummary, Role, StampError,
    StampFuture, Timestamper, Timestampers,
};
use exchange::model::header_part::sha512;
use jiff::{SignedDuration, Timestamp};
use kit::Clock;
use store::journal::{FileOptions, Journal, JournalDurability};
use testkit::Database;
use uuid::Uuid;

/// An authority whose tokens say what they cover; it can be sent away.
#[derive(Debug)]
pub struct FakeAuthority {
    pub name: &'static str,
    pub away: AtomicBool,
    pub asked: AtomicU32,
}

impl FakeAuthority {
    pub fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, away: AtomicBool::new(false), asked: AtomicU32::new(0) })
    }

    pub fn send_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// The token this authority gives for `data`.
    pub fn token(data: &[u8]) -> Vec<u8> {
        [b"token over ".as_slice(), &sha512(data)].concat()
    }
}

impl Timestamper for FakeAuthority {
    fn name(&self) -> &str {
        self.name
    }

    fn stamp<'a>(&'a self, data: &'a [u8]) -> StampFuture<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let away = self.away.load(Ordering::SeqCst);
        Box::pin(async move { if away { Err(StampError("connection refused".into())) } else { Ok(Self::token(data)) } })
    }
}

/// How the journal of a bench is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalKind {
    Files,
    Table,
}

/// A log and all that it stands on.
pub struct Bench {
    pub name: String,
    pub log: MessageLog,
    pub clock: Clock,
    pub authority: Arc<FakeAuthority>,
    pub database: Database,
    pub folder: tempfile::TempDir,
    pub kind: JournalKind,
    pub settings: LogSettings,
}

pub fn start() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

/// Every pairing: files and table on SQLite, table on PostgreSQL.
pub async fn benches(settings: &LogSettings) -> Vec<Bench> {
    let mut databases = testkit::databases().await;
    let postgres = databases.pop().unwrap();
    vec![
        Bench::open(testkit::sqlite().await, JournalKind::Files, settings).await,
        Bench::open(databases.pop().unwrap(), JournalKind::Table, settings).await,
        Bench::open(postgres, JournalKind::Table, settings).await,
    ]
}

/// The usual installation: journal in files, index in SQLite.
pub async fn bench(settings: &LogSettings) -> Bench {
    Bench::open(testkit::sqlite().await, JournalKind::Files, settings).await
}

/// Segments of this size let a few messages fill several.
pub const SMALL_SEGMENT: u64 = 64 * 1024;

pub async fn open_journal(kind: JournalKind, database: &Database, folder: PathBuf, clock: &Clock) -> Journal {
    match kind {
        JournalKind::Files => {
            let options = FileOptions {
                durability: JournalDurability::Fsync,
                segment_bytes: SMALL_SEGMENT,
                ..FileOptions::default()
            };
            Journal::open_files(folder, options).await.unwrap()
        }
        JournalKind::Table => Journal::open_table(&database.store, "log", clock.clone(), 64 << 20).await.unwrap(),
    }
}

impl Bench {
    async fn open(database: Database, kind: JournalKind, settings: &LogSettings) -> Self {
        let folder = testkit::tempdir();
        let clock = Clock::manual(start());
        let authority = FakeAuthority::new("tsa");
        let settings = settings.clone();
        let log = open_log(&database, kind, folder.path().join("journal"), &settings, &clock, &authority).await;
        Self { name: format!("{kind:?} on {}", database.name), log, clock, authority, database, folder, kind, settings }
    }

    /// As after a restart of the process.
    pub async fn reopen(self) -> Self {
        let Self { name, log, clock, authority, database, folder, kind, settings } = self;
        drop(log);
        let log = open_log(&database, kind, folder.path().join("journal"), &settings, &clock, &authority).await;
        Self { name, log, clock, authority, database, folder, kind, settings }
    }

    pub fn archive_folder(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// Settings with the archive switched on.
    pub fn with_archive(&self) -> LogSettings {
        LogSettings { archive_dir: Some(self.archive_folder()), ..self.settings.clone() }
    }

    pub fn pass_seconds(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    pub fn now(&self) -> i64 {
        self.clock.now_micros()
    }

    /// Logs messages and waits until they are durable.
    pub async fn log_all(&self, messages: impl IntoIterator<Item = MessageRecord>) {
        let tickets: Vec<_> = messages.into_iter().map(|message| self.log.append(message).unwrap()).collect();
        for ticket in tickets {
            ticket.durable().await.unwrap();
        }
    }

    /// All messages, oldest first.
    pub async fn all(&self) -> Vec<MessageSummary> {
        let mut query = MessageQuery::default();
        query.page.limit = Some(kit::page::MAX_LIMIT);
        let mut found = Vec::new();
        loop {
            let page = self.log.search(&query).await.unwrap();
            found.extend(page.items);
            query.page.after = page.next;
            if query.page.after.is_none() {
                found.reverse();
                return found;
            }
        }
    }

    /// Runs one statement on the index, as somebody who tampers would.
    pub async fn tamper(&self, sql: &'static str) {
        self.database.store.write(move |tx| tx.exec(sql, &[])).await.unwrap();
    }
}

async fn open_log(
    database: &Database,
    kind: JournalKind,
    folder: PathBuf,
    settings: &LogSettings,
    clock: &Clock,
    authority: &Arc<FakeAuthority>,
) -> MessageLog {
    let journal = open_journal(kind, database, folder, clock).await;
    open_on(database, journal, settings, clock, vec![authority.clone()]).await
}

pub async fn open_on(
    database: &Database,
    journal: Journal,
    settings: &LogSettings,
    clock: &Clock,
    authorities: Vec<Arc<dyn Timestamper>>,
) -> MessageLog {
    let authorities: Timestampers = Arc::new(move || authorities.clone());
    MessageLog::open(database.store.clone(), journal, settings.clone(), clock.clone(), authorities).await.unwrap()
}

pub fn caller() -> ClientId {
    ClientId::subsystem("VN", "GOV", "H53", "motcua")
}

pub fn register() -> ServiceId {
    ServiceId::new(ClientId::subsystem("VN", "GOV", "G01", "dancu"), "tracuu")
}

/// A request with a body, signed by a batch of its own.
pub fn request(number: u32, at: i64) -> MessageRecord {
    let header_part = format!("POST\r\n/r1/VN/GOV/G01/dancu/tracuu/079085\r\nx-road-id:VN-{number}\r\nnote:secret\r\n");
    let body = format!("{{\"number\":{number}}}").into_bytes();
    MessageRecord {
        at,
        role: Role::Consumer,
        direction: Direction::Request,
        message_id: format!("VN-{number}"),
        request_id: Uuid::from_u128(number.into()),
        client: caller(),
        service: register(),
        header_digest: sha512(header_part.as_bytes()),
        header_part: header_part.into(),
        body: Body::Inline { digest: sha512(&body), bytes: body.into() },
        signature: format!("<signature of=\"{number}\"/>").into(),
        hash_chain_result: Some(format!("<result of=\"{number}\"/>").into()),
        hash_chain: Some(format!("<chain of=\"{number}\"/>").into()),
    }
}

/// The answer to [`request`] `number`.
pub fn response(number: u32, at: i64) -> MessageRecord {
    let header_part = format!("200\r\nOK\r\nx-road-id:VN-{number}\r\n");
    MessageRecord {
        direction: Direction::Response,
        header_digest: sha512(header_part.as_bytes()),
        header_part: header_part.into(),
        signature: format!("<signature of-answer=\"{number}\"/>").into(),
        ..request(number, at)
    }
}
