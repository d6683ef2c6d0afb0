//! Members, subsystems, groups, trust services, keys, settings and the audit journal.

use serde_json::{Value, json};

use crate::support::World;

#[tokio::test]
async fn members_and_subsystems_are_added_renamed_listed_and_removed() {
    for world in World::furnished().await {
        world.done("POST", "/subsystems", json!({ "id": "VN:GOV:G01:dan-cu", "name": "Dân cư" })).await;
        world.done("POST", "/subsystems", json!({ "id": "VN:GOV:G01:can-cuoc" })).await;
        assert_eq!(world.refused("POST", "/subsystems", json!({ "id": "VN:GOV:G01:dan-cu" })).await, "kit.conflict");
        let member = world.done("GET", "/members/VN:GOV:G01", Value::Null).await;
        assert_eq!(member["name"], "Bộ Công an");
        assert_eq!(member["subsystems"][0]["id"], "VN:GOV:G01:can-cuoc", "{}", world.engine);
        world.done("PATCH", "/members/VN:GOV:G01", json!({ "name": "Bộ Công an mới" })).await;
        let first = world.done("GET", "/members?limit=1", Value::Null).await;
        assert_eq!(first["items"][0]["name"], "Bộ Công an mới");
        let next = first["next"].as_str().unwrap();
        let second = world.done("GET", &format!("/members?limit=1&after={next}"), Value::Null).await;
        assert_eq!((&second["items"][0]["id"], &second["next"]), (&"VN:GOV:H26".into(), &Value::Null));
        assert_eq!(world.refused("DELETE", "/members/VN:GOV:G01", Value::Null).await, "kit.conflict", "has subsystems");
        world.done("DELETE", "/subsystems/VN:GOV:G01:dan-cu", Value::Null).await;
        assert_eq!(world.refused("DELETE", "/subsystems/VN:GOV:G01:dan-cu", Value::Null).await, "kit.not_found");
    }
}

#[tokio::test]
async fn malformed_and_foreign_identifiers_are_refused() {
    for world in World::furnished().await {
        for (id, code) in [
            ("VN:GOV:a%2Fb", "kit.invalid"),
            ("LA:GOV:G01", "kit.invalid"),
            ("VN:XXX:G09", "kit.not_found"),
            ("VN:GOV:G01", "kit.conflict"),
            ("VN:GOV:G01:s", "kit.invalid"),
            ("VN", "kit.invalid"),
        ] {
            let outcome = world.refused("POST", "/members", json!({ "id": id, "name": "x" })).await;
            assert_eq!(outcome, code, "{} {id}", world.engine);
        }
        assert_eq!(world.refused("POST", "/members", json!({ "id": "VN:GOV:G09", "name": " " })).await, "kit.invalid");
    }
}

#[tokio::test]
async fn groups_hold_registered_and_foreign_clients() {
    for world in World::furnished().await {
        world.done("POST", "/groups", json!({ "code": "tinh", "description": "Các tỉnh" })).await;
        let outcome =
            world.refused("POST", "/groups", json!({ "code": "security-server-owners", "description": "" })).await;
        assert_eq!(outcome, "kit.invalid", "the owners' group keeps itself");
        world.done("POST", "/groups/tinh/members", json!({ "clients": ["VN:GOV:H26", "LA:GOV:X:y"] })).await;
        let unknown = json!({ "clients": ["VN:GOV:H26", "VN:GOV:H99"] });
        assert_eq!(world.refused("POST", "/groups/tinh/members", unknown).await, "kit.not_found");
        world.done("DELETE", "/groups/tinh/members/LA:GOV:X:y", Value::Null).await;
        let members = world.done("GET", "/groups/tinh/members", Value::Null).await;
        assert_eq!(members["clients"], json!(["VN:GOV:H26"]), "{}", world.engine);
        world.done("PATCH", "/groups/tinh", json!({ "description": "Tỉnh, thành phố" })).await;
        assert_eq!(world.done("GET", "/groups", Value::Null).await[0]["description"], "Tỉnh, thành phố");
        world.done("DELETE", "/groups/tinh", Value::Null).await;
        assert_eq!(world.refused("GET", "/groups/tinh/members", Value::Null).await, "kit.not_found");
    }
}

