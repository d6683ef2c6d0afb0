//! Laws 3 and 4: an act needs a permit that only authorisation makes, writes its audit entry in its own transaction, and does no outside work.

use crate::rust::{Kind, Source, Token, matches_at, paths};
use crate::tidy::Fault;
use crate::tree::Tree;

/// Acts that no caller asks for, with the reason. Tidy fails when an entry is no longer needed, so that the list only shrinks.
const WITHOUT_CALLER: [(&str, &str, &str); 2] = [
    ("crates/exchange/src/acts/api_keys.rs", "bootstrap_api_key", "the first key, made on the gateway's own machine"),
    (
        "crates/exchange/src/acts/follow.rs",
        "follow_global_conf",
        "the system follows what the signed configuration says",
    ),
];

/// Checks permits wherever they are declared, and every file of an `acts/` shelf.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, source) in tree.rust().filter(|(path, _)| path.starts_with("crates/")) {
        permits(path, source, &mut faults);
        let file = path.rsplit('/').next().unwrap_or(path);
        if path.contains("/src/acts/") && !source.is_test && file != "mod.rs" {
            act(path, source, &mut faults);
        }
    }
    // Each entry of the list must have excused something; what is left over has been mended.
    for (path, name, reason) in WITHOUT_CALLER.iter().filter(|(path, ..)| tree.has(path)) {
        let excused = faults
            .iter()
            .position(|fault| fault.path == *path && fault.message.contains(&format!("`{name}` takes no permit")));
        match excused {
            Some(at) => drop(faults.remove(at)),
            None => faults.push(Fault::new(
                path,
                0,
                format!("`{name}` is excused from a permit ({reason}) and needs no excuse"),
                "remove it from WITHOUT_CALLER in xtask/src/tidy/acts.rs",
            )),
        }
    }
    faults
}

/// A type named `…Permit` must not be makable outside its module: no public field, no `Default`, no `Deserialize`.
fn permits(path: &str, source: &Source, faults: &mut Vec<Fault>) {
    let tokens = source.production();
    for at in 0..tokens.len() {
        let Some(name) = declared_permit(&tokens, at) else { continue };
        let derives = derives_before(&tokens, at);
        for bad in ["Default", "Deserialize"] {
            if derives.contains(&bad) {
                faults.push(Fault::new(
                    path,
                    tokens[at].line,
                    format!("`{name}` derives `{bad}`: anyone could make a permit (law 3)"),
                    "remove the derive; a permit comes only from the authorisation step",
                ));
            }
        }
        if let Some(line) = public_field(&tokens[at + 2..]) {
            faults.push(Fault::new(
                path,
                line,
                format!("`{name}` has a public field: anyone could make or change a permit (law 3)"),
                "make the fields private and give methods that read them",
            ));
        }
    }
}

fn declared_permit<'a>(tokens: &[&'a Token], at: usize) -> Option<&'a str> {
    match (&tokens[at].kind, tokens.get(at + 1).map(|token| &token.kind)) {
        (Kind::Ident(word), Some(Kind::Ident(name))) if word == "struct" && name.ends_with("Permit") => Some(name),
        _ => None,
    }
}

/// The names in the attributes that stand right before the item whose keyword is at `at`.
fn derives_before<'a>(tokens: &[&'a Token], at: usize) -> Vec<&'a str> {
    let item_start =
        tokens[..at].iter().rposition(|token| matches!(token.kind, Kind::Punct(';' | '}'))).map_or(0, |end| end + 1);
    let ident = |token: &&'a Token| match &token.kind {
        Kind::Ident(name) => Some(name.as_str()),
        _ => None,
    };
    tokens[item_start..at].iter().filter_map(ident).collect()
}

/// The line of the first `pub` among the fields of the struct whose tokens these are.
fn public_field(tokens: &[&Token]) -> Option<usize> {
    let mut depth = 0_u32;
    for token in tokens {
        match &token.kind {
            Kind::Punct('{' | '(') => depth += 1,
            Kind::Punct('}' | ')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return None;
                }
            }
            Kind::Punct(';') if depth == 0 => return None,
            Kind::Ident(word) if word == "pub" && depth == 1 => return Some(token.line),
            _ => {}
        }
    }
    None
}

