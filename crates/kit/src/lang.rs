//! The two languages of the product. Vietnamese comes first; English stands beside it for integrators.

use serde::{Deserialize, Serialize};

/// A language a person can read the product in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Tiếng Việt, the default.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// The first of our languages named in an `Accept-Language` header; Vietnamese when none is.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Self {
        for item in header.split(',') {
            let tag = item.split(';').next().unwrap_or("").trim();
            match tag.get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("vi") => return Self::Vi,
                Some("en") => return Self::En,
                _ => {}
            }
        }
        Self::Vi
    }

    /// The code used in `lang=` attributes and `Content-Language`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }
}

/// A fixed text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Vietnamese.
    pub vi: &'static str,
    /// English.
    pub en: &'static str,
}

impl Text {
    /// A text in both languages.
    #[must_use]
    pub const fn new(vi: &'static str, en: &'static str) -> Self {
        Self { vi, en }
    }

    /// The text in `lang`.
    #[must_use]
    pub const fn get(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Vi => self.vi,
            Lang::En => self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_wins_and_vietnamese_is_the_default() {
        assert_eq!(Lang::from_accept_language("fr-FR, en-GB;q=0.8, vi;q=0.5"), Lang::En);
        assert_eq!(Lang::from_accept_language("fr"), Lang::Vi);
        assert_eq!(Lang::from_accept_language(""), Lang::Vi);
    }
}
