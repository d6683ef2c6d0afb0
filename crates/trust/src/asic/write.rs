//! Writes a container.

use super::{Container, MEDIA_TYPE, entry, manifest};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Why a container could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The zip library refused; a repeated attachment number, or content beyond 4 GiB.
    #[error("container cannot be written: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// Writing to memory failed.
    #[error("container cannot be written: {0}")]
    Io(#[from] std::io::Error),
}

impl Container {
    /// The container as a zip. Equal content gives equal bytes: entries carry a constant time.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self) -> Result<Vec<u8>, WriteError> {
        let mut zip = Zip::new(self.size_hint())?;
        if let Some(message) = &self.message {
            zip.put(entry::MESSAGE, message)?;
        }
        for (number, content) in &self.attachments {
            zip.put(&format!("{}{number}", entry::ATTACHMENT_PREFIX), content)?;
        }
        zip.put(entry::SIGNATURES, &self.signatures)?;
        if let Some(chain) = &self.signature_chain {
            zip.put(entry::SIGNATURE_CHAIN_RESULT, &chain.result)?;
            zip.put(entry::SIGNATURE_CHAIN, &chain.chain)?;
        }
        if let Some(stamp) = &self.time_stamp {
            zip.put(entry::TIME_STAMP, &stamp.token)?;
            match &stamp.manifest {
                Some(given) => zip.put(entry::ASIC_MANIFEST, given)?,
                None => zip.put(entry::ASIC_MANIFEST, manifest::asic_manifest(&stamp.chain.result).as_bytes())?,
            }
            zip.put(entry::TIME_STAMP_CHAIN_RESULT, &stamp.chain.result)?;
            zip.put(entry::TIME_STAMP_CHAIN, &stamp.chain.chain)?;
        }
        zip.finish()
    }

    fn size_hint(&self) -> usize {
        let bodies: usize = self.attachments.iter().map(|(_, content)| content.len()).sum();
        bodies / 2 + self.signatures.len() + 8192
    }
}

/// A zip being written, and the names written so far for its list of contents.
struct Zip {
    writer: ZipWriter<Cursor<Vec<u8>>>,
    options: SimpleFileOptions,
    names: Vec<String>,
}

impl Zip {
    fn new(size_hint: usize) -> Result<Self, WriteError> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(size_hint)));
        writer.set_comment(format!("mimetype={MEDIA_TYPE}"))?;
        let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        // Uncompressed and first, so that the file tells its type at a fixed offset.
        writer.start_file(entry::MIMETYPE, options.compression_method(CompressionMethod::Stored))?;
        writer.write_all(MEDIA_TYPE.as_bytes())?;
        let options = options.compression_method(CompressionMethod::Deflated);
        Ok(Self { writer, options, names: Vec::new() })
    }

    fn put(&mut self, name: &str, content: &[u8]) -> Result<(), WriteError> {
        self.writer.start_file(name, self.options)?;
        self.writer.write_all(content)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        let list = manifest::open_document_manifest(self.names.iter().map(String::as_str));
        self.put(entry::MANIFEST, list.as_bytes())?;
        Ok(self.writer.finish()?.into_inner())
    }
}
