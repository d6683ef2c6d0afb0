//! The signed-document service: containers of the messages of one transaction, for a client that took part in it (§2.3).
//!
//! Route, authentication of the client and the mapping of [`AsicError::status`] to an HTTP answer are the gateway's.

use std::io::{Cursor, Write as _};

use directory::ClientId;
use kit::PageRequest;
use percent_encoding::percent_decode_str;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::error::LogError;
use super::evidence::container;
use super::fetch::LoggedMessage;
use super::message_log::MessageLog;
use super::naming;
use super::record::Direction;
use super::search::MessageQuery;
use super::stamp::StampPassError;

/// Messages in one answer at most, the newest: a message id is chosen by the caller and may name any number.
const MAX_MESSAGES: u32 = 500;
/// Media type of several containers.
pub const ZIP: &str = "application/zip";
/// Media type of one container.
pub const ASIC_E: &str = "application/vnd.etsi.asic-e+zip";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsicQuery {
    /// `queryId`: the message id of the transaction.
    pub query_id: String,
    /// The client on whose behalf it is asked: a party of the transaction.
    pub client: ClientId,
    /// `requestOnly` or `responseOnly`; absent for both halves.
    pub half: Option<Direction>,
    /// `unique`: exactly one message is expected, and answered as a bare container.
    pub unique: bool,
    /// `force`: time-stamp what is not stamped yet instead of failing.
    pub force: bool,
}

/// The answer, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsicReply {
    /// [`ZIP`] or [`ASIC_E`].
    pub content_type: &'static str,
    /// File name for `Content-Disposition`, made of safe characters.
    pub file_name: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Why there is no answer. The text is the body of the HTTP answer.
#[derive(Debug, thiserror::Error)]
pub enum AsicError {
    /// A parameter is missing.
    #[error("Must specify \"{0}\"")]
    Missing(&'static str),
    /// A parameter or a combination of parameters is invalid.
    #[error("{0}")]
    Invalid(&'static str),
    /// No message matches.
    #[error("No signed documents found matching the search criteria")]
    NotFound,
    /// `unique` was asked for and several messages match.
    #[error("Search criteria not unique")]
    NotUnique,
    /// Not all signatures have a time-stamp yet, and `force` was not given.
    #[error("{}", if *.one { "Message signature has not been timestamped yet!" }
        else { "Some message signatures have not been timestamped yet!" })]
    NotStamped {
        /// Whether a single document was asked for.
        one: bool,
    },
    /// `force` was given and no authority answered.
    #[error("Failed to get timestamp from any time-stamping providers")]
    StampFailed(#[source] StampPassError),
    /// The log failed.
    #[error("The signed documents cannot be read")]
    Log(#[from] LogError),
}

impl AsicError {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing(_) | Self::Invalid(_) => 400,
            Self::NotFound => 404,
            Self::NotUnique | Self::NotStamped { .. } | Self::StampFailed(_) | Self::Log(_) => 500,
        }
    }
}

impl AsicQuery {
    /// Reads the query string of `GET /asic` (without the question mark). Unknown parameters are ignored.
    ///
    /// # Errors
    /// [`AsicError::Missing`] or [`AsicError::Invalid`].
    pub fn parse(query: &str) -> Result<Self, AsicError> {
        let mut parameters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.push((decode(name)?, decode(value)?));
        }
        let find = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let need = |name: &'static str| find(name).filter(|value| !value.is_empty()).ok_or(AsicError::Missing(name));
        let query_id = need("queryId")?.to_owned();
        let member = ClientId::member(need("xRoadInstance")?, need("memberClass")?, need("memberCode")?);
        let client = match find("subsystemCode").filter(|code| !code.is_empty()) {
            Some(code) => ClientId { subsystem: Some(code.into()), ..member },
            None => member,
        };
        let half = match (find("requestOnly").is_some(), find("responseOnly").is_some()) {
            (true, true) => return Err(AsicError::Invalid("Cannot specify both \"requestOnly\" and \"responseOnly\"")),
            (true, false) => Some(Direction::Request),
            (false, true) => Some(Direction::Response),
            (false, false) => None,
        };
        let unique = find("unique").is_some();
        if unique && half.is_none() {
            return Err(AsicError::Invalid("Must specify either \"requestOnly\" or \"responseOnly\" with \"unique\""));
        }
        Ok(Self { query_id, client, half, unique, force: find("force").is_some() })
    }
}

fn decode(text: &str) -> Result<String, AsicError> {
    let spaces = text.replace('+', " ");
    let decoded = percent_decode_str(&spaces).decode_utf8();
    decoded.map(Into::into).map_err(|_| AsicError::Invalid("A parameter is not UTF-8"))
}

