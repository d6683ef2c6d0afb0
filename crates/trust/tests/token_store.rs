//! Both kinds of token through one set of checks, what is special to each, and TLS with keys from either.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::types::AuthPin;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use support::Nation;
use tempfile::TempDir;
use trust::key::PublicKey;
use trust::pki::Profile;
use trust::token::pkcs11::{Pkcs11Config, Pkcs11Token, SlotSelector};
use trust::token::{KeyId, KeyPurpose, Pin, PinFault, SoftwareToken, Token, TokenError};
use trust::{KeyKind, SignatureAlgorithm, SigningKey, tls};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn pin(text: &str) -> Pin {
    Pin::new(text.to_owned())
}

/// What every token must do, whatever it is made of.
fn behaves_as_a_token(token: &dyn Token, kinds: &[KeyKind]) {
    let nation = Nation::new(KeyKind::EcP256, false);
    assert!(token.keys().unwrap().is_empty());
    for kind in kinds {
        let info = token.generate("khóa ký", *kind, KeyPurpose::Sign).unwrap();
        assert_eq!((info.kind, info.purpose, info.label.as_str()), (*kind, Some(KeyPurpose::Sign), "khóa ký"));
        let key = token.signing_key(&info.id).unwrap();
        assert_eq!(key.public_key_der(), info.public_key_der);
        let public = PublicKey::from_spki_der(key.public_key_der()).unwrap();
        for algorithm in SignatureAlgorithm::ALL.into_iter().filter(|it| it.is_ecdsa() == kind.is_ec()) {
            let signature = key.sign(algorithm, b"message").unwrap();
            public.verify(algorithm, b"message", &signature).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        }

        let certificate = nation.certify(&*key, Profile::Sign);
        token.add_certificate(&info.id, &certificate).unwrap();
        token.add_certificate(&info.id, &certificate).unwrap();
        let stored = token.keys().unwrap().into_iter().find(|it| it.id == info.id).unwrap();
        assert_eq!(stored.certificates, std::slice::from_ref(&certificate));
        let (_, foreign) = nation.member(*kind, Profile::Sign);
        assert!(matches!(token.add_certificate(&info.id, &foreign), Err(TokenError::OtherKey)));
        token.remove_certificate(&info.id, certificate.sha256()).unwrap();
        assert!(token.keys().unwrap().iter().all(|it| it.certificates.is_empty()));
    }
    assert_eq!(token.keys().unwrap().len(), kinds.len());
    let first = token.keys().unwrap().remove(0).id;
    token.delete(&first).unwrap();
    assert_eq!(token.keys().unwrap().len(), kinds.len() - 1);
    assert!(matches!(token.delete(&first), Err(TokenError::UnknownKey)));
    assert!(matches!(token.signing_key(&first), Err(TokenError::UnknownKey)));
    assert!(matches!(token.signing_key(&KeyId::new("no such")), Err(TokenError::UnknownKey)));
}

#[test]
fn a_file_behaves_as_a_token() {
    let dir = TempDir::new().unwrap();
    let token = SoftwareToken::create(&dir.path().join("soft.token"), &pin("Abcdef1234")).unwrap();
    assert_eq!(token.label(), "soft");
    behaves_as_a_token(&token, &[KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048]);
}

#[test]
fn a_file_keeps_its_keys_and_its_secret() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("soft.token");
    assert!(matches!(SoftwareToken::create(&path, &pin("short")), Err(TokenError::WeakPin(PinFault::TooShort))));
    assert!(matches!(SoftwareToken::open(&path, &pin("Abcdef1234")), Err(TokenError::NotFound)));
    let token = SoftwareToken::create(&path, &pin("Abcdef1234")).unwrap();
    assert!(matches!(SoftwareToken::create(&path, &pin("Abcdef1234")), Err(TokenError::Exists)));
    let info = token.generate("auth key", KeyKind::EcP256, KeyPurpose::Auth).unwrap();

    // Another process adds a key meanwhile; neither loses the other's.
    let other = SoftwareToken::open(&path, &pin("Abcdef1234")).unwrap();
    let second = other.generate("second", KeyKind::EcP256, KeyPurpose::Sign).unwrap();
    let third = token.generate("third", KeyKind::EcP256, KeyPurpose::Sign).unwrap();
    other.reload().unwrap();
    let ids: Vec<KeyId> = other.keys().unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, [info.id.clone(), second.id, third.id]);

    assert!(matches!(SoftwareToken::open(&path, &pin("abcdef1234")), Err(TokenError::WrongPin)));
    assert!(matches!(token.change_pin(&pin("wrong PIN 99"), &pin("Another PIN 1")), Err(TokenError::WrongPin)));
    assert!(matches!(token.change_pin(&pin("Abcdef1234"), &pin("aaaaaaaaaa")), Err(TokenError::WeakPin(_))));
    token.change_pin(&pin("Abcdef1234"), &pin("Another PIN 1")).unwrap();
    assert!(matches!(SoftwareToken::open(&path, &pin("Abcdef1234")), Err(TokenError::WrongPin)));
    assert!(matches!(other.reload(), Err(TokenError::WrongPin)));
    let again = SoftwareToken::open(&path, &pin("Another PIN 1")).unwrap();
    assert_eq!(again.signing_key(&info.id).unwrap().public_key_der(), info.public_key_der);
    assert_eq!(again.keys().unwrap().len(), 3);

    // Nothing readable in the file, nothing left over beside it, nothing secret on display.
    let file = std::fs::read_to_string(&path).unwrap();
    assert!(!file.contains("auth key") && !file.contains("PRIVATE"));
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{names:?}");
    assert!(!format!("{again:?}").contains("PIN"));
}

