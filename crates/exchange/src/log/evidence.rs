//! A logged message as an ASiC-E container (§2.8): the signed parts, the signature, and the time-stamp with the path to it.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::error::LogError;
use super::fetch::LoggedMessage;
use super::record::Body;

/// The container of a message.
///
/// # Errors
/// [`LogError::Evidence`] when it cannot be written.
pub fn container(logged: &LoggedMessage) -> Result<Vec<u8>, LogError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8]| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(name, options).map_err(std::io::Error::other)?;
        zip.write_all(bytes)
    };
    add("message.xml", &logged.message.header_part)?;
    if let Body::Inline { bytes, .. } = &logged.message.body {
        add("attachment1", bytes)?;
    }
    add("META-INF/signatures.xml", &logged.signature.signature)?;
    Ok(zip.finish().map_err(std::io::Error::other)?.into_inner())
}
