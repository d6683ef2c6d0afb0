//! A Rust source as a flat list of tokens with their lines, so that checks never mistake a comment or a string for code.
//!
//! Not a compiler: names are not resolved. Items under `#[cfg(test)]` are told apart from production code.

use std::ops::Range;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Line, from 1.
    pub line: usize,
    /// Whether it stands under `#[cfg(test)]`, `#[test]` or in a test file.
    pub test: bool,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or keyword.
    Ident(String),
    /// A text, unescaped. Doc comments arrive as `#[doc = "…"]`.
    Text(String),
    /// Any other literal, as written.
    Literal(String),
    /// One character of punctuation, or an opening or closing bracket.
    Punct(char),
}

/// A parsed source.
pub struct Source {
    /// Its tokens in order.
    pub tokens: Vec<Token>,
    /// Lines under `#[cfg(test)]`.
    pub test_lines: usize,
    /// All lines.
    pub lines: usize,
    /// Names declared as `#[cfg(test)] mod name;`.
    pub test_modules: Vec<String>,
    /// The whole file is a test.
    pub is_test: bool,
}

impl Source {
    /// Reads a source. `None` when its brackets or literals do not fit: the compiler will say so better.
    pub fn parse(path: &str, text: &str) -> Option<Self> {
        let stream = TokenStream::from_str(text).ok()?;
        let is_test = ["tests", "benches", "fuzz"].iter().any(|folder| path.split('/').any(|part| part == *folder))
            || path.ends_with("/tests.rs");
        let mut source =
            Self { tokens: Vec::new(), test_lines: 0, lines: text.lines().count(), test_modules: Vec::new(), is_test };
        source.walk(stream, is_test);
        Some(source)
    }

    /// Says that the whole file is a test, which its parent knows.
    pub fn make_test_file(&mut self) {
        self.is_test = true;
        for token in &mut self.tokens {
            token.test = true;
        }
    }

    /// Lines that are not under `#[cfg(test)]`.
    pub fn production_lines(&self) -> usize {
        if self.is_test { 0 } else { self.lines - self.test_lines.min(self.lines) }
    }

    /// The tokens of production code.
    pub fn production(&self) -> Vec<&Token> {
        self.tokens.iter().filter(|token| !token.test).collect()
    }

    fn walk(&mut self, stream: TokenStream, test: bool) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            match (!test).then(|| test_item(&trees, at)).flatten() {
                Some(item) => {
                    let first = trees[at].span().start().line;
                    let last = trees[item.end - 1].span().end().line;
                    self.test_lines += last + 1 - first;
                    if let Some(name) = outline_module(&trees[item.clone()]) {
                        self.test_modules.push(name);
                    }
                    for tree in &trees[item.clone()] {
                        self.push(tree, true);
                    }
                    at = item.end;
                }
                None => {
                    self.push(&trees[at], test);
                    at += 1;
                }
            }
        }
    }

    fn push(&mut self, tree: &TokenTree, test: bool) {
        let span = tree.span();
        let mut add = |kind, line| self.tokens.push(Token { kind, line, test });
        match tree {
            TokenTree::Ident(ident) => add(Kind::Ident(ident.to_string()), span.start().line),
            TokenTree::Punct(punct) => add(Kind::Punct(punct.as_char()), span.start().line),
            TokenTree::Literal(literal) => {
                let kind = match syn::Lit::new(literal.clone()) {
                    syn::Lit::Str(text) => Kind::Text(text.value()),
                    _ => Kind::Literal(literal.to_string()),
                };
                add(kind, span.start().line);
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                add(Kind::Punct(open), group.span_open().start().line);
                self.walk(group.stream(), test);
                self.tokens.push(Token { kind: Kind::Punct(close), line: group.span_close().start().line, test });
            }
        }
    }
}

/// When an attribute that makes a test starts at `at`: the trees of the whole item, up to its body or semicolon.
fn test_item(trees: &[TokenTree], at: usize) -> Option<Range<usize>> {
    let mut next = at;
    let mut is_test = false;
    while let (Some(TokenTree::Punct(hash)), Some(TokenTree::Group(group))) = (trees.get(next), trees.get(next + 1)) {
        if hash.as_char() != '#' || group.delimiter() != Delimiter::Bracket {
            break;
        }
        is_test |= makes_test(&group.stream().to_string());
        next += 2;
    }
    if !is_test {
        return None;
    }
    let end = trees[next..].iter().position(|tree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => matches!(punct.as_char(), ';' | ','),
        _ => false,
    });
    Some(at..end.map_or(trees.len(), |end| next + end + 1))
}

