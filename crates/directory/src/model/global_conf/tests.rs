//! Lookups, federation and expiry.

use super::*;
use crate::model::shared_params::{GlobalGroup, Member, ServerEntry, Subsystem};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A member with one gateway of one certificate, at which its only subsystem is registered.
fn params(instance: &str, member: &str, hash: [u8; 32]) -> SharedParams {
    let owner = ClientId::member(instance, "GOV", member);
    let subsystem = ClientId::subsystem(instance, "GOV", member, "dancu");
    SharedParams {
        instance: instance.into(),
        members: vec![Member {
            id: owner.clone(),
            name: "Bộ Công an".into(),
            class_description: "Cơ quan nhà nước".into(),
            subsystems: vec![Subsystem { id: subsystem.clone(), name: Some("Dân cư".into()) }],
        }],
        servers: vec![ServerEntry {
            id: ServerId::new(owner, "gw1"),
            address: Some("gw1.example".into()),
            auth_cert_hashes: vec![hash],
            clients: vec![subsystem.clone()],
            maintenance: None,
        }],
        groups: vec![GlobalGroup { code: "tinh".into(), description: "Các tỉnh".into(), members: vec![subsystem] }],
        ocsp_freshness_seconds: 3600,
        ..SharedParams::default()
    }
}

fn parts(shared: SharedParams, expires_at: &str) -> InstanceParts {
    InstanceParts { shared, private: None, expires_at: at(expires_at) }
}

#[test]
fn a_client_is_found_with_its_gateways_and_groups() {
    let conf = GlobalConf::build(vec![parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z")]).unwrap();
    let subsystem = ClientId::subsystem("VN", "GOV", "G01", "dancu");
    assert_eq!(conf.member_name(&subsystem), Some("Bộ Công an"));
    assert_eq!(conf.subsystem_name(&subsystem), Some("Dân cư"));
    assert_eq!(conf.servers_of(&subsystem)[0].id.code.as_ref(), "gw1");
    assert_eq!(conf.servers_of(&subsystem.owner()).len(), 1, "a member is found at the gateways it owns");
    assert!(conf.in_global_group(&subsystem, &GlobalGroupId::new("VN", "tinh")));
    assert!(!conf.in_global_group(&subsystem.owner(), &GlobalGroupId::new("VN", "tinh")));
    assert!(conf.in_global_group(&subsystem.owner(), &GlobalGroupId::new("VN", OWNERS_GROUP)));
    assert!(conf.server_by_auth_cert(&[1; 32]).is_some());
    assert!(conf.server_by_auth_cert(&[2; 32]).is_none());
    assert!(conf.servers_of(&ClientId::subsystem("VN", "GOV", "G01", "khac")).is_empty());
}

#[test]
fn a_partner_instance_cannot_claim_a_certificate_registered_at_home() {
    let conf = GlobalConf::build(vec![
        parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z"),
        parts(params("LA", "M9", [1; 32]), "2026-11-23T09:00:00Z"),
    ])
    .unwrap();
    assert_eq!(conf.server_by_auth_cert(&[1; 32]).unwrap().id.owner.instance.as_ref(), "VN");
    assert!(conf.has_client(&ClientId::member("LA", "GOV", "M9")));
}

#[test]
fn each_instance_expires_by_itself() {
    let conf = GlobalConf::build(vec![
        parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z"),
        parts(params("LA", "M9", [2; 32]), "2026-11-23T09:00:00Z"),
    ])
    .unwrap();
    let now = at("2026-11-23T09:30:00Z");
    assert!(!conf.is_expired(now));
    assert!(conf.instance_in_force("VN", now));
    assert!(!conf.instance_in_force("LA", now));
    assert!(!conf.instance_in_force("KH", now));
    assert!(conf.is_expired(at("2026-11-23T10:00:00Z")), "the last instant no longer counts");
}

#[test]
fn an_instance_twice_and_no_instance_are_refused() {
    let one = || parts(params("VN", "G01", [1; 32]), "2026-11-23T10:00:00Z");
    assert_eq!(GlobalConf::build(vec![one(), one()]).unwrap_err(), BuildError::DuplicateInstance("VN".into()));
    assert_eq!(GlobalConf::build(Vec::new()).unwrap_err(), BuildError::Empty);
}
