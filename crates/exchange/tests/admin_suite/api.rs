//! The administration over HTTP: what an integrator's tool sees.

use axum::body::Body;
use exchange::acts::permit::Role;
use exchange::api::Limits;
use http::Request;
use serde_json::json;
use testkit::{databases, sqlite};

use crate::house::{Door, House};

const DANCU: &str = "clients/VN:GOV:G01:dancu";
const SERVICE: &str = "clients/VN:GOV:G01:dancu/services/tracuu";

async fn door(house: &House) -> Door {
    house.door().with_key(&house.key(&Role::ALL).await)
}

#[tokio::test]
async fn a_gateway_can_be_set_up_through_the_api_alone() {
    for database in databases().await {
        let house = House::on(database.store).await;
        let door = door(&house).await;
        let made = door.call("POST", "clients", json!({ "id": "VN:GOV:G01:dancu" }).to_string()).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.header("location"), format!("/api/exchange/v1/{DANCU}"));
        assert_eq!(
            (made.json()["status"].as_str(), made.json()["connection_type"].as_str()),
            (Some("saved"), Some("SSLAUTH"))
        );
        let asked = door.call("POST", &format!("{DANCU}/registration-requests"), r#"{"kind":"register"}"#).await;
        assert_eq!((asked.status, asked.json()["status"].as_str()), (202, Some("registration_in_progress")));
        let service = json!({ "code": "tracuu", "base_url": "http://is.example.vn/", "timeout_seconds": 30 });
        let made = door.call("POST", &format!("{DANCU}/services"), service.to_string()).await;
        assert_eq!((made.status, made.json()["base_url"].as_str()), (201, Some("http://is.example.vn")));
        let endpoint = json!({ "method": "get", "path": "/nguoi/*" });
        let made = door.call("POST", &format!("{SERVICE}/endpoints"), endpoint.to_string()).await;
        assert_eq!((made.status, made.json()["method"].as_str()), (201, Some("GET")));
        let right = format!("{SERVICE}/endpoints/{}/rights/client:VN:GOV:T01:motcua", made.json()["id"]);
        assert_eq!(door.call("PUT", &right, "").await.status, 204);
        assert_eq!(door.call("PUT", &right, "").await.status, 204, "again changes nothing");
        let holders = door.get(&format!("{SERVICE}/rights")).await.json();
        assert_eq!(holders["items"][0]["subject"], "client:VN:GOV:T01:motcua");
        let held = door.get("rights?subject=client:VN:GOV:T01:motcua").await.json();
        assert_eq!(
            (held["items"][0]["code"].as_str(), held["items"][0]["path"].as_str()),
            (Some("tracuu"), Some("/nguoi/*"))
        );
        let callable = door.get("callers/VN:GOV:T01:motcua/endpoints").await.json();
        assert_eq!(callable[0]["endpoints"][0]["path"], "/nguoi/*", "{}", database.name);
        assert_eq!(door.call("DELETE", &right, "").await.status, 204);
        assert_eq!(door.get("callers/VN:GOV:T01:motcua/endpoints").await.json(), json!([]));
        let audit = door.get("audit?limit=1").await.json();
        assert_eq!(audit["items"][0]["event"], "Remove access rights from service");
        assert!(audit["items"][0]["user"].as_str().unwrap().starts_with("thử ("));
    }
}

#[tokio::test]
async fn an_openapi_description_is_imported_shown_and_refreshed() {
    let house = House::furnished(sqlite().await.store).await;
    let door = door(&house).await;
    let text = r#"{"openapi":"3.1.0","servers":[{"url":"http://is/"}],"paths":{"/a/{x}":{"get":{}}}}"#;
    let made = door.call("POST", &format!("{DANCU}/descriptions?code=mota"), text).await;
    assert_eq!((made.status, made.json()["added"][0].as_str()), (201, Some("GET /a/*")), "{made:?}");
    let path = format!("{DANCU}/services/mota/description");
    let shown = door.get(&path).await;
    assert_eq!((shown.header("content-type"), shown.bytes.as_slice()), ("application/json", text.as_bytes()));
    let changed = text.replace("/a/{x}", "/b");
    let missing = door.call("PUT", &path, changed.clone()).await;
    assert_eq!((missing.status, missing.json()["code"].as_str()), (428, Some("exchange.precondition_required")));
    let preview =
        door.call_with("PUT", &format!("{path}?preview=true"), &[("if-match", "\"1\"")], changed.clone()).await;
    assert_eq!((preview.json()["removed"][0].as_str(), preview.header("etag")), (Some("GET /a/*"), "\"1\""));
    let applied = door.call_with("PUT", &path, &[("if-match", preview.header("etag"))], changed).await;
    assert_eq!((applied.status, applied.header("etag")), (200, "\"2\""));
    let broken = door.call("POST", &format!("{DANCU}/descriptions?code=hong"), "openapi: 2").await;
    assert_eq!((broken.status, broken.json()["code"].as_str()), (400, Some("kit.invalid")));
    let reserved = door.call("POST", &format!("{DANCU}/descriptions?code=listMethods"), text).await;
    assert_eq!((reserved.status, reserved.json()["faults"][0]["field"].as_str()), (400, Some("/code")));
}