fn makes_test(attribute: &str) -> bool {
    let attribute: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    matches!(attribute.as_str(), "test" | "cfg(test)" | "bench")
        || attribute.starts_with("tokio::test")
        || attribute.starts_with("cfg(any(test")
        || attribute.starts_with("cfg(all(test")
}

/// `mod name;` among these trees.
fn outline_module(trees: &[TokenTree]) -> Option<String> {
    trees.windows(3).find_map(|three| match three {
        [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(end)]
            if word == "mod" && end.as_char() == ';' =>
        {
            Some(name.to_string())
        }
        _ => None,
    })
}

/// Whether the tokens from `at` on are these: names as they are, punctuation as one character each (`:` `:` for `::`).
pub fn matches_at(tokens: &[&Token], at: usize, pattern: &[&str]) -> bool {
    pattern.iter().enumerate().all(|(offset, want)| match tokens.get(at + offset).map(|token| &token.kind) {
        Some(Kind::Ident(name)) => name == want,
        Some(Kind::Punct(mark)) => want.len() == mark.len_utf8() && want.starts_with(*mark),
        _ => false,
    })
}

/// A path as written, with the groups of `use` spelled out: `use a::{b::c, d}` gives `a`, `a::b::c` and `a::d`.
pub struct PathUse<'a> {
    /// Its names.
    pub names: Vec<&'a str>,
    /// Where it starts.
    pub line: usize,
}

impl PathUse<'_> {
    /// Whether it starts with these names.
    pub fn starts_with(&self, names: &[&str]) -> bool {
        self.names.starts_with(names)
    }
}

/// All paths among these tokens, single names included.
pub fn paths<'a>(tokens: &[&'a Token]) -> Vec<PathUse<'a>> {
    let mut found = Vec::new();
    let mut prefixes: Vec<Vec<&str>> = vec![Vec::new()];
    let mut at = 0;
    let mut pending = Vec::new();
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Ident(name) if !after_dot(tokens, at) => {
                let mut names = prefixes.last().cloned().unwrap_or_default();
                names.push(name.as_str());
                while matches_at(tokens, at + 1, &[":", ":"]) {
                    let Some(Kind::Ident(next)) = tokens.get(at + 3).map(|token| &token.kind) else { break };
                    names.push(next.as_str());
                    at += 3;
                }
                pending = if matches_at(tokens, at + 1, &[":", ":", "{"]) { names.clone() } else { Vec::new() };
                found.push(PathUse { names, line: token.line });
            }
            Kind::Punct('{') => prefixes.push(std::mem::take(&mut pending)),
            Kind::Punct('}') => drop(prefixes.pop()),
            _ => {}
        }
        at += 1;
    }
    found
}

fn after_dot(tokens: &[&Token], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| tokens[before].kind == Kind::Punct('.'))
        && !at.checked_sub(2).is_some_and(|before| tokens[before].kind == Kind::Punct('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &Source) -> Vec<String> {
        let ident = |token: &&Token| match &token.kind {
            Kind::Ident(name) => Some(name.clone()),
            _ => None,
        };
        source.production().iter().filter_map(ident).collect()
    }

    #[test]
    fn code_under_cfg_test_is_no_production_code_and_its_lines_are_not_counted() {
        let text =
            "//! x\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(test)]\nmod more;\nfn c() {}\n";
        let source = Source::parse("crates/x/src/a.rs", text).unwrap();
        assert_eq!(names(&source), ["doc", "fn", "a", "fn", "c"]);
        assert_eq!(source.production_lines(), 3);
        assert_eq!(source.test_modules, ["more"]);
    }

    #[test]
    fn comments_and_strings_are_not_names() {
        let source = Source::parse("crates/x/src/a.rs", "// tokio\n/* tokio */ const A: &str = \"tokio\\n\";").unwrap();
        assert!(!names(&source).contains(&"tokio".to_owned()));
        assert!(source.tokens.iter().any(|token| token.kind == Kind::Text("tokio\n".into())));
    }

    #[test]
    fn a_file_in_a_tests_folder_is_all_test() {
        let source = Source::parse("crates/x/tests/a.rs", "fn a() {}\n").unwrap();
        assert_eq!((source.production_lines(), source.production().len()), (0, 0));
    }

    #[test]
    fn paths_are_read_from_their_start_and_groups_are_spelled_out() {
        let source = Source::parse("a.rs", "use a::{b::{c, d as e}, f}; fn g() { x.h::<i>(); j::k { l: 1 } }").unwrap();
        let found: Vec<String> = paths(&source.production()).iter().map(|path| path.names.join("::")).collect();
        for want in ["a", "a::b", "a::b::c", "a::b::d", "a::f", "i", "j::k", "l"] {
            assert!(found.contains(&want.to_owned()), "{want} in {found:?}");
        }
        assert!(!found.contains(&"h".to_owned()));
    }
}
