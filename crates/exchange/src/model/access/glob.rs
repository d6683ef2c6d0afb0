//! Path patterns of access rights (exchange-protocol §2.14), compiled once and matched in bounded time.
//!
//! `*` stands for any characters except `/`, `**` for any characters, `\*` and `\\` for a plain `*` and `\`; a `\` before anything
//! else is itself. Case-sensitive, always the whole path. The matcher follows all possibilities at once (one bit per pattern
//! position), so no pattern can make it run longer than path length × pattern length.

/// The longest pattern that is accepted, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// One machine word per 64 pattern positions, and one position more for "all matched".
const WORDS: usize = MAX_PATTERN_BYTES / 64 + 1;

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Longer than [`MAX_PATTERN_BYTES`].
    #[error("the path pattern is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
}

/// What one position of a pattern accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// This byte.
    Byte(u8),
    /// Any bytes within one segment.
    Segment,
    /// Any bytes.
    Anything,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// The bytes before the first wildcard: most paths are refused by comparing these alone.
    prefix: Box<[u8]>,
    /// The rest; empty for a pattern without wildcards.
    tail: Box<[Token]>,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When it is longer than [`MAX_PATTERN_BYTES`].
    pub fn compile(pattern: &str) -> Result<Self, GlobError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(GlobError::TooLong);
        }
        let tokens = tokens(pattern.as_bytes());
        let literal = tokens.iter().take_while(|token| matches!(token, Token::Byte(_))).count();
        let (head, tail) = tokens.split_at(literal);
        let prefix = head.iter().filter_map(|token| if let Token::Byte(byte) = token { Some(*byte) } else { None });
        Ok(Self { prefix: prefix.collect(), tail: tail.into() })
    }

    /// The pattern as plain bytes, when it holds no wildcard.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        self.tail.is_empty().then_some(&*self.prefix)
    }

    /// Whether the pattern accepts the whole of `path`, given in canonical form ([`super::path`]).
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let Some(rest) = path.strip_prefix(&*self.prefix) else { return false };
        match &*self.tail {
            [] => rest.is_empty(),
            [Token::Anything] => true,
            tail => matches_tail(tail, rest),
        }
    }
}

/// Splits a pattern into what each position accepts; neighbouring wildcards melt into the wider one.
fn tokens(pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    loop {
        rest = match rest {
            [] => return tokens,
            [b'\\', escaped @ (b'*' | b'\\'), rest @ ..] => {
                tokens.push(Token::Byte(*escaped));
                rest
            }
            [b'*', ..] => {
                let stars = rest.iter().take_while(|byte| **byte == b'*').count();
                tokens.push(if stars > 1 { Token::Anything } else { Token::Segment });
                rest.get(stars..).unwrap_or_default()
            }
            [byte, rest @ ..] => {
                tokens.push(Token::Byte(*byte));
                rest
            }
        };
    }
}

/// Runs every possibility side by side: bit `i` is set while the bytes read so far can end before `tail[i]`.
fn matches_tail(tail: &[Token], path: &[u8]) -> bool {
    let words = tail.len() / 64 + 1;
    let mut states = [0_u64; WORDS];
    enter(&mut states, tail, 0);
    for byte in path {
        let mut next = [0_u64; WORDS];
        let mut alive = false;
        for (index, word) in states.iter().enumerate().take(words) {
            let mut bits = *word;
            while bits != 0 {
                let position = index * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                alive |= step(&mut next, tail, position, *byte);
            }
        }
        if !alive {
            return false;
        }
        states = next;
    }
    is_set(&states, tail.len())
}

/// Feeds one byte to one position; says whether the position accepts it.
fn step(next: &mut [u64; WORDS], tail: &[Token], position: usize, byte: u8) -> bool {
    match tail.get(position) {
        Some(Token::Byte(expected)) if *expected == byte => enter(next, tail, position + 1),
        Some(Token::Segment) if !super::path::is_separator(byte) => enter(next, tail, position),
        Some(Token::Anything) => enter(next, tail, position),
        _ => return false,
    }
    true
}