#[test]
fn a_damaged_file_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("soft.token");
    SoftwareToken::create(&path, &pin("Abcdef1234")).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let open = |text: String| {
        std::fs::write(&path, text).unwrap();
        SoftwareToken::open(&path, &pin("Abcdef1234")).map(|_| ())
    };
    assert!(matches!(open(good.replace("\"iterations\": 3", "\"iterations\": 2")), Err(TokenError::WrongPin)));
    assert!(matches!(open(good.replace("65536", "999999999")), Err(TokenError::Damaged)));
    assert!(matches!(open(good.replace("\"format\": 1", "\"format\": 2")), Err(TokenError::Damaged)));
    assert!(matches!(open(good[..good.len() / 2].to_owned()), Err(TokenError::Damaged)));
    assert!(matches!(open(String::new()), Err(TokenError::Damaged)));
    open(good).unwrap();
}

const PIN: &str = "Abcdef1234";

/// A SoftHSM of its own with one token; gone with the directory.
fn device() -> TempDir {
    assert!(Path::new(MODULE).exists(), "{MODULE} is missing: run `make setup`");
    let dir = TempDir::with_prefix(CHILD_MARK).unwrap();
    std::fs::create_dir(dir.path().join("tokens")).unwrap();
    let config = format!("directories.tokendir = {}\nlog.level = ERROR\n", dir.path().join("tokens").display());
    std::fs::write(dir.path().join("softhsm2.conf"), config).unwrap();
    let output = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "hsm", "--pin", PIN, "--so-pin", "12345678"])
        .env("SOFTHSM2_CONF", dir.path().join("softhsm2.conf"))
        .output()
        .expect("softhsm2-util is needed: run `make setup`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    dir
}

/// Part of the path of the configuration, by which the child knows itself.
const CHILD_MARK: &str = "token-store-child";

