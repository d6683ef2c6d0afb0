//! Acts: what they change, what they refuse, what the audit log says of them.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use directory::ClientId;
use exchange::acts::follow::{RegisteredHere, follow_global_conf};
use exchange::acts::registration::{RequestKind, SubmitError, request_registration};
use exchange::acts::rights::{self, RightChange};
use exchange::acts::services::{add_rest_service, edit_service, set_service_enabled};
use exchange::acts::{
    ActError, Admin, api_keys, bootstrap_api_key, certificates, clients, connection, descriptions, endpoints, groups,
};
use exchange::conf::{ClientStatus, ConnectionType, ServiceKind};
use exchange::model::access::{NoGroups, Subject};
use jiff::SignedDuration;
use store::StoreError;
use testkit::databases;
use trust::cert::{CertificateTemplate, CertificateUsage, DistinguishedName, self_signed};
use trust::{Certificate, KeyKind, SoftwareKey};

use crate::house::{House, caller, dancu, permit, server, settings};

const DESCRIPTION: &str = "
openapi: 3.0.3
info: { title: Tra cứu, version: '1' }
servers: [{ url: 'https://is.example.vn/v1' }]
paths:
  /nguoi/{id}: { get: {}, put: {} }
  /nguoi/{ma}: { get: {} }
  /thong-ke: { get: {} }
";

fn change(subject: Subject, endpoint: Option<i64>) -> Vec<RightChange> {
    vec![RightChange { subject, endpoint }]
}

fn may_call(admin: &Admin, code: &str, method: &str, path: &str) -> bool {
    let conf = admin.conf().current();
    let service = conf.service(&dancu(), code).unwrap();
    service.rights.decide(&caller(), &NoGroups, method, path).is_ok()
}

fn certificate() -> Certificate {
    let key = SoftwareKey::generate(KeyKind::EcP256).unwrap();
    let template = CertificateTemplate {
        subject: DistinguishedName::new().with("CN", "is.example.vn"),
        usage: CertificateUsage::Authentication,
        serial: vec![1],
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
        dns_names: vec!["is.example.vn".to_owned()],
        ocsp_url: None,
    };
    self_signed(&template, &key).unwrap()
}

#[tokio::test]
async fn a_right_is_in_force_as_soon_as_it_is_granted_and_until_it_is_revoked() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let subject = Subject::Client(caller());
        assert!(!may_call(&house.admin, "tracuu", "GET", "/a"), "{}", database.name);
        let officer = permit();
        let grant = || rights::grant(&house.admin, &officer, dancu(), "tracuu".into(), change(subject.clone(), None));
        assert_eq!(grant().await.unwrap(), 1);
        assert_eq!(grant().await.unwrap(), 0, "granting again changes nothing");
        assert!(may_call(&house.admin, "tracuu", "GET", "/a"), "{}", database.name);
        let revoked = rights::revoke(&house.admin, &officer, dancu(), "tracuu".into(), change(subject.clone(), None));
        assert_eq!(revoked.await.unwrap(), 1);
        assert!(!may_call(&house.admin, "tracuu", "GET", "/a"), "{}", database.name);
    }
}

#[tokio::test]
async fn a_right_needs_an_endpoint_of_that_very_service_and_a_group_that_exists() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        add_rest_service(&house.admin, &permit(), dancu(), "khac".into(), settings("http://b/")).await.unwrap();
        let other = house.admin.conf().current().service(&dancu(), "khac").unwrap().endpoints[0].id;
        for (subject, endpoint, missing) in [
            (Subject::Client(caller()), Some(other), "endpoint"),
            (Subject::LocalGroup("khong-co".into()), None, "local group"),
        ] {
            let result =
                rights::grant(&house.admin, &permit(), dancu(), "tracuu".into(), change(subject, endpoint)).await;
            assert!(matches!(result, Err(ActError::NotFound(what)) if what == missing), "{result:?}");
        }
        assert_eq!(house.events().await.last().unwrap(), "Add access rights to service failed");
    }
}

#[tokio::test]
async fn a_local_group_carries_rights_to_its_members_and_takes_them_along_when_it_goes() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let key = groups::GroupKey { client: dancu(), code: "tinh".into() };
        groups::add_group(&house.admin, &permit(), key.clone(), "Các tỉnh".into()).await.unwrap();
        let group = Subject::LocalGroup("tinh".into());
        rights::grant(&house.admin, &permit(), dancu(), "tracuu".into(), change(group, None)).await.unwrap();
        assert!(!may_call(&house.admin, "tracuu", "GET", "/"));
        let members = vec![caller()];
        assert_eq!(groups::add_members(&house.admin, &permit(), key.clone(), members).await.unwrap(), 1);
        assert!(may_call(&house.admin, "tracuu", "GET", "/"), "{}", database.name);
        let member_only = vec![caller().owner()];
        let refused = groups::add_members(&house.admin, &permit(), key.clone(), member_only).await;
        assert!(matches!(refused, Err(ActError::Invalid { .. })));
        groups::delete_group(&house.admin, &permit(), key.clone(), None).await.unwrap();
        assert!(!may_call(&house.admin, "tracuu", "GET", "/"));
        // A new group of the same code must not find the old rights waiting.
        groups::add_group(&house.admin, &permit(), key.clone(), String::new()).await.unwrap();
        groups::add_members(&house.admin, &permit(), key, vec![caller()]).await.unwrap();
        assert!(!may_call(&house.admin, "tracuu", "GET", "/"), "{}", database.name);
    }
}

