//! Verifying evidence against a global configuration: what `lienthong verify` and the demo both do.

use std::io::{Cursor, Read as _};
use std::path::Path;

use anyhow::Context as _;
use directory::Evidence;
use directory::client::load_verification_conf;
use trust::verify::{Report, verify_container};
use zip::ZipArchive;

use crate::out::trouble;

/// Largest file in a package of containers, bytes.
const MAX_CONTAINER: u64 = 256 * 1024 * 1024;
/// Most containers in a package.
const MAX_CONTAINERS: usize = 1000;

/// Trust as a verification configuration gives it: a zip file or the folder it was unpacked to.
///
/// # Errors
/// When it cannot be read.
pub fn load_trust(path: &Path) -> anyhow::Result<Evidence> {
    let name = path.display();
    let loaded = load_verification_conf(path);
    let trouble = || {
        trouble!("Không đọc được cấu hình kiểm tra {name}", "Cannot read the verification configuration {name}").code(2)
    };
    Ok(Evidence::new(&loaded.with_context(trouble)?))
}

/// Verifies a container, or every container in a package as `/asic` gives it; each with its name.
///
/// # Errors
/// When a package cannot be unpacked. What is wrong with a container is in its report.
pub fn verify(name: &str, bytes: &[u8], trust: &Evidence) -> anyhow::Result<Vec<(String, Report)>> {
    let packed =
        containers(bytes).with_context(|| trouble!("Không mở được gói {name}", "Cannot unpack {name}").code(2))?;
    if packed.is_empty() {
        return Ok(vec![(name.to_owned(), verify_container(bytes, trust))]);
    }
    Ok(packed.into_iter().map(|(name, bytes)| (name, verify_container(&bytes, trust))).collect())
}

/// The containers in a package; none when the bytes are a container themselves, or no zip at all.
///
/// # Errors
/// When one of them cannot be unpacked within bounds.
pub fn containers(bytes: &[u8]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let Ok(mut zip) = ZipArchive::new(Cursor::new(bytes)) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for index in 0..zip.len().min(MAX_CONTAINERS) {
        let mut file = zip.by_index(index)?;
        let name = file.name()?.into_owned();
        if !name.ends_with(".asice") {
            continue;
        }
        let mut content = Vec::new();
        let read = file.by_ref().take(MAX_CONTAINER + 1).read_to_end(&mut content)?;
        anyhow::ensure!(read as u64 <= MAX_CONTAINER, "{name} is too large");
        found.push((name, content));
    }
    Ok(found)
}
