//! Fetching the configuration of one instance: from which address, in which version, which files anew, and whether it may replace
//! what is there.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use jiff::Timestamp;
use rand::seq::SliceRandom;

use super::disk::{Metadata, StoredFile, StoredInstance};
use super::http::{Transport, TransportError};
use crate::model::anchor::Anchor;
use crate::model::cert::CertDer;
use crate::model::global_conf::InstanceParts;
use crate::model::shared_params::{NEWEST_VERSION, OLDEST_VERSION, Source};
use crate::model::signed_directory::{
    DirectoryError, Expectation, FileEntry, MAX_DIRECTORY_BYTES, PRIVATE_PARAMETERS, SHARED_PARAMETERS, Verified, parse,
};
use crate::model::xml::XmlError;

/// The largest file that is downloaded: ten times a nation of 100,000 subsystems.
const MAX_FILE_BYTES: usize = 512 << 20;

/// Which federation partners a gateway takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Federation {
    /// None: the default.
    #[default]
    None,
    /// All that the own instance names.
    All,
    /// These, when the own instance names them.
    Only(Vec<String>),
}

impl Federation {
    /// Whether the gateway takes part with `instance`.
    #[must_use]
    pub fn allows(&self, instance: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(list) => list.iter().any(|allowed| allowed == instance),
        }
    }
}

/// Why a configuration could not be fetched or does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Another answer than expected.
    #[error("the source answered with HTTP status {0}")]
    Status(u16),
    /// No version between the newest and the oldest known is published.
    #[error("the source publishes no version from {NEWEST_VERSION} to {OLDEST_VERSION}")]
    NoVersion,
    /// The directory is refused.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A file cannot be read.
    #[error(transparent)]
    Content(XmlError),
    /// A file speaks of another instance than the directory.
    #[error("{content} is of instance {found:?}")]
    Instance {
        /// Which.
        content: &'static str,
        /// What it says.
        found: String,
    },
    /// It is older than the configuration there is: somebody replays it.
    #[error("the source offers an older configuration than the one in force")]
    Rollback,
    /// The anchor names no address that can be used.
    #[error("the anchor names no source")]
    NoSource,
}

/// A configuration that was fetched and found good.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The files as they are to be kept.
    pub stored: StoredInstance,
    /// What the files say, when any of them differs from before.
    pub parts: Option<InstanceParts>,
}

/// Remembers what worked, across rounds.
#[derive(Debug)]
pub struct Fetcher {
    transport: Arc<dyn Transport>,
    /// The address that answered well last, by instance.
    last_good: HashMap<String, String>,
    newest_version: u32,
}

impl Fetcher {
    /// A fetcher that remembers nothing. `newest_version` bounds what is asked for.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, newest_version: u32) -> Self {
        Self { transport, last_good: HashMap::new(), newest_version }
    }

    /// Fetches the configuration that `anchor` leads to, trying its sources in turn: the last good one first, then those with
    /// HTTPS, each kind in random order so that a nation of gateways spreads over the nodes.
    ///
    /// # Errors
    /// That of the last source tried.
    pub async fn fetch(
        &mut self,
        anchor: &Anchor,
        known: Option<(&StoredInstance, &[Source])>,
        own: bool,
        now: Timestamp,
    ) -> Result<Fetched, FetchError> {
        let mut failure = FetchError::NoSource;
        for (url, certs) in self.ordered_sources(anchor) {
            let trusted = trusted_certs(&certs, known.map_or(&[], |(_, sources)| sources), own);
            let source =
                SourceRound { url: &url, trusted: &trusted, anchor, stored: known.map(|(stored, _)| stored), own, now };
            match self.fetch_from(&source).await {
                Ok(fetched) => {
                    self.last_good.insert(anchor.instance.clone(), url);
                    return Ok(fetched);
                }
                Err(error) => {
                    tracing::info!(conf.source = url, error.reason = %error, "a configuration source failed");
                    failure = error;
                }
            }
        }
        Err(failure)
    }

    fn ordered_sources(&self, anchor: &Anchor) -> Vec<(String, Vec<CertDer>)> {
        let mut sources: Vec<(String, Vec<CertDer>)> = anchor
            .sources
            .iter()
            .map(|source| (source.download_url.clone(), source.verification_certs.clone()))
            .collect();
        sources.shuffle(&mut rand::rng());
        let last_good = self.last_good.get(&anchor.instance);
        sources.sort_by_key(|(url, _)| (last_good != Some(url), !url.starts_with("https://")));
        sources
    }

    async fn fetch_from(&self, source: &SourceRound<'_>) -> Result<Fetched, FetchError> {
        let verified = self.directory(source).await?;
        if let Some(stored) = source.stored {
            refuse_rollback(&verified, &stored.shared.metadata)?;
        }
        let mut changed = false;
        let shared = self.file(source, &verified, SHARED_PARAMETERS, &mut changed).await?;
        let shared = shared.ok_or(DirectoryError::MissingFile(SHARED_PARAMETERS))?;
        let private =
            if source.own { self.file(source, &verified, PRIVATE_PARAMETERS, &mut changed).await? } else { None };
        let stored = StoredInstance { shared, private };
        let parts = if changed { Some(read_content(&stored, &source.anchor.instance)?) } else { None };
        Ok(Fetched { stored, parts })
    }

    /// The directory in the newest version the source has: 404 means "not this one". The search begins at the top each time, so that a
    /// newer version is taken as soon as it is published.
    async fn directory(&self, source: &SourceRound<'_>) -> Result<Verified, FetchError> {
        let separator = if source.url.contains('?') { '&' } else { '?' };
        for version in (OLDEST_VERSION..=self.newest_version).rev() {
            let url = format!("{}{separator}version={version}", source.url);
            let reply = self.transport.get(&url, MAX_DIRECTORY_BYTES).await?;
            match reply.status {
                200 => {
                    let expected =
                        Expectation { instance: &source.anchor.instance, version: Some(version), now: source.now };
                    return Ok(parse(&reply.body, reply.content_type.as_deref())?.verify(source.trusted, &expected)?);
                }
                404 => {}
                status => return Err(FetchError::Status(status)),
            }
        }
        Err(FetchError::NoVersion)
    }

    /// A file the directory names: the stored one when its digest is the same, else downloaded.
    async fn file(
        &self,
        source: &SourceRound<'_>,
        verified: &Verified,
        content: &str,
        changed: &mut bool,
    ) -> Result<Option<StoredFile>, FetchError> {
        let Some(entry) = verified.directory().file(content) else { return Ok(None) };
        let metadata = metadata(verified, entry);
        let known = source.stored.and_then(|stored| {
            let file = if content == PRIVATE_PARAMETERS { stored.private.as_ref()? } else { &stored.shared };
            let same =
                file.metadata.hash == metadata.hash && file.metadata.hash_algorithm_id == metadata.hash_algorithm_id;
            same.then(|| file.bytes.clone())
        });
        let bytes = match known {
            Some(bytes) => bytes,
            None => {
                *changed = true;
                self.download(source, verified, entry).await?
            }
        };
        Ok(Some(StoredFile { metadata, bytes }))
    }

    async fn download(
        &self,
        source: &SourceRound<'_>,
        verified: &Verified,
        entry: &FileEntry,
    ) -> Result<Bytes, FetchError> {
        let url = format!("{}{}", origin(source.url), entry.location);
        let reply = self.transport.get(&url, MAX_FILE_BYTES).await?;
        if reply.status != 200 {
            return Err(FetchError::Status(reply.status));
        }
        verified.check_file(entry, &reply.body)?;
        Ok(reply.body)
    }
}