#[tokio::test]
async fn a_client_is_registered_suspended_and_ended_through_the_central_authority() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let status = || house.admin.conf().current().client(&dancu()).unwrap().status;
        house.central.down.store(true, Ordering::SeqCst);
        let failed = request_registration(&house.admin, &permit(), RequestKind::Register, dancu(), None).await;
        assert!(matches!(failed, Err(ActError::Submit(SubmitError::Unreachable(_)))));
        assert_eq!(status(), ClientStatus::Saved);
        assert_eq!(house.events().await.last().unwrap(), "Register client failed");
        house.central.down.store(false, Ordering::SeqCst);
        request_registration(&house.admin, &permit(), RequestKind::Register, dancu(), None).await.unwrap();
        assert_eq!(status(), ClientStatus::RegistrationInProgress);
        let twice = request_registration(&house.admin, &permit(), RequestKind::Register, dancu(), None).await;
        assert!(matches!(twice, Err(ActError::RefusedMove(_))));
        assert_eq!(house.central.asked.lock().unwrap().len(), 1, "a refused move sends nothing");
        let registered = RegisteredHere { enabled: HashSet::from([dancu()]), ..RegisteredHere::default() };
        assert_eq!(follow_global_conf(&house.admin, registered.clone()).await.unwrap(), 1);
        assert_eq!(follow_global_conf(&house.admin, registered.clone()).await.unwrap(), 0);
        assert_eq!(status(), ClientStatus::Registered);
        let refused = clients::delete_client(&house.admin, &permit(), dancu()).await;
        assert!(matches!(refused, Err(ActError::Refused(_))));
        request_registration(&house.admin, &permit(), RequestKind::Disable, dancu(), None).await.unwrap();
        assert_eq!(follow_global_conf(&house.admin, registered).await.unwrap(), 0, "not decided yet");
        assert_eq!(status(), ClientStatus::DisablingInProgress);
        let disabled = RegisteredHere { disabled: HashSet::from([dancu()]), ..RegisteredHere::default() };
        assert_eq!(follow_global_conf(&house.admin, disabled).await.unwrap(), 1);
        assert_eq!(status(), ClientStatus::Disabled);
        // A central authority that does not list disabled clients says the same by saying nothing.
        assert_eq!(follow_global_conf(&house.admin, RegisteredHere::default()).await.unwrap(), 0);
        request_registration(&house.admin, &permit(), RequestKind::Unregister, dancu(), None).await.unwrap();
        clients::delete_client(&house.admin, &permit(), dancu()).await.unwrap();
        assert!(house.admin.conf().current().client(&dancu()).is_none());
        assert!(house.admin.conf().current().service(&dancu(), "tracuu").is_none(), "{}", database.name);
    }
}

