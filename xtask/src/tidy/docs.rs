//! Laws 9 and 12: the map names only what is there and stays short; the glossary has every room and every table; links lead somewhere.

use std::path::Path;

use crate::tidy::Fault;
use crate::tidy::arrows::DOMAINS;
use crate::tree::{Tree, crate_of};

const MAP: &str = "docs/ARCHITECTURE.md";
const GLOSSARY: &str = "docs/GLOSSARY.md";
const MAX_MAP_LINES: usize = 300;

/// Tops of paths that the map may name in backticks.
const TOPS: [&str; 8] = ["crates/", "xtask/", "docs/", "scripts/", "fuzz/", ".ci/", ".cargo/", ".config/"];

/// Checks map, glossary and the links of every document.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    map(tree, &mut faults);
    glossary(tree, &mut faults);
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
        links(tree, path, text, &mut faults);
    }
    faults
}

fn map(tree: &Tree, faults: &mut Vec<Fault>) {
    let Some(text) = tree.text(MAP) else {
        faults.push(Fault::new(MAP, 0, "is missing (law 12)", "write the map of the house"));
        return;
    };
    let lines = text.lines().count();
    if lines > MAX_MAP_LINES {
        faults.push(Fault::new(
            MAP,
            0,
            format!("{lines} lines, {MAX_MAP_LINES} allowed (law 12)"),
            "tell less: the map leads, the code explains",
        ));
    }
    for (name, _) in tree.crates() {
        if !text.contains(&format!("`{name}`")) && !text.contains(&format!("`crates/{name}")) {
            faults.push(Fault::new(
                MAP,
                0,
                format!("does not name the room `{name}` (law 12)"),
                "say in one line what it holds",
            ));
        }
    }
    for (line, name) in in_backticks(text) {
        let is_path = TOPS.iter().any(|top| name.starts_with(top)) && !name.contains(['<', ' ', '…', 'N']);
        if is_path && !tree.has(name) {
            faults.push(Fault::new(
                MAP,
                line,
                format!("names `{name}`, which is gone (law 12)"),
                "tell where the thing is now",
            ));
        }
    }
}

/// What stands between single backticks, outside code blocks, with its line.
fn in_backticks(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        in_block ^= line.trim_start().starts_with("```");
        if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(|name| (index + 1, name)));
        }
    }
    found
}

/// Rows of the glossary: line, English term, Vietnamese term, where used.
fn rows(text: &str) -> Vec<(usize, Vec<&str>)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("| ") && !line.starts_with("| English") && !line.starts_with("| ---"))
        .map(|(index, line)| (index + 1, line.trim().trim_matches('|').split('|').map(str::trim).collect()))
        .collect()
}

fn glossary(tree: &Tree, faults: &mut Vec<Fault>) {
    let Some(text) = tree.text(GLOSSARY) else {
        faults.push(Fault::new(
            GLOSSARY,
            0,
            "is missing (law 9)",
            "tie each English term to its Vietnamese legal term",
        ));
        return;
    };
    let mut terms: Vec<String> = Vec::new();
    for (line, cells) in rows(text) {
        if cells.len() < 3 || cells.iter().take(3).any(|cell| cell.is_empty()) {
            faults.push(Fault::new(
                GLOSSARY,
                line,
                "a row without English term, Vietnamese term and place (law 9)",
                "fill all three",
            ));
            continue;
        }
        let term = cells[0].replace('`', "").to_lowercase();
        if terms.contains(&term) {
            faults.push(Fault::new(
                GLOSSARY,
                line,
                format!("`{term}` stands twice (law 9)"),
                "one thing has one name: keep one row",
            ));
        }
        terms.push(term);
    }
    for (name, _) in tree.crates().filter(|(name, _)| DOMAINS.contains(name)) {
        if !terms.iter().any(|term| term == name) {
            faults.push(Fault::new(
                GLOSSARY,
                0,
                format!("has no row for the room `{name}` (law 9)"),
                "add the term with its Vietnamese legal term",
            ));
        }
    }
    tables(tree, &terms, faults);
}

