//! One archive file while it is written: a zip of containers with their links, under a temporary name until the database knows of it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::error::LogError;
use super::link::{Head, LINKING_INFO, LinkWriter};
use super::naming;

/// Ends the name of a file that is not complete.
pub(super) const PART_SUFFIX: &str = ".mlog-part";

/// A file being written.
pub(super) struct SeriesFile {
    series: String,
    folder: PathBuf,
    part: PathBuf,
    zip: ZipWriter<BufWriter<File>>,
    links: LinkWriter,
    first_at: Option<i64>,
    last_at: i64,
    messages: i64,
    bytes: u64,
}

/// A file that is complete on disk under its temporary name.
#[derive(Clone, Debug)]
pub(super) struct FinishedFile {
    pub(super) series: String,
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    pub(super) messages: i64,
    pub(super) bytes: i64,
}

impl SeriesFile {
    /// Begins a file of `series` that follows `head`. `seq` of its first message keeps temporary names apart.
    pub(super) fn begin(folder: &Path, series: &str, seq: i64, head: Head) -> Result<Self, LogError> {
        let part = folder.join(format!(".{series}-{seq}{PART_SUFFIX}"));
        let zip = ZipWriter::new(BufWriter::new(File::create(&part)?));
        Ok(Self {
            series: series.to_owned(),
            folder: folder.to_owned(),
            part,
            zip,
            links: LinkWriter::after(&head),
            first_at: None,
            last_at: 0,
            messages: 0,
            bytes: 0,
        })
    }

    /// Adds a container. Blocks on the disk.
    pub(super) fn add(mut self, name: &str, container: &[u8], at: i64) -> Result<Self, LogError> {
        // Containers are compressed themselves; a second time gains nothing.
        self.write_entry(name, container, CompressionMethod::Stored)?;
        self.links.add(name, container);
        self.first_at.get_or_insert(at);
        self.last_at = at;
        self.messages += 1;
        self.bytes += container.len() as u64;
        Ok(self)
    }

    /// Bytes of containers in it so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Closes the file and makes it durable. Its name is known only now: it carries the last link.
    pub(super) fn finish(mut self) -> Result<FinishedFile, LogError> {
        let links = self.links.text();
        self.write_entry(LINKING_INFO, links.as_bytes(), CompressionMethod::Deflated)?;
        let mut file = self.zip.finish().map_err(std::io::Error::other)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        let first_at = self.first_at.unwrap_or_default();
        let name = naming::archive(&self.series, first_at, self.last_at, self.links.digest());
        std::fs::rename(&self.part, part_path(&self.folder, &name))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(FinishedFile {
            series: self.series,
            name,
            digest: self.links.digest().to_owned(),
            first_at,
            last_at: self.last_at,
            messages: self.messages,
            bytes: i64::try_from(self.bytes).unwrap_or(i64::MAX),
        })
    }

    fn write_entry(&mut self, name: &str, content: &[u8], method: CompressionMethod) -> Result<(), LogError> {
        let options = SimpleFileOptions::default().compression_method(method);
        self.zip.start_file(name, options).map_err(std::io::Error::other)?;
        Ok(self.zip.write_all(content)?)
    }
}

fn part_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}{PART_SUFFIX}"))
}

/// Gives the complete file `name` its name. Done before: nothing to do.
pub(super) async fn place(folder: &Path, name: &str) -> Result<(), LogError> {
    let (part, target) = (part_path(folder, name), folder.join(name));
    match tokio::fs::rename(&part, &target).await {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && tokio::fs::try_exists(&target).await? => {}
        Err(error) => return Err(error.into()),
    }
    Ok(tokio::fs::File::open(folder).await?.sync_all().await?)
}
