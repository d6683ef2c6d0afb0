//! The two lists inside a container: of its content, and of what its time-stamp covers.

use super::{MEDIA_TYPE, entry};
use crate::c14n::parse_secure;
use crate::hashchain::{DigestValue, digest_from_uri, digest_uri};
use crate::key::DigestKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

const ASIC: &str = "http://uri.etsi.org/2918/v1.2.1#";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const ODF: &str = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0";

/// `META-INF/manifest.xml`: message and attachments with their media types.
pub(super) fn open_document_manifest<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<manifest:manifest xmlns:manifest=\"{ODF}\">\
         <manifest:file-entry manifest:full-path=\"/\" manifest:media-type=\"{MEDIA_TYPE}\"/>"
    );
    for name in names.filter(|name| !name.starts_with("META-INF/")) {
        let media_type = if name.ends_with(".xml") { "text/xml" } else { "application/octet-stream" };
        out.push_str("<manifest:file-entry manifest:full-path=\"");
        out.push_str(name);
        out.push_str("\" manifest:media-type=\"");
        out.push_str(media_type);
        out.push_str("\"/>");
    }
    out.push_str("</manifest:manifest>");
    out
}

/// `META-INF/ASiCManifest.xml`: which entry the time-stamp token covers.
pub(super) fn asic_manifest(time_stamped: &[u8]) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<asic:ASiCManifest xmlns:asic=\"{ASIC}\" xmlns:ds=\"{DS}\">\
         <asic:SigReference MimeType=\"application/vnd.etsi.timestamp-token\" URI=\"{}\"/>\
         <asic:DataObjectReference URI=\"{}\"><ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue>{}</ds:DigestValue>\
         </asic:DataObjectReference></asic:ASiCManifest>",
        entry::TIME_STAMP,
        entry::TIME_STAMP_CHAIN_RESULT,
        digest_uri(DigestKind::Sha512),
        STANDARD.encode(DigestKind::Sha512.digest(time_stamped).as_ref())
    )
}

/// One `DataObjectReference` of an ASiC manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestReference {
    /// Name of the entry, without a leading slash.
    pub name: String,
    /// Its digest as stated.
    pub digest: DigestValue,
}

/// The bytes are not an ASiC manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ASiC manifest: {0}")]
pub struct ManifestError(String);

/// The data objects an ASiC manifest lists.
///
/// # Errors
/// [`ManifestError`] when it is not one, or states a digest that cannot be read.
pub fn manifest_references(xml: &[u8]) -> Result<Vec<ManifestReference>, ManifestError> {
    let document = parse_secure(xml).map_err(|error| ManifestError(error.to_string()))?;
    let root = document.root_element();
    if !root.has_tag_name((ASIC, "ASiCManifest")) {
        return Err(ManifestError("the root element is another".into()));
    }
    let objects = root.children().filter(|node| node.has_tag_name((ASIC, "DataObjectReference")));
    objects.map(|object| reference(object).ok_or_else(|| ManifestError("a digest cannot be read".into()))).collect()
}

fn reference(object: Node<'_, '_>) -> Option<ManifestReference> {
    let child = |name: &str| object.children().find(|node| node.has_tag_name((DS, name)));
    let kind = digest_from_uri(child("DigestMethod")?.attribute("Algorithm")?)?;
    let text: String = child("DigestValue")?.text()?.split_ascii_whitespace().collect();
    let digest = DigestValue::new(kind, &STANDARD.decode(text).ok()?)?;
    let name = object.attribute("URI")?.trim_start_matches('/').to_owned();
    Some(ManifestReference { name, digest })
}
