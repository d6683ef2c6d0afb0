//! The files of the repository as the checks see them: what git tracks or would track, read once, Rust sources parsed to tokens.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::rust::Source;

/// One file.
pub struct File {
    /// Size in bytes.
    pub size: usize,
    /// Its text, when it is UTF-8.
    pub text: Option<String>,
    /// Its tokens, when it is Rust that can be read as such.
    pub rust: Option<Source>,
}

/// Path (with `/`, from the root) → file.
#[derive(Default)]
pub struct Tree(BTreeMap<String, File>);

impl Tree {
    /// Reads what git tracks below `root`, and what it does not ignore.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git ls-files")?;
        ensure!(listing.status.success(), "git ls-files failed in {}", root.display());
        let mut tree = Self::default();
        for path in String::from_utf8(listing.stdout)?.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            // Tracked but deleted in the work tree, or a link: nothing to read.
            if !full.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                continue;
            }
            tree.insert(path, std::fs::read(&full).with_context(|| path.to_owned())?);
        }
        tree.mark_test_modules();
        Ok(tree)
    }

    /// A tree made of texts: the fixture of the checks' own tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert(path, text.as_bytes().to_vec());
        }
        tree.mark_test_modules();
        tree
    }

    fn insert(&mut self, path: &str, bytes: Vec<u8>) {
        let size = bytes.len();
        let text = String::from_utf8(bytes).ok();
        let is_rust = Path::new(path).extension().is_some_and(|extension| extension == "rs");
        let rust = text.as_deref().filter(|_| is_rust).and_then(|text| Source::parse(path, text));
        self.0.insert(path.to_owned(), File { size, text, rust });
    }

    /// A file declared as `#[cfg(test)] mod name;` is a test file wherever it stands.
    fn mark_test_modules(&mut self) {
        let mut marked = Vec::new();
        for (path, source) in self.rust() {
            let base = match path.rsplit_once('/') {
                Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder.to_owned(),
                _ => path.trim_end_matches(".rs").to_owned(),
            };
            for name in &source.test_modules {
                marked.extend([format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")]);
            }
        }
        for path in marked {
            if let Some(source) = self.0.get_mut(&path).and_then(|file| file.rust.as_mut()) {
                source.make_test_file();
            }
        }
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.0.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// All text files, by path.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter_map(|(path, file)| Some((path, file.text.as_deref()?)))
    }

    /// All Rust sources, by path.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.files().filter_map(|(path, file)| Some((path, file.rust.as_ref()?)))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.text.as_deref()
    }

    /// Whether a file or folder of this name is there. `*` in the last part stands for anything.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        if let Some((before, after)) = path.split_once('*') {
            return self.0.keys().any(|key| key.starts_with(before) && key.contains(after.trim_end_matches('*')));
        }
        let folder = format!("{path}/");
        self.0.contains_key(path) || self.0.keys().any(|key| key.starts_with(&folder))
    }

    /// The crates: folder name → text of the manifest.
    pub fn crates(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter_map(|(path, text)| {
            let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            (!name.contains('/')).then_some((name, text))
        })
    }
}

/// The crate a path belongs to: `crates/NAME/…`.
pub fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}