#[tokio::test]
async fn an_openapi_refresh_keeps_the_rights_of_endpoints_that_survive() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let new = descriptions::OpenApiService {
            provider: dancu(),
            code: "nguoi".into(),
            text: DESCRIPTION.into(),
            base_url: None,
            description_url: None,
        };
        let imported = descriptions::add_openapi_service(&house.admin, &permit(), new).await.unwrap();
        assert_eq!(imported.service.base_url, "https://is.example.vn/v1");
        assert_eq!(imported.service.kind, ServiceKind::OpenApi);
        assert_eq!(imported.duplicates.len(), 1);
        let number = |method: &str, path: &str| {
            let conf = house.admin.conf().current();
            let service = conf.service(&dancu(), "nguoi").unwrap();
            service.endpoints.iter().find(|e| &*e.method == method && &*e.path == path).unwrap().id
        };
        let (get, statistics) = (number("GET", "/nguoi/*"), number("GET", "/thong-ke"));
        for endpoint in [get, statistics] {
            let changes = change(Subject::Client(caller()), Some(endpoint));
            rights::grant(&house.admin, &permit(), dancu(), "nguoi".into(), changes).await.unwrap();
        }
        let refused = endpoints::delete_endpoint(&house.admin, &permit(), dancu(), "nguoi".into(), get).await;
        assert!(matches!(refused, Err(ActError::Refused(_))), "generated endpoints follow the description");
        let changed = DESCRIPTION.replace("/thong-ke", "/bao-cao");
        let refresh = |mode| {
            let text = changed.clone();
            let admin = &house.admin;
            async move {
                let expected = Some(1);
                descriptions::refresh_description(admin, &permit(), dancu(), "nguoi".into(), text, (mode, expected))
                    .await
            }
        };
        let preview = refresh(descriptions::Refresh::Preview).await.unwrap();
        assert!(may_call(&house.admin, "nguoi", "GET", "/thong-ke"), "a preview changes nothing");
        let applied = refresh(descriptions::Refresh::Apply).await.unwrap();
        assert_eq!(applied.diff, preview.diff);
        assert_eq!((applied.diff.added.len(), applied.diff.removed.len(), applied.diff.kept.len()), (1, 1, 2));
        assert!(may_call(&house.admin, "nguoi", "GET", "/nguoi/1"), "{}", database.name);
        assert!(!may_call(&house.admin, "nguoi", "PUT", "/nguoi/1"));
        assert!(!may_call(&house.admin, "nguoi", "GET", "/thong-ke"));
        assert!(!may_call(&house.admin, "nguoi", "GET", "/bao-cao"));
        let late = refresh(descriptions::Refresh::Apply).await;
        assert!(matches!(late, Err(ActError::Stale { current: 2 })), "{late:?}");
    }
}

#[tokio::test]
async fn two_administrators_never_overwrite_each_other() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let edit = |url: &str, expected| {
            let settings = settings(url);
            let admin = house.admin.clone();
            async move { edit_service(&admin, &permit(), dancu(), "tracuu".into(), settings, expected).await }
        };
        let (one, two) = tokio::join!(edit("http://one/", Some(1)), edit("http://two/", Some(1)));
        let late = [&one, &two].iter().filter(|result| matches!(result, Err(ActError::Stale { current: 2 }))).count();
        assert_eq!((late, one.is_ok() ^ two.is_ok()), (1, true), "{}: {one:?} {two:?}", database.name);
        assert!(edit("http://three/", None).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_not_acceptable_is_refused_and_nothing_changes() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let version = house.admin.conf().current().version;
        for (code, url, field) in [
            ("getOpenAPI", "http://a/", "/code"),
            ("a/b", "http://a/", "/code"),
            ("ok", "ftp://a/", "/base_url"),
            ("ok", "http://u:p@a/", "/base_url"),
        ] {
            let result = add_rest_service(&house.admin, &permit(), dancu(), code.into(), settings(url)).await;
            assert!(
                matches!(result, Err(ActError::Invalid { field: f, .. }) if f == field),
                "{code} {url}: {result:?}"
            );
        }
        let taken = add_rest_service(&house.admin, &permit(), dancu(), "tracuu".into(), settings("http://a/")).await;
        assert!(matches!(taken, Err(ActError::Exists("service"))));
        let other = ClientId::subsystem("LA", "GOV", "G01", "x");
        let foreign = clients::add_client(&house.admin, &permit(), other, ConnectionType::Http).await;
        assert!(matches!(foreign, Err(ActError::Invalid { field: "/id", .. })));
        for (method, path) in [
            ("FETCH", "/a"),
            ("GET", "a"),
            ("GET", "*/a"),
            ("GET", "/a/../b"),
            ("GET", "/a//b"),
            ("GET", "/a%20b"),
            ("GET", "/a\n"),
        ] {
            let (method, path) = (method.to_owned(), path.to_owned());
            let result = endpoints::add_endpoint(&house.admin, &permit(), dancu(), "tracuu".into(), method, path).await;
            assert!(matches!(result, Err(ActError::Invalid { .. })), "{result:?}");
        }
        assert_eq!(house.admin.conf().current().version, version, "{}", database.name);
    }
}

#[tokio::test]
async fn certificates_and_connection_type_reach_the_data_path() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let certificate = certificate();
        let add = |bytes: Vec<u8>| {
            let admin = house.admin.clone();
            async move { certificates::add_certificate(&admin, &permit(), dancu(), &bytes).await }
        };
        let sha256 = add(certificate.der().to_vec()).await.unwrap();
        assert_eq!(add(certificate.to_pem().into_bytes()).await.unwrap(), sha256, "the same certificate twice");
        assert!(matches!(add(b"no certificate".to_vec()).await, Err(ActError::Invalid { .. })));
        connection::set_connection_type(&house.admin, &permit(), dancu(), ConnectionType::HttpsAuth, Some(1))
            .await
            .unwrap();
        let conf = house.admin.conf().current();
        let client = conf.client(&dancu()).unwrap();
        assert_eq!(client.connection_type, ConnectionType::HttpsAuth);
        assert_eq!(
            client.certificate_hashes.iter().map(hex::encode).collect::<Vec<_>>(),
            std::slice::from_ref(&sha256)
        );
        assert_eq!(conf.service(&dancu(), "tracuu").unwrap().is_cert_hashes.len(), 1);
        certificates::delete_certificate(&house.admin, &permit(), dancu(), sha256.clone()).await.unwrap();
        let gone = certificates::delete_certificate(&house.admin, &permit(), dancu(), sha256).await;
        assert!(matches!(gone, Err(ActError::NotFound(_))), "{}", database.name);
    }
}

