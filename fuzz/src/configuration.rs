//! Entry points that read the global configuration and what trust in it begins with.

use directory::model::cert::CertDer;
use directory::model::signed_directory::{self as directories, Expectation};
use directory::model::{anchor as anchors, private_params as private, shared_params as shared};

/// Signs the seed of the signed directory.
const CONFIGURATION: &[u8] = include_bytes!("../corpus-seeds/certificate/configuration.der");

/// Whether the text holds only what XML 1.0 allows. The readers are lenient about other characters, the writers drop them.
fn is_strict(data: &[u8]) -> bool {
    let forbidden = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    std::str::from_utf8(data).is_ok_and(|text| !text.contains("&#") && !text.contains(forbidden))
}

/// Anchors: what is read, written and read again is the same.
pub fn anchor(data: &[u8]) {
    if let Ok(read) = anchors::read(data)
        && is_strict(data)
    {
        assert_eq!(anchors::read(&anchors::write(&read)), Ok(read));
    }
}

/// Private parameters: what is read, written and read again is the same.
pub fn private_params(data: &[u8]) {
    if let Ok(read) = private::read(data)
        && is_strict(data)
    {
        let written = private::write(&read);
        // An instance without a management service is written with empty elements; a second round must change nothing.
        match private::read(&written) {
            Ok(again) => assert_eq!(private::write(&again), written),
            Err(error) => panic!("written, then refused: {error}"),
        }
    }
}

/// Shared parameters: what is read and written is read again and written the same.
pub fn shared_params(data: &[u8]) {
    let Ok(read) = shared::read(data) else { return };
    if !is_strict(data) {
        return;
    }
    for version in shared::WRITTEN_VERSIONS {
        let written = shared::write(&read, version);
        match shared::read(&written) {
            Ok(again) => assert_eq!(shared::write(&again, version), written),
            Err(error) => panic!("written as version {version}, then refused: {error}"),
        }
    }
}

/// Signed directories: nothing but the untouched seed may pass the signature.
pub fn signed_directory(data: &[u8]) {
    let Ok(signed) = directories::parse(data, None) else { return };
    for file in &signed.directory.files {
        assert!(!file.location.split('/').any(|part| part == ".."), "{:?} climbs", file.location);
    }
    let signed_bytes = signed.signed_bytes.to_vec();
    let moment = jiff::Timestamp::UNIX_EPOCH;
    let expected = Expectation { instance: "VN", version: Some(6), now: moment };
    if let Ok(verified) = signed.verify(&[CertDer::new(CONFIGURATION)], &expected) {
        assert_eq!(verified.directory().signed_bytes(), signed_bytes, "verified bytes say what was read");
    }
}
