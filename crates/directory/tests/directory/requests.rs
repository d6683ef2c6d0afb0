//! Management requests: proofs, approval, complements, withdrawals, and what each kind changes.

use directory::acts::submit_request::{RequestText, SignedRequest};
use directory::model::request::RequestBody;
use directory::{CertDer, ClientId, ServerId};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Authority, Holder, World};

fn gw1() -> ServerId {
    "VN:GOV:G01:gw1".parse().unwrap()
}

fn client(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn auth_registration(auth_cert: &CertDer) -> RequestBody {
    RequestBody::AuthCertRegistration { server: gw1(), address: Some("gw1.vn".into()), auth_cert: auth_cert.clone() }
}

fn client_registration(id: &str) -> RequestBody {
    RequestBody::ClientRegistration { server: gw1(), client: client(id), subsystem_name: Some("Một cửa".into()) }
}

fn signed(world: &World, request: RequestBody, member: &Holder, auth: Option<&Holder>) -> SignedRequest {
    let text = RequestText { instance: "VN".into(), sent_at: world.clock.now(), request };
    let auth_key = auth.map(|holder| &holder.key as &dyn trust::key::SigningKey);
    SignedRequest::sign(&text, &member.cert, &member.key, auth_key).unwrap()
}

async fn submit(world: &World, signed: &SignedRequest) -> (StatusCode, Value) {
    // The rate limit has its own test: here every request comes in a minute of its own.
    world.clock.advance(SignedDuration::from_secs(61));
    world.send_as(None, "POST", "/management/requests", json!(signed)).await
}

async fn approve(world: &World, row: &Value) -> Value {
    world.done("POST", &format!("/requests/{}/approve", row["id"]), Value::Null).await
}

/// Registers gateway gw1 of G01 and returns the signing certificate of G01.
async fn with_gateway(world: &World) -> Holder {
    let (owner, auth) = (world.authority.sign("GOV", "G01"), world.authority.auth("G01"));
    let (status, row) = submit(world, &signed(world, auth_registration(&auth.cert), &owner, Some(&auth))).await;
    assert_eq!(status, 201, "{row}");
    approve(world, &row).await;
    owner
}

#[tokio::test]
async fn a_gateway_registers_its_certificate_and_a_client() {
    for world in World::furnished().await {
        with_gateway(&world).await;
        let province = world.authority.sign("GOV", "H26");
        let request = signed(&world, client_registration("VN:GOV:H26:mot-cua"), &province, None);
        let (status, row) = submit(&world, &request).await;
        assert_eq!((status.as_u16(), &row["status"]), (201, &"submitted".into()), "{row}");
        let pending = world.done("GET", "/requests?status=submitted", Value::Null).await;
        assert_eq!(pending["items"][0]["body"]["client"], "VN:GOV:H26:mot-cua");
        let approved = approve(&world, &row).await;
        assert_eq!((&approved["status"], &approved["decided_by"]), (&"approved".into(), &"lan".into()));
        world.publisher.publish().await.unwrap();
        let (_, _, signed_directory) = world.get("/internalconf?version=6").await;
        let location = signed_directory.lines().find_map(|line| line.strip_prefix("Content-location: ")).unwrap();
        let published = directory::shared_params::read(world.get(location).await.2.as_bytes()).unwrap();
        assert_eq!(published.servers[0].clients, [client("VN:GOV:H26:mot-cua")]);
        let owners = published.groups.iter().find(|group| *group.code == *directory::OWNERS_GROUP).unwrap();
        assert_eq!(owners.members, [client("VN:GOV:G01")], "deployed gateways look this group up by its code");
        let gateway = world.done("GET", "/gateways/VN:GOV:G01:gw1", Value::Null).await;
        assert_eq!(gateway["address"], "gw1.vn");
        assert_eq!(gateway["auth_certs"].as_array().unwrap().len(), 1);
        assert_eq!(gateway["clients"], json!([{ "id": "VN:GOV:H26:mot-cua", "enabled": true }]), "{}", world.engine);
        assert_eq!(
            world.refused("POST", &format!("/requests/{}/approve", row["id"]), Value::Null).await,
            "directory.request_decided"
        );
        let (status, again) = submit(&world, &request).await;
        assert_eq!((status.as_u16(), &again["id"]), (200, &row["id"]), "the same bytes are the same request");
    }
}

#[tokio::test]
async fn a_request_without_every_proof_is_refused_and_leaves_a_trace() {
    for world in World::furnished().await {
        let (owner, auth) = (world.authority.sign("GOV", "G01"), world.authority.auth("G01"));
        let (stranger, foreign) = (world.authority.sign("GOV", "H26"), Authority::new().sign("GOV", "G01"));
        let other_auth = world.authority.auth("H26");
        let good = signed(&world, auth_registration(&auth.cert), &owner, Some(&auth));
        let mut changed = good.clone();
        changed.text = changed.text.replace("gw1.vn", "gw2.vn");
        let mut unpossessed = good.clone();
        unpossessed.auth_key = None;
        for (what, request) in [
            ("another member signs", signed(&world, auth_registration(&auth.cert), &stranger, Some(&auth))),
            ("an unknown authority", signed(&world, auth_registration(&auth.cert), &foreign, Some(&auth))),
            ("changed after signing", changed),
            ("no proof of possession", unpossessed),
            ("possession of another key", signed(&world, auth_registration(&auth.cert), &owner, Some(&owner))),
            (
                "the certificate of another member",
                signed(&world, auth_registration(&other_auth.cert), &owner, Some(&other_auth)),
            ),
            ("a signing certificate for TLS", signed(&world, auth_registration(&owner.cert), &owner, Some(&owner))),
        ] {
            let (status, answer) = submit(&world, &request).await;
            let code = answer["code"].as_str().unwrap();
            assert_eq!((status.as_u16(), code), (403, "directory.request_not_proven"), "{} {what}", world.engine);
        }
        let journal = world.done("GET", "/audit?limit=1", Value::Null).await;
        assert_eq!(journal["items"][0]["event"], "Add management request failed");
    }
}

#[tokio::test]
async fn a_request_of_another_instance_or_time_is_refused() {
    for world in World::furnished().await {
        let (owner, auth) = (world.authority.sign("GOV", "G01"), world.authority.auth("G01"));
        let old = signed(&world, auth_registration(&auth.cert), &owner, Some(&auth));
        world.clock.advance(SignedDuration::from_mins(11));
        assert_eq!(submit(&world, &old).await.0, 400, "{}", world.engine);
        let text =
            RequestText { instance: "LA".into(), sent_at: world.clock.now(), request: auth_registration(&auth.cert) };
        let elsewhere = SignedRequest::sign(&text, &owner.cert, &owner.key, Some(&auth.key)).unwrap();
        assert_eq!(submit(&world, &elsewhere).await.0, 400);
    }
}

#[tokio::test]
async fn duplicates_collide_and_complements_approve_each_other() {
    for world in World::furnished().await {
        with_gateway(&world).await;
        let province = world.authority.sign("GOV", "H26");
        let asked = client_registration("VN:GOV:H26:mot-cua");
        let (_, first) = submit(&world, &signed(&world, asked.clone(), &province, None)).await;
        let (status, _) = submit(&world, &signed(&world, asked.clone(), &province, None)).await;
        assert_eq!(status, 409, "{}: a second request for the same thing waits for nobody", world.engine);
        let entered = world.done("POST", "/requests", json!(asked)).await;
        assert_eq!(entered["status"], "approved");
        let first = world.done("GET", &format!("/requests/{}", first["id"]), Value::Null).await;
        assert_eq!(first["status"], "approved");
        let (status, again) = submit(&world, &signed(&world, asked, &province, None)).await;
        assert_eq!(status, 201);
        let outcome = world.refused("POST", &format!("/requests/{}/approve", again["id"]), Value::Null).await;
        assert_eq!(outcome, "kit.conflict", "it is registered already");
        world.done("POST", &format!("/requests/{}/decline", again["id"]), json!({ "comment": "trùng" })).await;
    }
}

#[tokio::test]
async fn a_deletion_takes_back_a_pending_registration_and_ends_a_registered_one() {
    for world in World::furnished().await {
        with_gateway(&world).await;
        let province = world.authority.sign("GOV", "H26");
        let asked = client_registration("VN:GOV:H26:mot-cua");
        let deletion = || RequestBody::ClientDeletion { server: gw1(), client: client("VN:GOV:H26:mot-cua") };
        let (_, row) = submit(&world, &signed(&world, asked.clone(), &province, None)).await;
        let (status, taken_back) = submit(&world, &signed(&world, deletion(), &province, None)).await;
        assert_eq!((status.as_u16(), &taken_back["status"]), (200, &"approved".into()));
        let row = world.done("GET", &format!("/requests/{}", row["id"]), Value::Null).await;
        assert_eq!(row["status"], "revoked", "{}", world.engine);
        let (_, row) = submit(&world, &signed(&world, asked, &province, None)).await;
        approve(&world, &row).await;
        assert_eq!(submit(&world, &signed(&world, deletion(), &province, None)).await.0, 200);
        let gateway = world.done("GET", "/gateways/VN:GOV:G01:gw1", Value::Null).await;
        assert_eq!(gateway["clients"], json!([]));
        let (status, _) = submit(&world, &signed(&world, deletion(), &province, None)).await;
        assert_eq!(status, 404, "there is nothing left to delete");
    }
}

#[tokio::test]
async fn address_maintenance_and_clients_change_without_an_operator() {
    for world in World::furnished().await {
        let owner = with_gateway(&world).await;
        let province = world.authority.sign("GOV", "H26");
        let (_, row) =
            submit(&world, &signed(&world, client_registration("VN:GOV:H26:mot-cua"), &province, None)).await;
        approve(&world, &row).await;
        let (server, mot_cua) = (gw1(), client("VN:GOV:H26:mot-cua"));
        for (body, signer) in [
            (RequestBody::AddressChange { server: server.clone(), address: "10.0.0.7".into() }, &owner),
            (RequestBody::MaintenanceOn { server: server.clone(), message: "Nâng cấp".into() }, &owner),
            (RequestBody::ClientDisable { server: server.clone(), client: mot_cua.clone() }, &owner),
            (
                RequestBody::ClientRename {
                    server: server.clone(),
                    client: mot_cua.clone(),
                    subsystem_name: "Mới".into(),
                },
                &province,
            ),
        ] {
            let (status, answer) = submit(&world, &signed(&world, body, signer, None)).await;
            assert_eq!((status.as_u16(), &answer["status"]), (200, &"approved".into()), "{} {answer}", world.engine);
        }
        let gateway = world.done("GET", "/gateways/VN:GOV:G01:gw1", Value::Null).await;
        assert_eq!((&gateway["address"], &gateway["maintenance"]), (&"10.0.0.7".into(), &"Nâng cấp".into()));
        assert_eq!(gateway["clients"][0]["enabled"], false);
        let member = world.done("GET", "/members/VN:GOV:H26", Value::Null).await;
        assert_eq!(member["subsystems"][0]["name"], "Mới");
        let enable = RequestBody::ClientEnable { server: server.clone(), client: mot_cua };
        let (status, _) = submit(&world, &signed(&world, enable.clone(), &owner, None)).await;
        assert_eq!(status, 403, "only the client itself returns into service");
        assert_eq!(submit(&world, &signed(&world, enable, &province, None)).await.0, 200);
        let bad = RequestBody::AddressChange { server: server.clone(), address: "a b".into() };
        assert_eq!(submit(&world, &signed(&world, bad, &owner, None)).await.0, 400);
        let off = RequestBody::MaintenanceOff { server };
        assert_eq!(submit(&world, &signed(&world, off, &owner, None)).await.0, 200);
    }
}

#[tokio::test]
async fn a_gateway_passes_to_a_member_registered_at_it() {
    for world in World::furnished().await {
        with_gateway(&world).await;
        let province = world.authority.sign("GOV", "H26");
        let change = RequestBody::OwnerChange { server: gw1(), client: client("VN:GOV:H26") };
        let (_, early) = submit(&world, &signed(&world, change.clone(), &province, None)).await;
        let outcome = world.refused("POST", &format!("/requests/{}/approve", early["id"]), Value::Null).await;
        assert_eq!(outcome, "kit.not_found", "the new owner is not a client there yet");
        let registration =
            RequestBody::ClientRegistration { server: gw1(), client: client("VN:GOV:H26"), subsystem_name: None };
        let (_, row) = submit(&world, &signed(&world, registration, &province, None)).await;
        approve(&world, &row).await;
        approve(&world, &early).await;
        let gateway = world.done("GET", "/gateways/VN:GOV:H26:gw1", Value::Null).await;
        assert_eq!(gateway["clients"], json!([{ "id": "VN:GOV:G01", "enabled": true }]), "{}", world.engine);
        assert_eq!(world.refused("GET", "/gateways/VN:GOV:G01:gw1", Value::Null).await, "kit.not_found");
    }
}

#[tokio::test]
async fn an_instance_may_approve_by_itself() {
    for world in World::furnished().await {
        let mut settings = world.done("GET", "/settings", Value::Null).await;
        settings["auto_approve_auth_cert"] = true.into();
        world.done("PUT", "/settings", settings).await;
        let (owner, auth) = (world.authority.sign("GOV", "G01"), world.authority.auth("G01"));
        let (status, row) = submit(&world, &signed(&world, auth_registration(&auth.cert), &owner, Some(&auth))).await;
        assert_eq!((status.as_u16(), &row["decided_by"]), (200, &"automatic".into()), "{} {row}", world.engine);
        let (status, _) = submit(&world, &signed(&world, client_registration("VN:GOV:G01:a"), &owner, None)).await;
        assert_eq!(status, 201, "each kind has its own setting");
        let sha256 = auth.cert.sha256_hex();
        world.done("DELETE", &format!("/gateways/VN:GOV:G01:gw1/auth-certs/{sha256}"), Value::Null).await;
        world.done("DELETE", "/gateways/VN:GOV:G01:gw1", Value::Null).await;
    }
}

#[tokio::test]
async fn strangers_may_not_keep_the_central_busy() {
    let world = World::furnished().await.remove(0);
    let owner = world.authority.sign("GOV", "G01");
    let request = signed(&world, client_registration("VN:GOV:H26:mot-cua"), &owner, None);
    for attempt in 0..11 {
        let (status, _) = world.send_as(None, "POST", "/management/requests", json!(request)).await;
        assert_eq!(status.as_u16(), if attempt < 10 { 403 } else { 429 });
    }
}
