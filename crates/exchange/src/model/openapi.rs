//! Reads the operations out of an OpenAPI 3.0 or 3.1 description, JSON or YAML (exchange-protocol §2.14).
//!
//! Each operation becomes an endpoint: `{param}` turns into `*`, everything else is taken literally. The description is not validated
//! beyond that: what a gateway does not use, it does not refuse.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::access::{MAX_PATTERN_BYTES, METHODS};

/// The longest description, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 10 * 1024 * 1024;
/// The most operations one description may have.
pub const MAX_OPERATIONS: usize = 4000;

/// One operation, as an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation {
    /// Upper-case method.
    pub method: String,
    /// Path pattern.
    pub path: String,
}

/// What a description says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Title of the API.
    pub title: String,
    /// Version of the API.
    pub version: String,
    /// First server address, when it is absolute; variables replaced by their defaults.
    pub server_url: Option<String>,
    /// The operations, each pattern once, in the order of the description's paths.
    pub operations: Vec<Operation>,
    /// Operations that have the pattern of one before them: `GET /a/{x}` and `GET /a/{y}` cannot be told apart.
    pub duplicates: Vec<Operation>,
    /// What a person should look at; none of it prevents the import.
    pub warnings: Vec<String>,
}

/// Why a text cannot be used as a description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenApiError {
    /// Longer than [`MAX_DESCRIPTION_BYTES`].
    #[error("the description is longer than {MAX_DESCRIPTION_BYTES} bytes")]
    TooLong,
    /// Neither JSON nor YAML; says where.
    #[error("the description is neither JSON nor YAML: {0}")]
    Syntax(String),
    /// Not OpenAPI 3.0 or 3.1.
    #[error("the description is not OpenAPI 3.0 or 3.1")]
    Version,
    /// It has no `paths` object.
    #[error("the description has no paths")]
    NoPaths,
    /// A path is malformed.
    #[error("the path `{0}` does not start with `/`, has unbalanced braces or a parent segment, or is too long")]
    Path(String),
    /// More than [`MAX_OPERATIONS`].
    #[error("the description has more than {MAX_OPERATIONS} operations")]
    TooMany,
}

/// Reads a description.
///
/// # Errors
/// When the text is not a usable OpenAPI 3 description.
pub fn parse(text: &str) -> Result<Description, OpenApiError> {
    if text.len() > MAX_DESCRIPTION_BYTES {
        return Err(OpenApiError::TooLong);
    }
    let root = read(text)?;
    let openapi = root.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !(openapi.starts_with("3.0") || openapi.starts_with("3.1")) {
        return Err(OpenApiError::Version);
    }
    let paths = root.get("paths").and_then(Value::as_object).ok_or(OpenApiError::NoPaths)?;
    let info = |field: &str| root["info"][field].as_str().unwrap_or_default().to_owned();
    let mut description = Description {
        title: info("title"),
        version: info("version"),
        server_url: server_url(&root),
        operations: Vec::new(),
        duplicates: Vec::new(),
        warnings: Vec::new(),
    };
    collect(paths, &mut description)?;
    if description.server_url.is_none() {
        description.warnings.push("no absolute server address: the base address must be given".to_owned());
    }
    if description.operations.is_empty() {
        description.warnings.push("no operations".to_owned());
    }
    Ok(description)
}

fn read(text: &str) -> Result<Value, OpenApiError> {
    // JSON is tried first: it is faster, and its errors are clearer for what was meant as JSON.
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| OpenApiError::Syntax(error.to_string()))
    } else {
        serde_yaml_ng::from_str(text).map_err(|error| OpenApiError::Syntax(error.to_string()))
    }
}

fn server_url(root: &Value) -> Option<String> {
    let server = root.get("servers")?.get(0)?;
    let mut url = server.get("url")?.as_str()?.to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        if let Some(default) = variable.get("default").and_then(Value::as_str) {
            url = url.replace(&format!("{{{name}}}"), default);
        }
    }
    (url.starts_with("http://") || url.starts_with("https://")).then_some(url)
}

