//! Makes generations of the configuration and signs directories over them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use store::{StoreError, Tx};
use tokio::sync::{Mutex, watch};
use trust::key::KeyError;

use crate::acts::Central;
use crate::model::cert::{sha256, sha512};
use crate::model::private_params;
use crate::model::shared_params::{WRITTEN_VERSIONS, write};
use crate::model::signed_directory::{
    Directory, DirectorySignature, FileEntry, HashAlgorithm, PRIVATE_PARAMETERS, SHARED_PARAMETERS,
};
use crate::store::generations::{self, Generation};
use crate::store::instance::{self, InstanceSettings};
use crate::store::keys::{self, Audience, SigningKeyRow};
use crate::store::snapshot;

/// How often directories are signed anew.
const INTERVAL: Duration = Duration::from_secs(60);

/// Why nothing new could be published. What was published before stays served until it expires.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    /// The instance has not been initialised.
    #[error("the instance is not initialised")]
    NotInitialised,
    /// No key is active for an audience.
    #[error("no signing key is active for the {0} configuration")]
    NoKey(&'static str),
    /// The token does not hold the active key, or is locked.
    #[error("the token does not hold the active key of the {0} configuration, or is locked")]
    KeyAway(&'static str),
    /// The token refused to sign.
    #[error("signing failed: {0}")]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A signed directory ready to be sent.
#[derive(Clone, Debug)]
pub struct Document {
    /// The bytes.
    pub bytes: Bytes,
    /// Media type with its boundary.
    pub content_type: String,
    /// Entity tag, quotes included.
    pub etag: String,
}

/// Everything that is served now.
#[derive(Debug, Default)]
pub struct Published {
    generations: Vec<Generation>,
    directories: HashMap<(Audience, u32), Document>,
    /// When the directories cease to count; absent before the first.
    pub expires_at: Option<Timestamp>,
}

/// How publishing goes, for health pages.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct PublishStatus {
    /// Directory name of the newest generation.
    pub stamp: Option<String>,
    /// When directories were last signed, microseconds since 1970 UTC.
    pub last_success: Option<i64>,
    /// When they cease to count, microseconds since 1970 UTC.
    pub expires_at: Option<i64>,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

impl Published {
    /// A signed directory. Without a version the oldest written one is given: deployed clients that name none know no newer.
    #[must_use]
    pub fn directory(&self, audience: Audience, version: Option<u32>) -> Option<&Document> {
        let version = version.or_else(|| WRITTEN_VERSIONS.iter().min().copied())?;
        self.directories.get(&(audience, version))
    }

    /// A file of a kept generation.
    #[must_use]
    pub fn file(&self, version: u32, stamp: &str, name: &str) -> Option<&Bytes> {
        let generation = self.generations.iter().find(|known| known.stamp == stamp)?;
        match (name, version) {
            ("shared-params.xml", 6) => Some(&generation.shared_v6),
            ("shared-params.xml", 5) => Some(&generation.shared_v5),
            ("private-params.xml", 5 | 6) => Some(&generation.private),
            _ => None,
        }
    }

    fn newest_stamp(&self) -> Option<&str> {
        self.generations.first().map(|generation| generation.stamp.as_str())
    }
}

/// Publishes the configuration of a central.
#[derive(Debug)]
pub struct Publisher {
    central: Central,
    published: ArcSwap<Published>,
    status: ArcSwap<PublishStatus>,
    /// Two rounds at once would only do the same work twice.
    round: Mutex<()>,
}

impl Publisher {
    /// A publisher that has published nothing yet.
    #[must_use]
    pub fn new(central: Central) -> Self {
        Self { central, published: ArcSwap::default(), status: ArcSwap::default(), round: Mutex::default() }
    }

    /// What is served now.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// How publishing goes.
    #[must_use]
    pub fn status(&self) -> Arc<PublishStatus> {
        self.status.load_full()
    }

    /// Publishes every minute and at every change, until `stop` turns true or its sender is gone.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let changed = self.central.changed();
        while !*stop.borrow() {
            if let Err(error) = self.publish().await {
                tracing::warn!(error.reason = %error, "the global configuration could not be published");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = changed.notified() => {}
                outcome = stop.changed() => if outcome.is_err() { return },
            }
        }
    }

    /// Publishes once: a new generation if the content changed, and new directories in any case.
    ///
    /// # Errors
    /// [`PublishError`]; what was published before stays.
    pub async fn publish(&self) -> Result<Arc<Published>, PublishError> {
        let _round = self.round.lock().await;
        let outcome = self.round().await;
        let mut status = PublishStatus::clone(&self.status.load());
        match &outcome {
            Ok(published) => {
                status = PublishStatus {
                    stamp: published.newest_stamp().map(str::to_owned),
                    last_success: Some(self.central.clock.now_micros()),
                    expires_at: published.expires_at.map(Timestamp::as_microsecond),
                    last_error: None,
                };
                self.published.store(published.clone());
            }
            Err(error) => status.last_error = Some(error.to_string()),
        }
        self.status.store(Arc::new(status));
        outcome
    }

    async fn round(&self) -> Result<Arc<Published>, PublishError> {
        let now = self.central.clock.now();
        let (settings, keys) = self.refresh_generation(now).await?;
        let served = self.published.load();
        let newest = self.central.store.read(generations::newest).await?;
        let unchanged = newest.as_ref().map(|(stamp, _)| stamp.as_str()) == served.newest_stamp();
        let generations =
            if unchanged { served.generations.clone() } else { self.central.store.read(generations::list).await? };
        let mut published = Published { generations, directories: HashMap::new(), expires_at: None };
        if let Some(generation) = published.generations.first() {
            let expires_at = expiry(now, settings.expire_seconds);
            for audience in Audience::ALL {
                for version in WRITTEN_VERSIONS {
                    let directory = directory_of(generation, &settings.instance, audience, version, expires_at);
                    published.directories.insert((audience, version), self.sign(&directory, audience, &keys)?);
                }
            }
            published.expires_at = Some(expires_at);
        }
        Ok(Arc::new(published))
    }

    /// Makes a new generation when the registry gives other files than the newest one has.
    async fn refresh_generation(&self, now: Timestamp) -> Result<(InstanceSettings, Vec<SigningKeyRow>), PublishError> {
        let read = |tx: &mut Tx<'_>| {
            let (settings, revision) = instance::load(tx)?.ok_or(PublishError::NotInitialised)?;
            let keys = keys::list(tx)?;
            let newest = generations::newest(tx)?;
            if newest.is_some_and(|(_, known)| known >= revision) {
                return Ok::<_, PublishError>((settings, keys, None));
            }
            let content = Generation {
                stamp: String::new(),
                revision,
                shared_v6: Bytes::new(),
                shared_v5: Bytes::new(),
                private: private_params::write(&snapshot::private_params(tx, &settings)?).into(),
            };
            let shared = snapshot::shared_params(tx, &settings)?;
            Ok((settings, keys, Some((content, shared))))
        };
        let (settings, keys, changed) = self.central.store.read(read).await?;
        if let Some((mut content, shared)) = changed {
            content.shared_v6 = write(&shared, 6).into();
            content.shared_v5 = write(&shared, 5).into();
            self.central.store.write(move |tx| keep(tx, &content, now)).await?;
        }
        Ok((settings, keys))
    }

    fn sign(
        &self,
        directory: &Directory,
        audience: Audience,
        keys: &[SigningKeyRow],
    ) -> Result<Document, PublishError> {
        let word = audience.as_str();
        let row = keys.iter().find(|key| key.audience == audience && key.active).ok_or(PublishError::NoKey(word))?;
        let key = self.central.keys.find(&row.key_ref).ok_or(PublishError::KeyAway(word))?;
        let algorithm = key.kind().message_algorithm();
        let signed = directory.signed_bytes();
        let signature = DirectorySignature::new(algorithm, key.sign(algorithm, &signed)?, &row.cert);
        let bytes: Bytes = directory.envelope(&signed, &signature).into();
        Ok(Document { content_type: directory.content_type(), etag: etag(&bytes), bytes })
    }
}

