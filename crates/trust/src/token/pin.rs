//! The PIN of a token: kept out of logs, wiped from memory, refused when easy to guess (checklist 44).

use std::fmt;

use zeroize::Zeroizing;

/// Fewest characters of a new PIN.
const MIN_LENGTH: usize = 10;

/// Fewest classes of characters (small letters, capitals, digits, others) of a new PIN.
const MIN_CLASSES: usize = 3;

/// A PIN. Its memory is wiped when dropped, and it is never shown.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes over the text of a PIN.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Checks a PIN about to be set. Existing PINs are used as they are.
    ///
    /// # Errors
    /// [`PinFault`] with the rule that is not met.
    pub fn check_policy(&self) -> Result<(), PinFault> {
        if self.0.chars().count() < MIN_LENGTH {
            return Err(PinFault::TooShort);
        }
        let has = |class: fn(char) -> bool| usize::from(self.0.chars().any(class));
        let other = |character: char| !(character.is_lowercase() || character.is_uppercase() || character.is_numeric());
        if has(char::is_lowercase) + has(char::is_uppercase) + has(char::is_numeric) + has(other) < MIN_CLASSES {
            return Err(PinFault::TooFewClasses);
        }
        Ok(())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// Which rule a PIN breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinFault {
    /// Fewer than ten characters.
    #[error("it has fewer than 10 characters")]
    TooShort,
    /// Fewer than three classes of characters.
    #[error("it mixes fewer than three of: small letters, capitals, digits, other characters")]
    TooFewClasses,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easy_pins_are_refused() {
        let check = |text: &str| Pin::new(text.to_owned()).check_policy();
        assert_eq!(check("Ab1!"), Err(PinFault::TooShort));
        assert_eq!(check("Ab1!Ab1!A"), Err(PinFault::TooShort));
        assert_eq!(check("abcdefghij"), Err(PinFault::TooFewClasses));
        assert_eq!(check("abcdef1234"), Err(PinFault::TooFewClasses));
        assert_eq!(check("Abcdef1234"), Ok(()));
        assert_eq!(check("mật khẩu số 7"), Ok(()));
    }

    #[test]
    fn a_pin_is_not_shown() {
        assert_eq!(format!("{:?}", Pin::new("Abcdef1234".to_owned())), "Pin(…)");
    }
}
