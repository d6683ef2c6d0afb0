//! Where one role keeps what must not be lost, and the secrets beside it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rand::TryRngCore as _;
use trust::token::Pin;
use zeroize::Zeroizing;

use crate::out::trouble;

/// The environment variable that gives the PIN.
pub const PIN_VARIABLE: &str = "LIENTHONG_PIN";

/// The folder of one role.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The folder `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, readable by its owner alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> anyhow::Result<()> {
        let made =
            fs::create_dir_all(&self.0).and_then(|()| fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)));
        let name = self.0.display();
        made.context(trouble!("Không tạo được thư mục {name}", "Cannot make the folder {name}"))
    }

    /// Address of the database when none is configured.
    #[must_use]
    pub fn database(&self, configured: Option<&str>) -> String {
        configured.map_or_else(|| format!("sqlite:{}", self.0.join("lienthong.db").display()), str::to_owned)
    }

    /// The encrypted file of the keys.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.0.join("keys.token")
    }

    /// The anchor a gateway trusts.
    #[must_use]
    pub fn anchor(&self) -> PathBuf {
        self.0.join("anchor.xml")
    }

    /// The verified configuration, kept for the next start.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.0.join("configuration")
    }

    /// Segment files of the message log.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// Large bodies under way.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Key (PKCS#8) of the gateway's own TLS towards information systems.
    #[must_use]
    pub fn internal_key(&self) -> PathBuf {
        self.0.join("internal.key")
    }

    /// Certificate of the same.
    #[must_use]
    pub fn internal_certificate(&self) -> PathBuf {
        self.0.join("internal.pem")
    }

    /// The file with the PIN.
    #[must_use]
    pub fn pin_file(&self, configured: Option<&Path>) -> PathBuf {
        configured.map_or_else(|| self.0.join("pin"), Path::to_owned)
    }

    /// The PIN: from the environment, else from the file, which only its owner may read.
    ///
    /// # Errors
    /// When there is none, or others can read the file.
    pub fn pin(&self, configured: Option<&Path>) -> anyhow::Result<Pin> {
        if let Ok(pin) = std::env::var(PIN_VARIABLE) {
            return Ok(Pin::new(pin));
        }
        let path = self.pin_file(configured);
        let text = read_secret(&path)?;
        Ok(Pin::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The PIN for a new token. Makes one up and writes it down when there is none; whether it did.
    ///
    /// # Errors
    /// When it cannot be written, or as [`Home::pin`].
    pub fn pin_or_new(&self, configured: Option<&Path>) -> anyhow::Result<(Pin, bool)> {
        let path = self.pin_file(configured);
        if std::env::var_os(PIN_VARIABLE).is_some() || path.exists() {
            return Ok((self.pin(configured)?, false));
        }
        let pin = random_secret()?;
        write_secret(&path, pin.as_bytes())?;
        Ok((Pin::new(pin.to_string()), true))
    }
}

/// A secret of 24 characters from three classes: more than 128 bits.
///
/// # Errors
/// When the machine has no random numbers to give.
pub fn random_secret() -> anyhow::Result<Zeroizing<String>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = Zeroizing::new([0_u8; 21]);
    let trouble = || trouble!("Máy không cấp được số ngẫu nhiên", "The machine has no random numbers to give");
    rand::rngs::OsRng.try_fill_bytes(&mut *random).map_err(|_| trouble())?;
    let letters = random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)]));
    // The three at the end make sure that all classes are there.
    Ok(Zeroizing::new(letters.chain("aA1".chars()).collect()))
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// When it exists or cannot be written.
pub fn write_secret(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    let name = path.display();
    write().context(trouble!("Không ghi được tệp {name}", "Cannot write the file {name}"))
}

/// Reads a file that only its owner may read.
///
/// # Errors
/// When it cannot be read, or others can read it too.
pub fn read_secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let name = path.display();
    let unreadable = || trouble!("Không đọc được tệp bí mật {name}", "Cannot read the secret file {name}");
    let mode = fs::metadata(path).with_context(unreadable)?.mode();
    if mode & 0o077 != 0 {
        return Err(trouble!(
            "Tệp {name} cho người khác đọc được: chạy `chmod 600 {name}`",
            "Others can read {name}: run `chmod 600 {name}`"
        )
        .into());
    }
    Ok(Zeroizing::new(fs::read_to_string(path).with_context(unreadable)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pin_is_kept_and_meets_the_rules() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().to_owned());
        let (pin, made) = home.pin_or_new(None).unwrap();
        assert!(made && pin.check_policy().is_ok());
        assert!(!home.pin_or_new(None).unwrap().1);
    }

    #[test]
    fn a_pin_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        fs::write(&path, "Abcdef1234").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = read_secret(&path).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
