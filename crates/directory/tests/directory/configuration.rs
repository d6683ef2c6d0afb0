//! The published configuration and a gateway that lives by it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::client::{ClientOptions, Federation, Updater, load_verification_conf, write_verification_conf};
use directory::model::anchor;
use directory::model::global_conf::OWNERS_GROUP;
use directory::{ClientId, GlobalGroupId};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Tamper, Wire, World};

async fn anchor_of(world: &World, audience: &str) -> anchor::Anchor {
    let (_, file) = world.send("GET", &format!("/anchors/{audience}"), Value::Null).await;
    anchor::read(file.as_str().unwrap().as_bytes()).unwrap()
}

async fn updater(world: &World, wire: &Arc<Wire>, folder: &Path) -> Updater {
    let options = ClientOptions::new(anchor_of(world, "internal").await, folder.to_owned(), world.clock.clone());
    Updater::new(ClientOptions { transport: wire.clone(), interval: Duration::from_secs(60), ..options })
}

/// The line a scraping client looks for.
fn shared_location(directory: &str) -> String {
    let line = directory.lines().find(|line| line.ends_with("/shared-params.xml")).unwrap();
    line.strip_prefix("Content-location: ").unwrap().to_owned()
}

fn client(text: &str) -> ClientId {
    text.parse().unwrap()
}

#[tokio::test]
async fn versions_and_audiences_are_served_side_by_side() {
    for world in World::furnished().await {
        assert_eq!(world.get("/internalconf").await.0, 404, "nothing is published yet");
        world.publisher.publish().await.unwrap();
        let (status, headers, without_version) = world.get("/internalconf").await;
        assert_eq!(status, 200);
        assert!(headers["content-type"].to_str().unwrap().starts_with("multipart/related; charset=UTF-8; boundary="));
        let location = shared_location(&without_version);
        assert!(location.starts_with("/V5/20261123010203"), "{location}");
        let (_, _, six) = world.get("/internalconf?version=6").await;
        assert!(shared_location(&six).starts_with("/V6/") && six.contains("PRIVATE-PARAMETERS; instance='VN'"));
        let (_, _, external) = world.get("/externalconf?version=6").await;
        assert!(!external.contains("PRIVATE-PARAMETERS"), "partners are told nothing private");
        for version in ["7", "4", "x"] {
            assert_eq!(world.get(&format!("/internalconf?version={version}")).await.0, 404, "{version}");
        }
        let (status, _, file) = world.get(&shared_location(&six)).await;
        assert!(status == 200 && file.contains("<memberCode>H26</memberCode>"), "{}", world.engine);
        assert_eq!(world.get(&location.replace("shared-params", "other")).await.0, 404);
    }
}

