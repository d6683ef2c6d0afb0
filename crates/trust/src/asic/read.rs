//! Opens a container of unknown origin. What it holds is bounded before it is unpacked, and each name means one entry.

use super::{BatchTimeStamp, Chain, Container, MEDIA_TYPE, entry};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// Bounds of a container accepted by [`Container::read`].
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// All entries together, unpacked, in bytes.
    pub total_bytes: u64,
    /// Number of entries.
    pub entries: usize,
}

impl Default for ReadLimits {
    /// 64 MiB, three times the largest message that is logged, and 10 000 entries.
    fn default() -> Self {
        Self { total_bytes: 64 << 20, entries: 10_000 }
    }
}

/// Why a file is not a container that can be verified.
#[derive(Debug, thiserror::Error)]
pub enum AsicError {
    /// Not a zip, truncated, or its directory contradicts its content.
    #[error("not a readable zip file: {0}")]
    Zip(#[from] ZipError),
    /// An entry cannot be unpacked or its checksum is wrong.
    #[error("{name} in the container is damaged")]
    Damaged {
        /// The entry.
        name: String,
    },
    /// Two entries have the same name.
    #[error("the container holds two entries of the same name")]
    DuplicateName,
    /// Bytes of the file belong to two entries, or stand before the first.
    #[error("entries of the container overlap, or something stands before them")]
    Overlap,
    /// A name that would lead outside, or is not text.
    #[error("the container holds an entry with a forbidden name")]
    BadName,
    /// More entries or more bytes than allowed.
    #[error("the container is larger than allowed")]
    TooLarge,
    /// The `mimetype` entry is missing or says something else.
    #[error("not an ASiC-E container (mimetype)")]
    NotAsic,
    /// An entry that must be there is not.
    #[error("{0} is missing from the container")]
    Missing(&'static str),
}

impl Container {
    /// Reads a container.
    ///
    /// Entries that are not part of the format are listed in [`Container::unknown`] and not unpacked.
    ///
    /// # Errors
    /// [`AsicError`].
    pub fn read(bytes: &[u8], limits: ReadLimits) -> Result<Self, AsicError> {
        let mut zip = ZipArchive::new(Cursor::new(bytes))?;
        if zip.len() > limits.entries {
            return Err(AsicError::TooLarge);
        }
        if zip.has_duplicate_names() {
            return Err(AsicError::DuplicateName);
        }
        if zip.offset() != 0 || zip.has_overlapping_entries()? {
            return Err(AsicError::Overlap);
        }
        // The local headers must tell the same story as the directory, or two readers could see two containers.
        zip.validate_header_consistency()?;
        Entries::unpack(&mut zip, limits)?.into_container()
    }
}

/// Known entries by name, and the names of the others.
struct Entries {
    known: BTreeMap<String, Vec<u8>>,
    attachments: BTreeMap<u32, Vec<u8>>,
    unknown: Vec<String>,
}

const KNOWN: [&str; 10] = [
    entry::MIMETYPE,
    entry::MESSAGE,
    entry::SIGNATURES,
    entry::MANIFEST,
    entry::SIGNATURE_CHAIN_RESULT,
    entry::SIGNATURE_CHAIN,
    entry::TIME_STAMP,
    entry::ASIC_MANIFEST,
    entry::TIME_STAMP_CHAIN_RESULT,
    entry::TIME_STAMP_CHAIN,
];

impl Entries {
    fn unpack(zip: &mut ZipArchive<Cursor<&[u8]>>, limits: ReadLimits) -> Result<Self, AsicError> {
        let mut entries = Self { known: BTreeMap::new(), attachments: BTreeMap::new(), unknown: Vec::new() };
        let mut left = limits.total_bytes;
        for index in 0..zip.len() {
            let mut file = zip.by_index(index)?;
            let name = file.name().map_err(|_| AsicError::BadName)?.into_owned();
            if !is_harmless(&name) {
                return Err(AsicError::BadName);
            }
            let number = attachment_number(&name);
            if number.is_none() && !KNOWN.contains(&name.as_str()) {
                entries.unknown.push(name);
                continue;
            }
            // The sizes in the directory are claims; only what is really unpacked counts.
            let mut content = Vec::new();
            let read = file.by_ref().take(left.saturating_add(1)).read_to_end(&mut content);
            read.map_err(|_| AsicError::Damaged { name: name.clone() })?;
            left = left.checked_sub(content.len() as u64).ok_or(AsicError::TooLarge)?;
            match number {
                Some(number) => drop(entries.attachments.insert(number, content)),
                None => drop(entries.known.insert(name, content)),
            }
        }
        Ok(entries)
    }

    fn into_container(mut self) -> Result<Container, AsicError> {
        let media_type = self.known.remove(entry::MIMETYPE).ok_or(AsicError::NotAsic)?;
        if media_type.trim_ascii() != MEDIA_TYPE.as_bytes() {
            return Err(AsicError::NotAsic);
        }
        let signatures = self.known.remove(entry::SIGNATURES).ok_or(AsicError::Missing(entry::SIGNATURES))?;
        let signature_chain = self.chain(entry::SIGNATURE_CHAIN_RESULT, entry::SIGNATURE_CHAIN)?;
        let stamp_chain = self.chain(entry::TIME_STAMP_CHAIN_RESULT, entry::TIME_STAMP_CHAIN)?;
        let time_stamp = match (self.known.remove(entry::TIME_STAMP), stamp_chain) {
            (Some(token), Some(chain)) => {
                Some(BatchTimeStamp { token, chain, manifest: self.known.remove(entry::ASIC_MANIFEST) })
            }
            (None, None) => None,
            (Some(_), None) => return Err(AsicError::Missing(entry::TIME_STAMP_CHAIN_RESULT)),
            (None, Some(_)) => return Err(AsicError::Missing(entry::TIME_STAMP)),
        };
        Ok(Container {
            message: self.known.remove(entry::MESSAGE),
            attachments: self.attachments.into_iter().collect(),
            signatures,
            signature_chain,
            time_stamp,
            unknown: self.unknown,
        })
    }

    /// Result and chain come together or not at all.
    fn chain(&mut self, result: &'static str, chain: &'static str) -> Result<Option<Chain>, AsicError> {
        match (self.known.remove(result), self.known.remove(chain)) {
            (Some(result), Some(chain)) => Ok(Some(Chain { result, chain })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(AsicError::Missing(chain)),
            (None, Some(_)) => Err(AsicError::Missing(result)),
        }
    }
}

/// Neither absolute nor climbing, with none of the characters that other systems read as separators.
fn is_harmless(name: &str) -> bool {
    let is_plain = |part: &str| part != ".." && part != ".";
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\\', ':', '\0'])
        && !name.chars().any(char::is_control)
        && name.split('/').all(is_plain)
}

/// The number of an attachment entry, written without leading zeros.
fn attachment_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(entry::ATTACHMENT_PREFIX)?;
    let number: u32 = digits.parse().ok()?;
    (number > 0 && digits == number.to_string()).then_some(number)
}
