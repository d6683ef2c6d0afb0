//! Law 8: every route is tried without permission. A route that is not in the list below fails this test.

use std::collections::BTreeSet;

use exchange::acts::permit::Role;
use exchange::api::{Access, openapi, routes};
use testkit::sqlite;

use crate::house::House;

/// Every route and the roles that may use it: `*` all, `-` everybody, otherwise the initials of
/// security officer (S), registration officer (R), service administrator (V), system administrator (Y), observer (O).
const LISTED: &[(&str, &str, &str)] = &[
    ("-", "GET", "openapi.json"),
    ("*", "GET", "server"),
    ("*", "GET", "clients"),
    ("R", "POST", "clients"),
    ("*", "GET", "clients/{client}"),
    ("R", "DELETE", "clients/{client}"),
    ("R", "POST", "clients/{client}/registration-requests"),
    ("SV", "PUT", "clients/{client}/connection-type"),
    ("*", "GET", "clients/{client}/certificates"),
    ("SV", "POST", "clients/{client}/certificates"),
    ("*", "GET", "clients/{client}/certificates/{sha256}"),
    ("SV", "DELETE", "clients/{client}/certificates/{sha256}"),
    ("*", "GET", "clients/{client}/services"),
    ("V", "POST", "clients/{client}/services"),
    ("V", "POST", "clients/{client}/descriptions"),
    ("*", "GET", "clients/{client}/services/{code}"),
    ("V", "PUT", "clients/{client}/services/{code}"),
    ("V", "DELETE", "clients/{client}/services/{code}"),
    ("V", "PUT", "clients/{client}/services/{code}/status"),
    ("*", "GET", "clients/{client}/services/{code}/description"),
    ("V", "PUT", "clients/{client}/services/{code}/description"),
    ("*", "GET", "clients/{client}/services/{code}/endpoints"),
    ("V", "POST", "clients/{client}/services/{code}/endpoints"),
    ("*", "GET", "clients/{client}/services/{code}/endpoints/{endpoint}"),
    ("V", "DELETE", "clients/{client}/services/{code}/endpoints/{endpoint}"),
    ("*", "GET", "rights"),
    ("*", "GET", "callers/{client}/endpoints"),
    ("*", "GET", "clients/{client}/services/{code}/rights"),
    ("V", "POST", "clients/{client}/services/{code}/rights"),
    ("V", "PUT", "clients/{client}/services/{code}/endpoints/{endpoint}/rights/{subject}"),
    ("V", "DELETE", "clients/{client}/services/{code}/endpoints/{endpoint}/rights/{subject}"),
    ("*", "GET", "clients/{client}/groups"),
    ("V", "POST", "clients/{client}/groups"),
    ("*", "GET", "clients/{client}/groups/{group}"),
    ("V", "PUT", "clients/{client}/groups/{group}"),
    ("V", "DELETE", "clients/{client}/groups/{group}"),
    ("*", "GET", "clients/{client}/groups/{group}/members"),
    ("V", "POST", "clients/{client}/groups/{group}/members"),
    ("V", "PUT", "clients/{client}/groups/{group}/members/{member}"),
    ("V", "DELETE", "clients/{client}/groups/{group}/members/{member}"),
    ("Y", "GET", "api-keys"),
    ("Y", "POST", "api-keys"),
    ("Y", "DELETE", "api-keys/{id}"),
    ("SY", "GET", "audit"),
];

fn initial(role: Role) -> char {
    match role {
        Role::SecurityOfficer => 'S',
        Role::RegistrationOfficer => 'R',
        Role::ServiceAdministrator => 'V',
        Role::SystemAdministrator => 'Y',
        Role::Observer => 'O',
    }
}

fn may(listed: &str, role: Role) -> bool {
    listed == "*" || listed.contains(initial(role))
}

fn concrete(path: &str) -> String {
    path.replace("{client}", "VN:GOV:G01:dancu")
        .replace("{code}", "tracuu")
        .replace("{endpoint}", "1")
        .replace("{subject}", "client:VN:GOV:T01")
        .replace("{member}", "VN:GOV:T01:x")
        .replace("{group}", "g")
        .replace("{sha256}", "00")
        .replace("{id}", "00")
}

#[test]
fn every_route_of_the_router_is_listed_here_and_in_the_document() {
    let listed: BTreeSet<_> = LISTED.iter().map(|(_, m, p)| format!("{m} /api/exchange/v1/{p}")).collect();
    let routed: BTreeSet<_> = routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(listed, routed, "add a new route to LISTED with the roles that may use it");
    let document = serde_json::to_value(openapi()).unwrap();
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(described, routed, "describe a new route in api/document.rs");
}

#[test]
fn the_roles_of_each_route_are_those_listed() {
    for route in routes() {
        let listed = LISTED.iter().find(|(_, m, p)| *m == route.method && route.path.ends_with(&format!("v1/{p}")));
        let (listed, ..) = listed.unwrap();
        match route.access {
            Access::Public => assert_eq!(*listed, "-", "{}", route.path),
            Access::Roles(roles) => {
                for role in Role::ALL {
                    assert_eq!(may(listed, role), roles.contains(&role), "{} {} {role:?}", route.method, route.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn no_route_answers_without_permission() {
    let house = House::furnished(sqlite().await.store).await;
    let door = house.door();
    for (listed, method, path) in LISTED.iter().filter(|(listed, ..)| *listed != "-") {
        let path = concrete(path);
        let anonymous = door.call(method, &path, "{}").await;
        assert_eq!(
            (anonymous.status, anonymous.json()["code"].as_str()),
            (401, Some("kit.unauthenticated")),
            "{method} {path}"
        );
        let unknown = door.with_key("no-such-key").call(method, &path, "{}").await;
        assert_eq!(unknown.status, 401, "{method} {path}");
        let without: Vec<Role> = Role::ALL.into_iter().filter(|role| !may(listed, *role)).collect();
        if !without.is_empty() {
            let key = house.key(&without).await;
            let refused = door.with_key(&key).call(method, &path, "{}").await;
            assert_eq!(
                (refused.status, refused.json()["code"].as_str()),
                (403, Some("kit.forbidden")),
                "{method} {path}"
            );
        }
    }
    assert!(house.events().await.iter().all(|event| !event.contains("client failed")), "no act was even begun");
}

#[tokio::test]
async fn each_listed_role_opens_its_routes() {
    let house = House::furnished(sqlite().await.store).await;
    for role in Role::ALL {
        let door = house.door().with_key(&house.key(&[role]).await);
        for (_, method, path) in LISTED.iter().filter(|(listed, ..)| *listed != "-" && may(listed, role)) {
            // The body is wrong on purpose: what counts is that the answer is no longer about permission.
            let answer = door.call(method, &concrete(path), "[").await;
            assert!(![401, 403].contains(&answer.status), "{role:?} {method} {path}: {}", answer.status);
        }
    }
}