/// Every table is `<room>_<noun>`, and the noun is a term of the glossary or begins or ends with one.
fn tables(tree: &Tree, terms: &[String], faults: &mut Vec<Fault>) {
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".sql") && path.contains("/migrations/")) {
        let Some(room) = crate_of(path).filter(|room| DOMAINS.contains(room)) else { continue };
        for (index, line) in text.lines().enumerate() {
            let upper = line.trim_start().to_uppercase();
            let Some(rest) = upper.strip_prefix("CREATE TABLE ") else { continue };
            let name = rest.trim_start_matches("IF NOT EXISTS ").split(['(', ' ']).next().unwrap_or("").to_lowercase();
            let Some(noun) = name.strip_prefix(&format!("{room}_")) else {
                faults.push(Fault::new(
                    path,
                    index + 1,
                    format!("the table `{name}` does not begin with `{room}_`"),
                    "tables carry the name of their room",
                ));
                continue;
            };
            let noun = noun.replace('_', " ");
            if !terms.iter().any(|term| noun.starts_with(term) || noun.ends_with(term)) {
                faults.push(Fault::new(
                    path,
                    index + 1,
                    format!("the noun of `{name}` is not in {GLOSSARY} (law 9)"),
                    format!(
                        "add `{}` with its Vietnamese legal term, or use the term that is there",
                        noun.replace('_', " ")
                    ),
                ));
            }
        }
    }
}

/// Relative links of a document lead to a file or folder that is there.
fn links(tree: &Tree, path: &str, text: &str, faults: &mut Vec<Fault>) {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    for (index, line) in text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or("");
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            let mut parts: Vec<&str> = Vec::new();
            let joined = folder.join(file);
            for part in joined.iter().filter_map(|part| part.to_str()) {
                match part {
                    ".." => drop(parts.pop()),
                    "." => {}
                    part => parts.push(part),
                }
            }
            if !tree.has(&parts.join("/")) {
                faults.push(Fault::new(
                    path,
                    index + 1,
                    format!("the link `{target}` leads nowhere"),
                    "correct or remove it",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    const GOOD_GLOSSARY: &str = "| English | Tiếng Việt | Where |\n| --- | --- | --- |\n| directory | danh bạ | `crates/directory` |\n| member | thành viên | x |\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        places(&check(&Tree::of(files)))
    }

    #[test]
    fn the_map_names_what_is_there_and_every_room() {
        let files = [
            ("crates/directory/Cargo.toml", ""),
            ("docs/GLOSSARY.md", GOOD_GLOSSARY),
            (
                "docs/ARCHITECTURE.md",
                "`crates/directory/` holds\n`crates/directory/src/gone.rs`\n```\n`docs/block.md`\n```\n`crates/<domain>/x`\n",
            ),
        ];
        assert_eq!(found(&files), ["docs/ARCHITECTURE.md:2"]);
        let silent =
            [("crates/kit/Cargo.toml", ""), ("docs/GLOSSARY.md", GOOD_GLOSSARY), ("docs/ARCHITECTURE.md", "nothing\n")];
        assert_eq!(found(&silent), ["docs/ARCHITECTURE.md:0"]);
        let long = "x\n".repeat(MAX_MAP_LINES + 1);
        assert_eq!(
            found(&[("docs/GLOSSARY.md", GOOD_GLOSSARY), ("docs/ARCHITECTURE.md", &long)]),
            ["docs/ARCHITECTURE.md:0"]
        );
    }

    #[test]
    fn the_glossary_has_every_room_once_and_no_empty_cell() {
        let files = [
            ("crates/exchange/Cargo.toml", ""),
            ("docs/ARCHITECTURE.md", "`exchange`\n"),
            ("docs/GLOSSARY.md", "| a | b | c |\n| a | b | c |\n| d |  | e |\n"),
        ];
        assert_eq!(found(&files), ["docs/GLOSSARY.md:2", "docs/GLOSSARY.md:3", "docs/GLOSSARY.md:0"]);
    }

    #[test]
    fn a_table_carries_its_room_and_a_term_of_the_glossary() {
        let files = [
            ("docs/ARCHITECTURE.md", "x\n"),
            ("docs/GLOSSARY.md", GOOD_GLOSSARY),
            (
                "crates/directory/src/store/migrations/0001_a.sql",
                "CREATE TABLE directory_member (x TEXT);\nCREATE TABLE member (x TEXT);\nCREATE TABLE directory_thing (x TEXT);\n",
            ),
        ];
        let path = "crates/directory/src/store/migrations/0001_a.sql";
        assert_eq!(found(&files), [format!("{path}:2"), format!("{path}:3")]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let files = [
            ("docs/ARCHITECTURE.md", "[a](GLOSSARY.md) [b](../README.md#x) [c](https://x.vn/a) [d](gone.md)\n"),
            ("docs/GLOSSARY.md", GOOD_GLOSSARY),
            ("README.md", "[docs](docs/) [top](#here)\n"),
        ];
        assert_eq!(found(&files), ["docs/ARCHITECTURE.md:1"]);
    }
}