#[tokio::test]
async fn a_disabled_service_carries_its_notice() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let set = |notice: Option<&str>| {
            let (admin, notice) = (house.admin.clone(), notice.map(str::to_owned));
            async move { set_service_enabled(&admin, &permit(), dancu(), "tracuu".into(), notice).await }
        };
        set(Some("Bảo trì đến 20 giờ")).await.unwrap();
        let conf = house.admin.conf().current();
        assert_eq!(conf.service(&dancu(), "tracuu").unwrap().disabled.as_deref(), Some("Bảo trì đến 20 giờ"));
        set(None).await.unwrap();
        assert_eq!(house.admin.conf().current().service(&dancu(), "tracuu").unwrap().disabled, None);
        let events = house.events().await;
        assert_eq!(events[events.len() - 2..], ["Disable service description", "Enable service description"]);
    }
}

#[tokio::test]
async fn no_act_without_its_audit_entry() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let version = house.admin.conf().current().version;
        house.store.write(|tx| tx.exec("DROP TABLE exchange_audit", &[])).await.unwrap();
        let id = ClientId::subsystem("VN", "GOV", "G01", "khac");
        let result = clients::add_client(&house.admin, &permit(), id.clone(), ConnectionType::Http).await;
        assert!(matches!(result, Err(ActError::Store(_))), "{result:?}");
        let found = house.store.read(move |tx| exchange::store::client::find(tx, &id)).await.unwrap();
        assert_eq!(found, None, "{}", database.name);
        assert_eq!(house.admin.conf().current().version, version);
    }
}

#[tokio::test]
async fn an_act_of_another_process_is_seen_after_a_refresh() {
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let store = store::Store::open(&database.url).await.unwrap();
        let other = Admin::open(store, house.clock.clone(), &server(), house.central.clone()).await.unwrap();
        let id = ClientId::subsystem("VN", "GOV", "G01", "khac");
        clients::add_client(&other, &permit(), id.clone(), ConnectionType::Http).await.unwrap();
        assert!(house.admin.conf().current().client(&id).is_none());
        house.admin.refresh().await.unwrap();
        assert!(house.admin.conf().current().client(&id).is_some(), "{}", database.name);
    }
}

#[tokio::test]
async fn the_database_of_one_gateway_does_not_open_for_another() {
    let database = testkit::sqlite().await;
    let house = House::on(database.store.clone()).await;
    let stranger = directory::ServerId::new(ClientId::member("VN", "GOV", "G02"), "cong1");
    let refused = Admin::open(database.store, house.clock.clone(), &stranger, house.central.clone()).await;
    assert!(matches!(refused, Err(StoreError::Type { .. })));
}

#[tokio::test]
async fn a_key_works_until_it_expires_or_is_revoked_and_is_never_stored() {
    for database in databases().await {
        let house = House::on(database.store).await;
        let first = bootstrap_api_key(&house.store, &house.clock, "đầu tiên").await.unwrap();
        let stored = house.store.read(|tx| tx.query("SELECT hash FROM exchange_api_key", &[])).await.unwrap();
        assert_ne!(stored[0].text(0).unwrap(), first.key);
        let door = house.door().with_key(&first.key);
        assert_eq!(door.get("api-keys").await.status, 200);
        let end = (house.clock.now() + SignedDuration::from_hours(1)).as_microsecond();
        let request = api_keys::ApiKeyRequest { name: "tạm".into(), roles: first.row.roles, expires_at: Some(end) };
        let short = api_keys::create_api_key(&house.admin, &permit(), request.clone()).await.unwrap();
        assert_eq!(house.door().with_key(&short.key).get("server").await.status, 200);
        house.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(house.door().with_key(&short.key).get("server").await.status, 401);
        let past = api_keys::create_api_key(&house.admin, &permit(), request).await;
        assert!(matches!(past, Err(ActError::Invalid { field: "/expires_at", .. })));
        api_keys::revoke_api_key(&house.admin, &permit(), first.row.id).await.unwrap();
        assert_eq!(door.get("api-keys").await.status, 401, "{}", database.name);
        assert!(house.events().await.contains(&"API key authentication failed".to_owned()));
    }
}