#[tokio::test]
async fn an_old_entity_tag_is_refused_and_the_newer_value_stays() {
    let house = House::furnished(sqlite().await.store).await;
    let door = door(&house).await;
    let edit = |tag: &'static str, url: &'static str| {
        let door = door.clone();
        async move {
            let body = json!({ "base_url": url }).to_string();
            door.call_with("PUT", SERVICE, &[("if-match", tag)], body).await
        }
    };
    assert_eq!(edit("\"1\"", "http://one").await.status, 200);
    let late = edit("\"1\"", "http://two").await;
    assert_eq!((late.status, late.json()["code"].as_str()), (412, Some("exchange.stale")));
    assert_eq!(edit("W/\"x\"", "http://two").await.status, 412);
    assert_eq!(door.get(SERVICE).await.json()["base_url"], "http://one");
    assert_eq!(edit("*", "http://three").await.header("etag"), "\"3\"");
    assert_eq!(door.call("DELETE", SERVICE, "").await.status, 428);
    assert_eq!(door.call_with("DELETE", SERVICE, &[("if-match", "\"3\"")], "").await.status, 204);
    assert_eq!(door.get(SERVICE).await.status, 404);
}

#[tokio::test]
async fn problems_name_field_cause_and_remedy_in_the_callers_language() {
    let house = House::furnished(sqlite().await.store).await;
    let door = door(&house).await;
    let body = json!({ "code": "x", "base_url": "ftp://a" }).to_string();
    let path = format!("{DANCU}/services");
    let vi = door.call("POST", &path, body.clone()).await;
    let en = door.call_with("POST", &path, &[("accept-language", "en-GB,vi;q=0.5")], body).await;
    for (answer, title) in [(&vi, "Yêu cầu không hợp lệ"), (&en, "The request is not valid")] {
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"));
        assert_eq!(answer.json()["title"], title);
        assert_eq!(answer.json()["faults"][0]["field"], "/base_url");
    }
    let unknown = door.call("POST", &path, r#"{"code":"x","base_url":"http://a","baseurl":1}"#).await;
    assert_eq!(unknown.status, 400);
    assert_eq!(door.get("nothing-here").await.json()["code"], "kit.not_found");
    let method = door.call("PATCH", "clients", "").await;
    assert_eq!((method.status, method.json()["code"].as_str()), (405, Some("exchange.method_not_allowed")));
    assert_eq!(door.get("clients/VN:GOV").await.status, 400);
    assert_eq!(door.get("clients?limit=many").await.status, 400);
}

#[tokio::test]
async fn identifiers_may_hold_any_character_in_their_url() {
    let house = House::furnished(sqlite().await.store).await;
    let door = door(&house).await;
    assert_eq!(door.get("clients/VN%3AGOV%3AG01%3Adancu").await.status, 200, "a tool that encodes the whole segment");
    let group = json!({ "code": "tỉnh-1" }).to_string();
    assert_eq!(door.call("POST", &format!("{DANCU}/groups"), group).await.status, 201);
    let member = format!("{DANCU}/groups/t%E1%BB%89nh-1/members/VN:GOV:a%2Fb%3Ac:d%25e");
    assert_eq!(door.call("PUT", &member, "").await.status, 204);
    let members = door.get(&format!("{DANCU}/groups/t%E1%BB%89nh-1/members")).await.json();
    assert_eq!(members["items"][0]["id"], "VN:GOV:a%2Fb%3Ac:d%25e");
    assert_eq!(door.call("DELETE", &member, "").await.status, 204);
}

#[tokio::test]
async fn lists_are_paged_by_key() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let door = door(&house).await;
        for number in 0..5 {
            let body = json!({ "code": format!("g{number}") }).to_string();
            door.call("POST", &format!("{DANCU}/groups"), body).await;
            let rights: Vec<_> = (0..2).map(|n| json!({ "subject": format!("client:VN:GOV:T{number}{n}") })).collect();
            let body = json!({ "action": "grant", "rights": rights }).to_string();
            let changed = door.call("POST", &format!("{SERVICE}/rights"), body).await;
            assert_eq!(changed.json()["changed"], 2, "{changed:?}");
        }
        for (path, total) in
            [(format!("{DANCU}/groups"), 5), (format!("{SERVICE}/rights"), 10), ("audit".to_owned(), 13)]
        {
            let mut seen = Vec::new();
            let mut query = "limit=2".to_owned();
            loop {
                let page = door.get(&format!("{path}?{query}")).await.json();
                seen.extend(page["items"].as_array().unwrap().iter().map(ToString::to_string));
                let Some(next) = page["next"].as_str() else { break };
                query = format!("limit=2&after={next}");
            }
            let mut distinct = seen.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!((seen.len(), distinct.len()), (total, total), "{} {path}", database.name);
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let house = House::furnished(sqlite().await.store).await;
    let door = door(&house).await;
    let too_much = format!("{{\"id\":\"{}\"}}", "x".repeat(50 * 1024));
    let answer = door.call("POST", "clients", too_much.clone()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (413, Some("kit.too_large")));
    // Without a Content-Length the bound is met while reading.
    let chunks =
        too_much.into_bytes().chunks(1000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let request = Request::post("/api/exchange/v1/clients");
    let request = request.body(Body::from_stream(futures_util::stream::iter(chunks))).unwrap();
    assert_eq!(door.send(request).await.status, 413);
    let upload = vec![b' '; 10 * 1024 * 1024 + 1];
    assert_eq!(door.call("POST", &format!("{DANCU}/certificates"), upload).await.status, 413);
    let long = format!("openapi: 3.0.0\npaths: {{}}\n# {}", "x".repeat(100 * 1024));
    let path = format!("{DANCU}/descriptions?code=dai&base_url=http://a");
    assert_eq!(door.call("POST", &path, long).await.status, 201, "an upload may be longer than a JSON body");
}

#[tokio::test]
async fn too_many_calls_are_told_when_to_come_back() {
    let house = House::on(sqlite().await.store).await;
    let door = house.door_with(Limits { per_second: 3, per_minute: 600 }).with_key(&house.key(&Role::ALL).await);
    for _ in 0..3 {
        assert_eq!(door.get("server").await.status, 200);
    }
    let refused = door.get("server").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert_eq!(refused.json()["code"], "kit.too_many_requests");
    house.clock.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(door.get("server").await.status, 200);
}

#[tokio::test]
async fn a_key_is_accepted_in_the_form_x_road_tools_send() {
    let house = House::on(sqlite().await.store).await;
    let token = format!("X-Road-ApiKey token={}", house.key(&[Role::Observer]).await);
    let answer = house.door().call_with("GET", "server", &[("authorization", &token)], "").await;
    assert_eq!((answer.status, answer.json()["id"].as_str()), (200, Some("VN:GOV:G01:cong1")));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_key_is_created_once_and_shown_without_itself_afterwards() {
    let house = House::on(sqlite().await.store).await;
    let door = door(&house).await;
    let body = json!({ "name": "máy quét", "roles": ["observer"] }).to_string();
    let made = door.call("POST", "api-keys", body).await.json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(house.door().with_key(key).get("clients").await.status, 200);
    let listed = door.get("api-keys").await;
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(key));
    let id = made["id"].as_str().unwrap();
    assert_eq!(door.call("DELETE", &format!("api-keys/{id}"), "").await.status, 204);
    assert_eq!(house.door().with_key(key).get("clients").await.status, 401);
    let bad = door.call("POST", "api-keys", r#"{"name":"x","roles":["root"]}"#).await;
    assert_eq!((bad.status, bad.json()["faults"][0]["field"].as_str()), (400, Some("/roles")));
}
