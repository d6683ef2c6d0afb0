//! Finding messages: by identifier, party, service and time, page by page, newest first. Bodies are not read here.

use directory::{ClientId, ServiceId};
use kit::{Page, PageRequest};
use serde::Serialize;
use store::{Row, Value};
use uuid::Uuid;

use super::error::LogError;
use super::message_log::MessageLog;
use super::record::{Direction, Role};
use super::settings::BodyMode;
use super::state::{self, ARCHIVED, STAMPED};

/// Which messages are wanted; absent criteria match all.
#[derive(Clone, Debug, Default)]
pub struct MessageQuery {
    /// `X-Road-Id`, exactly.
    pub message_id: Option<String>,
    /// `X-Road-Request-Id`.
    pub request_id: Option<Uuid>,
    /// The caller.
    pub client: Option<ClientId>,
    /// The service.
    pub service: Option<ServiceId>,
    /// The local party: the caller on the consumer's side, the offering subsystem on the producer's.
    pub party: Option<ClientId>,
    /// Half of the exchange.
    pub direction: Option<Direction>,
    /// Earliest time, microseconds, inclusive.
    pub from: Option<i64>,
    /// Latest time, microseconds, exclusive.
    pub to: Option<i64>,
    /// Which page.
    pub page: PageRequest,
}

/// A message as a search finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageSummary {
    /// Position in the log: the key to fetch it by.
    pub seq: i64,
    /// When it was signed or verified, microseconds since the Unix epoch.
    pub at: i64,
    /// Side of the exchange.
    pub role: Role,
    /// Half of the exchange.
    pub direction: Direction,
    /// `X-Road-Id`.
    pub message_id: String,
    /// `X-Road-Request-Id`.
    pub request_id: Uuid,
    /// The caller, `INST:CLASS:CODE[:SUBSYSTEM]`.
    pub client: String,
    /// The service, `INST:CLASS:CODE:SUBSYSTEM:SERVICE[:VERSION]`.
    pub service: String,
    /// Length of the body, bytes, whether kept or not.
    pub body_length: i64,
    /// What was kept.
    pub mode: BodyMode,
    /// Whether its signature is time-stamped.
    pub stamped: bool,
    /// Whether it is in an archive file.
    pub archived: bool,
}

/// Collects conditions and their parameters.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds `AND condition`, in which `{}` stands for the parameter.
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let number = format!("${}", self.values.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace("{}", &number));
    }
}

impl MessageLog {
    /// One page of the messages that match, newest first. Everything durable at the time of the call is seen.
    ///
    /// # Errors
    /// When the journal or the database fails.
    pub async fn search(&self, query: &MessageQuery) -> Result<Page<MessageSummary>, LogError> {
        self.catch_up().await?;
        let conditions = conditions(query);
        let limit = i64::from(query.page.limit()) + 1;
        let rows = self
            .inner
            .store
            .read(move |tx| {
                let (stamped, archived) = (state::number(tx, STAMPED)?, state::number(tx, ARCHIVED)?);
                let sql = format!(
                    "SELECT m.seq, m.at, m.role, m.direction, m.message_id, m.request_id, c.text AS client, s.text AS service,
                        m.body_length, m.mode, m.signature
                    FROM exchange_message m
                    JOIN exchange_log_name c ON c.id = m.client
                    JOIN exchange_log_name s ON s.id = m.service
                    WHERE 1 = 1{} ORDER BY m.seq DESC LIMIT {limit}",
                    conditions.sql
                );
                let rows = tx.query(&sql, &conditions.values)?;
                rows.iter().map(|row| summary(row, stamped, archived)).collect::<Result<Vec<_>, LogError>>()
            })
            .await?;
        Ok(Page::from_overfetch(rows, &query.page, |row| row.seq.to_string()))
    }
}

fn conditions(query: &MessageQuery) -> Conditions {
    /// An identifier that no message has yet has no number: the subquery is NULL and nothing matches, which is right.
    fn named(column: &str) -> String {
        format!("m.{column} = (SELECT id FROM exchange_log_name WHERE text = {{}})")
    }
    let mut all = Conditions::default();
    if let Some(id) = &query.message_id {
        all.and("m.message_id = {}", id);
    }
    if let Some(id) = &query.request_id {
        all.and("m.request_id = {}", id.as_bytes().as_slice());
    }
    if let Some(client) = &query.client {
        all.and(&named("client"), client.colon());
    }
    if let Some(service) = &query.service {
        all.and(&named("service"), service.colon());
    }
    if let Some(party) = &query.party {
        all.and(&named("party"), party.colon());
    }
    if let Some(direction) = query.direction {
        all.and("m.direction = {}", direction as i64);
    }
    if let Some(from) = query.from {
        all.and("m.at >= {}", from);
    }
    if let Some(to) = query.to {
        all.and("m.at < {}", to);
    }
    // A key that is no number came from elsewhere: treat it as the first page rather than fail a search.
    if let Some(after) = query.page.after.as_deref().and_then(|key| key.parse::<i64>().ok()) {
        all.and("m.seq < {}", after);
    }
    all
}

fn summary(row: &Row, stamped: i64, archived: i64) -> Result<MessageSummary, LogError> {
    let seq = row.int("seq")?;
    Ok(MessageSummary {
        seq,
        at: row.int("at")?,
        role: if row.int("role")? == Role::Producer as i64 { Role::Producer } else { Role::Consumer },
        direction: if row.int("direction")? == Direction::Response as i64 {
            Direction::Response
        } else {
            Direction::Request
        },
        message_id: row.text("message_id")?,
        request_id: Uuid::from_slice(row.get::<&[u8]>("request_id")?).unwrap_or_default(),
        client: row.text("client")?,
        service: row.text("service")?,
        body_length: row.int("body_length")?,
        mode: match row.int("mode")? {
            mode if mode == BodyMode::Digest as i64 => BodyMode::Digest,
            mode if mode == BodyMode::Metadata as i64 => BodyMode::Metadata,
            _ => BodyMode::Full,
        },
        stamped: row.int("signature")? <= stamped,
        archived: seq <= archived,
    })
}
