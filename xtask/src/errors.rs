//! Law 7: every error code in the source has its page in `docs/errors/`, written from the source, in both languages.
//!
//! A page has a generated head, up to [`MARK`], and may have notes for people below it, which are kept.

use std::fmt::Write;

use anyhow::bail;

use crate::rust::{Kind, Token, matches_at};
use crate::tidy::Fault;
use crate::tree::{Tree, crate_of};

const FOLDER: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";
const MARK: &str = "<!-- Written by `cargo xtask errors` down to here; notes below are kept. -->\n";
const REMEDY: &str = "run `cargo xtask errors`";

/// One `Code { … }` of the source.
#[derive(Debug, Default)]
struct Code {
    id: String,
    status: String,
    title: [String; 2],
    remedy: [String; 2],
    path: String,
    line: usize,
    name: String,
    doc: String,
}

/// All codes of production code, by id.
fn codes(tree: &Tree) -> Vec<Code> {
    let mut found = Vec::new();
    for (path, source) in tree.rust().filter(|(path, _)| path.starts_with("crates/")) {
        let tokens = source.production();
        for at in 0..tokens.len() {
            if matches_at(&tokens, at, &["Code", "{", "id", ":"])
                && let Some(mut code) = read_code(&tokens, at)
            {
                code.path = path.to_owned();
                (code.name, code.doc) = constant_before(&tokens, at);
                found.push(code);
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

/// Reads `Code { id: "…", status: N, title: …("vi", "en"), remedy: …("vi", "en") }`.
fn read_code(tokens: &[&Token], at: usize) -> Option<Code> {
    let mut code = Code { line: tokens[at].line, ..Code::default() };
    let mut depth = 0_u32;
    let mut texts: Vec<(&str, String)> = Vec::new();
    let mut field = "";
    for (offset, token) in tokens[at + 1..].iter().enumerate() {
        match &token.kind {
            Kind::Punct('{' | '(') => depth += 1,
            Kind::Punct('}' | ')') => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            Kind::Ident(name) if depth == 1 && is_field(tokens, at + 1 + offset) => field = name,
            Kind::Text(text) | Kind::Literal(text) => texts.push((field, text.clone())),
            _ => {}
        }
    }
    let mut take = |want: &str| {
        let at = texts.iter().position(|(field, _)| *field == want)?;
        Some(texts.remove(at).1)
    };
    code.id = take("id")?;
    code.status = take("status").unwrap_or_default();
    code.title = [take("title")?, take("title")?];
    code.remedy = [take("remedy")?, take("remedy")?];
    Some(code)
}

/// `name:` and not the start of a path `name::`.
fn is_field(tokens: &[&Token], at: usize) -> bool {
    matches_at(tokens, at + 1, &[":"]) && !matches_at(tokens, at + 1, &[":", ":"])
}

/// `/// doc` and `const NAME: Code =` before the `Code {` at `at`.
fn constant_before(tokens: &[&Token], at: usize) -> (String, String) {
    let start = tokens[..at]
        .iter()
        .rposition(|token| matches!(token.kind, Kind::Punct(';' | '}' | '{')))
        .map_or(0, |end| end + 1);
    let mut name = String::new();
    let mut doc = Vec::new();
    for index in start..at {
        match (&tokens[index].kind, tokens.get(index + 1).map(|token| &token.kind)) {
            (Kind::Ident(word), Some(Kind::Ident(next))) if word == "const" || word == "static" => {
                name.clone_from(next)
            }
            (Kind::Text(text), _) if index > start && matches_at(tokens, index - 2, &["doc", "="]) => {
                doc.push(text.trim())
            }
            _ => {}
        }
    }
    (name, doc.join(" "))
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn head(code: &Code) -> String {
    let mut page = format!("# `{}`\n\n", code.id);
    let _ = writeln!(page, "| | Tiếng Việt | English |\n| --- | --- | --- |");
    let _ = writeln!(page, "| Nguyên nhân / Cause | {} | {} |", escape(&code.title[0]), escape(&code.title[1]));
    let _ = writeln!(page, "| Cách xử lý / Remedy | {} | {} |", escape(&code.remedy[0]), escape(&code.remedy[1]));
    if !code.status.is_empty() {
        let _ = writeln!(page, "\nHTTP {}.", code.status);
    }
    if !code.doc.is_empty() {
        let _ = writeln!(page, "\n{}", code.doc);
    }
    let _ = writeln!(
        page,
        "\nIn the source: `{}`{}.\n",
        code.path,
        if code.name.is_empty() { String::new() } else { format!(", `{}`", code.name) }
    );
    page + MARK
}

fn index(codes: &[Code]) -> String {
    let mut page = String::from(
        "# Error codes\n\nMã lỗi của hệ thống: nguyên nhân và cách xử lý. Every error that reaches a person or a program carries one of these codes.\n\n\
         | Code | HTTP | Tiếng Việt | English |\n| --- | --- | --- | --- |\n",
    );
    for code in codes {
        let _ = writeln!(
            page,
            "| [`{0}`]({0}.md) | {1} | {2} | {3} |",
            code.id,
            code.status,
            escape(&code.title[0]),
            escape(&code.title[1])
        );
    }
    page + "\n" + MARK
}

/// Every page as it should be: path and content, notes kept.
fn pages(tree: &Tree) -> Vec<(String, String)> {
    let mut codes = codes(tree);
    codes.dedup_by(|a, b| a.id == b.id);
    let mut pages = vec![(INDEX.to_owned(), index(&codes))];
    pages.extend(codes.iter().map(|code| (format!("{FOLDER}{}.md", code.id), head(code))));
    for (path, text) in &mut pages {
        let notes = tree.text(path).and_then(|old| old.split_once(MARK)).map_or("", |(_, notes)| notes);
        text.push_str(notes);
    }
    pages
}

/// What to write and remove so that the pages tell what the source says.
pub fn changes(tree: &Tree) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let wrong = faulty_codes(tree);
    if let Some(fault) = wrong.first() {
        bail!("{fault}");
    }
    let pages = pages(tree);
    let mut changes: Vec<_> = old_pages(tree, &pages).map(|path| (path.to_owned(), None)).collect();
    for (path, text) in pages {
        if tree.text(&path) != Some(text.as_str()) {
            changes.push((path, Some(text)));
        }
    }
    Ok(changes)
}

fn old_pages<'a>(tree: &'a Tree, pages: &'a [(String, String)]) -> impl Iterator<Item = &'a str> {
    let paths = tree.texts().map(|(path, _)| path).filter(|path| path.starts_with(FOLDER));
    paths.filter(|path| !pages.iter().any(|(page, _)| page == path))
}

/// Codes and pages, compared.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = faulty_codes(tree);
    let pages = pages(tree);
    for path in old_pages(tree, &pages) {
        faults.push(Fault::new(path, 0, "explains an error code that the source does not have (law 7)", REMEDY));
    }
    for (path, text) in &pages {
        match tree.text(path) {
            None => faults.push(Fault::new(path, 0, "is missing: an error code without its page (law 7)", REMEDY)),
            Some(old) if old != text => {
                faults.push(Fault::new(path, 0, "does not tell what the source says (law 7)", REMEDY))
            }
            Some(_) => {}
        }
    }
    faults
}

/// Codes used twice, of the wrong form or without words.
fn faulty_codes(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    let codes = codes(tree);
    for code in &codes {
        let room = crate_of(&code.path).unwrap_or("");
        let tail = code.id.strip_prefix(room).and_then(|rest| rest.strip_prefix('.')).unwrap_or("");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        if tail.is_empty() || !tail.chars().all(plain) {
            faults.push(Fault::new(
                &code.path,
                code.line,
                format!("the code `{}` is not `{room}.small_letters` (law 7)", code.id),
                "name it after its room",
            ));
        }
        let texts = code.title.iter().chain(&code.remedy);
        if texts.clone().any(|text| text.trim().is_empty()) {
            faults.push(Fault::new(
                &code.path,
                code.line,
                format!("`{}` has an empty text (law 7)", code.id),
                "give cause and remedy in both languages",
            ));
        }
    }
    for pair in codes.windows(2).filter(|pair| pair[0].id == pair[1].id) {
        faults.push(Fault::new(
            &pair[1].path,
            pair[1].line,
            format!("`{}` is also declared in {} (law 7)", pair[1].id, pair[0].path),
            "one code, one constant",
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    const SOURCE: &str = "//! x\n/// The member is not known.\npub const UNKNOWN: Code = Code {\n    id: \"directory.unknown\",\n    status: 404,\n    title: Text::new(\"Không có\", \"None | such\"),\n    remedy: Text::new(\n        \"Kiểm tra \\\n         mã.\",\n        \"Check it.\",\n    ),\n};\n";

    /// The tree after `cargo xtask errors` was run on it.
    fn written(files: &[(&str, &str)]) -> Tree {
        let changes = changes(&Tree::of(files)).unwrap();
        let mut files: Vec<(&str, &str)> = files.to_vec();
        for (path, text) in &changes {
            files.retain(|(old, _)| old != path);
            files.extend(text.as_deref().map(|text| (path.as_str(), text)));
        }
        Tree::of(&files)
    }

    #[test]
    fn a_page_is_written_from_the_source_and_is_then_current() {
        let tree = written(&[("crates/directory/src/a.rs", SOURCE)]);
        let page = tree.text("docs/errors/directory.unknown.md").unwrap();
        for want in [
            "# `directory.unknown`",
            "Kiểm tra mã.",
            "None \\| such",
            "HTTP 404",
            "The member is not known.",
            "`UNKNOWN`",
        ] {
            assert!(page.contains(want), "{want} in {page}");
        }
        assert!(tree.text(INDEX).unwrap().contains("[`directory.unknown`](directory.unknown.md)"));
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn notes_are_kept_and_pages_of_gone_codes_are_removed() {
        let first = written(&[("crates/directory/src/a.rs", SOURCE)]);
        let noted = format!("{}\nNote.\n", first.text("docs/errors/directory.unknown.md").unwrap());
        let changed = SOURCE.replace("404", "410");
        let files = [
            ("crates/directory/src/a.rs", changed.as_str()),
            ("docs/errors/directory.unknown.md", &noted),
            ("docs/errors/directory.gone.md", "x\n"),
        ];
        assert_eq!(places(&check(&Tree::of(&files))).len(), 3, "gone page, stale page, missing index");
        let tree = written(&files);
        let page = tree.text("docs/errors/directory.unknown.md").unwrap();
        assert!(page.contains("HTTP 410") && page.ends_with("\nNote.\n"));
        assert_eq!(tree.text("docs/errors/directory.gone.md"), None);
    }

    #[test]
    fn a_code_of_another_room_or_declared_twice_or_without_words_is_refused() {
        let twice = written(&[("crates/directory/src/a.rs", SOURCE)]);
        assert_eq!(check(&twice), []);
        for (path, source) in [
            ("crates/exchange/src/a.rs", SOURCE.to_owned()),
            ("crates/directory/src/a.rs", SOURCE.replace("Check it.", " ")),
            ("crates/directory/src/a.rs", format!("{SOURCE}{}", SOURCE.trim_start_matches("//! x\n"))),
        ] {
            assert!(changes(&Tree::of(&[(path, source.as_str())])).is_err(), "{path}");
        }
    }
}
