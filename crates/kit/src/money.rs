//! Money in Vietnamese đồng, which has no minor unit in use: a whole number, shown as `1.000.000 ₫`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in đồng.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dong(pub i64);

impl fmt::Display for Dong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(".")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(" ₫")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_with_dots() {
        assert_eq!(Dong(1_000_000).to_string(), "1.000.000 ₫");
        assert_eq!(Dong(999).to_string(), "999 ₫");
        assert_eq!(Dong(-12_500).to_string(), "-12.500 ₫");
    }
}
