//! The laws of the house as a program. Each check looks at the tree and returns what is wrong, where, and what to do about it.
//!
//! Numbers of laws are those of `docs/ARCHITECTURE.md`. What clippy or a test already holds is not checked again here.

mod acts;
mod arrows;
mod docs;
mod files;
mod hygiene;
mod pure;

use std::fmt;

use crate::tree::Tree;
use crate::{errors, laws, migrations};

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: path, and line when there is one (0 when not).
    pub path: String,
    /// Line, from 1; 0 for the whole file.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Fault {
    /// A fault in a file, at a line (0 for the whole file).
    pub fn new(path: &str, line: usize, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}\n    {}", self.path, self.message, self.remedy),
            line => write!(f, "{}:{line}: {}\n    {}", self.path, self.message, self.remedy),
        }
    }
}

/// Runs every check.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let checks: [fn(&Tree) -> Vec<Fault>; 9] = [
        files::check,
        pure::check,
        acts::check,
        arrows::check,
        errors::check,
        migrations::check,
        laws::check,
        docs::check,
        hygiene::check,
    ];
    let mut faults: Vec<Fault> = checks.iter().flat_map(|check| check(tree)).collect();
    faults.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    faults
}

/// What the checks' own tests look at: the places of the faults found.
#[cfg(test)]
pub fn places(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}:{}", fault.path, fault.line)).collect()
}
