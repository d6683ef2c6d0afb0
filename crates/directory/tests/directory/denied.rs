//! Every operation without a principal, and with a role that does not suffice.

use directory::acts::permit::{Principal, Role};
use serde_json::Value;
use utoipa::OpenApi;

use crate::support::World;

/// Paths with their variables filled in, from the description of the operations itself: a new operation is tested by being there.
fn operations() -> Vec<(String, String)> {
    let description = serde_json::to_value(directory::api::Description::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let filled = path
            .replace("/gateways/{id}", "/gateways/VN:GOV:G01:gw1")
            .replace("/members/{id}", "/members/VN:GOV:G01")
            .replace("{client}", "VN:GOV:G01:a")
            .replace("{audience}", "internal")
            .replace("{id}", "1");
        for method in methods.as_object().unwrap().keys() {
            found.push((method.to_uppercase(), filled.replace(['{', '}'], "")));
        }
    }
    found
}

#[tokio::test]
async fn no_operation_answers_without_a_principal() {
    let world = World::furnished().await.remove(0);
    let operations = operations();
    assert!(operations.len() > 40, "{operations:?}");
    for (method, path) in operations {
        let Some(path) = path.strip_prefix(directory::api::BASE) else {
            assert_eq!(path, "/management/requests", "only requests that prove themselves come without a key");
            continue;
        };
        let (status, answer) = world.send_as(None, &method, path, Value::Null).await;
        assert_eq!((status.as_u16(), &answer["code"]), (401, &"kit.unauthenticated".into()), "{method} {path}");
    }
}

#[tokio::test]
async fn an_observer_changes_nothing() {
    let world = World::furnished().await.remove(0);
    let observer = Principal { name: "xem".into(), roles: vec![Role::Observer] };
    for (method, path) in operations() {
        let Some(path) = path.strip_prefix(directory::api::BASE) else { continue };
        let (status, answer) = world.send_as(Some(observer.clone()), &method, path, Value::Null).await;
        if method == "GET" && path != "/audit" {
            assert!(status.is_success() || status == 404, "{method} {path}: {status} {answer}");
        } else {
            assert_eq!((status.as_u16(), &answer["code"]), (403, &"kit.forbidden".into()), "{method} {path}");
        }
    }
}
