//! The one style sheet, served under a name that carries its content hash, and the headers that keep a page safe.
//!
//! A changed sheet has a changed name, so browsers may keep it for ever and never show an old one.

use std::sync::LazyLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The style sheet itself.
pub const STYLESHEET: &str = include_str!("../assets/web.css");

/// Where pages find the style sheet.
pub static STYLESHEET_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/web.{:016x}.css", fnv1a(STYLESHEET.as_bytes())));

/// Nothing runs and nothing loads but our own style sheet and pictures; forms go nowhere but home; nobody may frame a page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// FNV-1a, 64 bits: only tells one version of a file from another, defends against nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// The route of the style sheet, to be merged into a router of pages.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route(&STYLESHEET_PATH, get(stylesheet))
}

async fn stylesheet() -> Response {
    let mut response = STYLESHEET.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Sets the headers of a page: what it may load, who may frame it, that it is not kept by caches.
pub fn secure(headers: &mut HeaderMap) {
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_sheet_follows_its_content() {
        assert_ne!(fnv1a(b"a{}"), fnv1a(b"a{ }"));
        // The published test vector of FNV-1a for "foobar".
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// `--name: light-dark(#aaaaaa, #bbbbbb);` → the pair of colours.
    fn colour(name: &str) -> [[f64; 3]; 2] {
        let line = STYLESHEET.lines().find(|line| line.trim_start().starts_with(&format!("--{name}:"))).unwrap();
        let mut found = line.match_indices('#').map(|(at, _)| {
            let hex = &line[at + 1..at + 7];
            [0, 2, 4].map(|i| f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0)
        });
        [found.next().unwrap(), found.next().unwrap()]
    }

    /// Contrast ratio as WCAG 2.2 defines it.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let luminance = |rgb: [f64; 3]| {
            let [r, g, b] = rgb.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (x, y) = (luminance(a), luminance(b));
        (x.max(y) + 0.05) / (x.min(y) + 0.05)
    }

    /// Source: WCAG 2.2 §1.4.3 (text 4.5 to 1) and §1.4.11 (edges of controls 3 to 1).
    #[test]
    fn every_pair_of_colours_in_use_has_enough_contrast_in_light_and_dark() {
        let text = [
            ("ink", "paper"),
            ("ink", "sheet"),
            ("quiet", "paper"),
            ("quiet", "sheet"),
            ("link", "paper"),
            ("link", "sheet"),
            ("good", "sheet"),
            ("attention", "sheet"),
            ("bad", "sheet"),
            ("unknown", "sheet"),
            ("banner-ink", "banner"),
        ];
        for (front, back) in text {
            for mode in 0..2 {
                let ratio = contrast(colour(front)[mode], colour(back)[mode]);
                assert!(ratio >= 4.5, "{front} on {back}, mode {mode}: {ratio:.2}");
            }
        }
        for mode in 0..2 {
            assert!(contrast(colour("focus")[mode], colour("paper")[mode]) >= 3.0);
        }
    }
}