/// What one source is asked with.
struct SourceRound<'a> {
    url: &'a str,
    trusted: &'a [CertDer],
    anchor: &'a Anchor,
    stored: Option<&'a StoredInstance>,
    own: bool,
    now: Timestamp,
}

/// Certificates of the anchor's source, and those that accepted shared parameters name: a changed key arrives before a changed anchor.
fn trusted_certs(anchored: &[CertDer], sources: &[Source], own: bool) -> Vec<CertDer> {
    let published = sources.iter().flat_map(|source| if own { &source.internal_certs } else { &source.external_certs });
    anchored.iter().chain(published).cloned().collect()
}

/// `http://host:port` of an address.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

fn metadata(verified: &Verified, entry: &FileEntry) -> Metadata {
    Metadata {
        content_identifier: entry.content.clone(),
        instance_identifier: entry.instance.clone(),
        expiration_date: verified.directory().expires_at,
        configuration_version: verified.directory().version,
        hash: Some(BASE64.encode(&entry.hash)),
        hash_algorithm_id: Some(entry.hash_algorithm.uri().to_owned()),
        content_location: Some(entry.location.clone()),
    }
}

/// Generations are named by growing digits in their addresses. Where addresses have no such digits the expiry decides: it grows too.
fn refuse_rollback(verified: &Verified, stored: &Metadata) -> Result<(), FetchError> {
    let Some(offered) = verified.directory().file(SHARED_PARAMETERS) else { return Ok(()) };
    let before = stored.content_location.as_deref().and_then(stamp_of);
    let older = match (stamp_of(&offered.location), before) {
        (Some(offered), Some(before)) if offered != before => offered < before,
        _ => {
            verified.directory().expires_at < stored.expiration_date
                && stored.hash != Some(BASE64.encode(&offered.hash))
        }
    };
    if older { Err(FetchError::Rollback) } else { Ok(()) }
}

/// The digits in `/V6/20261123010203000000000/shared-params.xml`; all stamps of a central have one length.
fn stamp_of(location: &str) -> Option<u128> {
    let mut segments = location.rsplit('/').skip(1);
    let digits = segments.next().filter(|text| text.len() >= 14 && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

fn read_content(stored: &StoredInstance, instance: &str) -> Result<InstanceParts, FetchError> {
    let parts = stored.parts().map_err(FetchError::Content)?;
    let stranger = |content, found: &str| FetchError::Instance { content, found: found.to_owned() };
    if *parts.shared.instance != *instance {
        return Err(stranger(SHARED_PARAMETERS, &parts.shared.instance));
    }
    match &parts.private {
        Some(private) if private.instance != instance => Err(stranger(PRIVATE_PARAMETERS, &private.instance)),
        _ => Ok(parts),
    }
}
