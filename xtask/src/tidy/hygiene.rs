//! What a repository should not hold: big or vendored files, tabs and stray blanks, conflict marks, words that do not speak of the product.

use crate::tidy::Fault;
use crate::tree::Tree;

const MAX_BYTES: usize = 1 << 20;

/// Folders of other people's code.
const VENDORED: [&str; 4] = ["vendor", "node_modules", "third_party", "target"];

/// Text kinds whose blanks are checked.
const TEXT_KINDS: [&str; 10] = ["md", "rs", "toml", "sql", "sh", "html", "css", "yml", "yaml", "json"];

/// Texts that speak of unfinished work or of the place where it was written instead of the product. In two halves, so that this list does
/// not find itself.
const FOREIGN_WORDS: [(&str, &str); 9] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("lorem", " ipsum"),
    ("/wo", "rk/"),
    ("/tmp/", "bash_jobs"),
    ("this se", "ssion"),
    ("the br", "ief"),
    ("language", " model"),
    ("chat", "bot"),
];

/// Checks every file.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, file) in tree.files() {
        if file.size > MAX_BYTES {
            faults.push(Fault::new(
                path,
                0,
                format!("{} bytes, {MAX_BYTES} allowed", file.size),
                "make it when needed instead of keeping it",
            ));
        }
        if path.split('/').rev().skip(1).any(|part| VENDORED.contains(&part)) {
            faults.push(Fault::new(
                path,
                0,
                "other people's code or build output",
                "depend on it by name in Cargo.toml, or ignore the folder",
            ));
        }
        if let Some(text) = &file.text {
            lines(path, text, &mut faults);
        }
    }
    faults
}

fn lines(path: &str, text: &str, faults: &mut Vec<Fault>) {
    let kind = path.rsplit('.').next().unwrap_or("");
    let is_text = TEXT_KINDS.contains(&kind);
    let words: Vec<String> = FOREIGN_WORDS.iter().map(|(a, b)| format!("{a}{b}")).collect();
    for (index, line) in text.lines().enumerate() {
        let mut fault = |message: &str, remedy: &str| faults.push(Fault::new(path, index + 1, message, remedy));
        if ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark)) {
            fault("a conflict mark", "finish the merge");
        }
        if is_text && line.ends_with([' ', '\t', '\r']) {
            fault("blanks or a carriage return at the end of the line", "remove them");
        }
        if is_text && line.contains('\t') {
            fault("a tab", "use spaces");
        }
        if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
            fault(
                &format!("`{word}`: texts speak of the product, and of what it does today"),
                "say it plainly, or leave it out",
            );
        }
    }
    if is_text && !text.is_empty() && !text.ends_with('\n') {
        faults.push(Fault::new(path, 0, "no line end at the end of the file", "add one"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn stray_blanks_tabs_marks_and_missing_line_ends_are_found() {
        let marks = "a\n<<<<<<< x\n";
        let tree = Tree::of(&[("a.md", "a \nb\n\tc\n"), ("b.rs", marks), ("c.sql", "x"), ("Makefile", "\ta\n")]);
        assert_eq!(places(&check(&tree)), ["a.md:1", "a.md:3", "b.rs:2", "c.sql:0"]);
    }

    #[test]
    fn big_and_vendored_files_and_foreign_words_are_found() {
        let big = "x\n".repeat(MAX_BYTES);
        let note = format!("see {}{}x\n", "/wo", "rk/");
        let tree = Tree::of(&[("big.txt", &big), ("crates/a/vendor/x.c", "x\n"), ("a.md", &note)]);
        assert_eq!(places(&check(&tree)), ["a.md:1", "big.txt:0", "crates/a/vendor/x.c:0"]);
    }
}
