//! What is in the message log of a gateway that was stopped.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use exchange::log::{Direction, LogSettings, MessageLog, MessageQuery, Role};
use jiff::Timestamp;
use kit::{Clock, PageRequest};
use store::Store;
use store::journal::{FileOptions, Journal};
use uuid::Uuid;

use super::place::Place;

/// The messages of a log since a moment: how often each half is there, by request identifier.
#[derive(Debug, Default)]
pub struct Logged {
    halves: HashMap<(Uuid, Role, Direction), usize>,
    unstamped: HashSet<Uuid>,
}

/// The moment from which a test looks at logs, microseconds.
pub fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

impl Logged {
    /// Reads the log of the stopped gateway at `place`: every record must be readable and belong to its digests.
    pub async fn read(place: &Place, since: i64) -> Self {
        let url =
            place.database.clone().unwrap_or_else(|| format!("sqlite:{}", place.home.join("lienthong.db").display()));
        let store = Store::open(&url).await.unwrap();
        let journal = match place.database {
            None => Journal::open_files(place.home.join("journal"), FileOptions::default()).await.unwrap(),
            Some(_) => Journal::open_table(&store, "exchange", Clock::system(), 1024 * 1024).await.unwrap(),
        };
        let log = MessageLog::open(
            store.clone(),
            journal.clone(),
            LogSettings::default(),
            Clock::system(),
            Arc::new(Vec::new),
        );
        let log = log.await.unwrap();
        let mut logged = Self::default();
        let mut query = MessageQuery { from: Some(since), ..MessageQuery::default() };
        query.page = PageRequest { limit: Some(500), after: None };
        loop {
            let page = log.search(&query).await.unwrap();
            for row in page.items {
                // Compares the bytes with the digests and the signature they were logged with.
                let whole = log.message(row.seq).await.unwrap();
                assert!(whole.is_some(), "{} is in the index but not in the journal", row.seq);
                *logged.halves.entry((row.request_id, row.role, row.direction)).or_default() += 1;
                if !row.stamped {
                    logged.unstamped.insert(row.request_id);
                }
            }
            query.page.after = page.next;
            if query.page.after.is_none() {
                break;
            }
        }
        let health = log.health().await.unwrap();
        assert_eq!((health.unreadable_records, health.unindexed), (0, 0), "damaged records");
        journal.close().await;
        store.close().await;
        logged
    }

    /// Every answered message is there exactly once, as request and as response.
    pub fn holds(&self, role: Role, answered: &HashSet<Uuid>) {
        assert!(!answered.is_empty(), "nothing was answered: the test shows nothing");
        for direction in [Direction::Request, Direction::Response] {
            let count = |id: &Uuid| self.halves.get(&(*id, role, direction)).copied().unwrap_or(0);
            let missing: Vec<&Uuid> = answered.iter().filter(|id| count(id) != 1).collect();
            let all = answered.len();
            assert!(
                missing.is_empty(),
                "{role:?} {direction:?}: {} of {all} not there once: {missing:?}",
                missing.len()
            );
        }
    }

    /// All of them are under a time-stamp.
    pub fn are_stamped(&self, answered: &HashSet<Uuid>) {
        let count = answered.intersection(&self.unstamped).count();
        assert_eq!(count, 0, "of {} messages so many have no time-stamp", answered.len());
    }
}
