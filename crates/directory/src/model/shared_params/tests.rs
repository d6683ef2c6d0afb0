//! Round trip of every element, tolerance towards older versions, and refusals.

use proptest::prelude::*;

use super::*;

fn cert(text: &str) -> CertDer {
    CertDer::new(text.as_bytes())
}

fn ca() -> ApprovedCa {
    ApprovedCa {
        name: "CA chuyên dùng Chính phủ".into(),
        authentication_only: true,
        top: CaInfo {
            cert: cert("top"),
            ocsp: vec![OcspResponder { url: "http://ocsp/".into(), cert: Some(cert("ocsp")), cost: CostType::Paid }],
        },
        intermediates: vec![CaInfo { cert: cert("mid"), ocsp: Vec::new() }],
        profile: "ee.ria.xroad.common.certificateprofile.impl.BasicCertificateProfileInfoProvider".into(),
        csr_format: CsrFormat::Pem,
        acme: Some(AcmeServer {
            directory_url: "https://acme/directory".into(),
            ip_address: Some("10.0.0.1".into()),
            authentication_profile: None,
            signing_profile: Some("2".into()),
        }),
    }
}

/// Parameters in which every optional element occurs once with and once without.
fn full() -> SharedParams {
    let owner = ClientId::member("VN", "GOV", "G01");
    let dancu = ClientId::subsystem("VN", "GOV", "G01", "dân cư & <khai sinh>");
    let plain = ClientId::subsystem("VN", "GOV", "G01", "trơn");
    SharedParams {
        instance: "VN".into(),
        sources: vec![Source {
            address: "trung-tam.vn".into(),
            internal_certs: vec![cert("i1"), cert("i2")],
            external_certs: vec![cert("e1")],
        }],
        approved_cas: vec![ca()],
        approved_tsas: vec![ApprovedTsa {
            name: "TSA".into(),
            url: "http://tsa/".into(),
            cert: cert("tsa"),
            cost: CostType::Free,
        }],
        members: vec![
            Member {
                id: owner.clone(),
                name: "Bộ Công an".into(),
                class_description: "Cơ quan nhà nước".into(),
                subsystems: vec![
                    Subsystem { id: dancu.clone(), name: Some("Dân cư".into()) },
                    Subsystem { id: plain.clone(), name: None },
                ],
            },
            Member {
                id: ClientId::member("VN", "COM", "0100"),
                name: "Công ty".into(),
                class_description: "".into(),
                subsystems: Vec::new(),
            },
        ],
        servers: vec![
            ServerEntry {
                id: ServerId::new(owner.clone(), "gw1"),
                address: Some("gw1.bca.gov.vn".into()),
                auth_cert_hashes: vec![[1; 32], [2; 32]],
                clients: vec![dancu.clone(), plain],
                maintenance: Some("Nâng cấp".into()),
            },
            ServerEntry {
                id: ServerId::new(owner.clone(), "gw2"),
                address: None,
                auth_cert_hashes: Vec::new(),
                clients: Vec::new(),
                maintenance: Some(String::new()),
            },
        ],
        groups: vec![GlobalGroup {
            code: "tinh".into(), description: "Các tỉnh".into(), members: vec![dancu, owner]
        }],
        member_classes: vec![MemberClass { code: "GOV".into(), description: "Cơ quan nhà nước".into() }],
        ocsp_freshness_seconds: 3600,
    }
}

#[test]
fn version_6_survives_writing_and_reading() {
    assert_eq!(read(&write(&full(), 6)).unwrap(), full());
}

#[test]
fn version_5_leaves_out_costs_and_request_formats_only() {
    let text = String::from_utf8(write(&full(), 5)).unwrap();
    assert!(!text.contains("costType") && !text.contains("defaultCsrFormat"));
    assert!(text.contains("subsystemName") && text.contains("inMaintenanceMode"));
    let mut expected = full();
    expected.approved_tsas[0].cost = CostType::Undefined;
    expected.approved_cas[0].top.ocsp[0].cost = CostType::Undefined;
    expected.approved_cas[0].csr_format = CsrFormat::Der;
    assert_eq!(read(text.as_bytes()).unwrap(), expected);
}

#[test]
fn the_root_is_qualified_and_its_children_are_not() {
    let text = String::from_utf8(write(&full(), 6)).unwrap();
    assert!(text.contains(
        "<ns3:conf xmlns:ns2=\"http://x-road.eu/xsd/identifiers\" xmlns:ns3=\"http://x-road.eu/xsd/xroad.xsd\">"
    ));
    assert!(text.contains("\n    <instanceIdentifier>VN</instanceIdentifier>\n"));
    assert!(text.contains("<groupMember ns2:objectType=\"SUBSYSTEM\">"));
    assert!(text.contains("<owner>m0</owner>") && text.contains("<client>s1</client>"));
}