/// One file of `acts/`: a public function that reaches the database takes a permit, what writes also audits, and nothing is spawned or
/// called over the network.
fn act(path: &str, source: &Source, faults: &mut Vec<Fault>) {
    let tokens = source.production();
    let word_is = |token: &&Token, test: fn(&str) -> bool| matches!(&token.kind, Kind::Ident(word) if test(word));
    for at in 0..tokens.len() {
        let Some((name, signature)) = public_function(&tokens, at) else { continue };
        let acts = signature.iter().any(|token| word_is(token, |word| matches!(word, "async" | "Store" | "Tx")));
        if acts && !signature.iter().any(|token| word_is(token, |word| word.ends_with("Permit"))) {
            faults.push(Fault::new(
                path,
                tokens[at].line,
                format!("the act `{name}` takes no permit (law 3)"),
                "let it take the `…Permit` that the authorisation step returns, or keep the helper `pub(crate)`",
            ));
        }
    }
    let writes = (0..tokens.len()).find(|at| matches_at(&tokens, *at, &[".", "write", "("]));
    let audits = tokens.iter().any(|token| word_is(token, |word| word.to_lowercase().contains("audit")));
    if let Some(at) = writes.filter(|_| !audits) {
        faults.push(Fault::new(
            path,
            tokens[at].line,
            "an act that writes and leaves no audit entry (law 3)",
            "write the audit entry inside the same transaction as the act",
        ));
    }
    for used in paths(&tokens) {
        let outside =
            [["tokio", "spawn"], ["tokio", "time"], ["hyper", "client"]].iter().any(|bad| used.starts_with(bad));
        if outside || used.starts_with(&["reqwest"]) || used.starts_with(&["hyper_util"]) {
            faults.push(Fault::new(
                path,
                used.line,
                format!("`{}` inside an act (law 4)", used.names.join("::")),
                "queue slow and outside work in the outbox, in the act's transaction",
            ));
        }
    }
}

/// `pub [async] fn name…` at `at`: the name and the tokens of its signature.
fn public_function<'a, 'b>(tokens: &'b [&'a Token], at: usize) -> Option<(&'a str, &'b [&'a Token])> {
    let keyword = if matches_at(tokens, at, &["pub", "fn"]) {
        at + 1
    } else if matches_at(tokens, at, &["pub", "async", "fn"]) {
        at + 2
    } else {
        return None;
    };
    let Kind::Ident(name) = &tokens.get(keyword + 1)?.kind else { return None };
    let end = tokens[keyword..].iter().position(|token| matches!(token.kind, Kind::Punct('{' | ';')))?;
    Some((name.as_str(), &tokens[at..keyword + end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::places;

    #[test]
    fn a_permit_that_anyone_could_make_is_found() {
        let tree = Tree::of(&[(
            "crates/a/src/model/access.rs",
            "//! x\n/// A permit.\n#[derive(Clone, Default)]\npub struct CallPermit { service: u8 }\npub struct ReadPermit(pub u8);\npub struct GoodPermit { a: u8 }\n",
        )]);
        assert_eq!(places(&check(&tree)), ["crates/a/src/model/access.rs:4", "crates/a/src/model/access.rs:5"]);
    }

    #[test]
    fn an_act_needs_a_permit_and_an_audit_entry_and_does_no_outside_work() {
        let good =
            "//! x\npub async fn accept(p: Permit<Accept>) { store.write(|tx| audit(tx)); }\npub fn pure(a: u8) {}\n";
        let tree = Tree::of(&[
            ("crates/a/src/acts/accept.rs", good),
            (
                "crates/a/src/acts/reject.rs",
                "//! x\npub fn reject(store: &Store) {\n tokio::spawn(x);\n store.write(y); }\n",
            ),
            (
                "crates/a/src/acts/read.rs",
                "//! x\npub async fn read(p: &ReadPermit) { store.read(y); }\npub(crate) fn h(tx: &mut Tx) {}\n",
            ),
            ("crates/a/src/acts/mod.rs", "//! x\npub async fn shared() {}\n"),
        ]);
        let path = "crates/a/src/acts/reject.rs";
        assert_eq!(places(&check(&tree)), [format!("{path}:2"), format!("{path}:4"), format!("{path}:3")]);
    }

    #[test]
    fn an_excuse_that_nobody_needs_is_found() {
        let (path, name, _) = WITHOUT_CALLER[0];
        let needs = format!("//! x\npub async fn {name}(store: &Store) {{}}\n");
        assert_eq!(check(&Tree::of(&[(path, &needs)])), []);
        let mended = format!("//! x\npub async fn {name}(permit: Permit<X>) {{}}\n");
        assert_eq!(places(&check(&Tree::of(&[(path, &mended)]))), [format!("{path}:0")]);
    }
}
