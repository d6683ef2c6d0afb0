//! House checks, generated pages and measurements: `cargo xtask tidy`, `law`, `errors`, `migrations`, `bench`.
//!
//! All but `bench` only look at files. What compiles, runs or reaches a network is in the Makefile, which calls this.

mod bench;
mod errors;
mod laws;
mod migrations;
mod rust;
mod tidy;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::tree::Tree;

const HELP: &str = "\
cargo xtask tidy         check the laws of the house; says what is wrong, where, and what to do
cargo xtask law          print the table rule -> test from the doc comments of tests
cargo xtask errors       write docs/errors/ from the error codes in the source (keeps the notes below each page's mark)
cargo xtask migrations   record the checksums of new migrations; refuses when a recorded one was edited
cargo xtask bench        measure gateways beside a peer in one run (release programs; --quick for a short one)
";

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<&str>) -> anyhow::Result<ExitCode> {
    let root = root()?;
    let mut out = std::io::stdout().lock();
    match command {
        Some("tidy") => {
            let tree = Tree::read(&root)?;
            let faults = tidy::check(&tree);
            for fault in &faults {
                writeln!(out, "{fault}")?;
            }
            if !faults.is_empty() {
                writeln!(out, "tidy: {} to mend in {} files looked at", faults.len(), tree.len())?;
                return Ok(ExitCode::FAILURE);
            }
            writeln!(out, "tidy: {} files keep the laws of the house", tree.len())?;
        }
        Some("law") => write!(out, "{}", laws::table(&Tree::read(&root)?))?,
        Some("errors") => apply(&root, &errors::changes(&Tree::read(&root)?)?, &mut out)?,
        Some("bench") => bench::run(&root, &std::env::args().skip(2).collect::<Vec<_>>(), &mut out)?,
        Some("migrations") => apply(&root, &migrations::changes(&Tree::read(&root)?)?, &mut out)?,
        _ => {
            write!(out, "{HELP}")?;
            return Ok(if command.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace: the folder above this crate, or the current one when the binary was moved.
fn root() -> anyhow::Result<PathBuf> {
    match Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
        Some(root) if root.join("Cargo.toml").exists() => Ok(root.to_owned()),
        _ => std::env::current_dir().context("the current folder"),
    }
}

/// Writes or removes generated files: `None` as content removes.
fn apply(root: &Path, changes: &[(String, Option<String>)], out: &mut impl Write) -> anyhow::Result<()> {
    for (path, content) in changes {
        let full = root.join(path);
        match content {
            Some(text) => {
                if let Some(folder) = full.parent() {
                    std::fs::create_dir_all(folder).with_context(|| path.clone())?;
                }
                std::fs::write(&full, text).with_context(|| path.clone())?;
                writeln!(out, "wrote {path}")?;
            }
            None => {
                std::fs::remove_file(&full).with_context(|| path.clone())?;
                writeln!(out, "removed {path}")?;
            }
        }
    }
    if changes.is_empty() {
        writeln!(out, "nothing to change")?;
    }
    Ok(())
}
