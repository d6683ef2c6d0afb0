//! Takes a received directory apart. Nothing of it counts yet: see [`Signed::verify`](super::Signed::verify).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use trust::key::SignatureAlgorithm;

use super::mime::{Part, boundary_of, header_fault, parameter, split_parts};
use super::{
    Directory, DirectoryError, DirectorySignature, FileEntry, HashAlgorithm, MAX_DIRECTORY_BYTES, Signed,
    VERSION_WHEN_ABSENT,
};

/// Takes a directory apart. `content_type` is that of the HTTP reply: it is used when the text does not repeat it as its own first
/// header.
///
/// # Errors
/// When the text is not a signed directory, names a file twice, an unsafe location or an unknown algorithm.
pub fn parse<'a>(bytes: &'a [u8], content_type: Option<&str>) -> Result<Signed<'a>, DirectoryError> {
    if bytes.len() > MAX_DIRECTORY_BYTES {
        return Err(DirectoryError::TooLarge);
    }
    let outer = if bytes.starts_with(b"--") {
        let content_type = content_type.ok_or(DirectoryError::MissingHeader("Content-Type"))?;
        split_parts(bytes, boundary_of(content_type)?)?
    } else {
        let whole = Part::parse(bytes)?;
        split_parts(whole.body, boundary_of(whole.header("Content-Type")?)?)?
    };
    let [signed, signature] = outer.as_slice() else {
        return Err(DirectoryError::Malformed("expected two parts: what is signed, and the signature"));
    };
    let signed = Part::parse(signed)?;
    let inner_boundary = boundary_of(signed.header("Content-Type")?)?;
    Ok(Signed {
        signed_bytes: signed.body,
        directory: read_directory(&split_parts(signed.body, inner_boundary)?)?,
        signature: read_signature(&Part::parse(signature)?)?,
    })
}

fn read_directory(parts: &[&[u8]]) -> Result<Directory, DirectoryError> {
    let [head, files @ ..] = parts else {
        return Err(DirectoryError::Malformed("the signed part is empty"));
    };
    let head = Part::parse(head)?;
    let expires = head.header("Expire-date")?;
    let version = head
        .optional("Version")
        .map_or(Ok(VERSION_WHEN_ABSENT), |text| text.parse().map_err(|_| header_fault("Version", text)))?;
    let mut directory = Directory {
        expires_at: expires.parse::<Timestamp>().map_err(|_| header_fault("Expire-date", expires))?,
        version,
        files: Vec::with_capacity(files.len()),
    };
    for file in files {
        let file = read_file(&Part::parse(file)?)?;
        let same = |known: &FileEntry| known.content == file.content && known.instance == file.instance;
        if directory.files.iter().any(same) {
            return Err(DirectoryError::DuplicatePart { content: file.content, instance: file.instance });
        }
        directory.files.push(file);
    }
    Ok(directory)
}

fn read_file(part: &Part<'_>) -> Result<FileEntry, DirectoryError> {
    let identifier = part.header("Content-identifier")?;
    let content = identifier.split(';').next().unwrap_or_default().trim();
    let instance = parameter(identifier, "instance").unwrap_or_default();
    if content.is_empty() || instance.is_empty() {
        return Err(header_fault("Content-identifier", identifier));
    }
    let location = part.header("Content-location")?;
    if !is_plain_path(location) {
        return Err(DirectoryError::Location(location.chars().take(120).collect()));
    }
    let hash_algorithm = hash_algorithm(part.header("Hash-algorithm-id")?)?;
    require_base64(part)?;
    Ok(FileEntry {
        content: content.to_owned(),
        instance: instance.to_owned(),
        location: location.to_owned(),
        file_name: part.optional("Content-file-name").map(str::to_owned),
        hash_algorithm,
        hash: base64_body(part.body)?,
    })
}

fn read_signature(part: &Part<'_>) -> Result<DirectorySignature, DirectoryError> {
    let algorithm = part.header("Signature-Algorithm-Id")?;
    let cert = part.header("Verification-certificate-hash")?;
    let cert_hash = BASE64
        .decode(cert.split(';').next().unwrap_or_default().trim())
        .map_err(|_| header_fault("Verification-certificate-hash", cert))?;
    let cert_hash_algorithm = parameter(cert, "hash-algorithm-id")
        .ok_or_else(|| header_fault("Verification-certificate-hash", cert))
        .and_then(hash_algorithm)?;
    require_base64(part)?;
    Ok(DirectorySignature {
        algorithm: SignatureAlgorithm::from_xml_uri(algorithm)
            .map_err(|_| DirectoryError::Algorithm(algorithm.to_owned()))?,
        value: base64_body(part.body)?,
        cert_hash,
        cert_hash_algorithm,
    })
}

fn hash_algorithm(uri: &str) -> Result<HashAlgorithm, DirectoryError> {
    HashAlgorithm::from_uri(uri).ok_or_else(|| DirectoryError::Algorithm(uri.to_owned()))
}

fn require_base64(part: &Part<'_>) -> Result<(), DirectoryError> {
    let encoding = part.header("Content-transfer-encoding")?;
    if encoding.eq_ignore_ascii_case("base64") {
        Ok(())
    } else {
        Err(header_fault("Content-transfer-encoding", encoding))
    }
}

fn base64_body(body: &[u8]) -> Result<Vec<u8>, DirectoryError> {
    let compact: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(compact).map_err(|_| DirectoryError::Malformed("a body is not base64"))?;
    if bytes.is_empty() { Err(DirectoryError::Malformed("a body is empty")) } else { Ok(bytes) }
}

/// An absolute path on the same server that means the same to every reader: no dot segments, escapes, queries or back slashes, and
/// not a network path (`//host/…`).
fn is_plain_path(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return false };
    path.len() <= 1024
        && segments.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
        && !path.chars().any(|c| c.is_control() || c.is_whitespace() || "\\%?#<>\"".contains(c))
}