#[tokio::test]
async fn files_stay_the_same_until_the_content_changes() {
    for world in World::furnished().await {
        world.publisher.publish().await.unwrap();
        let first = shared_location(&world.get("/internalconf").await.2);
        world.clock.advance(SignedDuration::from_secs(60));
        let expiry = world.publisher.publish().await.unwrap().expires_at.unwrap();
        let (_, _, second) = world.get("/internalconf").await;
        assert_eq!(shared_location(&second), first);
        assert!(second.contains("Expire-date: 2026-11-23T01:13:03Z") && expiry.to_string() == "2026-11-23T01:13:03Z");
        // An act that changes nothing that is published gives no new generation either.
        world.done("POST", "/agencies/import", json!("code_old_form\tname_vi\n000.00.00.G01\tBộ Công an\n")).await;
        world.publisher.publish().await.unwrap();
        assert_eq!(shared_location(&world.get("/internalconf").await.2), first, "{}", world.engine);
        world.clock.advance(SignedDuration::from_mins(-30));
        world.done("POST", "/members", json!({ "id": "VN:GOV:G12", "name": "Bộ Tài chính" })).await;
        world.publisher.publish().await.unwrap();
        let third = shared_location(&world.get("/internalconf").await.2);
        assert!(third > first, "a clock set back does not make older generations: {third} {first}");
        assert_eq!(world.get(&first).await.0, 200, "a client may still be downloading the one before");
        let status = world.done("GET", "/configuration/status", Value::Null).await;
        assert!(third.contains(status["stamp"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn another_node_serves_the_same_files() {
    for world in World::furnished().await {
        world.publisher.publish().await.unwrap();
        let other = directory::conf::Publisher::new(world.central.clone());
        world.clock.advance(SignedDuration::from_secs(17));
        let published = other.publish().await.unwrap();
        let document = published.directory(directory::store::keys::Audience::Internal, Some(6)).unwrap();
        let text = String::from_utf8(document.bytes.to_vec()).unwrap();
        assert_eq!(shared_location(&text), shared_location(&world.get("/internalconf?version=6").await.2));
    }
}

#[tokio::test]
async fn a_known_tag_is_answered_without_a_body() {
    use tower::ServiceExt;
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let (_, headers, _) = world.get("/internalconf").await;
    let request = http::Request::get("/internalconf").header("if-none-match", &headers["etag"]);
    let response = world.door.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 304);
}

#[tokio::test]
async fn a_locked_token_stops_signing_but_not_serving() {
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let keys = std::mem::take(&mut *world.vault.0.lock().unwrap());
    assert!(world.publisher.publish().await.is_err());
    assert_eq!(world.get("/internalconf").await.0, 200);
    let status = world.done("GET", "/configuration/status", Value::Null).await;
    assert!(status["last_error"].as_str().unwrap().contains("token"), "{status}");
    *world.vault.0.lock().unwrap() = keys;
    world.publisher.publish().await.unwrap();
    assert!(world.publisher.status().last_error.is_none());
}

#[tokio::test]
async fn a_gateway_fetches_only_what_changed_and_survives_the_central() {
    for world in World::furnished().await {
        world.publisher.publish().await.unwrap();
        let (wire, folder) = (Wire::to("trung-tam.vn", world.door.clone()), testkit::tempdir());
        let mut gateway = updater(&world, &wire, folder.path()).await;
        let handle = gateway.handle();
        let mut changes = handle.watch();
        assert!(handle.current().is_expired(world.clock.now()), "nothing counts before the first round");
        assert!(gateway.round().await, "{:?}", handle.health());
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert_eq!(handle.current().member_name(&client("VN:GOV:H26")), Some("UBND thành phố Hà Nội"));
        assert_eq!(wire.taken_log().len(), 3, "a directory and two files");
        world.clock.advance(SignedDuration::from_secs(60));
        world.publisher.publish().await.unwrap();
        assert!(gateway.round().await);
        assert_eq!(wire.taken_log(), ["/internalconf?version=6"], "{}", world.engine);
        assert!(!changes.has_changed().unwrap(), "a mere new expiry wakes nobody");
        assert_eq!(handle.current().expires_at().to_string(), "2026-11-23T01:13:03Z");
        world.done("POST", "/members", json!({ "id": "VN:GOV:G12", "name": "Bộ Tài chính" })).await;
        world.publisher.publish().await.unwrap();
        assert!(gateway.round().await);
        assert_eq!(wire.taken_log().len(), 2, "the private parameters are the same");
        assert!(handle.current().has_client(&client("VN:GOV:G12")));

        wire.cut();
        let mut restarted = updater(&world, &wire, folder.path()).await;
        assert!(restarted.handle().current().has_client(&client("VN:GOV:G12")), "the copy carries it");
        assert!(!restarted.round().await);
        assert!(restarted.handle().health().last_error.as_deref().unwrap().contains("cannot connect"));
        assert!(!restarted.handle().current().is_expired(world.clock.now()));
        world.clock.advance(SignedDuration::from_mins(10));
        assert!(restarted.handle().current().is_expired(world.clock.now()), "until it expires");
    }
}

#[tokio::test]
async fn what_is_tampered_with_on_the_way_changes_nothing() {
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let (wire, folder) = (Wire::to("trung-tam.vn", world.door.clone()), testkit::tempdir());
    let mut gateway = updater(&world, &wire, folder.path()).await;
    let tampers: [Tamper; 2] = [
        |path, body| {
            if path.starts_with("/V") { String::from_utf8(body).unwrap().replace("Bộ", "Vụ").into() } else { body }
        },
        |path, body| {
            if path.starts_with("/i") {
                String::from_utf8(body).unwrap().replace("Version: 6", "Version: 5").into()
            } else {
                body
            }
        },
    ];
    for tamper in tampers {
        *wire.tamper.lock().unwrap() = Some(tamper);
        assert!(!gateway.round().await);
        assert!(gateway.handle().current().is_expired(world.clock.now()));
    }
    *wire.tamper.lock().unwrap() = None;
    assert!(gateway.round().await);
    std::fs::write(folder.path().join("VN/shared-params.xml"), "<conf/>").unwrap();
    let restarted = updater(&world, &wire, folder.path()).await;
    assert!(!restarted.handle().current().has_client(&client("VN:GOV:H26")), "a damaged copy is not used");
}

#[tokio::test]
async fn an_older_generation_is_not_taken_back() {
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let old = world.get("/internalconf?version=6").await.2;
    let old_location = shared_location(&old);
    let (wire, folder) = (Wire::to("trung-tam.vn", world.door.clone()), testkit::tempdir());
    let mut gateway = updater(&world, &wire, folder.path()).await;
    world.clock.advance(SignedDuration::from_secs(30));
    world.done("DELETE", "/members/VN:GOV:H26", Value::Null).await;
    world.publisher.publish().await.unwrap();
    assert!(gateway.round().await);
    assert!(!gateway.handle().current().has_client(&client("VN:GOV:H26")));
    // Somebody on the way answers with what was good, and signed, half a minute ago.
    static REPLAY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    REPLAY.set(old).unwrap();
    *wire.tamper.lock().unwrap() =
        Some(|path, body| if path.starts_with("/i") { REPLAY.get().unwrap().clone().into() } else { body });
    assert!(!gateway.round().await, "{old_location} was taken");
    assert!(gateway.handle().health().last_error.as_deref().unwrap().contains("older configuration"));
    assert!(!gateway.handle().current().has_client(&client("VN:GOV:H26")));
}

#[tokio::test]
async fn a_signing_key_is_changed_without_touching_the_anchors_of_gateways() {
    for world in World::furnished().await {
        world.publisher.publish().await.unwrap();
        let (wire, folder) = (Wire::to("trung-tam.vn", world.door.clone()), testkit::tempdir());
        let mut gateway = updater(&world, &wire, folder.path()).await;
        assert!(gateway.round().await);
        let mut stranger = updater(&world, &wire, testkit::tempdir().path()).await;
        let key = world.done("POST", "/signing-keys", json!({ "audience": "internal" })).await;
        assert_eq!(key["active"], false);
        world.publisher.publish().await.unwrap();
        assert!(gateway.round().await, "the new key is announced under the old one");
        world.done("POST", &format!("/signing-keys/{}/activate", key["id"].as_str().unwrap()), Value::Null).await;
        world.publisher.publish().await.unwrap();
        assert!(gateway.round().await, "{}: {:?}", world.engine, gateway.handle().health());
        assert!(!stranger.round().await, "an anchor from before the change does not know the key");
        let keys = world.done("GET", "/signing-keys", Value::Null).await;
        for row in keys.as_array().unwrap().iter().filter(|row| row["audience"] == "internal") {
            let path = format!("/signing-keys/{}", row["id"].as_str().unwrap());
            if row["active"] == true {
                assert_eq!(world.refused("DELETE", &path, Value::Null).await, "kit.conflict");
            } else {
                world.done("DELETE", &path, Value::Null).await;
            }
        }
        world.publisher.publish().await.unwrap();
        assert!(gateway.round().await);
    }
}

#[tokio::test]
async fn partners_come_with_consent_of_both_and_go_with_the_anchor() {
    let (home, away) = (World::furnished().await.remove(0), World::partner("LA").await);
    away.publisher.publish().await.unwrap();
    let (_, file) = away.send("GET", "/anchors/external", Value::Null).await;
    let file = file.as_str().unwrap().replace("http://trung-tam.vn/", "http://away.la/");
    let imported = home.done("POST", "/trusted-anchors", json!(file)).await;
    assert_eq!(imported["fingerprint"], anchor::fingerprint(file.as_bytes()));
    home.publisher.publish().await.unwrap();
    let wire = Wire::to("trung-tam.vn", home.door.clone());
    wire.hosts.lock().unwrap().insert("away.la".into(), away.door.clone());
    let folder = testkit::tempdir();
    let mut hermit = updater(&home, &wire, folder.path()).await;
    assert!(hermit.round().await);
    assert!(!hermit.handle().current().has_client(&client("LA:GOV:G01")), "a gateway takes part only when told to");
    let options = ClientOptions::new(anchor_of(&home, "internal").await, folder.path().to_owned(), home.clock.clone());
    let federation = Federation::Only(vec!["LA".into()]);
    let mut open = Updater::new(ClientOptions { transport: wire.clone(), federation, ..options });
    assert!(open.round().await, "{:?}", open.handle().health());
    let conf = open.handle().current();
    assert!(conf.has_client(&client("LA:GOV:G01")) && conf.has_client(&client("VN:GOV:G01")));
    assert_eq!(&**conf.instance(), "VN");
    assert!(conf.instance_in_force("LA", home.clock.now()));
    home.done("DELETE", "/trusted-anchors/LA", Value::Null).await;
    home.publisher.publish().await.unwrap();
    assert!(open.round().await);
    assert!(!open.handle().current().has_client(&client("LA:GOV:G01")));
    let own = home.send("GET", "/anchors/external", Value::Null).await.1;
    assert_eq!(
        home.refused("POST", "/trusted-anchors", own).await,
        "kit.invalid",
        "an instance is no partner of itself"
    );
}

#[tokio::test]
async fn a_package_for_later_verification_loads_from_zip_and_folder() {
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let location = shared_location(&world.get("/internalconf?version=6").await.2);
    let shared = world.get(&location).await.2;
    let folder = testkit::tempdir();
    let zip = folder.path().join("verificationconf.zip");
    std::fs::write(&zip, write_verification_conf("VN", &[("VN", shared.as_bytes())]).unwrap()).unwrap();
    let unpacked = folder.path().join("unpacked");
    std::fs::create_dir_all(unpacked.join("VN")).unwrap();
    std::fs::write(unpacked.join("instance-identifier"), "VN\n").unwrap();
    std::fs::write(unpacked.join("VN/shared-params.xml"), &shared).unwrap();
    for path in [zip, unpacked.clone()] {
        let conf = load_verification_conf(&path).unwrap();
        assert!(conf.has_client(&client("VN:GOV:H26")) && !conf.is_expired(world.clock.now()));
        assert!(!conf.in_global_group(&client("VN:GOV:H26"), &GlobalGroupId::new("VN", OWNERS_GROUP)));
        assert_eq!(conf.trust().authorities("VN").len(), 1);
    }
    std::fs::write(unpacked.join("instance-identifier"), "LA").unwrap();
    assert!(load_verification_conf(&unpacked).is_err());
}

#[tokio::test]
async fn an_older_central_is_asked_down_to_its_version() {
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let older = world.door.clone().layer(axum::middleware::from_fn(
        |request: axum::extract::Request, next: axum::middleware::Next| async move {
            let new = request.uri().query() == Some("version=6");
            if new {
                axum::response::IntoResponse::into_response(http::StatusCode::NOT_FOUND)
            } else {
                next.run(request).await
            }
        },
    ));
    let (wire, folder) = (Wire::to("trung-tam.vn", older), testkit::tempdir());
    let mut gateway = updater(&world, &wire, folder.path()).await;
    assert!(gateway.round().await, "{:?}", gateway.handle().health());
    let log = wire.taken_log();
    assert_eq!(log.get(..2).unwrap(), ["/internalconf?version=6", "/internalconf?version=5"]);
    assert!(log.iter().skip(2).all(|path| path.starts_with("/V5/")));
}

#[tokio::test]
async fn the_source_that_answered_last_is_asked_first() {
    let world = World::furnished().await.remove(0);
    world.publisher.publish().await.unwrap();
    let wire = Wire::to("nut-2.vn", world.door.clone());
    let mut anchor = anchor_of(&world, "internal").await;
    let certs = anchor.sources[0].verification_certs.clone();
    anchor.sources = ["http://nut-1.vn/internalconf", "http://nut-2.vn/internalconf"]
        .map(|url| anchor::AnchorSource { download_url: url.into(), verification_certs: certs.clone() })
        .to_vec();
    let folder = testkit::tempdir();
    let options = ClientOptions::new(anchor, folder.path().to_owned(), world.clock.clone());
    let mut gateway = Updater::new(ClientOptions { transport: wire.clone(), ..options });
    assert!(gateway.round().await, "one node of two suffices: {:?}", gateway.handle().health());
    wire.taken_log();
    wire.hosts.lock().unwrap().insert("nut-1.vn".into(), axum::Router::new());
    for _ in 0..8 {
        assert!(gateway.round().await);
        assert_eq!(wire.taken_log(), ["/internalconf?version=6"], "the good node is kept while it answers");
    }
}

#[tokio::test]
async fn the_background_tasks_publish_fetch_and_stop() {
    let world = World::furnished().await.remove(0);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let (publisher, publishing) = (world.publisher.clone(), stopping.clone());
    let publishing = tokio::spawn(async move { publisher.run(publishing).await });
    let (wire, folder) = (Wire::to("trung-tam.vn", world.door.clone()), testkit::tempdir());
    let options =
        ClientOptions::new(anchor_of(&world, "internal").await, folder.path().to_owned(), world.clock.clone());
    let interval = Duration::from_millis(5);
    let gateway = Updater::new(ClientOptions { transport: wire.clone(), interval, ..options });
    let handle = gateway.handle();
    let mut changes = handle.watch();
    let fetching = tokio::spawn(gateway.run(stopping));
    changes.changed().await.unwrap();
    world.done("POST", "/members", json!({ "id": "VN:GOV:G12", "name": "Bộ Tài chính" })).await;
    while !handle.current().has_client(&client("VN:GOV:G12")) {
        changes.changed().await.unwrap();
    }
    stop.send(true).unwrap();
    publishing.await.unwrap();
    fetching.await.unwrap();
}