/// The module finds its configuration through the environment, which a process cannot change safely once it runs threads. So the
/// tests of the device run in a child of this test program that is started with the variable set.
fn in_child(test: &str) -> bool {
    if std::env::var_os("SOFTHSM2_CONF").is_some_and(|path| path.to_string_lossy().contains(CHILD_MARK)) {
        return true;
    }
    let device = device();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("SOFTHSM2_CONF", device.path().join("softhsm2.conf"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

fn open(label: &str) -> Result<Pkcs11Token, TokenError> {
    let slot = SlotSelector::Label(label.to_owned());
    Pkcs11Token::open(&Pkcs11Config { module: MODULE.into(), slot }, &pin(PIN))
}

#[test]
fn a_device_behaves_as_a_token() {
    if in_child("a_device_behaves_as_a_token") {
        let token = open("hsm").unwrap();
        assert_eq!(token.label(), "hsm");
        behaves_as_a_token(&token, &[KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048]);
        assert!(matches!(open("no such"), Err(TokenError::NotFound)));
        // A second view of the same token sees the same keys.
        assert_eq!(open("hsm").unwrap().keys().unwrap().len(), 2);
    }
}

#[test]
fn a_lost_login_is_renewed_under_the_hands_of_many_threads() {
    if !in_child("a_lost_login_is_renewed_under_the_hands_of_many_threads") {
        return;
    }
    let token = open("hsm").unwrap();
    let info = token.generate("key", KeyKind::EcP256, KeyPurpose::Sign).unwrap();
    let key = token.signing_key(&info.id).unwrap();
    let public = PublicKey::from_spki_der(key.public_key_der()).unwrap();
    let check = |message: &[u8]| {
        let signature = key.sign(SignatureAlgorithm::EcdsaSha512, message).unwrap();
        public.verify(SignatureAlgorithm::EcdsaSha512, message, &signature).unwrap();
    };
    check(b"before");
    // Logging out in one session logs the whole process out, as a device reset would.
    let context = Pkcs11::new(MODULE).unwrap();
    let log_out = || {
        let slots = context.get_slots_with_initialized_token().unwrap();
        let slot = slots.into_iter().find(|slot| context.get_token_info(*slot).unwrap().label() == "hsm").unwrap();
        context.open_rw_session(slot).unwrap().logout().unwrap();
    };
    log_out();
    check(b"after");
    log_out();
    assert_eq!(token.keys().unwrap().len(), 1, "keys hidden by a lost login are not taken for deleted ones");
    log_out();
    std::thread::scope(|scope| {
        for worker in 0..4_u8 {
            let check = &check;
            scope.spawn(move || (0..20_u8).for_each(|round| check(&[worker, round])));
        }
    });
    log_out();
    token.delete(&info.id).unwrap();
    assert!(token.keys().unwrap().is_empty());
    assert!(key.sign(SignatureAlgorithm::EcdsaSha512, b"deleted").is_err());
}

#[test]
fn wrong_pins_of_a_device_are_told() {
    if in_child("wrong_pins_of_a_device_are_told") {
        let config = Pkcs11Config { module: MODULE.into(), slot: SlotSelector::Label("hsm".into()) };
        assert!(matches!(Pkcs11Token::open(&config, &pin("0000")), Err(TokenError::WrongPin)));
        let token = Pkcs11Token::open(&config, &pin(PIN)).unwrap();
        assert!(matches!(token.change_pin(&pin("wrong"), &pin("Another PIN 1")), Err(TokenError::WrongPin)));
        assert!(matches!(token.change_pin(&pin(PIN), &pin("weak")), Err(TokenError::WeakPin(_))));
        token.change_pin(&pin(PIN), &pin("Another PIN 1")).unwrap();
        token.generate("after", KeyKind::EcP256, KeyPurpose::Auth).unwrap();
        assert!(!format!("{token:?}").contains("Another"));

        // Changed behind our back: refused once by the device, then no longer tried, or the device would lock itself.
        let context = Pkcs11::new(MODULE).unwrap();
        let slot = context.get_slots_with_initialized_token().unwrap()[0];
        let (old, new) = (AuthPin::new("Another PIN 1".into()), AuthPin::new("Elsewhere 22".into()));
        context.open_rw_session(slot).unwrap().set_pin(&old, &new).unwrap();
        context.open_rw_session(slot).unwrap().logout().unwrap();
        for _ in 0..20 {
            assert!(matches!(token.keys(), Err(TokenError::WrongPin)));
        }
        // Even the right PIN would not be tried now; that takes somebody who opens the token again.
        context.open_rw_session(slot).unwrap().set_pin(&new, &old).unwrap();
        assert!(matches!(token.keys(), Err(TokenError::WrongPin)));
        assert_eq!(Pkcs11Token::open(&config, &pin("Another PIN 1")).unwrap().keys().unwrap().len(), 1);
        let nowhere = Pkcs11Config { module: "/nonexistent.so".into(), slot: SlotSelector::Slot(0) };
        assert!(matches!(Pkcs11Token::open(&nowhere, &pin(PIN)), Err(TokenError::Device(_))));
    }
}

/// A full handshake in memory, both sides with the certificate of `key`; returns the negotiated version.
fn handshake(nation: &Nation, key: Arc<dyn SigningKey>, version: &'static rustls::SupportedProtocolVersion) {
    let certificate = nation.certify(&*key, Profile::Auth);
    let certified = tls::certified_key(&[certificate], key).unwrap();
    certified.keys_match().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(nation.authority.root().der().to_vec().into()).unwrap();
    let roots = Arc::new(roots);
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build().unwrap();
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver.clone());
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(resolver);
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let name = ServerName::try_from("gw1.example.vn").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    assert_eq!(client.protocol_version(), Some(version.version));
    assert!(server.peer_certificates().is_some_and(|chain| chain.len() == 1));
}

#[test]
fn tls_works_with_keys_of_a_file() {
    let nation = Nation::new(KeyKind::EcP256, false);
    let dir = TempDir::new().unwrap();
    let token = SoftwareToken::create(&dir.path().join("t"), &pin(PIN)).unwrap();
    for kind in [KeyKind::EcP256, KeyKind::EcP384, KeyKind::Rsa2048] {
        let info = token.generate("tls", kind, KeyPurpose::Auth).unwrap();
        let key = token.signing_key(&info.id).unwrap();
        handshake(&nation, key.clone(), &rustls::version::TLS13);
        handshake(&nation, key.clone(), &rustls::version::TLS12);
        let (_, foreign) = nation.member(kind, Profile::Auth);
        assert!(tls::certified_key(&[foreign], key.clone()).is_err());
        assert!(tls::certified_key(&[], key).is_err());
    }
}

#[test]
fn tls_works_with_keys_of_a_device() {
    if in_child("tls_works_with_keys_of_a_device") {
        let nation = Nation::new(KeyKind::EcP256, false);
        let token = open("hsm").unwrap();
        for kind in [KeyKind::EcP256, KeyKind::Rsa2048] {
            let info = token.generate("tls", kind, KeyPurpose::Auth).unwrap();
            let key = token.signing_key(&info.id).unwrap();
            handshake(&nation, key.clone(), &rustls::version::TLS13);
            handshake(&nation, key, &rustls::version::TLS12);
        }
    }
}
