//! Which room may use which, by manifest and by path; and law 5: what differs between database engines is known to `store` alone.

use crate::rust::{Kind, paths};
use crate::tidy::Fault;
use crate::tree::{Tree, crate_of};

/// Room → rooms it may use in production code. Arrows point one way: binary, domain, foundation.
const ROOMS: [(&str, &[&str]); 16] = [
    ("kit", &[]),
    ("store", &["kit"]),
    ("trust", &["kit"]),
    ("web", &["kit"]),
    ("testkit", &["kit", "store", "trust", "web"]),
    ("directory", &["kit", "store", "trust", "web", "identity"]),
    ("identity", &["kit", "store", "trust", "web", "directory"]),
    ("exchange", DOMAIN),
    ("axis", DOMAIN),
    ("records", DOMAIN),
    ("registry", DOMAIN),
    ("onestop", DOMAIN),
    ("insight", DOMAIN),
    ("blueprint", DOMAIN),
    ("lienthong", &["*"]),
    ("xtask", &[]),
];
const DOMAIN: &[&str] = &["kit", "store", "trust", "web", "directory", "identity"];

/// Rooms that hold a system of the mission, each with its front door.
pub const DOMAINS: [&str; 9] =
    ["directory", "exchange", "axis", "records", "registry", "identity", "onestop", "insight", "blueprint"];

/// Shelves behind a front door: other rooms do not reach past it.
const SHELVES: [&str; 5] = ["model", "acts", "store", "api", "pages"];

/// Shelves the program may use: its command line is a door to the acts as the API is, and it serves the APIs.
const SHELVES_OF_THE_PROGRAM: [&str; 2] = ["acts", "api"];

/// Crates that speak to one engine.
const ENGINE_CRATES: [&str; 6] =
    ["rusqlite", "postgres", "tokio-postgres", "sqlx", "libsqlite3-sys", "deadpool-postgres"];

/// Rooms that may name an engine: the data layer, what starts it, what tests it, this program.
const MAY_NAME_ENGINES: [&str; 3] = ["store", "testkit", "lienthong"];

/// Checks manifests, paths across rooms, and names of engines.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, manifest) in tree.crates() {
        manifest_arrows(name, manifest, &mut faults);
    }
    front_doors(tree, &mut faults);
    engines(tree, &mut faults);
    faults
}

fn rooms_of(manifest: &str, table: &str) -> Vec<String> {
    let parsed: Option<toml::Table> = manifest.parse().ok();
    let found = parsed.as_ref().and_then(|root| root.get(table)).and_then(toml::Value::as_table);
    found.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn manifest_arrows(name: &str, manifest: &str, faults: &mut Vec<Fault>) {
    let path = format!("crates/{name}/Cargo.toml");
    let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == name) else {
        faults.push(Fault::new(
            &path,
            0,
            format!("`{name}` is no room of the house"),
            "name it in xtask/src/tidy/arrows.rs with what it may use, and in docs/ARCHITECTURE.md",
        ));
        return;
    };
    for used in rooms_of(manifest, "dependencies") {
        let is_room = ROOMS.iter().any(|(room, _)| *room == used);
        if is_room && !allowed.contains(&"*") && !allowed.contains(&used.as_str()) {
            faults.push(Fault::new(
                &path,
                0,
                format!("`{name}` uses `{used}`: no arrow points that way"),
                "go through the gateway or the axis over HTTP, move the shared piece to a foundation crate, or use dev-dependencies in tests",
            ));
        }
        if ENGINE_CRATES.contains(&used.as_str()) && !["store", "testkit"].contains(&name) {
            faults.push(Fault::new(
                &path,
                0,
                format!("`{name}` depends on `{used}` (law 5)"),
                "use `store`, which alone knows the engines",
            ));
        }
    }
}

