//! Hides where a service really is in its published OpenAPI description (exchange-protocol §2.3): every server address is replaced.

use serde_json::{Value, json};

/// The description is neither JSON nor YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the description is neither JSON nor YAML")]
pub struct Unreadable;

/// The description with `url` as its only server, in the format (JSON or YAML) it came in.
///
/// # Errors
/// When it is neither JSON nor YAML.
pub fn replaced(description: &[u8], url: &str) -> Result<String, Unreadable> {
    if let Ok(mut value) = serde_json::from_slice::<Value>(description) {
        replace(&mut value, url);
        return serde_json::to_string(&value).map_err(|_| Unreadable);
    }
    let mut value: Value = serde_yaml_ng::from_slice(description).map_err(|_| Unreadable)?;
    if !value.is_object() {
        return Err(Unreadable);
    }
    replace(&mut value, url);
    serde_yaml_ng::to_string(&value).map_err(|_| Unreadable)
}

/// Servers may be named for the whole description, for a path and for an operation.
fn replace(value: &mut Value, url: &str) {
    let Some(root) = value.as_object_mut() else { return };
    root.insert("servers".to_owned(), json!([{ "url": url }]));
    let paths = root.get_mut("paths").and_then(Value::as_object_mut);
    for path in paths.into_iter().flatten().filter_map(|(_, path)| path.as_object_mut()) {
        path.remove("servers");
        for operation in path.values_mut().filter_map(Value::as_object_mut) {
            operation.remove("servers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_internal_address_is_left_in_json_or_yaml() {
        let json = br#"{"openapi":"3.0.0","servers":[{"url":"http://10.0.0.1"}],"paths":{"/a":{"servers":[{"url":"http://10.0.0.2"}],"get":{"servers":[{"url":"http://10.0.0.3"}]}}}}"#;
        let yaml = b"openapi: 3.0.0\nservers:\n  - url: http://10.0.0.1\npaths:\n  /a:\n    get:\n      servers: [{url: http://10.0.0.3}]\n";
        for description in [&json[..], yaml] {
            let hidden = replaced(description, "http://example.org/x").unwrap();
            assert!(!hidden.contains("10.0.0"), "{hidden}");
            assert!(hidden.contains("http://example.org/x"));
        }
        assert_eq!(replaced(b"\xff", "x"), Err(Unreadable));
    }
}