fn collect(paths: &Map<String, Value>, description: &mut Description) -> Result<(), OpenApiError> {
    let mut seen = HashSet::new();
    for (template, item) in paths.iter().filter(|(template, _)| !template.starts_with("x-")) {
        let path = pattern(template)?;
        let Some(item) = item.as_object() else {
            description.warnings.push(format!("`{template}` has no operations"));
            continue;
        };
        if item.contains_key("$ref") {
            description.warnings.push(format!("`{template}` refers to another document, which is not read"));
        }
        for key in item.keys() {
            let method = key.to_ascii_uppercase();
            // Keys are lower-case in OpenAPI; `parameters`, `summary` and the like are no methods.
            if !METHODS.contains(&method.as_str()) || key.chars().any(|c| c.is_ascii_uppercase()) {
                continue;
            }
            let operation = Operation { method, path: path.clone() };
            if seen.insert(operation.clone()) {
                description.operations.push(operation);
            } else {
                description.duplicates.push(operation);
            }
        }
        if description.operations.len() > MAX_OPERATIONS {
            return Err(OpenApiError::TooMany);
        }
    }
    Ok(())
}

/// The pattern of a path template: `{param}` becomes `*`, a literal `*` or `\` is escaped, percent escapes are decoded as they are in
/// the path that is matched.
fn pattern(template: &str) -> Result<String, OpenApiError> {
    let fault = || OpenApiError::Path(template.chars().take(200).collect());
    if !template.starts_with('/') {
        return Err(fault());
    }
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (literal, from_brace) = rest.split_at(open);
        push_literal(&mut out, literal).ok_or_else(fault)?;
        let close = from_brace.find('}').ok_or_else(fault)?;
        // Neighbouring parameters must not melt into `**`, which would cross segments.
        if !out.ends_with('*') || out.ends_with("\\*") {
            out.push('*');
        }
        rest = from_brace.get(close + 1..).unwrap_or_default();
    }
    push_literal(&mut out, rest).ok_or_else(fault)?;
    if out.len() > MAX_PATTERN_BYTES || out.split('/').any(|segment| segment == "..") {
        return Err(fault());
    }
    Ok(out)
}

