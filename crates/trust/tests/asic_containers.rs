//! Containers: what is written is read back, and hostile zips are refused before they cost anything.
#![expect(clippy::unwrap_used, reason = "test helpers stop at the first surprise, like the tests they serve")]

use proptest::prelude::*;
use std::io::{Cursor, Write};
use trust::asic::{AsicError, BatchTimeStamp, Chain, Container, MEDIA_TYPE, ReadLimits, manifest_references};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn full() -> Container {
    Container {
        message: Some(b"GET\r\n/r1/a\r\n".to_vec()),
        attachments: vec![(1, b"body".to_vec()), (2, vec![0; 5000]), (10, Vec::new())],
        signatures: b"<signatures/>".to_vec(),
        signature_chain: Some(Chain { result: b"<result/>".to_vec(), chain: b"<chain/>".to_vec() }),
        time_stamp: Some(BatchTimeStamp {
            token: vec![0x30, 0],
            chain: Chain { result: b"<ts/>".to_vec(), chain: b"<tschain/>".to_vec() },
            manifest: None,
        }),
        unknown: Vec::new(),
    }
}

/// A zip with the given entries, so that anything can be said.
fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read(bytes: &[u8]) -> Result<Container, AsicError> {
    Container::read(bytes, ReadLimits::default())
}

const MIMETYPE: (&str, &[u8]) = ("mimetype", MEDIA_TYPE.as_bytes());
const SIGNATURES: (&str, &[u8]) = ("META-INF/signatures.xml", b"<s/>");

#[test]
fn what_is_written_is_read_back() {
    let bytes = full().write().unwrap();
    let mut back = read(&bytes).unwrap();
    let manifest = back.time_stamp.as_mut().unwrap().manifest.take().unwrap();
    assert_eq!(back, full());
    let references = manifest_references(&manifest).unwrap();
    assert_eq!(references.len(), 1);
    assert_eq!(references[0].name, "ts-hashchainresult.xml");
    assert_eq!(
        references[0].digest.as_bytes(),
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, b"<ts/>").as_ref()
    );
    assert_eq!(bytes, full().write().unwrap(), "equal content gives equal bytes");

    let minimal = Container { signatures: b"<s/>".to_vec(), ..Container::default() };
    assert_eq!(read(&minimal.write().unwrap()).unwrap(), minimal);
}

#[test]
fn the_media_type_stands_at_its_fixed_place() {
    let bytes = full().write().unwrap();
    assert_eq!(&bytes[..4], b"PK\x03\x04");
    assert_eq!(&bytes[30..38], b"mimetype");
    assert_eq!(&bytes[38..38 + MEDIA_TYPE.len()], MEDIA_TYPE.as_bytes());
    let comment = format!("mimetype={MEDIA_TYPE}");
    assert!(bytes.ends_with(comment.as_bytes()));
    let text = String::from_utf8_lossy(&unpack(&bytes, "META-INF/manifest.xml")).into_owned();
    assert!(text.contains("manifest:full-path=\"message.xml\" manifest:media-type=\"text/xml\""), "{text}");
    assert!(text.contains("manifest:full-path=\"attachment10\""));
}

fn unpack(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut zip.by_name(name).unwrap(), &mut content).unwrap();
    content
}

#[test]
fn containers_of_streaming_writers_are_read() {
    // Writers that do not seek (Java's among them) put sizes behind the data instead of before it.
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, content) in [MIMETYPE, ("message.xml", b"<m/>"), SIGNATURES] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    assert_eq!(read(&bytes).unwrap().message.as_deref(), Some(&b"<m/>"[..]));
}

#[test]
fn entries_that_do_not_belong_are_named_and_not_unpacked() {
    let names = [
        "readme.txt",
        "attachment0",
        "attachment01",
        "attachment",
        "attachmentx",
        "Message.xml",
        "META-INF/other.xml",
        "attachment99999999999",
    ];
    let mut entries = vec![MIMETYPE, SIGNATURES];
    entries.extend(names.map(|name| (name, &b"x"[..])));
    let container = read(&zip_of(&entries)).unwrap();
    assert_eq!(container.unknown, names);
    assert!(container.attachments.is_empty() && container.message.is_none());
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in
        ["../message.xml", "/message.xml", "META-INF/../../x", "a\\b", "c:x", "./message.xml", "a\nb", "META-INF/./x"]
    {
        let bytes = zip_of(&[MIMETYPE, SIGNATURES, (name, b"x")]);
        assert!(matches!(read(&bytes), Err(AsicError::BadName)), "{name:?}");
    }
}

