//! Writes shared parameters as version 5 or 6. The same parameters always give the same bytes.

use ahash::AHashMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{
    AcmeServer, ApprovedCa, ApprovedTsa, CaInfo, CostType, CsrFormat, GlobalGroup, Member, ServerEntry, SharedParams,
    Source,
};
use crate::model::id::ClientId;
use crate::model::xml::Writer;

/// Namespace of identifiers spelled out part by part.
pub(crate) const ID_NAMESPACE: &str = "http://x-road.eu/xsd/identifiers";
/// Namespace of the outermost elements.
pub(crate) const ROOT_NAMESPACE: &str = "http://x-road.eu/xsd/xroad.xsd";
/// Namespaces of the outermost element, as attributes.
pub(crate) const NAMESPACES: [(&str, &str); 2] = [("xmlns:ns2", ID_NAMESPACE), ("xmlns:ns3", ROOT_NAMESPACE)];

/// Writes shared parameters; `version` 6 and up carry costs and request formats, version 5 leaves them out.
///
/// Clients of gateways that are not among the members are left out: a reference must lead somewhere.
#[must_use]
pub fn write(params: &SharedParams, version: u32) -> Vec<u8> {
    let mut xml = Writer::new();
    let references = references(params);
    xml.open("ns3:conf", &NAMESPACES);
    xml.leaf("instanceIdentifier", &params.instance);
    params.sources.iter().for_each(|source| write_source(&mut xml, source));
    params.approved_cas.iter().for_each(|ca| write_ca(&mut xml, ca, version));
    params.approved_tsas.iter().for_each(|tsa| write_tsa(&mut xml, tsa, version));
    params.members.iter().for_each(|member| write_member(&mut xml, member, &references));
    params.servers.iter().for_each(|server| write_server(&mut xml, server, &references));
    params.groups.iter().for_each(|group| write_group(&mut xml, group));
    xml.open("globalSettings", &[]);
    for class in &params.member_classes {
        write_class(&mut xml, &class.code, &class.description);
    }
    xml.leaf("ocspFreshnessSeconds", &params.ocsp_freshness_seconds.to_string());
    xml.close("globalSettings");
    xml.close("ns3:conf");
    xml.finish()
}

/// `m0`, `s0`, …: the XML identifier of each member and subsystem.
fn references(params: &SharedParams) -> AHashMap<&ClientId, String> {
    let mut references = AHashMap::new();
    let mut subsystem_count = 0_usize;
    for (index, member) in params.members.iter().enumerate() {
        references.insert(&member.id, format!("m{index}"));
        for subsystem in &member.subsystems {
            references.insert(&subsystem.id, format!("s{subsystem_count}"));
            subsystem_count += 1;
        }
    }
    references
}

fn write_source(xml: &mut Writer, source: &Source) {
    xml.open("source", &[]);
    xml.leaf("address", &source.address);
    source.internal_certs.iter().for_each(|cert| xml.leaf("internalVerificationCert", &cert.base64()));
    source.external_certs.iter().for_each(|cert| xml.leaf("externalVerificationCert", &cert.base64()));
    xml.close("source");
}

fn write_ca(xml: &mut Writer, ca: &ApprovedCa, version: u32) {
    xml.open("approvedCA", &[]);
    xml.leaf("name", &ca.name);
    xml.leaf("authenticationOnly", if ca.authentication_only { "true" } else { "false" });
    write_ca_info(xml, "topCA", &ca.top, version);
    ca.intermediates.iter().for_each(|info| write_ca_info(xml, "intermediateCA", info, version));
    xml.leaf("certificateProfileInfo", &ca.profile);
    if version >= 6 {
        xml.leaf("defaultCsrFormat", if ca.csr_format == CsrFormat::Pem { "PEM" } else { "DER" });
    }
    if let Some(acme) = &ca.acme {
        write_acme(xml, acme);
    }
    xml.close("approvedCA");
}