/// Marks `position` reached, and the one after it too when `position` may stand for nothing. Wildcards are never neighbours
/// after [`tokens`] except `*` beside an escaped byte, but one may end the pattern, so the walk is a loop all the same.
fn enter(states: &mut [u64; WORDS], tail: &[Token], position: usize) {
    let mut position = position;
    loop {
        if let Some(word) = states.get_mut(position / 64) {
            *word |= 1 << (position % 64);
        }
        match tail.get(position) {
            Some(Token::Segment | Token::Anything) => position += 1,
            _ => return,
        }
    }
}

fn is_set(states: &[u64; WORDS], position: usize) -> bool {
    states.get(position / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Glob::compile(pattern).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn wildcards_and_escapes_mean_what_the_protocol_says() {
        for (pattern, path, expected) in [
            ("**", "", true),
            ("**", "/a/b/c", true),
            ("***", "/any/thing", true),
            ("", "", true),
            ("", "x", false),
            ("/*", "/a", true),
            ("/*", "/", true),
            ("/*", "/a/b", false),
            ("/*/", "/a/", true),
            ("/*/", "/a/b/", false),
            ("/a/**/z", "/a/b/c/z", true),
            ("/a/**/z", "/a/z", false),
            ("/a/*/b/*", "/a/1/b/2", true),
            ("/a/*/b/*", "/a/1/2/b/3", false),
            ("/x*y*z", "/xyyz", true),
            ("**/*/**", "//", true),
            ("**/*/**", "one/two", false),
            ("/người/*", "/người/dân", true),
            ("/A", "/a", false),
            (r"/a\*", "/a*", true),
            (r"/a\*", "/ab", false),
            (r"/a\\", r"/a\", true),
            (r"/a\b", r"/a\b", true),
            (r"/a\", r"/a\", true),
            ("/.+[a]?(b)|$", "/.+[a]?(b)|$", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} against {path}");
        }
    }

    #[test]
    fn one_star_never_crosses_a_separator_however_it_is_written() {
        assert!(!matches("/a/*", r"/a/b\c"));
        let encoded_slash = [b"/a/b".as_slice(), &[super::super::path::ENCODED_SLASH], b"c"].concat();
        assert!(!Glob::compile("/a/*").unwrap().matches(&encoded_slash));
        assert!(!Glob::compile("/a/b/c").unwrap().matches(&encoded_slash));
        assert!(Glob::compile("/a/**").unwrap().matches(&encoded_slash));
    }

    #[test]
    fn a_pattern_made_to_explode_is_answered_like_any_other() {
        let pattern = "/".to_owned() + &"*a**".repeat(200);
        let path = "/".to_owned() + &"a".repeat(4000) + "!";
        assert!(matches(&pattern, &path));
        assert!(!matches(&(pattern + "b"), &path));
        assert_eq!(Glob::compile(&"*".repeat(1025)), Err(GlobError::TooLong));
        assert!(matches(&("a*".repeat(512)), &"a".repeat(512)));
    }

    /// The rule as one would say it, without regard to time.
    fn reference(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => path.is_empty(),
            [b'\\', c @ (b'*' | b'\\'), rest @ ..] => path.first() == Some(c) && reference(rest, &path[1..]),
            [b'*', b'*', rest @ ..] => (0..=path.len()).any(|skip| reference(rest, &path[skip..])),
            [b'*', rest @ ..] => (0..=path.len())
                .take_while(|skip| !path[..*skip].iter().any(|b| super::super::path::is_separator(*b)))
                .any(|skip| reference(rest, &path[skip..])),
            [c, rest @ ..] => path.first() == Some(c) && reference(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn the_matcher_agrees_with_the_plain_rule(pattern in "[ab/*\\\\]{0,9}", path in "[ab/*\\\\]{0,10}") {
            prop_assert_eq!(matches(&pattern, &path), reference(pattern.as_bytes(), path.as_bytes()));
        }

        #[test]
        fn nothing_makes_the_matcher_panic(pattern in "\\PC*", path in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(glob) = Glob::compile(&pattern) {
                let _ = glob.matches(&path);
            }
        }
    }
}
