//! Archiving: time-stamped messages leave for linked files of containers (§2.10), in the order of the log.
//!
//! A pass writes its files under temporary names, then moves the checkpoint, the heads of the series and the list of files in one
//! transaction, then gives the files their names. A kill before the transaction leaves rubbish that the next pass removes; a kill after it
//! leaves names that the next pass completes. No message is archived twice or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use directory::ClientId;
use store::Value;

use super::archive_file::{FinishedFile, PART_SUFFIX, SeriesFile, place};
use super::error::LogError;
use super::evidence;
use super::fetch::LoggedMessage;
use super::link::Head;
use super::message_log::{Inner, MessageLog};
use super::naming;
use super::state::{self, ARCHIVED, STAMPED, UNREADABLE};

/// Messages per pass at most: bounds what a kill makes to be done again.
const PASS_MESSAGES: i64 = 10_000;
/// File states in the database.
pub(super) const NAMED: i64 = 0;
pub(super) const IN_PLACE: i64 = 1;
pub(super) const TRANSFERRED: i64 = 2;

/// What archiving did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveReport {
    /// Names of the files made, in order.
    pub files: Vec<String>,
    /// Messages in them.
    pub messages: u64,
    /// Messages passed over because their records are damaged.
    pub unreadable: u64,
}

/// A message that is next to be archived.
struct Candidate {
    seq: i64,
    party: ClientId,
}

/// What one pass has open and finished.
struct Pass {
    folder: PathBuf,
    from: i64,
    through: i64,
    open: BTreeMap<String, SeriesFile>,
    finished: Vec<FinishedFile>,
    heads: BTreeMap<String, Head>,
    unreadable: i64,
}

impl MessageLog {
    /// Archives every message that is time-stamped at the time of the call. Does nothing when no archive folder is configured.
    ///
    /// # Errors
    /// When the database, the journal or the folder fails. What was archived before stays archived.
    pub async fn archive_now(&self) -> Result<ArchiveReport, LogError> {
        let inner = &*self.inner;
        let Some(folder) = inner.settings.load().archive_dir.clone() else { return Ok(ArchiveReport::default()) };
        self.catch_up().await?;
        let _turn = inner.archiving.lock().await;
        tokio::fs::create_dir_all(&folder).await?;
        complete_names(inner, &folder).await?;
        let mut report = ArchiveReport::default();
        while let Some(pass) = archive_pass(inner, &folder).await? {
            report.unreadable += pass.unreadable.unsigned_abs();
            report.messages += pass.finished.iter().map(|file| file.messages.unsigned_abs()).sum::<u64>();
            report.files.extend(pass.finished.into_iter().map(|file| file.name));
        }
        super::transfer::transfer_pending(inner, &folder).await?;
        Ok(report)
    }
}

/// Archives up to [`PASS_MESSAGES`]; `None` when there is nothing to archive.
async fn archive_pass(inner: &Inner, folder: &Path) -> Result<Option<Pass>, LogError> {
    let (from, candidates) = candidates(inner).await?;
    let Some(last) = candidates.last() else { return Ok(None) };
    let mut pass = Pass {
        folder: folder.to_owned(),
        from,
        through: last.seq,
        open: BTreeMap::new(),
        finished: Vec::new(),
        heads: BTreeMap::new(),
        unreadable: 0,
    };
    for candidate in &candidates {
        pass.add(inner, candidate).await?;
    }
    for series in pass.open.keys().cloned().collect::<Vec<_>>() {
        pass.finish(&series).await?;
    }
    commit(inner, &pass).await?;
    complete_names(inner, folder).await?;
    Ok(Some(pass))
}

/// The next messages in order, up to the first that has no time-stamp yet.
async fn candidates(inner: &Inner) -> Result<(i64, Vec<Candidate>), LogError> {
    inner
        .store
        .read(|tx| {
            let (from, stamped) = (state::number(tx, ARCHIVED)?, state::number(tx, STAMPED)?);
            let sql =
                "SELECT m.seq, m.signature, p.text FROM exchange_message m JOIN exchange_log_name p ON p.id = m.party
                WHERE m.seq > $1 ORDER BY m.seq LIMIT $2";
            let mut candidates = Vec::new();
            for row in tx.query(sql, &[from.into(), PASS_MESSAGES.into()])? {
                if row.int(1)? > stamped {
                    break;
                }
                let party = row.text(2)?;
                let party = ClientId::from_colon(&party).map_err(|error| LogError::Evidence(error.to_string()))?;
                candidates.push(Candidate { seq: row.int(0)?, party });
            }
            Ok::<_, LogError>((from, candidates))
        })
        .await
}

