//! Law 1: `model/` holds pure rules. Time, identifiers and randomness are arguments; nothing there talks to the outside.

use crate::rust::{PathUse, paths};
use crate::tidy::Fault;
use crate::tree::Tree;

/// Crates and modules that talk to the outside, and where the rule sends their users.
const OUTSIDE: [&str; 14] = [
    "tokio",
    "sqlx",
    "rusqlite",
    "postgres",
    "store",
    "axum",
    "hyper",
    "hyper_util",
    "rand",
    "tower",
    "reqwest",
    "rustls",
    "tokio_rustls",
    "tracing_subscriber",
];

/// Names that read a clock, draw a number, or touch the machine.
const IMPURE: [&[&str]; 13] = [
    &["Timestamp", "now"],
    &["Zoned", "now"],
    &["Clock"],
    &["SystemTime"],
    &["Instant"],
    &["Uuid", "new_v4"],
    &["Uuid", "now_v7"],
    &["kit", "id", "random"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "env"],
    &["std", "thread"],
    &["async"],
];

/// Whether this file belongs to a `model/` shelf.
fn is_model(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("crates")
        && parts.nth(1) == Some("src")
        && parts.next().is_some_and(|part| part == "model" || part == "model.rs")
}

/// Checks every file of every `model/`.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, source) in tree.rust().filter(|(path, _)| is_model(path)) {
        for used in paths(&source.production()) {
            if let Some(name) = impure(&used) {
                faults.push(Fault::new(
                    path,
                    used.line,
                    format!("`{name}` in a model, which must stay pure (law 1)"),
                    "take the time, identifier, number or answer as an argument; do the I/O in acts/, store/ or api/",
                ));
            }
        }
    }
    faults
}

fn impure(used: &PathUse<'_>) -> Option<String> {
    let inner = match used.names.as_slice() {
        ["crate" | "super" | "self", rest @ ..] => rest,
        names => names,
    };
    // A single name may be a variable (`store`); only a path leads out.
    let outside = used.names.len() > 1 && inner.first().is_some_and(|first| OUTSIDE.contains(first));
    let impure = IMPURE.iter().any(|bad| inner.windows(bad.len()).any(|part| part == *bad));
    (outside || impure).then(|| used.names.join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_model_that_leads_out_is_named_with_its_line() {
        let tree = Tree::of(&[
            (
                "crates/a/src/model/x.rs",
                "//! x\nuse tokio::fs;\nfn f() { let t = jiff::Timestamp::now(); }\nuse crate::store::Row;\n",
            ),
            (
                "crates/a/src/model/y.rs",
                "//! y, tokio::fs in words\nfn f(store: u8) { store; let s = \"tokio::fs\"; }\n",
            ),
            ("crates/a/src/acts/z.rs", "//! z\nuse tokio::fs;\n"),
            ("crates/a/src/model/t.rs", "//! t\n#[cfg(test)]\nmod tests { use tokio::fs; }\n"),
        ]);
        assert_eq!(
            places(&check(&tree)),
            ["crates/a/src/model/x.rs:2", "crates/a/src/model/x.rs:3", "crates/a/src/model/x.rs:4"]
        );
    }

    #[test]
    fn an_async_function_and_a_clock_are_found() {
        let tree = Tree::of(&[("crates/a/src/model.rs", "//! x\nasync fn f() {}\nfn g(c: &kit::Clock) {}\n")]);
        assert_eq!(places(&check(&tree)), ["crates/a/src/model.rs:2", "crates/a/src/model.rs:3"]);
    }
}
