//! The anchor: the small file an administrator imports once, from which trust in the configuration of an instance begins (§2.12).

use jiff::Timestamp;

use super::cert::{CertDer, sha224};
use super::shared_params::{NAMESPACES, cert};
use super::xml::{Pull, Writer, XmlError};

/// Where an instance's configuration is found and whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// When it was generated.
    pub generated_at: Option<Timestamp>,
    /// Instance identifier; the configuration found must bear the same.
    pub instance: String,
    /// Sources; at least one.
    pub sources: Vec<AnchorSource>,
}

/// One place the configuration is served at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorSource {
    /// Address without a version, e.g. `http://trung-tam/internalconf`.
    pub download_url: String,
    /// Certificates of the signing keys; at least one.
    pub verification_certs: Vec<CertDer>,
}

/// What an administrator compares by eye before importing: SHA-224 of the file, upper-case pairs joined by colons.
#[must_use]
pub fn fingerprint(file: &[u8]) -> String {
    let pairs: Vec<String> = sha224(file).iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Reads an anchor file.
///
/// # Errors
/// When the bytes are not well-formed or a part is missing.
pub fn read(bytes: &[u8]) -> Result<Anchor, XmlError> {
    let mut pull = Pull::open(bytes, "configurationAnchor")?;
    let anchor = read_anchor_body(&mut pull)?;
    pull.finish()?;
    Ok(anchor)
}

/// Writes an anchor file.
#[must_use]
pub fn write(anchor: &Anchor) -> Vec<u8> {
    let mut xml = Writer::new();
    xml.open("ns3:configurationAnchor", &NAMESPACES);
    write_anchor_body(&mut xml, anchor);
    xml.close("ns3:configurationAnchor");
    xml.finish()
}

/// Children of an anchor: alone in a file, or within private parameters.
pub(super) fn read_anchor_body(pull: &mut Pull<'_>) -> Result<Anchor, XmlError> {
    let (mut generated_at, mut instance, mut sources) = (None, String::new(), Vec::new());
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "generatedAt" => generated_at = Some(timestamp(&pull.text("generatedAt")?)?),
            "instanceIdentifier" => instance = pull.text("instanceIdentifier")?,
            "source" => sources.push(read_source(pull)?),
            _ => pull.skip()?,
        }
    }
    if instance.is_empty() {
        return Err(XmlError::Missing { parent: "configurationAnchor", child: "instanceIdentifier" });
    }
    if sources.is_empty() {
        return Err(XmlError::Missing { parent: "configurationAnchor", child: "source" });
    }
    Ok(Anchor { generated_at, instance, sources })
}

pub(super) fn write_anchor_body(xml: &mut Writer, anchor: &Anchor) {
    xml.leaf_if("generatedAt", anchor.generated_at.map(|at| at.to_string()).as_deref());
    xml.leaf("instanceIdentifier", &anchor.instance);
    for source in &anchor.sources {
        xml.open("source", &[]);
        xml.leaf("downloadURL", &source.download_url);
        source.verification_certs.iter().for_each(|cert| xml.leaf("verificationCert", &cert.base64()));
        xml.close("source");
    }
}

fn read_source(pull: &mut Pull<'_>) -> Result<AnchorSource, XmlError> {
    let (mut download_url, mut verification_certs) = (String::new(), Vec::new());
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "downloadURL" => download_url = pull.text("downloadURL")?.trim().to_owned(),
            "verificationCert" => verification_certs.push(cert(pull, "verificationCert")?),
            _ => pull.skip()?,
        }
    }
    if download_url.is_empty() {
        return Err(XmlError::Missing { parent: "source", child: "downloadURL" });
    }
    if verification_certs.is_empty() {
        return Err(XmlError::Missing { parent: "source", child: "verificationCert" });
    }
    Ok(AnchorSource { download_url, verification_certs })
}

/// XML Schema's dateTime. One without an offset is taken as UTC.
fn timestamp(text: &str) -> Result<Timestamp, XmlError> {
    let text = text.trim();
    text.parse()
        .or_else(|_| format!("{text}Z").parse())
        .map_err(|_| XmlError::value("generatedAt", text, "is not a date and time"))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn sample(instance: &str) -> Anchor {
        Anchor {
            generated_at: Some("2026-11-23T01:02:03.004Z".parse().unwrap()),
            instance: instance.into(),
            sources: vec![AnchorSource {
                download_url: "http://trung-tam/internalconf".into(),
                verification_certs: vec![CertDer::new(b"one"), CertDer::new(b"two")],
            }],
        }
    }

    #[test]
    fn an_anchor_survives_writing_and_reading() {
        let anchor = sample("VN");
        assert_eq!(read(&write(&anchor)).unwrap(), anchor);
    }

    #[test]
    fn children_are_read_whatever_prefix_the_root_bears() {
        let text = "<configurationAnchor xmlns=\"http://x-road.eu/xsd/xroad.xsd\"><generatedAt>2024-01-02T03:04:05+02:00</generatedAt>\
            <instanceIdentifier>EE</instanceIdentifier><source><downloadURL>http://a/b</downloadURL>\
            <verificationCert>b25l\n</verificationCert></source></configurationAnchor>";
        let anchor = read(text.as_bytes()).unwrap();
        assert_eq!(anchor.generated_at.unwrap().to_string(), "2024-01-02T01:04:05Z");
        assert_eq!(anchor.sources[0].verification_certs, vec![CertDer::new(b"one")]);
    }

    #[test]
    fn the_fingerprint_is_sha_224_in_pairs() {
        // The digest of the empty message, from FIPS 180-4's test vectors.
        assert_eq!(
            fingerprint(b""),
            "D1:4A:02:8C:2A:3A:2B:C9:47:61:02:BB:28:82:34:C4:15:A2:B0:1F:82:8E:A6:2A:C5:B3:E4:2F"
        );
    }

    #[test]
    fn an_anchor_without_source_or_with_entities_is_refused() {
        let no_source = "<configurationAnchor><instanceIdentifier>VN</instanceIdentifier></configurationAnchor>";
        assert!(matches!(read(no_source.as_bytes()), Err(XmlError::Missing { child: "source", .. })));
        let bomb = "<!DOCTYPE a [<!ENTITY x \"y\">]><configurationAnchor/>";
        assert_eq!(read(bomb.as_bytes()), Err(XmlError::Dtd));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[<>/a-z&;\"= !\\[\\]-]{0,80}") {
            let _ = read(text.as_bytes());
            let _ = read(format!("<configurationAnchor>{text}").as_bytes());
        }
    }
}
