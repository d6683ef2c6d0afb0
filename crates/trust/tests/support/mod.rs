//! Shared by the tests of keys and authority: running the openssl command, a place for its files, a standing clock.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use kit::Clock;
use tempfile::TempDir;
use trust::cert::{CertificateRequest, DistinguishedName};
use trust::pki::{Authority, AuthorityOptions, Holder, Profile};
use trust::{Certificate, KeyKind, SigningKey, SoftwareKey};

/// A directory with files for openssl.
pub struct Bench(TempDir);

impl Bench {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs openssl in the directory; arguments are split at blanks. Returns what it printed, and whether it succeeded.
    pub fn try_openssl(&self, arguments: &str) -> (bool, String) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("the openssl command is needed: run `make setup`");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// As `try_openssl`, and it must succeed.
    pub fn openssl(&self, arguments: &str) -> String {
        let (good, text) = self.try_openssl(arguments);
        assert!(good, "openssl {arguments}\n{text}");
        text
    }

    pub fn dir(&self) -> &Path {
        self.0.path()
    }
}

/// An authority in a directory of its own, on the system's clock because openssl judges by it.
pub struct Nation {
    pub authority: Authority,
    pub clock: Clock,
    _dir: TempDir,
}

impl Nation {
    pub fn new(kind: KeyKind, intermediate: bool) -> Self {
        // A standing clock that starts at the real time: openssl agrees with it, and tests can move it.
        let clock = Clock::manual(Timestamp::now());
        let dir = TempDir::new().unwrap();
        let options = AuthorityOptions { intermediate, ..AuthorityOptions::new("Test", kind) };
        let authority = Authority::create_with(&dir.path().join("ca"), &options, clock.clone()).unwrap();
        Self { authority, clock, _dir: dir }
    }

    pub fn member(&self, kind: KeyKind, profile: Profile) -> (SoftwareKey, Certificate) {
        let key = SoftwareKey::generate(kind).unwrap();
        let certificate = self.certify(&key, profile);
        (key, certificate)
    }

    pub fn certify(&self, key: &dyn SigningKey, profile: Profile) -> Certificate {
        let subject = profile.subject(&holder());
        let request = CertificateRequest::create(key, &subject, &dns_names()).unwrap();
        self.authority.sign_csr(&request, profile, subject).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub fn holder() -> Holder {
    Holder {
        common_name: "gw1.example.vn".into(),
        organization: "Sở Tư pháp, Hà Nội".into(),
        member_class: "GOV".into(),
        member_code: "H26.09".into(),
        country: String::new(),
    }
}

pub fn dns_names() -> Vec<String> {
    vec!["gw1.example.vn".into(), "192.0.2.7".into()]
}

pub fn name(common_name: &str) -> DistinguishedName {
    DistinguishedName::new().with("C", "VN").with("CN", common_name)
}