#[test]
fn version_2_with_central_services_and_unknown_elements_is_read() {
    let text = "<conf xmlns:id=\"http://x-road.eu/xsd/identifiers\"><instanceIdentifier>EE</instanceIdentifier>\
        <member id=\"id0\"><memberClass><code>GOV</code><description/></memberClass><memberCode>1</memberCode><name>A</name>\
        <subsystem id=\"id1\"><subsystemCode>s</subsystemCode></subsystem></member>\
        <securityServer><owner>id0</owner><serverCode>ss</serverCode><address>a</address><client>id1</client></securityServer>\
        <centralService><implementingService/><serviceCode>x</serviceCode></centralService>\
        <globalSettings><memberClass><code>GOV</code><description>x</description></memberClass></globalSettings>\
        <later><thing/></later></conf>";
    let params = read(text.as_bytes()).unwrap();
    assert_eq!(params.servers[0].clients, vec![ClientId::subsystem("EE", "GOV", "1", "s")]);
    assert_eq!(params.ocsp_freshness_seconds, DEFAULT_OCSP_FRESHNESS_SECONDS);
}

#[test]
fn what_cannot_be_trusted_to_mean_something_is_refused() {
    let conf = |inner: &str| format!("<conf><instanceIdentifier>VN</instanceIdentifier>{inner}</conf>");
    let member =
        "<member id=\"a\"><memberClass><code>G</code></memberClass><memberCode>1</memberCode><name>n</name></member>";
    for (text, part) in [
        ("<!DOCTYPE conf [<!ENTITY a 'b'>]><conf/>".to_owned(), "document type"),
        (conf("<member><memberCode>&a;</memberCode></member>"), "unknown entity"),
        (conf("<securityServer><owner>m9</owner></securityServer>"), "no member or subsystem"),
        (conf(&format!("{member}{member}")), "occurs twice"),
        (
            conf(&format!(
                "{member}<securityServer><owner>a</owner><authCertHash>AAAA</authCertHash></securityServer>"
            )),
            "SHA-256",
        ),
        (conf("<approvedTSA><cert>@@</cert></approvedTSA>"), "base64"),
        ("<conf></conf>".to_owned(), "instanceIdentifier"),
        ("<konf/>".to_owned(), "expected <conf>"),
        (conf("") + "<conf/>", "follows"),
        (format!("<conf>{}", "<a>".repeat(40)), "deeper"),
        ("<conf><instanceIdentifier>VN</instanceIdentifier>".to_owned(), "too early"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_nation_of_a_hundred_thousand_subsystems_is_read_and_indexed() {
    let mut params = SharedParams { instance: "VN".into(), ocsp_freshness_seconds: 3600, ..SharedParams::default() };
    for number in 0..10_000 {
        let owner = ClientId::member("VN", "GOV", &format!("G{number:05}"));
        let subsystems: Vec<Subsystem> = (0..10)
            .map(|part| Subsystem {
                id: ClientId { subsystem: Some(format!("he-thong-{part}").into()), ..owner.clone() },
                name: None,
            })
            .collect();
        params.servers.push(ServerEntry {
            id: ServerId::new(owner.clone(), "gw"),
            address: Some("gw".into()),
            auth_cert_hashes: vec![crate::model::cert::sha256(owner.member.as_bytes())],
            clients: subsystems.iter().map(|subsystem| subsystem.id.clone()).collect(),
            maintenance: None,
        });
        params.members.push(Member { id: owner, name: "Cơ quan".into(), class_description: "".into(), subsystems });
    }
    let shared = read(&write(&params, 6)).unwrap();
    assert_eq!(shared, params);
    let part = crate::model::global_conf::InstanceParts { shared, private: None, expires_at: jiff::Timestamp::MAX };
    let conf = crate::GlobalConf::build(vec![part]).unwrap();
    let last = ClientId::subsystem("VN", "GOV", "G09999", "he-thong-9");
    assert_eq!(conf.servers_of(&last)[0].id.owner, last.owner());
    let codes: std::collections::HashSet<*const u8> =
        conf.clients().filter_map(|(id, _)| id.subsystem.as_ref().map(|code| code.as_ptr())).collect();
    assert_eq!(codes.len(), 10, "equal codes share one copy");
}

prop_compose! {
    fn text()(text in "[\\PC\t\n\r]{1,30}") -> String { text }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_names_survive(code in text(), name in text(), address in text()) {
        let mut params = full();
        let id = ClientId::subsystem("VN", "GOV", "G01", &code);
        params.members[0].name = name.as_str().into();
        params.members[0].subsystems[1] = Subsystem { id: id.clone(), name: Some(name.as_str().into()) };
        params.servers[0].clients[1] = id;
        params.servers[0].address = Some(address);
        prop_assume!(code != *"dân cư & <khai sinh>");
        prop_assert_eq!(read(&write(&params, 6)).unwrap(), params);
    }

    #[test]
    fn a_cut_or_changed_byte_never_makes_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = write(&full(), 6);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let _ = read(&bytes);
    }
}