#[test]
fn a_name_means_one_entry() {
    let mut bytes = zip_of(&[MIMETYPE, SIGNATURES, ("message.xml", b"good"), ("messagf.xml", b"evil")]);
    while let Some(at) = bytes.windows(11).position(|window| window == b"messagf.xml") {
        bytes[at..at + 11].copy_from_slice(b"message.xml");
    }
    assert!(matches!(read(&bytes), Err(AsicError::DuplicateName)));

    // The local header says another name than the directory.
    let mut bytes = zip_of(&[MIMETYPE, SIGNATURES, ("message.xml", b"good")]);
    let at = bytes.windows(11).position(|window| window == b"message.xml").unwrap();
    bytes[at] = b'M';
    assert!(matches!(read(&bytes), Err(AsicError::Zip(_))));
}

#[test]
fn bombs_and_oversize_are_refused_within_the_bound() {
    let zeros = vec![0; 5 << 20];
    let bytes = zip_of(&[MIMETYPE, SIGNATURES, ("attachment1", &zeros)]);
    assert!(bytes.len() < 20_000);
    let limits = ReadLimits { total_bytes: 1 << 20, entries: 10 };
    assert!(matches!(Container::read(&bytes, limits), Err(AsicError::TooLarge)));
    assert_eq!(read(&bytes).unwrap().attachments[0].1.len(), zeros.len());
    let many = ReadLimits { total_bytes: 1 << 20, entries: 2 };
    assert!(matches!(Container::read(&bytes, many), Err(AsicError::TooLarge)));
    // Several entries share the bound.
    let half = vec![0; 600 << 10];
    let bytes = zip_of(&[MIMETYPE, SIGNATURES, ("attachment1", &half), ("attachment2", &half)]);
    assert!(matches!(Container::read(&bytes, limits), Err(AsicError::TooLarge)));
}

#[test]
fn incomplete_and_foreign_files_are_told_apart() {
    assert!(matches!(read(b""), Err(AsicError::Zip(_))));
    assert!(matches!(read(b"%PDF-1.7"), Err(AsicError::Zip(_))));
    assert!(matches!(read(&zip_of(&[SIGNATURES])), Err(AsicError::NotAsic)));
    assert!(matches!(read(&zip_of(&[("mimetype", b"application/zip"), SIGNATURES])), Err(AsicError::NotAsic)));
    assert!(matches!(read(&zip_of(&[MIMETYPE])), Err(AsicError::Missing("META-INF/signatures.xml"))));
    let pairs: [(&str, &str); 4] = [
        ("sig-hashchain.xml", "sig-hashchainresult.xml"),
        ("sig-hashchainresult.xml", "sig-hashchain.xml"),
        ("META-INF/timestamp.tst", "ts-hashchainresult.xml"),
        ("ts-hashchain.xml", "ts-hashchainresult.xml"),
    ];
    for (present, missing) in pairs {
        match read(&zip_of(&[MIMETYPE, SIGNATURES, (present, b"x")])) {
            Err(AsicError::Missing(name)) => assert_eq!(name, missing),
            other => panic!("{present}: {other:?}"),
        }
    }
}

#[test]
fn a_truncated_or_prefixed_container_is_refused() {
    let bytes = full().write().unwrap();
    for length in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        assert!(read(&bytes[..length]).is_err(), "cut at {length}");
    }
    let prefixed = [b"#!/bin/sh\n".to_vec(), bytes].concat();
    assert!(read(&prefixed).is_err());
}

#[test]
fn damaged_content_is_noticed_by_its_checksum() {
    let bytes = full().write().unwrap();
    let stored = bytes.windows(MEDIA_TYPE.len()).position(|window| window == MEDIA_TYPE.as_bytes()).unwrap();
    let mut changed = bytes;
    changed[stored] = b'A';
    assert!(matches!(read(&changed), Err(AsicError::Damaged { name }) if name == "mimetype"));
}

#[test]
fn asic_manifests_that_cannot_be_read_are_refused() {
    for text in [
        "",
        "<a/>",
        "<asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/2918/v1.2.1#\"><asic:DataObjectReference URI=\"x\"/></asic:ASiCManifest>",
    ] {
        assert!(manifest_references(text.as_bytes()).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_content_survives(message in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)), bodies in prop::collection::btree_map(1_u32..2000, prop::collection::vec(any::<u8>(), 0..100), 0..5)) {
        let container = Container { message, attachments: bodies.into_iter().collect(), signatures: vec![1], ..Container::default() };
        prop_assert_eq!(read(&container.write().unwrap()).unwrap(), container);
    }

    #[test]
    fn damaged_zips_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = full().write().unwrap();
        for (at, to) in edits {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        trust::asic::fuzz(&bytes);
        trust::asic::fuzz(&noise);
    }
}
