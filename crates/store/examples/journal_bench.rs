//! Prints how many records per second the file journal makes durable, and how long a record waits.
//!
//! `cargo run --release -p store --example journal_bench [FOLDER]`. Figures depend on the disk below FOLDER (default: a
//! temporary folder); compare them only with others of the same machine and run.
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use store::journal::{FileOptions, Journal, JournalDurability, JournalError};
use tokio::task::JoinSet;

const RUN: Duration = Duration::from_secs(2);
const PAYLOAD: usize = 2048;

#[tokio::main]
async fn main() -> Result<(), JournalError> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    println!("{:<10} {:>6} {:>12} {:>10} {:>10} {:>10}", "mode", "tasks", "records/s", "group", "p50 µs", "p99 µs");
    for durability in [JournalDurability::Fsync, JournalDurability::OsCache] {
        for tasks in [1, 8, 64, 256] {
            let folder = match &given {
                Some(folder) => tempfile::tempdir_in(folder)?,
                None => tempfile::tempdir()?,
            };
            let journal =
                Journal::open_files(folder.path(), FileOptions { durability, ..FileOptions::default() }).await?;
            let (count, waits) = load(&journal, tasks).await?;
            let stats = journal.stats();
            println!(
                "{:<10} {tasks:>6} {:>12} {:>10} {:>10} {:>10}",
                format!("{durability:?}"),
                count / RUN.as_secs(),
                stats.records / stats.groups.max(1),
                quantile(&waits, 50),
                quantile(&waits, 99),
            );
            journal.close().await;
        }
    }
    Ok(())
}

/// Has `tasks` tasks append one record after the other; returns the number of records and how long each waited.
async fn load(journal: &Journal, tasks: usize) -> Result<(u64, Vec<u128>), JournalError> {
    let end = Instant::now() + RUN;
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let journal = journal.clone();
        running.spawn(async move {
            let payload = vec![0x5A; PAYLOAD];
            let mut waits = Vec::new();
            while Instant::now() < end {
                let begin = Instant::now();
                journal.append(1, &payload)?.durable().await?;
                waits.push(begin.elapsed().as_micros());
            }
            Ok::<_, JournalError>(waits)
        });
    }
    let mut all = Vec::new();
    while let Some(waits) = running.join_next().await {
        all.extend(waits.map_err(|error| JournalError::Io { reason: error.to_string() })??);
    }
    all.sort_unstable();
    Ok((all.len() as u64, all))
}

fn quantile(sorted: &[u128], percent: usize) -> u128 {
    sorted.get(sorted.len() * percent / 100).copied().unwrap_or(0)
}
