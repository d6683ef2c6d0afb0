//! Load: callers that ask without pause, each on a kept connection, and write down what every call came to.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::caller::{Answer, Connection, Said};
use super::process::eventually;

/// Callers at the same time.
pub const CALLERS: usize = 16;

/// Who calls what, where.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The gateway of the caller.
    pub door: SocketAddr,
    /// The caller, `VN/GOV/H26/motcua`.
    pub client: &'static str,
    /// The service, `VN/GOV/G01/dancu/echo`.
    pub service: &'static str,
}

/// What became of the calls so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// `X-Road-Request-Id` of every message that was answered with what the service said.
    pub answered: HashSet<Uuid>,
    /// `X-Road-Id` of the same.
    pub answered_ids: HashSet<String>,
    /// Errors of the protocol, by code.
    pub refused: BTreeMap<String, usize>,
    /// Connections that ended before an answer began.
    pub unanswered: usize,
    /// What must never happen: answers cut short, answers to another question, successes without identifier.
    pub wrong: Vec<String>,
}

impl Tally {
    /// How many calls were answered.
    pub fn good(&self) -> usize {
        self.answered.len()
    }

    /// How many calls were refused with this code.
    pub fn refused_with(&self, code: &str) -> usize {
        self.refused.iter().filter(|(known, _)| known.contains(code)).map(|(_, count)| count).sum()
    }

    fn note(&mut self, id: &str, expected: &[u8], said: Said) {
        match said {
            Said::Answer(answer) => self.note_answer(id, expected, &answer),
            Said::Nothing => self.unanswered += 1,
            Said::Torn(how) => self.wrong.push(format!("{id}: torn: {how}")),
        }
    }

    fn note_answer(&mut self, id: &str, expected: &[u8], answer: &Answer) {
        if let Some(code) = &answer.error {
            *self.refused.entry(code.clone()).or_default() += 1;
            return;
        }
        let request_id = answer.request_id.as_deref().and_then(|text| Uuid::parse_str(text).ok());
        match (answer.status, request_id) {
            (200, Some(request_id)) if answer.body == expected => {
                self.answered_ids.insert(id.to_owned());
                if !self.answered.insert(request_id) {
                    self.wrong.push(format!("{id}: {request_id} was given twice"));
                }
            }
            _ => self.wrong.push(format!("{id}: {answer:?}")),
        }
    }
}

/// Callers at work.
pub struct Load {
    tally: Arc<Mutex<Tally>>,
    enough: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    /// Sends `count` callers along `route`.
    pub fn start(route: Route, count: usize) -> Self {
        let (tally, enough) = (Arc::<Mutex<Tally>>::default(), Arc::<AtomicBool>::default());
        let mut callers = JoinSet::new();
        for number in 0..count {
            callers.spawn(ask(route, number, Arc::clone(&tally), Arc::clone(&enough)));
        }
        Self { tally, enough, callers }
    }

    /// Waits until the tally satisfies `wanted`.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Tally) -> bool) {
        eventually(what, || {
            let reached = wanted(&self.tally.lock());
            async move { reached.then_some(()) }
        })
        .await;
    }

    /// Identifiers of what was answered so far.
    pub fn answered(&self) -> HashSet<Uuid> {
        self.tally.lock().answered.clone()
    }

    /// Waits for `count` more answers from now on.
    pub async fn until_more(&self, count: usize) {
        let before = self.tally.lock().good();
        self.until("more answers", move |tally| tally.good() >= before + count).await;
    }

    /// Lets every caller hear the answer it waits for and gives the tally. Nothing in it may be wrong.
    pub async fn finish(mut self) -> Tally {
        self.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        let tally = std::mem::take(&mut *self.tally.lock());
        assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
        tally
    }
}

async fn ask(route: Route, number: usize, tally: Arc<Mutex<Tally>>, enough: Arc<AtomicBool>) {
    let mut kept = None;
    let mut round = number;
    while !enough.load(Ordering::Relaxed) {
        let Some(connection) = kept.as_mut() else {
            kept = Connection::open(route.door).await.ok();
            if kept.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            continue;
        };
        round += 1;
        let (id, expected, said) = message(connection, route, round).await;
        if !matches!(said, Said::Answer(_)) {
            kept = None;
        }
        let refused = matches!(&said, Said::Answer(answer) if answer.error.is_some());
        tally.lock().note(&id, &expected, said);
        if refused {
            // As a system would: no hammering while it is told that something is wrong.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Questions with and without a body, quick and slow ones in turn; identifier, the answer that is due, what was said.
async fn message(connection: &mut Connection, route: Route, round: usize) -> (String, Vec<u8>, Said) {
    let id = Uuid::new_v4().to_string();
    let pace = if round.is_multiple_of(5) { "slow" } else { "quick" };
    let path = format!("/r1/{}/{pace}/{id}", route.service);
    let body = (round.is_multiple_of(2)).then(|| Bytes::from(id.repeat(40)));
    let expected = body.as_ref().map_or_else(|| id.clone().into_bytes(), |body| body.to_vec());
    let said = connection.message(route.client, &path, &id, body).await;
    (id, expected, said)
}

/// Calls until an answer is good: for a gateway that has just come back.
pub async fn until_served(route: Route) {
    eventually("a good answer", || async move {
        let mut connection = Connection::open(route.door).await.ok()?;
        match message(&mut connection, route, 1).await.2 {
            Said::Answer(answer) if answer.error.is_none() => Some(()),
            _ => None,
        }
    })
    .await;
}