/// Entity tag of some bytes.
pub(super) fn etag(bytes: &[u8]) -> String {
    let digest = hex::encode(sha256(bytes));
    format!("\"{}\"", digest.get(..32).unwrap_or(&digest))
}

/// Adds the generation unless another node was faster or the files are the same as before.
fn keep(tx: &mut Tx<'_>, content: &Generation, now: Timestamp) -> Result<(), StoreError> {
    let newest = generations::list(tx)?.into_iter().next();
    let Some(newest) = newest else {
        return generations::insert(tx, &Generation { stamp: stamp(now, None), ..content.clone() }, now);
    };
    if newest.revision >= content.revision {
        return Ok(());
    }
    let same = newest.shared_v6 == content.shared_v6 && newest.private == content.private;
    if same {
        return generations::confirm(tx, &newest.stamp, content.revision);
    }
    generations::insert(tx, &Generation { stamp: stamp(now, Some(&newest.stamp)), ..content.clone() }, now)
}

/// Digits of the time down to nanoseconds. Later than the stamp before even when the clock was set back: clients refuse older ones.
fn stamp(now: Timestamp, before: Option<&str>) -> String {
    let stamp = format!("{}000", now.strftime("%Y%m%d%H%M%S%6f"));
    match before {
        Some(before) if before >= stamp.as_str() => {
            before.parse::<u128>().map_or(stamp, |number| number.saturating_add(1).to_string())
        }
        _ => stamp,
    }
}

/// Whole seconds, as the header carries them.
fn expiry(now: Timestamp, seconds: u32) -> Timestamp {
    let later = now.saturating_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(later.as_second()).unwrap_or(later)
}

fn directory_of(
    generation: &Generation,
    instance: &str,
    audience: Audience,
    version: u32,
    expires_at: Timestamp,
) -> Directory {
    let shared = if version >= 6 { &generation.shared_v6 } else { &generation.shared_v5 };
    let entry = |content: &str, name: &str, bytes: &[u8]| FileEntry {
        content: content.to_owned(),
        instance: instance.to_owned(),
        location: format!("/V{version}/{}/{name}", generation.stamp),
        file_name: None,
        hash_algorithm: HashAlgorithm::Sha512,
        hash: sha512(bytes).to_vec(),
    };
    let mut files = vec![entry(SHARED_PARAMETERS, "shared-params.xml", shared)];
    if audience == Audience::Internal {
        files.push(entry(PRIVATE_PARAMETERS, "private-params.xml", &generation.private));
    }
    Directory { expires_at, version, files }
}