impl Pass {
    async fn add(&mut self, inner: &Inner, candidate: &Candidate) -> Result<(), LogError> {
        let (logged, container) = match contained(inner, candidate.seq).await {
            Ok(contained) => contained,
            // One damaged record must not keep all later ones from the archive. It stays in the log, and is counted and reported.
            Err(error) if error.concerns_one_record() => {
                tracing::error!(record.seq = candidate.seq, %error, "a message cannot be archived");
                self.unreadable += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let settings = inner.settings.load_full();
        let series = naming::series(settings.archive_grouping, &candidate.party);
        let name = naming::container(&logged.message.message_id, logged.message.direction, logged.seq);
        let file = match self.open.remove(&series) {
            Some(file) => file,
            None => SeriesFile::begin(&self.folder, &series, logged.seq, self.head(inner, &series).await?)?,
        };
        let at = logged.message.at;
        let file = off_thread(move || file.add(&name, &container, at)).await?;
        let is_full = file.bytes() >= settings.archive_max_size;
        self.open.insert(series.clone(), file);
        if is_full { self.finish(&series).await } else { Ok(()) }
    }

    /// Where `series` ends: with a file of this pass, or where the database says.
    async fn head(&self, inner: &Inner, series: &str) -> Result<Head, LogError> {
        if let Some(head) = self.heads.get(series) {
            return Ok(head.clone());
        }
        let series = series.to_owned();
        inner
            .store
            .read(move |tx| {
                let sql = "SELECT digest, file FROM exchange_archive_head WHERE series = $1";
                let row = tx.query_one(sql, &[series.as_str().into()])?;
                row.map_or(Ok(Head::default()), |row| Ok(Head { digest: row.text(0)?, file: row.text(1)? }))
            })
            .await
    }

    async fn finish(&mut self, series: &str) -> Result<(), LogError> {
        if let Some(file) = self.open.remove(series) {
            let finished = off_thread(move || file.finish()).await?;
            self.heads.insert(series.to_owned(), Head { digest: finished.digest.clone(), file: finished.name.clone() });
            self.finished.push(finished);
        }
        Ok(())
    }
}

/// The message at `seq` and its container.
async fn contained(inner: &Inner, seq: i64) -> Result<(LoggedMessage, Vec<u8>), LogError> {
    let logged = inner.fetch(seq).await?.ok_or(LogError::Missing { seq: seq.unsigned_abs() })?;
    off_thread(move || evidence::container(&logged).map(|container| (logged, container))).await
}

/// Runs work that computes or waits for the disk where it holds up nobody else.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

async fn commit(inner: &Inner, pass: &Pass) -> Result<(), LogError> {
    let (from, through, unreadable) = (pass.from, pass.through, pass.unreadable);
    let now = inner.clock.now_micros();
    let heads: Vec<[Value; 3]> = pass
        .heads
        .iter()
        .map(|(series, head)| [series.into(), head.digest.as_str().into(), head.file.as_str().into()])
        .collect();
    let files: Vec<[Value; 9]> = pass
        .finished
        .iter()
        .map(|file| {
            [
                file.series.as_str().into(),
                file.name.as_str().into(),
                now.into(),
                file.first_at.into(),
                file.last_at.into(),
                through.into(),
                file.messages.into(),
                file.bytes.into(),
                NAMED.into(),
            ]
        })
        .collect();
    inner
        .store
        .write(move |tx| {
            state::advance(tx, ARCHIVED, from, through)?;
            for head in &heads {
                let sql = "INSERT INTO exchange_archive_head (series, digest, file) VALUES ($1, $2, $3)
                    ON CONFLICT (series) DO UPDATE SET digest = excluded.digest, file = excluded.file";
                tx.exec(sql, head)?;
            }
            for file in &files {
                let sql = "INSERT INTO exchange_archive
                    (series, file, created_at, first_at, last_at, through, messages, bytes, state)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
                tx.exec(sql, file)?;
            }
            if unreadable > 0 {
                let before = state::number(tx, UNREADABLE)?;
                state::set_number(tx, UNREADABLE, before + unreadable)?;
            }
            Ok::<_, LogError>(())
        })
        .await
}

/// Gives committed files their names and removes what an unfinished pass left.
async fn complete_names(inner: &Inner, folder: &Path) -> Result<(), LogError> {
    let names = files_in_state(inner, NAMED).await?;
    for name in &names {
        place(folder, name).await?;
        set_state(inner, name, IN_PLACE).await?;
    }
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name().to_string_lossy().ends_with(PART_SUFFIX) {
            tokio::fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}

pub(super) async fn files_in_state(inner: &Inner, wanted: i64) -> Result<Vec<String>, LogError> {
    let rows = inner
        .store
        .read(move |tx| {
            let sql = "SELECT file FROM exchange_archive WHERE state = $1 ORDER BY id";
            Ok::<_, LogError>(tx.query(sql, &[wanted.into()])?)
        })
        .await?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}

pub(super) async fn set_state(inner: &Inner, file: &str, to: i64) -> Result<(), LogError> {
    let file = file.to_owned();
    inner
        .store
        .write(move |tx| {
            tx.exec("UPDATE exchange_archive SET state = $1 WHERE file = $2", &[to.into(), file.as_str().into()])?;
            Ok(())
        })
        .await
}
