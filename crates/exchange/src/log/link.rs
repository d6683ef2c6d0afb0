//! The chain through archive files (§2.10): every container's digest is hashed together with the digest before it, across files, so that
//! nothing can be taken out, changed or put in without breaking all that follows.
//!
//! ```text
//! linkinginfo: <last digest of the file before, or -> <name of the file before, or -> SHA-512
//!              <digest> <container name>                    one line for each container, in order
//! digest k = hex(SHA-512(utf8(digest k-1 || hex(SHA-512(container)))))      the digest before the first is the empty text
//! ```

use crate::model::header_part::sha512;

/// Name of the entry that holds the links.
pub(super) const LINKING_INFO: &str = "linkinginfo";
const ALGORITHM: &str = "SHA-512";
/// Characters of a digest.
const HEX_DIGEST: usize = 128;
/// Characters of the last digest that a file name carries.
const NAME_DIGEST: usize = 16;

/// Where a series ends: what the next file links to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Last digest, lower-case hexadecimal; empty at the beginning of a series.
    pub(super) digest: String,
    /// The file that ends with it; empty at the beginning.
    pub(super) file: String,
}

/// Collects the links of one file.
#[derive(Debug)]
pub(super) struct LinkWriter {
    digest: String,
    text: String,
}

impl LinkWriter {
    /// Begins a file that follows `previous`.
    pub(super) fn after(previous: &Head) -> Self {
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let text = format!("{} {} {ALGORITHM}", or_dash(&previous.digest), or_dash(&previous.file));
        Self { digest: previous.digest.clone(), text }
    }

    /// Adds a container.
    pub(super) fn add(&mut self, name: &str, container: &[u8]) {
        self.digest = link(&self.digest, container);
        self.text.push_str(&format!("\n{} {name}", self.digest));
    }

    /// The last digest so far.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The content of `linkinginfo`.
    pub(super) fn text(&self) -> String {
        format!("{}\n", self.text)
    }
}

/// The digest that follows `previous` with `container`.
pub(super) fn link(previous: &str, container: &[u8]) -> String {
    let combined = format!("{previous}{}", hex::encode(sha512(container)));
    hex::encode(sha512(combined.as_bytes()))
}

/// The part of the last digest that stands in the file name.
pub(super) fn name_part(digest: &str) -> &str {
    digest.get(..NAME_DIGEST).unwrap_or(digest)
}

/// A `linkinginfo`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) previous: Head,
    /// Digest and container name, in order.
    pub(super) entries: Vec<(String, String)>,
}

impl Links {
    /// Reads a `linkinginfo`; the reason when it is not one.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines();
        let first = lines.next().ok_or("it is empty")?;
        let &[digest, file, algorithm] = first.split(' ').collect::<Vec<_>>().as_slice() else {
            return Err("its first line has not three words");
        };
        if algorithm != ALGORITHM {
            return Err("its digests are not SHA-512");
        }
        let previous = match (digest, file) {
            ("-", "-") => Head::default(),
            (digest, file) if is_digest(digest) && !file.is_empty() => {
                Head { digest: digest.to_owned(), file: file.to_owned() }
            }
            _ => return Err("its first line names no digest and file"),
        };
        let mut entries = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            match line.split_once(' ') {
                Some((digest, name)) if is_digest(digest) && !name.is_empty() => {
                    entries.push((digest.to_owned(), name.to_owned()));
                }
                _ => return Err("a line has no digest and name"),
            }
        }
        Ok(Self { previous, entries })
    }

    /// The digest this file ends with.
    pub(super) fn last_digest(&self) -> &str {
        self.entries.last().map_or(&self.previous.digest, |(digest, _)| digest)
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == HEX_DIGEST && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_follow_the_published_formula() {
        let mut writer = LinkWriter::after(&Head::default());
        writer.add("a.asice", b"first");
        let first = hex::encode(sha512(hex::encode(sha512(b"first")).as_bytes()));
        assert_eq!(writer.text(), format!("- - SHA-512\n{first} a.asice\n"));
        writer.add("b.asice", b"second");
        let second = hex::encode(sha512(format!("{first}{}", hex::encode(sha512(b"second"))).as_bytes()));
        assert_eq!(writer.digest(), second);
        let links = Links::parse(&writer.text()).unwrap();
        assert_eq!(links.entries, [(first, "a.asice".to_owned()), (second.clone(), "b.asice".to_owned())]);
        assert_eq!(links.last_digest(), second);
    }

    #[test]
    fn a_following_file_names_the_one_before() {
        let head = Head { digest: "ab".repeat(64), file: "mlog-1.zip".into() };
        let links = Links::parse(&LinkWriter::after(&head).text()).unwrap();
        assert_eq!(links.previous, head);
        assert_eq!(links.last_digest(), head.digest);
    }

    #[test]
    fn other_algorithms_and_broken_lines_are_refused() {
        assert!(Links::parse("").is_err());
        assert!(Links::parse("- - SHA-1\n").is_err());
        assert!(Links::parse("- f.zip SHA-512\n").is_err());
        assert!(Links::parse("- - SHA-512\nabc name\n").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,300}") {
            let _ = Links::parse(&text);
        }
    }
}
