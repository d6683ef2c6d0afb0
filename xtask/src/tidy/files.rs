//! Law 10: files are short and say what they are; lints are not silenced.

use crate::rust::matches_at;
use crate::tidy::Fault;
use crate::tree::Tree;

/// Production lines a file may have: those not under `#[cfg(test)]`.
const MAX_LINES: usize = 400;

/// Checks every Rust source.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, source) in tree.rust() {
        let text = tree.text(path).unwrap_or("");
        let first = text.lines().next().unwrap_or("");
        if !first.starts_with("//! ") || first.len() < 10 {
            faults.push(Fault::new(
                path,
                1,
                "does not open with `//!` saying what it is (law 10)",
                "add a first line that a newcomer understands",
            ));
        }
        let lines = source.production_lines();
        if lines > MAX_LINES {
            faults.push(Fault::new(
                path,
                0,
                format!("{lines} production lines, {MAX_LINES} allowed (law 10)"),
                "split it by what changes together; tests may move to a `tests.rs` beside it",
            ));
        }
        silenced(path, source, &mut faults);
    }
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".rs")) {
        if tree.files().any(|(other, file)| other == path && file.rust.is_none()) {
            faults.push(Fault::new(
                path,
                0,
                format!("cannot be read as Rust ({} bytes)", text.len()),
                "see what the compiler says",
            ));
        }
    }
    faults
}

/// `#[allow(…)]` anywhere, and `#[expect(…)]` without a reason.
fn silenced(path: &str, source: &crate::rust::Source, faults: &mut Vec<Fault>) {
    let tokens: Vec<_> = source.tokens.iter().collect();
    for at in 0..tokens.len() {
        let line = tokens[at].line;
        let inner = usize::from(matches_at(&tokens, at, &["#", "!"]));
        if !matches_at(&tokens, at, &["#"]) || !matches_at(&tokens, at + 1 + inner, &["["]) {
            continue;
        }
        let word = at + 2 + inner;
        if matches_at(&tokens, word, &["allow", "("]) {
            faults.push(Fault::new(
                path,
                line,
                "`#[allow]` hides a lint for ever (law 10)",
                "mend the cause, or use `#[expect(…, reason = \"…\")]`",
            ));
        }
        if matches_at(&tokens, word, &["expect", "("]) {
            let end = tokens[word..].iter().position(|token| token.kind == crate::rust::Kind::Punct(']')).unwrap_or(0);
            let reason = (word..word + end).any(|at| matches_at(&tokens, at, &["reason", "="]));
            if !reason {
                faults.push(Fault::new(
                    path,
                    line,
                    "`#[expect]` without a reason (law 10)",
                    "say why with `reason = \"…\"`",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_file_says_what_it_is_and_stays_short() {
        let long = format!("//! A long file.\n{}", "fn f() {}\n".repeat(MAX_LINES));
        let tested = format!("//! A tested file.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(MAX_LINES));
        let tree = Tree::of(&[
            ("a.rs", "fn f() {}\n"),
            ("b.rs", &long),
            ("c.rs", &tested),
            ("d.rs", "//! Broken {\nfn f( {}\n"),
        ]);
        assert_eq!(places(&check(&tree)), ["a.rs:1", "b.rs:0", "d.rs:0"]);
    }

    #[test]
    fn lints_are_not_silenced() {
        let tree = Tree::of(&[(
            "a.rs",
            "//! What it is.\n#[allow(dead_code)]\nfn f() {}\n#[expect(dead_code)]\nfn g() {}\n#[expect(dead_code, reason = \"r\")]\nfn h() {}\n#![allow(x)]\n",
        )]);
        assert_eq!(places(&check(&tree)), ["a.rs:2", "a.rs:4", "a.rs:8"]);
    }
}
