//! What an operator may choose about the message log: what is kept of a body, how durable, how long, how often stamped and archived.

use std::path::PathBuf;

use directory::ClientId;
use serde::{Deserialize, Serialize};

/// What is kept of a message besides its signature and digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyMode {
    /// Header part and body, whole.
    #[default]
    Full,
    /// Header part whole; of the body only its digest and length.
    Digest,
    /// Of the header part only the `x-road-*` headers and the service path (§2.1.5); digests of both parts.
    Metadata,
}

/// When a message counts as logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When it would survive a power cut. Waiting messages share one flush.
    #[default]
    Synced,
    /// When it was handed to the log, which nothing waits for: a killed process or a power cut may lose the last moments.
    Buffered,
}

/// How messages are spread over archive files (§2.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveGrouping {
    /// One series for the whole gateway.
    #[default]
    None,
    /// One series for each local member.
    Member,
    /// One series for each local subsystem.
    Subsystem,
}

/// A body mode for the services of one subsystem, instead of the general one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyModeOverride {
    /// The subsystem that offers the services, local or remote.
    pub subsystem: ClientId,
    /// What is kept of messages to and from them.
    pub mode: BodyMode,
}

/// The settings of a message log. Every field has a default; names are the keys of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// What is kept of bodies when no override names the service's subsystem.
    pub mode: BodyMode,
    /// Exceptions by providing subsystem.
    pub mode_overrides: Vec<BodyModeOverride>,
    /// Largest body kept, bytes. Of a larger one only the digest is kept; the message is never refused for its size.
    pub max_logged_body: u64,
    /// When a message counts as logged.
    pub durability: Durability,
    /// Days a message stays searchable after it was archived, at least one hour. Messages not yet stamped and archived stay in any case.
    pub retention_days: u32,
    /// Seconds between two passes that remove what is past retention.
    pub clean_interval: u64,
    /// Folder of the archive files; processes that share the log must share it too. Absent: nothing is archived, hence nothing removed.
    pub archive_dir: Option<PathBuf>,
    /// Seconds between two archiving passes.
    pub archive_interval: u64,
    /// Size at which an archive file is closed, bytes of containers in it.
    pub archive_max_size: u64,
    /// How messages are spread over archive files.
    pub archive_grouping: ArchiveGrouping,
    /// Program run for each finished archive file: the words of the command, to which the path of the file is added.
    pub archive_transfer_command: Vec<String>,
    /// Whether signatures are time-stamped at all. Off only where evidence is not needed (a sandbox).
    pub timestamping: bool,
    /// Seconds between two time-stamping passes.
    pub timestamp_interval: u64,
    /// Most signatures under one time-stamp.
    pub timestamp_limit: u32,
    /// Seconds until a failed time-stamping pass is tried again; doubled at each further failure up to `timestamp_interval`.
    pub timestamp_retry_delay: u64,
    /// Seconds for which time-stamping may fail, counted from the oldest message without stamp, before new messages are refused.
    pub acceptable_timestamp_failure: u64,
    /// Milliseconds between two indexing passes, at most 1,000.
    pub index_interval_ms: u64,
    /// Days operational records are kept (§2.15).
    pub operational_retention_days: u32,
    /// Operational records waiting to be stored at most; further ones are dropped and counted.
    pub operational_buffer: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            mode: BodyMode::Full,
            mode_overrides: Vec::new(),
            max_logged_body: 10 * 1024 * 1024,
            durability: Durability::Synced,
            retention_days: 30,
            clean_interval: 12 * 3600,
            archive_dir: None,
            archive_interval: 6 * 3600,
            archive_max_size: 32 * 1024 * 1024,
            archive_grouping: ArchiveGrouping::None,
            archive_transfer_command: Vec::new(),
            timestamping: true,
            timestamp_interval: 60,
            timestamp_limit: 10_000,
            timestamp_retry_delay: 5,
            acceptable_timestamp_failure: 14_400,
            index_interval_ms: 500,
            operational_retention_days: 7,
            operational_buffer: 20_000,
        }
    }
}

impl LogSettings {
    /// What is kept of a message to or from a service of `provider`.
    #[must_use]
    pub fn mode_for(&self, provider: &ClientId) -> BodyMode {
        // The list is short and usually empty: a scan costs less than hashing an identifier.
        self.mode_overrides.iter().find(|entry| entry.subsystem == *provider).map_or(self.mode, |entry| entry.mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_wins_for_its_subsystem_only() {
        let register = ClientId::subsystem("VN", "GOV", "G01", "dancu");
        let settings = LogSettings {
            mode_overrides: vec![BodyModeOverride { subsystem: register.clone(), mode: BodyMode::Metadata }],
            ..LogSettings::default()
        };
        assert_eq!(settings.mode_for(&register), BodyMode::Metadata);
        assert_eq!(settings.mode_for(&register.owner()), BodyMode::Full);
    }

    #[test]
    fn an_empty_section_means_the_defaults_and_a_misspelt_key_is_refused() {
        assert_eq!(serde_json::from_str::<LogSettings>("{}").unwrap(), LogSettings::default());
        assert!(serde_json::from_str::<LogSettings>(r#"{"retention_day": 3}"#).is_err());
    }
}
