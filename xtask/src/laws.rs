//! Law 11: a legal or protocol rule that software enforces is a test whose doc comment names its source.
//!
//! `/// Law: NĐ 61/2018 Điều 17 khoản 1` for a legal text, `/// Source: exchange-protocol §2.1.5` for a protocol or standard. This program
//! finds them and prints the table rule → test.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::rust::{Kind, Source, Token, matches_at};
use crate::tidy::Fault;
use crate::tree::Tree;

/// How Vietnamese legal texts are cited: kinds of instrument.
const INSTRUMENTS: [&str; 9] = ["NĐ", "TT", "QĐ", "NQ", "Luật", "CT", "CV", "TCVN", "QCVN"];
/// Which part of it: one of these must follow.
const PARTS: [&str; 8] = ["Điều", "Phụ lục", "khoản", "Mục", "mục", "điểm", "chỉ tiêu", "§"];

/// What a doc comment cites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cited {
    Law,
    Source,
}

/// One citation.
#[derive(Debug)]
struct Rule {
    kind: Cited,
    text: String,
    line: usize,
    /// The test, when it is one.
    test: Option<String>,
}

/// The citations of one source: doc comments are collected until the `fn` they stand on.
fn rules(source: &Source) -> Vec<Rule> {
    let tokens: Vec<&Token> = source.tokens.iter().collect();
    let mut rules = Vec::new();
    let mut pending: Vec<(Cited, String, usize)> = Vec::new();
    for at in 0..tokens.len() {
        if let Some(text) = doc_at(&tokens, at) {
            pending.extend(cited(text).map(|(kind, text)| (kind, text, tokens[at].line)));
        }
        let name = match (&tokens[at].kind, tokens.get(at + 1).map(|token| &token.kind)) {
            (Kind::Ident(word), Some(Kind::Ident(name))) if word == "fn" => Some((name, tokens[at].test)),
            _ => None,
        };
        let item_ends = matches!(tokens[at].kind, Kind::Punct(';' | '{' | '}'));
        if name.is_some() || item_ends {
            let test = name.filter(|(_, test)| *test).map(|(name, _)| name.clone());
            rules.extend(pending.drain(..).map(|(kind, text, line)| Rule { kind, text, line, test: test.clone() }));
        }
    }
    rules
}

/// The text of an outer doc comment (`///`, not `//!`) whose `#` is at `at`.
fn doc_at<'a>(tokens: &[&'a Token], at: usize) -> Option<&'a str> {
    if !matches_at(tokens, at, &["#", "[", "doc", "="]) {
        return None;
    }
    match &tokens.get(at + 4)?.kind {
        Kind::Text(text) => Some(text.trim()),
        _ => None,
    }
}

fn cited(text: &str) -> Option<(Cited, String)> {
    let law = text.strip_prefix("Law: ").map(|rest| (Cited::Law, plain(rest)));
    law.or_else(|| text.strip_prefix("Source: ").map(|rest| (Cited::Source, plain(rest))))
}

/// Without the full stop of a sentence, so that the same rule reads the same everywhere.
fn plain(text: &str) -> String {
    text.trim().trim_end_matches('.').to_owned()
}

/// The table rule → test, as Markdown.
pub fn table(tree: &Tree) -> String {
    let mut by_rule: BTreeMap<(Cited, String), Vec<String>> = BTreeMap::new();
    for (path, source) in tree.rust() {
        for rule in rules(source) {
            if let Some(test) = rule.test {
                by_rule.entry((rule.kind, rule.text)).or_default().push(format!("`{path}` `{test}`"));
            }
        }
    }
    let mut out = String::new();
    for (kind, title) in [(Cited::Law, "Legal rules"), (Cited::Source, "Protocol rules")] {
        let rules: Vec<_> = by_rule.iter().filter(|((of, _), _)| *of == kind).collect();
        let _ = writeln!(out, "## {title} ({})\n\n| Rule | Tests |\n| --- | --- |", rules.len());
        for ((_, text), tests) in rules {
            let _ = writeln!(out, "| {} | {} |", text.replace('|', "\\|"), tests.join("<br>"));
        }
        out.push('\n');
    }
    out
}

/// A law must be cited so that a lawyer finds the place.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, source) in tree.rust() {
        for rule in rules(source).iter().filter(|rule| rule.kind == Cited::Law) {
            let known = INSTRUMENTS.iter().any(|kind| rule.text.starts_with(&format!("{kind} ")));
            let numbered = rule.text.contains(|c: char| c.is_ascii_digit());
            let part = PARTS.iter().any(|part| rule.text.contains(part));
            if !(known && numbered && part) {
                faults.push(Fault::new(
                    path,
                    rule.line,
                    format!("`Law: {}` does not lead to an article (law 11)", rule.text),
                    "write it as `Law: NĐ 61/2018 Điều 17 khoản 1`",
                ));
            }
            if rule.test.is_none() {
                faults.push(Fault::new(
                    path,
                    rule.line,
                    format!("`Law: {}` stands on no test (law 11)", rule.text),
                    "put it on the test that fails when the rule is broken; in code, say it in words",
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    const SOURCE: &str = "//! x\nfn f() {}\n#[cfg(test)]\nmod tests {\n    /// Law: NĐ 61/2018 Điều 17\n    /// Source: exchange-protocol §2.1.5\n    #[test]\n    fn deadline() {}\n    proptest! {\n        /// Law: NĐ 61/2018 Điều 17\n        #[test]\n        fn always(x in 0..1) {}\n    }\n}\n";

    #[test]
    fn the_table_ties_each_rule_to_its_tests_also_inside_macros() {
        let table = table(&Tree::of(&[("crates/a/src/x.rs", SOURCE)]));
        assert!(
            table.contains("| NĐ 61/2018 Điều 17 | `crates/a/src/x.rs` `deadline`<br>`crates/a/src/x.rs` `always` |"),
            "{table}"
        );
        assert!(
            table.contains("## Protocol rules (1)")
                && table.contains("| exchange-protocol §2.1.5 | `crates/a/src/x.rs` `deadline` |")
        );
    }

    #[test]
    fn a_law_without_article_or_without_test_is_found() {
        let tree = Tree::of(&[
            ("crates/a/src/x.rs", "//! x\n/// Law: NĐ 61/2018 Điều 17\nfn f() {}\n"),
            ("crates/a/tests/y.rs", "//! y\n/// Law: the decree\n#[test]\nfn f() {}\n"),
            ("crates/a/tests/z.rs", SOURCE),
        ]);
        assert_eq!(places(&check(&tree)), ["crates/a/src/x.rs:2", "crates/a/tests/y.rs:2"]);
    }
}