impl MessageLog {
    /// The containers that `query` asks for. The caller has authenticated the client.
    ///
    /// # Errors
    /// [`AsicError`], with the HTTP status and text to answer.
    pub async fn asic(&self, query: &AsicQuery) -> Result<AsicReply, AsicError> {
        let mut messages = self.transaction(query).await?;
        if messages.is_empty() {
            return Err(AsicError::NotFound);
        }
        if query.unique && messages.len() > 1 {
            return Err(AsicError::NotUnique);
        }
        if messages.iter().any(|message| message.stamp.is_none()) {
            if !query.force {
                return Err(AsicError::NotStamped { one: query.unique });
            }
            self.stamp_now().await.map_err(AsicError::StampFailed)?;
            messages = self.transaction(query).await?;
        }
        let reply = query.clone();
        // Compressing large messages takes a while; other requests must not wait for it.
        let built = tokio::task::spawn_blocking(move || build(&reply, &messages)).await;
        built.map_err(|error| LogError::Evidence(error.to_string()))?.map_err(AsicError::Log)
    }

    /// The messages of the transaction that `query.client` was a local party of, oldest first.
    async fn transaction(&self, query: &AsicQuery) -> Result<Vec<LoggedMessage>, LogError> {
        let search = MessageQuery {
            message_id: Some(query.query_id.clone()),
            party: Some(query.client.clone()),
            direction: query.half,
            page: PageRequest { limit: Some(MAX_MESSAGES), after: None },
            ..MessageQuery::default()
        };
        let found = self.search(&search).await?;
        let mut messages = Vec::with_capacity(found.items.len());
        for summary in found.items.iter().rev() {
            // Removed since the search: past retention, hence not found.
            messages.extend(self.inner.fetch(summary.seq).await?);
        }
        Ok(messages)
    }
}

fn build(query: &AsicQuery, messages: &[LoggedMessage]) -> Result<AsicReply, LogError> {
    let name =
        |logged: &LoggedMessage| naming::container(&logged.message.message_id, logged.message.direction, logged.seq);
    if let ([only], true) = (messages, query.unique) {
        return Ok(AsicReply { content_type: ASIC_E, file_name: name(only), bytes: container(only)? });
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for logged in messages {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name(logged), options).map_err(std::io::Error::other)?;
        zip.write_all(&container(logged)?)?;
    }
    let half = query.half.map(|half| format!("-{}", naming::half(half))).unwrap_or_default();
    let file_name = format!("{}{half}.zip", naming::escape(&query.query_id));
    let bytes = zip.finish().map_err(std::io::Error::other)?.into_inner();
    Ok(AsicReply { content_type: ZIP, file_name, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "xRoadInstance=VN&memberClass=GOV&memberCode=G01&subsystemCode=d%C3%A2n+c%C6%B0";

    #[test]
    fn flags_need_no_value() {
        let query = AsicQuery::parse(&format!("queryId=a%26b&{CLIENT}&requestOnly&unique&force=")).unwrap();
        let client = ClientId::subsystem("VN", "GOV", "G01", "dân cư");
        let half = Some(Direction::Request);
        assert_eq!(query, AsicQuery { query_id: "a&b".into(), client, half, unique: true, force: true });
    }

    #[test]
    fn invalid_combinations_are_bad_requests() {
        for (query, text) in [
            (CLIENT.to_owned(), "Must specify \"queryId\""),
            ("queryId=1&xRoadInstance=VN&memberClass=GOV&memberCode=".to_owned(), "Must specify \"memberCode\""),
            (
                format!("queryId=1&{CLIENT}&requestOnly&responseOnly"),
                "Cannot specify both \"requestOnly\" and \"responseOnly\"",
            ),
            (
                format!("queryId=1&{CLIENT}&unique"),
                "Must specify either \"requestOnly\" or \"responseOnly\" with \"unique\"",
            ),
            (format!("queryId=%FF&{CLIENT}"), "A parameter is not UTF-8"),
        ] {
            let error = AsicQuery::parse(&query).unwrap_err();
            assert_eq!((error.status(), error.to_string().as_str()), (400, text), "{query}");
        }
    }

    #[test]
    fn a_member_may_ask_for_itself() {
        let query = AsicQuery::parse("queryId=1&xRoadInstance=VN&memberClass=GOV&memberCode=G01").unwrap();
        assert_eq!((query.client, query.half), (ClientId::member("VN", "GOV", "G01"), None));
    }
}
