//! REST messages across two gateways, as an information system sees them.

use bytes::Bytes;
use directory::ServiceId;

use crate::nation::{CONSUMER, Nation, Options, PROVIDER, client};

/// Source: exchange-protocol §2.1.1, §2.1.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_crosses_two_gateways_and_the_answer_comes_back() {
    let nation = Nation::start(Options::default()).await;
    let headers = [
        ("x-road-id", "H26-1"),
        ("x-road-userid", "VN001"),
        ("user-agent", "curl"),
        ("x-road-request-id", "forged"),
        ("authorization", "Bearer kept"),
    ];
    let path = Nation::path("tracuu", "/nguoi/a%2Fb%20c?x=%C3%A1&y");
    let answer = nation.call("GET", &path, &headers, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["method"], "GET");
    assert_eq!(told["target"], "/nguoi/a%2Fb%20c?x=%C3%A1&y", "path and query stay raw");
    let header = |name: &str| {
        let found = told["headers"].as_array().unwrap().iter().find(|pair| pair[0] == name);
        found.map(|pair| pair[1].as_str().unwrap().to_owned())
    };
    assert_eq!(header("authorization").as_deref(), Some("Bearer kept"));
    assert_eq!(header("x-road-client").as_deref(), Some("VN/GOV/H26/motcua"));
    assert_eq!(header("user-agent"), None, "hop-by-hop headers do not cross");
    assert_ne!(header("x-road-request-id").as_deref(), Some("forged"));
    assert!(header("traceparent").is_some());
    assert_eq!(answer.header("x-road-id"), "H26-1");
    assert_eq!(answer.header("x-road-client"), client(CONSUMER).encoded());
    assert_eq!(answer.header("x-road-service"), ServiceId::new(client(PROVIDER), "tracuu").encoded());
    assert_eq!(Some(answer.header("x-road-request-id").to_owned()), header("x-road-request-id"));
    assert!(!answer.header("x-road-request-hash").is_empty());
    assert_eq!(answer.headers.get_all("date").iter().count(), 1, "exactly one Date");
    assert!(answer.headers.get("x-road-error").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_small_and_spooled_arrive_unchanged() {
    let mut options = Options::default();
    options.settings.memory_limit = 64 * 1024;
    let nation = Nation::start(options).await;
    for length in [1, 1024, 40_000, 64 * 1024, 64 * 1024 + 1, 5_000_000] {
        let body: Bytes = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect::<Vec<u8>>().into();
        let answer = nation.call("POST", &Nation::path("tracuu", "/echo"), &[], Some(body.clone())).await;
        assert_eq!(answer.status, 200, "{length}: {:?}", answer.body.get(..300));
        assert!(answer.body == body, "{length}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_reason_and_headers_of_the_service_come_back_as_they_are() {
    let nation = Nation::start(Options::default()).await;
    let answer = nation.call("GET", &Nation::path("tracuu", "/teapot"), &[("x-road-id", "7")], None).await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.reason.as_deref(), Some(&b"Am tra"[..]));
    assert_eq!(answer.header("x-kept"), "yes");
    assert_eq!(answer.header("x-road-id"), "7", "the service cannot forge the id");
    assert!(answer.headers.get("x-road-error").is_none(), "an error of the service is not one of the gateway");
}

/// Source: exchange-protocol §2.1.4, §2.1.6: which error for what, in which dialect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_the_protocols_own_error() {
    let nation = Nation::start(Options::default()).await;
    let no_such = "/r1/VN/GOV/G99/x/y".to_owned();
    for (path, headers, expected) in [
        (Nation::path("kin", "/"), vec![], "Server.ServerProxy.AccessDenied"),
        (Nation::path("khongco", "/"), vec![], "Server.ServerProxy.UnknownService"),
        (Nation::path("tamdung", "/"), vec![], "Server.ServerProxy.ServiceDisabled"),
        (Nation::path("chet", "/"), vec![], "Server.ServerProxy.ServiceFailed.NetworkError"),
        (Nation::path("tracuu", "/die"), vec![], "Server.ServerProxy.ServiceFailed.HttpError"),
        (no_such, vec![], "Server.ClientProxy.UnknownMember"),
        ("/r1/VN/GOV".to_owned(), vec![], "Client.BadRequest"),
        ("/r1/VN/GOV/G01/dancu/%zz/".to_owned(), vec![], "Client.BadRequest"),
        (Nation::path("tracuu", "/"), vec![("x-road-client", "VN/GOV/G77/x")], "Server.ClientProxy.UnknownMember"),
        (Nation::path("tracuu", "/"), vec![("x-road-client", "VN")], "Server.ClientProxy.InvalidClientIdentifier"),
        (
            Nation::path("tracuu", "/"),
            vec![("x-road-security-server", "VN/GOV/G01/gw9")],
            "Server.ClientProxy.InvalidSecurityServer",
        ),
        (Nation::path("tracuu", "/../x"), vec![], "Server.ServerProxy.AccessDenied"),
    ] {
        let before = nation.calls();
        let answer = nation.call("GET", &path, &headers, None).await;
        assert_eq!(answer.error(), expected, "{path}: {:?}", answer.json());
        assert_eq!(answer.status, if expected.starts_with("Client.") { 400 } else { 500 }, "{path}");
        assert!(answer.json()["detail"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
        if !expected.contains("ServiceFailed") {
            assert_eq!(nation.calls(), before, "{path}: the service was not reached");
        }
    }
    let xml = nation.call("GET", &Nation::path("kin", "/"), &[("accept", "text/xml")], None).await;
    assert!(xml.body.starts_with(b"<?xml"), "{xml:?}");
    assert_eq!(xml.header("content-type"), "text/xml;charset=utf-8");
}

/// Source: exchange-protocol §2.3.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metaservices_list_what_there_is_and_what_is_allowed() {
    let nation = Nation::start(Options::default()).await;
    let all = nation.call("GET", &Nation::path("listMethods", ""), &[], None).await.json();
    assert_eq!(all["service"].as_array().unwrap().len(), 4);
    let allowed = nation.call("GET", &Nation::path("allowedMethods", ""), &[], None).await.json();
    let mut codes: Vec<&str> =
        allowed["service"].as_array().unwrap().iter().map(|s| s["service_code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["chet", "tamdung", "tracuu"]);
    let described = nation.call("GET", &Nation::path("getOpenAPI", "?serviceCode=tracuu"), &[], None).await;
    assert!(described.json()["message"].as_str().unwrap().contains("Invalid service type: REST"));
    let listed = nation.call("GET", "/listClients", &[("accept", "application/json")], None).await.json();
    assert_eq!(listed["member"].as_array().unwrap().len(), 4);
    let xml = nation.call("GET", "/listClients", &[], None).await;
    assert!(String::from_utf8_lossy(&xml.body).contains("<id:subsystemCode>dancu</id:subsystemCode>"));
    assert_eq!(nation.call("GET", "/listClients?xRoadInstance=XX", &[], None).await.status, 400);
}