fn write_ca_info(xml: &mut Writer, name: &str, info: &CaInfo, version: u32) {
    xml.open(name, &[]);
    xml.leaf("cert", &info.cert.base64());
    for responder in &info.ocsp {
        xml.open("ocsp", &[]);
        xml.leaf("url", &responder.url);
        xml.leaf_if("cert", responder.cert.as_ref().map(|cert| cert.base64()).as_deref());
        write_cost(xml, responder.cost, version);
        xml.close("ocsp");
    }
    xml.close(name);
}

fn write_acme(xml: &mut Writer, acme: &AcmeServer) {
    xml.open("acmeServer", &[]);
    xml.leaf("directoryURL", &acme.directory_url);
    xml.leaf_if("ipAddress", acme.ip_address.as_deref());
    xml.leaf_if("authenticationCertificateProfileId", acme.authentication_profile.as_deref());
    xml.leaf_if("signingCertificateProfileId", acme.signing_profile.as_deref());
    xml.close("acmeServer");
}

fn write_tsa(xml: &mut Writer, tsa: &ApprovedTsa, version: u32) {
    xml.open("approvedTSA", &[]);
    xml.leaf("name", &tsa.name);
    xml.leaf("url", &tsa.url);
    xml.leaf("cert", &tsa.cert.base64());
    write_cost(xml, tsa.cost, version);
    xml.close("approvedTSA");
}

fn write_cost(xml: &mut Writer, cost: CostType, version: u32) {
    if version >= 6 {
        xml.leaf(
            "costType",
            match cost {
                CostType::Free => "FREE",
                CostType::Paid => "PAID",
                CostType::Undefined => "UNDEFINED",
            },
        );
    }
}

fn write_member(xml: &mut Writer, member: &Member, references: &AHashMap<&ClientId, String>) {
    let id = |client: &ClientId| references.get(client).map_or("", String::as_str);
    xml.open("member", &[("id", id(&member.id))]);
    write_class(xml, &member.id.class, &member.class_description);
    xml.leaf("memberCode", &member.id.member);
    xml.leaf("name", &member.name);
    for subsystem in &member.subsystems {
        xml.open("subsystem", &[("id", id(&subsystem.id))]);
        xml.leaf("subsystemCode", subsystem.id.subsystem.as_deref().unwrap_or_default());
        xml.leaf_if("subsystemName", subsystem.name.as_deref());
        xml.close("subsystem");
    }
    xml.close("member");
}

fn write_class(xml: &mut Writer, code: &str, description: &str) {
    xml.open("memberClass", &[]);
    xml.leaf("code", code);
    xml.leaf("description", description);
    xml.close("memberClass");
}

fn write_server(xml: &mut Writer, server: &ServerEntry, references: &AHashMap<&ClientId, String>) {
    let Some(owner) = references.get(&server.id.owner) else { return };
    xml.open("securityServer", &[]);
    xml.leaf("owner", owner);
    xml.leaf("serverCode", &server.id.code);
    xml.leaf_if("address", server.address.as_deref());
    server.auth_cert_hashes.iter().for_each(|hash| xml.leaf("authCertHash", &BASE64.encode(hash)));
    for client in server.clients.iter().filter_map(|client| references.get(client)) {
        xml.leaf("client", client);
    }
    if let Some(message) = &server.maintenance {
        xml.open("inMaintenanceMode", &[]);
        xml.leaf_if("message", Some(message.as_str()).filter(|text| !text.is_empty()));
        xml.close("inMaintenanceMode");
    }
    xml.close("securityServer");
}

fn write_group(xml: &mut Writer, group: &GlobalGroup) {
    xml.open("globalGroup", &[]);
    xml.leaf("groupCode", &group.code);
    xml.leaf("description", &group.description);
    group.members.iter().for_each(|member| write_client_id(xml, "groupMember", member));
    xml.close("globalGroup");
}

/// A member or subsystem spelled out part by part.
pub(crate) fn write_client_id(xml: &mut Writer, element: &str, client: &ClientId) {
    xml.open(element, &[("ns2:objectType", client.object_type())]);
    xml.leaf("ns2:xRoadInstance", &client.instance);
    xml.leaf("ns2:memberClass", &client.class);
    xml.leaf("ns2:memberCode", &client.member);
    xml.leaf_if("ns2:subsystemCode", client.subsystem.as_deref());
    xml.close(element);
}