#[tokio::test]
async fn only_authorities_of_a_known_profile_are_approved() {
    for world in World::furnished().await {
        let mut leaf = world.authority.approved();
        leaf.top.cert = world.authority.sign("GOV", "G01").cert;
        assert_eq!(world.refused("POST", "/certification-services", json!(leaf)).await, "kit.invalid");
        let mut exotic = world.authority.approved();
        exotic.profile = "x.Unknown".into();
        assert_eq!(world.refused("POST", "/certification-services", json!(exotic)).await, "kit.invalid");
        let listed = world.done("GET", "/certification-services", Value::Null).await;
        assert_eq!(listed[0]["name"], "CA thử");
        let id = &listed[0]["id"];
        let mut edited = world.authority.approved();
        edited.name = "CA đổi tên".into();
        world.done("PUT", &format!("/certification-services/{id}"), json!(edited)).await;
        world.done("DELETE", &format!("/certification-services/{id}"), Value::Null).await;
        assert_eq!(
            world.refused("DELETE", &format!("/certification-services/{id}"), Value::Null).await,
            "kit.not_found"
        );
    }
}

#[tokio::test]
async fn every_act_leaves_its_entry_and_so_does_every_refusal() {
    for world in World::furnished().await {
        world.refused("POST", "/members", json!({ "id": "VN:GOV:G01", "name": "x" })).await;
        world.done("POST", "/members", json!({ "id": "VN:GOV:G12", "name": "Bộ Tài chính" })).await;
        let journal = world.done("GET", "/audit?limit=2", Value::Null).await;
        let (last, before) = (&journal["items"][0], &journal["items"][1]);
        assert_eq!(
            (&last["event"], &last["actor"], &last["reason"]),
            (&"Add member".into(), &"lan".into(), &Value::Null)
        );
        assert_eq!(last["data"]["member"], "VN:GOV:G12");
        assert_eq!(before["event"], "Add member failed", "{}", world.engine);
        assert!(before["reason"].as_str().unwrap().contains("already"));
    }
}

#[tokio::test]
async fn an_instance_is_initialised_once_and_its_identifier_stays() {
    for world in World::empty().await {
        assert_eq!(world.refused("GET", "/settings", Value::Null).await, "directory.not_initialised");
        assert_eq!(
            world.refused("POST", "/members", json!({ "id": "VN:GOV:G01", "name": "x" })).await,
            "directory.not_initialised"
        );
        let bad = json!({ "instance": "V/N", "address": "a" });
        assert_eq!(world.refused("POST", "/settings", bad).await, "kit.invalid");
        world.done("POST", "/settings", json!({ "instance": "VN", "address": "trung-tam.vn" })).await;
        assert_eq!(
            world.refused("POST", "/settings", json!({ "instance": "LA", "address": "a" })).await,
            "kit.conflict"
        );
        let mut settings = world.done("GET", "/settings", Value::Null).await;
        assert_eq!(settings["expire_seconds"], 600);
        settings["expire_seconds"] = 900.into();
        world.done("PUT", "/settings", settings.clone()).await;
        settings["timestamping_interval_seconds"] = 10.into();
        assert_eq!(world.refused("PUT", "/settings", settings.clone()).await, "kit.invalid");
        settings["instance"] = "LA".into();
        assert_eq!(world.refused("PUT", "/settings", settings).await, "kit.invalid");
        assert_eq!(world.done("GET", "/settings", Value::Null).await["expire_seconds"], 900, "{}", world.engine);
        world.done("PUT", "/member-classes/COM", json!({ "description": "Doanh nghiệp" })).await;
        world.done("DELETE", "/member-classes/COM", Value::Null).await;
        assert_eq!(world.refused("DELETE", "/member-classes/COM", Value::Null).await, "kit.not_found");
    }
}
