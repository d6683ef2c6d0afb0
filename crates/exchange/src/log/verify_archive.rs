//! Checks a folder of archive files: every container against its link, every file against the one before (§2.10).
//!
//! Works on files alone, without the database that made them: it is what an auditor runs. It says whether anything was changed, taken out
//! of the middle or put in; whether the signatures in the containers are good is another question.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::link::{self, LINKING_INFO, Links};
use super::naming;

/// Longest `linkinginfo` read, bytes: more lines than an archive file can hold containers.
const MAX_LINKING_INFO: u64 = 64 * 1024 * 1024;
/// Largest container read, bytes.
const MAX_CONTAINER: u64 = 1024 * 1024 * 1024;

/// What the check of a folder found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveChainReport {
    /// Every series in the folder.
    pub series: Vec<SeriesReport>,
}

/// What the check of one series found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesReport {
    /// Name of the series; empty for the series of the whole gateway.
    pub series: String,
    /// Its files, in the order of the chain.
    pub files: Vec<String>,
    /// Containers in them.
    pub containers: u64,
    /// The file before the first, which is not in the folder; absent when the folder holds the beginning of the series.
    pub follows: Option<String>,
    /// What is wrong; empty when the chain holds.
    pub faults: Vec<ArchiveFault>,
}

/// Something wrong with an archive file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ArchiveFault {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ArchiveChainReport {
    /// Whether nothing is wrong anywhere.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.series.iter().all(|series| series.faults.is_empty())
    }
}

/// Checks all archive files in `folder`. Reads every byte of them: run it off the asynchronous threads.
///
/// # Errors
/// When the folder cannot be read. A file that cannot be read is a fault in the report.
pub fn verify_archive_chain(folder: &Path) -> Result<ArchiveChainReport, std::io::Error> {
    let mut by_series: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(series) = path.file_name().and_then(|name| name.to_str()).and_then(naming::series_of) {
            by_series.entry(series.to_owned()).or_default().push(path);
        }
    }
    let series = by_series.into_iter().map(|(series, files)| verify_series(series, &files)).collect();
    Ok(ArchiveChainReport { series })
}

fn verify_series(series: String, paths: &[PathBuf]) -> SeriesReport {
    let mut report = SeriesReport { series, files: Vec::new(), containers: 0, follows: None, faults: Vec::new() };
    let mut linked: BTreeMap<String, Links> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match verify_file(path, &name) {
            Ok((links, faults)) => {
                report.containers += links.entries.len() as u64;
                report.faults.extend(faults.into_iter().map(|reason| ArchiveFault { file: name.clone(), reason }));
                linked.insert(name, links);
            }
            Err(reason) => report.faults.push(ArchiveFault { file: name, reason }),
        }
    }
    follow(&mut report, &linked);
    report
}

/// Walks from the first file to the last and reports what is not on the way.
fn follow(report: &mut SeriesReport, linked: &BTreeMap<String, Links>) {
    let mut starts = linked.iter().filter(|(_, links)| !linked.contains_key(&links.previous.file));
    let Some((mut name, mut links)) = starts.next() else {
        report.faults.extend(fault_of_all(linked, "the files link in a circle"));
        return;
    };
    for (other, _) in starts {
        let reason = "the file it follows is missing, though others before it are here".to_owned();
        report.faults.push(ArchiveFault { file: other.clone(), reason });
    }
    report.follows = Some(links.previous.file.clone()).filter(|file| !file.is_empty());
    let mut visited = BTreeSet::new();
    loop {
        report.files.push(name.clone());
        visited.insert(name.clone());
        let mut followers = linked.iter().filter(|(_, next)| next.previous.file == *name);
        let Some((next_name, next)) = followers.next() else { break };
        for (other, _) in followers {
            report.faults.push(ArchiveFault { file: other.clone(), reason: format!("{next_name} follows {name} too") });
        }
        if next.previous.digest != links.last_digest() {
            let reason = format!("it does not continue the last digest of {name}");
            report.faults.push(ArchiveFault { file: next_name.clone(), reason });
        }
        if visited.contains(next_name) {
            break;
        }
        (name, links) = (next_name, next);
    }
}

fn fault_of_all(linked: &BTreeMap<String, Links>, reason: &str) -> Vec<ArchiveFault> {
    linked.keys().map(|file| ArchiveFault { file: file.clone(), reason: reason.to_owned() }).collect()
}

/// The links of one file and what is wrong with them; `Err` when there is nothing to check.
fn verify_file(path: &Path, name: &str) -> Result<(Links, Vec<String>), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    let text = read_entry(&mut zip, LINKING_INFO, MAX_LINKING_INFO)?;
    let text = String::from_utf8(text).map_err(|_| format!("{LINKING_INFO} is not text"))?;
    let links = Links::parse(&text).map_err(|reason| format!("{LINKING_INFO}: {reason}"))?;
    let mut faults = Vec::new();
    let mut unlisted = BTreeSet::new();
    for entry in zip.file_names() {
        unlisted.insert(entry.map_err(|error| error.to_string())?.into_owned());
    }
    unlisted.remove(LINKING_INFO);
    let mut digest = links.previous.digest.clone();
    for (expected, entry) in &links.entries {
        if !unlisted.remove(entry) {
            faults.push(format!("{entry} is listed but missing, or listed twice"));
        } else {
            match read_entry(&mut zip, entry, MAX_CONTAINER) {
                Ok(container) if link::link(&digest, &container) == *expected => {}
                Ok(_) => faults.push(format!("{entry} was changed")),
                Err(reason) => faults.push(format!("{entry}: {reason}")),
            }
        }
        // Going on from the listed digest keeps one changed container from marking all that follow.
        digest.clone_from(expected);
    }
    faults.extend(unlisted.into_iter().map(|entry| format!("{entry} is not listed")));
    if !name.ends_with(&format!("-{}.zip", link::name_part(links.last_digest()))) {
        faults.push("its name does not carry its last digest".to_owned());
    }
    Ok((links, faults))
}

fn read_entry(zip: &mut ZipArchive<BufReader<File>>, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let entry = zip.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let mut content = Vec::new();
    let read = entry.take(limit + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if read as u64 > limit { Err(format!("{name} is larger than {limit} bytes")) } else { Ok(content) }
}