fn push_literal(out: &mut String, literal: &str) -> Option<()> {
    if literal.contains('}') {
        return None;
    }
    let decoded = percent_decode_str(literal).decode_utf8().ok()?;
    for c in decoded.chars() {
        if c.is_control() {
            return None;
        }
        if matches!(c, '*' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    Some(())
}

/// How the generated endpoints of a service change with a new description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Only in the new description.
    pub added: Vec<Operation>,
    /// Only in the old one: these endpoints go, with the rights on them.
    pub removed: Vec<Operation>,
    /// In both: these keep their rights.
    pub kept: Vec<Operation>,
}

/// Compares the generated endpoints there are with the operations of a description.
#[must_use]
pub fn diff(generated: &[Operation], described: &[Operation]) -> Diff {
    let old: HashSet<&Operation> = generated.iter().collect();
    let new: HashSet<&Operation> = described.iter().collect();
    let pick = |from: &[Operation], wanted: &dyn Fn(&Operation) -> bool| {
        from.iter().filter(|operation| wanted(operation)).cloned().collect()
    };
    Diff {
        added: pick(described, &|operation| !old.contains(operation)),
        removed: pick(generated, &|operation| !new.contains(operation)),
        kept: pick(described, &|operation| old.contains(operation)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn operation(method: &str, path: &str) -> Operation {
        Operation { method: method.to_owned(), path: path.to_owned() }
    }

    const YAML: &str = "
openapi: 3.1.0
info: { title: Tra cứu dân cư, version: 1.2.0 }
servers:
  - url: https://{host}/api/v1
    variables: { host: { default: dancu.example.vn } }
paths:
  /nguoi/{id}:
    parameters: []
    get: {}
    put: {}
  /nguoi/{maDinhDanh}:
    get: {}
  /ho-so/{nam}-{so}/tep/{ten}.pdf:
    get: {}
  /a%20b/*:
    post: {}
  x-internal: true
";

    #[test]
    fn operations_become_endpoints() {
        let description = parse(YAML).unwrap();
        assert_eq!(description.title, "Tra cứu dân cư");
        assert_eq!(description.server_url.as_deref(), Some("https://dancu.example.vn/api/v1"));
        let mut operations = description.operations.clone();
        operations.sort();
        assert_eq!(
            operations,
            [
                operation("GET", "/ho-so/*-*/tep/*.pdf"),
                operation("GET", "/nguoi/*"),
                operation("POST", r"/a b/\*"),
                operation("PUT", "/nguoi/*"),
            ]
        );
        assert_eq!(description.duplicates, [operation("GET", "/nguoi/*")]);
        assert!(description.warnings.is_empty(), "{:?}", description.warnings);
    }

    #[test]
    fn json_and_yaml_say_the_same() {
        let value: Value = serde_yaml_ng::from_str(YAML).unwrap();
        let from_json = parse(&value.to_string()).unwrap();
        let from_yaml = parse(YAML).unwrap();
        let sorted = |mut operations: Vec<Operation>| {
            operations.sort();
            operations
        };
        assert_eq!(sorted(from_json.operations), sorted(from_yaml.operations));
    }

    #[test]
    fn neighbouring_parameters_do_not_open_the_whole_tree() {
        let text = r#"{"openapi":"3.0.3","paths":{"/a/{x}{y}/b":{"get":{}}}}"#;
        let description = parse(text).unwrap();
        assert_eq!(description.operations, [operation("GET", "/a/*/b")]);
        assert_eq!(description.warnings.len(), 1, "no server address");
    }

    #[test]
    fn unusable_texts_are_refused_with_the_reason() {
        for (text, expected) in [
            (r#"{"swagger":"2.0","paths":{}}"#, OpenApiError::Version),
            (r#"{"openapi":"4.0.0","paths":{}}"#, OpenApiError::Version),
            (r#"{"openapi":"3.0.0"}"#, OpenApiError::NoPaths),
            ("openapi: 3.0.0\npaths: { nguoi: {} }", OpenApiError::Path("nguoi".to_owned())),
            ("openapi: 3.0.0\npaths: { '/a/{b': {} }", OpenApiError::Path("/a/{b".to_owned())),
            ("openapi: 3.0.0\npaths: { '/a}': {} }", OpenApiError::Path("/a}".to_owned())),
            ("openapi: 3.0.0\npaths: { '/a/../b': {} }", OpenApiError::Path("/a/../b".to_owned())),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
        assert!(matches!(parse("{\"openapi\":"), Err(OpenApiError::Syntax(_))));
        assert!(matches!(parse("a: [b"), Err(OpenApiError::Syntax(_))));
        assert_eq!(parse(&" ".repeat(MAX_DESCRIPTION_BYTES + 1)), Err(OpenApiError::TooLong));
    }

    #[test]
    fn a_text_made_to_explode_is_refused() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let previous = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(","));
        }
        assert!(matches!(parse(&bomb), Err(OpenApiError::Syntax(_))));
        assert!(matches!(parse(&"[".repeat(100_000)), Err(OpenApiError::Syntax(_))));
    }

    #[test]
    fn a_diff_tells_what_goes_and_what_stays() {
        let old = [operation("GET", "/a"), operation("GET", "/b")];
        let new = [operation("GET", "/b"), operation("POST", "/b")];
        assert_eq!(
            diff(&old, &new),
            Diff { added: vec![new[1].clone()], removed: vec![old[0].clone()], kept: vec![new[0].clone()] }
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC*") {
            let _ = parse(&text);
            let _ = parse(&format!("openapi: 3.0.0\npaths:\n  {text}: {{get: {{}}}}"));
        }

        #[test]
        fn a_generated_pattern_matches_the_path_it_stands_for(name in "[a-z*\\\\ %25]{1,8}", value in "[a-z0-9]{1,8}") {
            let encoded = name.replace('%', "%25").replace(' ', "%20");
            if let Ok(pattern) = pattern(&format!("/{encoded}/{{id}}")) {
                let glob = crate::model::access::Glob::compile(&pattern).unwrap();
                let path = format!("/{name}/{value}");
                let deeper = format!("/{name}/{value}/x");
                prop_assert!(glob.matches(path.as_bytes()));
                prop_assert!(!glob.matches(deeper.as_bytes()));
            }
        }
    }
}