fn front_doors(tree: &Tree, faults: &mut Vec<Fault>) {
    let mut last = (String::new(), 0);
    for (path, source) in tree.rust() {
        let Some(own) = crate_of(path) else { continue };
        for used in paths(&source.production()) {
            if let [room, shelf, ..] = used.names.as_slice()
                && *room != own
                && DOMAINS.contains(room)
                && SHELVES.contains(shelf)
                && !(own == "lienthong" && SHELVES_OF_THE_PROGRAM.contains(shelf))
                && std::mem::replace(&mut last, (path.to_owned(), used.line)) != (path.to_owned(), used.line)
            {
                faults.push(Fault::new(
                    path,
                    used.line,
                    format!("`{}` reaches past the front door of `{room}`", used.names.join("::")),
                    format!("re-export what others need in crates/{room}/src/lib.rs and use it from there"),
                ));
            }
        }
    }
}

fn engines(tree: &Tree, faults: &mut Vec<Fault>) {
    for (path, source) in tree.rust() {
        if crate_of(path).is_none_or(|own| MAY_NAME_ENGINES.contains(&own)) {
            continue;
        }
        let mut in_doc = false;
        for token in source.production() {
            match &token.kind {
                Kind::Ident(word) if word == "doc" => in_doc = true,
                Kind::Ident(word) => {
                    in_doc = false;
                    engine_named(path, token.line, word, faults);
                }
                Kind::Text(text) if !in_doc => engine_named(path, token.line, text, faults),
                _ => {}
            }
        }
    }
}

fn engine_named(path: &str, line: usize, text: &str, faults: &mut Vec<Fault>) {
    let lower = text.to_lowercase();
    if lower.contains("sqlite") || lower.contains("postgres") {
        faults.push(Fault::new(
            path,
            line,
            "names a database engine in code (law 5)",
            "write SQL in the portable subset, and put what differs into crates/store behind one name",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn an_arrow_against_the_grain_is_found_but_not_one_in_tests() {
        let tree = Tree::of(&[
            ("crates/kit/Cargo.toml", "[dependencies]\nstore.workspace = true\n"),
            (
                "crates/onestop/Cargo.toml",
                "[dependencies]\nkit.workspace = true\nexchange.workspace = true\n[dev-dependencies]\ntestkit.workspace = true\n",
            ),
            ("crates/lienthong/Cargo.toml", "[dependencies]\nexchange.workspace = true\n"),
            ("crates/attic/Cargo.toml", "[dependencies]\n"),
            ("crates/axis/Cargo.toml", "[dependencies]\nrusqlite.workspace = true\n"),
        ]);
        let mut found: Vec<String> = check(&tree).into_iter().map(|fault| fault.path).collect();
        found.sort();
        assert_eq!(
            found,
            ["crates/attic/Cargo.toml", "crates/axis/Cargo.toml", "crates/kit/Cargo.toml", "crates/onestop/Cargo.toml"]
        );
    }

    #[test]
    fn a_path_past_a_front_door_is_found_also_inside_a_group() {
        let tree = Tree::of(&[(
            "crates/exchange/src/a.rs",
            "//! x\nuse directory::{ClientId, model::id::Other};\nuse crate::model::X;\nuse trust::model;\n",
        )]);
        assert_eq!(places(&check(&tree)), ["crates/exchange/src/a.rs:2"]);
    }

    #[test]
    fn the_program_may_use_acts_and_apis_but_no_other_shelf() {
        let source = "//! x\nuse exchange::acts::Admin;\nuse exchange::api::Api;\nuse exchange::store::x;\n";
        let tree = Tree::of(&[("crates/lienthong/src/a.rs", source)]);
        assert_eq!(places(&check(&tree)), ["crates/lienthong/src/a.rs:4"]);
    }

    #[test]
    fn an_engine_may_be_named_in_a_comment_or_a_test_but_not_in_code() {
        let tree = Tree::of(&[
            (
                "crates/exchange/src/a.rs",
                "//! On SQLite and PostgreSQL.\n/// postgres\nfn f() {}\n#[cfg(test)]\nmod tests { const A: &str = \"sqlite::memory:\"; }\n",
            ),
            ("crates/exchange/src/b.rs", "//! x\nfn f() { if is_sqlite() {} }\n"),
            ("crates/exchange/src/c.rs", "//! x\nconst A: &str = \"postgres://\";\n"),
            ("crates/store/src/d.rs", "//! x\nfn sqlite() {}\n"),
        ]);
        assert_eq!(places(&check(&tree)), ["crates/exchange/src/b.rs:2", "crates/exchange/src/c.rs:2"]);
    }
}
