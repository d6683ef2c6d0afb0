//! Migrations are numbered without gaps and never edited once recorded: `checksums.txt` beside them holds their SHA-256.
//!
//! The file has the form that `sha256sum --check` reads. New migrations are recorded with `cargo xtask migrations`.

use std::collections::BTreeMap;

use anyhow::bail;
use sha2::{Digest, Sha256};

use crate::tidy::Fault;
use crate::tree::{Tree, crate_of};

const RECORD: &str = "checksums.txt";

/// Folder → name → checksum of the migration as it is.
fn folders(tree: &Tree) -> BTreeMap<&str, BTreeMap<&str, String>> {
    let mut folders: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (path, text) in tree.texts() {
        if let Some((folder, name)) = path.rsplit_once('/')
            && folder.starts_with("crates/")
            && folder.ends_with("/migrations")
            && name.ends_with(".sql")
        {
            folders.entry(folder).or_default().insert(name, hex::encode(Sha256::digest(text)));
        }
    }
    folders
}

/// Name → checksum as recorded.
fn recorded<'a>(tree: &'a Tree, folder: &str) -> BTreeMap<&'a str, &'a str> {
    let text = tree.text(&format!("{folder}/{RECORD}")).unwrap_or("");
    text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect()
}

/// Checks names, numbers, records and that each migration is compiled in.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (folder, files) in folders(tree) {
        let record = recorded(tree, folder);
        for ((name, sum), expected) in files.iter().zip(1..) {
            let path = format!("{folder}/{name}");
            let mut fault = |message: String, remedy: &str| faults.push(Fault::new(&path, 0, message, remedy));
            if !well_named(name, expected) {
                fault(format!("is not `{expected:04}_small_letters.sql`"), "number migrations from 0001 without gaps");
            }
            match record.get(name) {
                None => fault("is not recorded".into(), "run `cargo xtask migrations`"),
                Some(old) if old != sum => {
                    fault("was edited after it was recorded".into(), "restore it and write a new migration instead")
                }
                Some(_) => {}
            }
            let own = crate_of(folder);
            let compiled =
                tree.texts().any(|(path, text)| path.ends_with(".rs") && crate_of(path) == own && text.contains(name));
            if !compiled {
                fault("is not compiled in".into(), "name it with include_str! in the room's list of migrations");
            }
        }
        for name in record.keys().filter(|name| !files.contains_key(*name)) {
            faults.push(Fault::new(
                &format!("{folder}/{name}"),
                0,
                "was recorded and is gone",
                "restore it: databases have applied it",
            ));
        }
    }
    faults
}

fn well_named(name: &str, expected: u32) -> bool {
    let rest = name.strip_prefix(&format!("{expected:04}_")).and_then(|rest| rest.strip_suffix(".sql"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

/// The records to write. Only adds: a recorded migration that changed is an error.
pub fn changes(tree: &Tree) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let mut changes = Vec::new();
    for (folder, files) in folders(tree) {
        let record = recorded(tree, folder);
        for (name, old) in &record {
            if files.get(name).map(String::as_str) != Some(*old) {
                bail!(
                    "{folder}/{name} was edited or removed after it was recorded: restore it and write a new migration instead"
                );
            }
        }
        let text: String = files.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        let path = format!("{folder}/{RECORD}");
        if tree.text(&path) != Some(text.as_str()) {
            changes.push((path, Some(text)));
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "crates/a/src/store/migrations";

    fn messages(tree: &Tree) -> Vec<String> {
        check(tree).into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn a_recorded_migration_passes_and_an_edited_one_does_not() {
        let path = format!("{FOLDER}/0001_first.sql");
        let list =
            ("crates/a/src/store/mod.rs", "//! x\nconst A: &str = include_str!(\"migrations/0001_first.sql\");\n");
        let fresh = Tree::of(&[(&path, "CREATE TABLE a (x TEXT);\n"), list]);
        assert_eq!(messages(&fresh), ["is not recorded"]);
        let record = changes(&fresh).unwrap().remove(0);
        let text = record.1.unwrap();
        let kept = Tree::of(&[(&path, "CREATE TABLE a (x TEXT);\n"), list, (&record.0, &text)]);
        assert_eq!(messages(&kept), [] as [&str; 0]);
        assert!(changes(&kept).unwrap().is_empty());
        let edited = Tree::of(&[(&path, "CREATE TABLE a (y TEXT);\n"), list, (&record.0, &text)]);
        assert_eq!(messages(&edited), ["was edited after it was recorded"]);
        assert!(changes(&edited).is_err());
        let gone = Tree::of(&[(&format!("{FOLDER}/0001_other.sql"), ""), (&record.0, &text)]);
        assert!(messages(&gone).contains(&"was recorded and is gone".to_owned()));
    }

    #[test]
    fn a_gap_in_the_numbers_and_a_forgotten_file_are_found() {
        let tree = Tree::of(&[(&format!("{FOLDER}/0001_a.sql"), ""), (&format!("{FOLDER}/0003_B.sql"), "")]);
        let found = messages(&tree);
        assert!(found.contains(&"is not `0002_small_letters.sql`".to_owned()), "{found:?}");
        assert_eq!(found.iter().filter(|message| *message == "is not compiled in").count(), 2);
    }
}
