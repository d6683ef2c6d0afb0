//! Reads shared parameters of versions 2 to 6 in one pass. Elements of other versions are passed over.

use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{
    AcmeServer, ApprovedCa, ApprovedTsa, CaInfo, CostType, CsrFormat, DEFAULT_OCSP_FRESHNESS_SECONDS, GlobalGroup,
    Member, MemberClass, OcspResponder, ServerEntry, SharedParams, Source, Subsystem,
};
use crate::model::cert::CertDer;
use crate::model::id::{ClientId, ServerId};
use crate::model::xml::{Pull, XmlError};

/// Reads shared parameters.
///
/// # Errors
/// When the bytes are not well-formed, a part is missing or a reference leads nowhere.
pub fn read(bytes: &[u8]) -> Result<SharedParams, XmlError> {
    let mut pull = Pull::open(bytes, "conf")?;
    let mut reader = SharedReader::default();
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "instanceIdentifier" => reader.params.instance = pull.text("instanceIdentifier")?.into(),
            "source" => reader.params.sources.push(source(&mut pull)?),
            "approvedCA" => reader.params.approved_cas.push(approved_ca(&mut pull)?),
            "approvedTSA" => reader.params.approved_tsas.push(approved_tsa(&mut pull)?),
            "member" => {
                let id = tag.attribute("id")?;
                reader.member(&mut pull, id)?;
            }
            "securityServer" => reader.server(&mut pull)?,
            "globalGroup" => reader.group(&mut pull)?,
            "globalSettings" => reader.settings(&mut pull)?,
            _ => pull.skip()?,
        }
    }
    pull.finish()?;
    if reader.params.instance.is_empty() {
        return Err(XmlError::Missing { parent: "conf", child: "instanceIdentifier" });
    }
    if reader.params.ocsp_freshness_seconds == 0 {
        reader.params.ocsp_freshness_seconds = DEFAULT_OCSP_FRESHNESS_SECONDS;
    }
    Ok(reader.params)
}

/// What is remembered while reading: parameters so far, shared strings, and who stands behind each XML identifier.
#[derive(Default)]
struct SharedReader {
    params: SharedParams,
    strings: AHashSet<Arc<str>>,
    references: AHashMap<String, ClientId>,
}

impl SharedReader {
    /// One copy of each text: the same class, codes and names recur thousands of times.
    fn intern(&mut self, text: String) -> Arc<str> {
        if let Some(known) = self.strings.get(text.as_str()) {
            return known.clone();
        }
        let shared: Arc<str> = text.into();
        self.strings.insert(shared.clone());
        shared
    }

    fn remember(&mut self, xml_id: Option<String>, client: &ClientId) -> Result<(), XmlError> {
        let Some(xml_id) = xml_id else { return Ok(()) };
        match self.references.insert(xml_id.clone(), client.clone()) {
            None => Ok(()),
            Some(_) => Err(XmlError::value("id", &xml_id, "occurs twice")),
        }
    }

    fn resolve(&self, element: &'static str, xml_id: &str) -> Result<ClientId, XmlError> {
        self.references
            .get(xml_id.trim())
            .cloned()
            .ok_or_else(|| XmlError::value(element, xml_id, "no member or subsystem has this id"))
    }

    fn member(&mut self, pull: &mut Pull<'_>, xml_id: Option<String>) -> Result<(), XmlError> {
        let (mut class, mut code, mut name) = (None, None, None);
        let mut subsystems = Vec::new();
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "memberClass" => class = Some(self.member_class(pull)?),
                "memberCode" => code = Some(self.code(pull, "memberCode")?),
                "name" => name = Some(pull.text("name")?),
                "subsystem" => {
                    let id = tag.attribute("id")?;
                    subsystems.push((id, self.subsystem(pull)?));
                }
                _ => pull.skip()?,
            }
        }
        let class = class.ok_or(XmlError::Missing { parent: "member", child: "memberClass" })?;
        let member = code.ok_or(XmlError::Missing { parent: "member", child: "memberCode" })?;
        let instance = self.params.instance.clone();
        if instance.is_empty() {
            return Err(XmlError::Missing { parent: "conf", child: "instanceIdentifier" });
        }
        let id = ClientId { instance, class: class.code, member, subsystem: None };
        self.remember(xml_id, &id)?;
        let mut kept = Vec::with_capacity(subsystems.len());
        for (xml_id, (code, name)) in subsystems {
            let subsystem = Subsystem { id: ClientId { subsystem: Some(code), ..id.clone() }, name };
            self.remember(xml_id, &subsystem.id)?;
            kept.push(subsystem);
        }
        let name = name.ok_or(XmlError::Missing { parent: "member", child: "name" })?.into();
        self.params.members.push(Member { id, name, class_description: class.description, subsystems: kept });
        Ok(())
    }

    fn subsystem(&mut self, pull: &mut Pull<'_>) -> Result<(Arc<str>, Option<Arc<str>>), XmlError> {
        let (mut code, mut name) = (None, None);
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "subsystemCode" => code = Some(self.code(pull, "subsystemCode")?),
                "subsystemName" => {
                    let text = pull.text("subsystemName")?;
                    name = Some(self.intern(text));
                }
                _ => pull.skip()?,
            }
        }
        Ok((code.ok_or(XmlError::Missing { parent: "subsystem", child: "subsystemCode" })?, name))
    }

    fn member_class(&mut self, pull: &mut Pull<'_>) -> Result<MemberClass, XmlError> {
        let (mut code, mut description) = (None, String::new());
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "code" => code = Some(self.code(pull, "code")?),
                "description" => description = pull.text("description")?,
                _ => pull.skip()?,
            }
        }
        let code = code.ok_or(XmlError::Missing { parent: "memberClass", child: "code" })?;
        Ok(MemberClass { code, description: self.intern(description) })
    }

    /// A code: a part of an identifier, never empty.
    fn code(&mut self, pull: &mut Pull<'_>, element: &'static str) -> Result<Arc<str>, XmlError> {
        let text = pull.text(element)?;
        if text.is_empty() {
            return Err(XmlError::value(element, "", "is empty"));
        }
        Ok(self.intern(text))
    }

    fn server(&mut self, pull: &mut Pull<'_>) -> Result<(), XmlError> {
        let (mut owner, mut code, mut address, mut maintenance) = (None, None, None, None);
        let (mut auth_cert_hashes, mut clients) = (Vec::new(), Vec::new());
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "owner" => owner = Some(self.resolve("owner", &pull.text("owner")?)?),
                "serverCode" => code = Some(self.code(pull, "serverCode")?),
                "address" => address = Some(pull.text("address")?).filter(|text| !text.is_empty()),
                "authCertHash" => auth_cert_hashes.push(cert_hash(&pull.text("authCertHash")?)?),
                "client" => clients.push(self.resolve("client", &pull.text("client")?)?),
                "inMaintenanceMode" => maintenance = Some(message(pull)?),
                _ => pull.skip()?,
            }
        }
        let owner = owner.ok_or(XmlError::Missing { parent: "securityServer", child: "owner" })?;
        if owner.subsystem.is_some() {
            return Err(XmlError::value("owner", &owner.to_string(), "a subsystem cannot own a gateway"));
        }
        let code = code.ok_or(XmlError::Missing { parent: "securityServer", child: "serverCode" })?;
        let id = ServerId { owner, code };
        self.params.servers.push(ServerEntry { id, address, auth_cert_hashes, clients, maintenance });
        Ok(())
    }

    fn group(&mut self, pull: &mut Pull<'_>) -> Result<(), XmlError> {
        let (mut code, mut description, mut members) = (None, String::new(), Vec::new());
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "groupCode" => code = Some(self.code(pull, "groupCode")?),
                "description" => description = pull.text("description")?,
                "groupMember" => members.extend(self.client_id(pull)?),
                _ => pull.skip()?,
            }
        }
        let code = code.ok_or(XmlError::Missing { parent: "globalGroup", child: "groupCode" })?;
        self.params.groups.push(GlobalGroup { code, description, members });
        Ok(())
    }

    /// An identifier spelled out part by part; `None` when it does not name a member or subsystem.
    fn client_id(&mut self, pull: &mut Pull<'_>) -> Result<Option<ClientId>, XmlError> {
        let (mut instance, mut class, mut member, mut subsystem) = (None, None, None, None);
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "xRoadInstance" => instance = Some(self.code(pull, "xRoadInstance")?),
                "memberClass" => class = Some(self.code(pull, "memberClass")?),
                "memberCode" => member = Some(self.code(pull, "memberCode")?),
                "subsystemCode" => subsystem = Some(self.code(pull, "subsystemCode")?),
                _ => pull.skip()?,
            }
        }
        Ok(match (instance, class, member) {
            (Some(instance), Some(class), Some(member)) => Some(ClientId { instance, class, member, subsystem }),
            _ => None,
        })
    }

    fn settings(&mut self, pull: &mut Pull<'_>) -> Result<(), XmlError> {
        while let Some(tag) = pull.child()? {
            match tag.name() {
                "memberClass" => {
                    let class = self.member_class(pull)?;
                    self.params.member_classes.push(class);
                }
                "ocspFreshnessSeconds" => {
                    self.params.ocsp_freshness_seconds =
                        number("ocspFreshnessSeconds", &pull.text("ocspFreshnessSeconds")?)?;
                }
                _ => pull.skip()?,
            }
        }
        Ok(())
    }
}

fn source(pull: &mut Pull<'_>) -> Result<Source, XmlError> {
    let mut source = Source::default();
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "address" => source.address = pull.text("address")?,
            "internalVerificationCert" => source.internal_certs.push(cert(pull, "internalVerificationCert")?),
            "externalVerificationCert" => source.external_certs.push(cert(pull, "externalVerificationCert")?),
            _ => pull.skip()?,
        }
    }
    Ok(source)
}

fn approved_ca(pull: &mut Pull<'_>) -> Result<ApprovedCa, XmlError> {
    let (mut name, mut profile) = (String::new(), String::new());
    let (mut top, mut acme, mut csr_format) = (None, None, CsrFormat::default());
    let (mut authentication_only, mut intermediates) = (false, Vec::new());
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "name" => name = pull.text("name")?,
            "authenticationOnly" => {
                authentication_only = flag("authenticationOnly", &pull.text("authenticationOnly")?)?;
            }
            "topCA" => top = Some(ca_info(pull, "topCA")?),
            "intermediateCA" => intermediates.push(ca_info(pull, "intermediateCA")?),
            "certificateProfileInfo" => profile = pull.text("certificateProfileInfo")?,
            "defaultCsrFormat" if pull.text("defaultCsrFormat")?.trim() == "PEM" => csr_format = CsrFormat::Pem,
            "defaultCsrFormat" => {}
            "acmeServer" => acme = Some(acme_server(pull)?),
            _ => pull.skip()?,
        }
    }
    let top = top.ok_or(XmlError::Missing { parent: "approvedCA", child: "topCA" })?;
    Ok(ApprovedCa { name, authentication_only, top, intermediates, profile, csr_format, acme })
}

fn ca_info(pull: &mut Pull<'_>, parent: &'static str) -> Result<CaInfo, XmlError> {
    let (mut found, mut ocsp) = (None, Vec::new());
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "cert" => found = Some(cert(pull, "cert")?),
            "ocsp" => ocsp.push(responder(pull)?),
            _ => pull.skip()?,
        }
    }
    Ok(CaInfo { cert: found.ok_or(XmlError::Missing { parent, child: "cert" })?, ocsp })
}

fn responder(pull: &mut Pull<'_>) -> Result<OcspResponder, XmlError> {
    let mut responder = OcspResponder { url: String::new(), cert: None, cost: CostType::default() };
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "url" => responder.url = pull.text("url")?,
            "cert" => responder.cert = Some(cert(pull, "cert")?),
            "costType" => responder.cost = cost_type(&pull.text("costType")?),
            _ => pull.skip()?,
        }
    }
    Ok(responder)
}

fn acme_server(pull: &mut Pull<'_>) -> Result<AcmeServer, XmlError> {
    let mut server = AcmeServer::default();
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "directoryURL" => server.directory_url = pull.text("directoryURL")?,
            "ipAddress" => server.ip_address = Some(pull.text("ipAddress")?),
            "authenticationCertificateProfileId" => {
                server.authentication_profile = Some(pull.text("authenticationCertificateProfileId")?);
            }
            "signingCertificateProfileId" => {
                server.signing_profile = Some(pull.text("signingCertificateProfileId")?);
            }
            _ => pull.skip()?,
        }
    }
    Ok(server)
}

fn approved_tsa(pull: &mut Pull<'_>) -> Result<ApprovedTsa, XmlError> {
    let (mut name, mut url, mut found, mut cost) = (String::new(), String::new(), None, CostType::default());
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "name" => name = pull.text("name")?,
            "url" => url = pull.text("url")?,
            "cert" => found = Some(cert(pull, "cert")?),
            "costType" => cost = cost_type(&pull.text("costType")?),
            _ => pull.skip()?,
        }
    }
    let cert = found.ok_or(XmlError::Missing { parent: "approvedTSA", child: "cert" })?;
    Ok(ApprovedTsa { name, url, cert, cost })
}

fn message(pull: &mut Pull<'_>) -> Result<String, XmlError> {
    let mut text = String::new();
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "message" => text = pull.text("message")?,
            _ => pull.skip()?,
        }
    }
    Ok(text)
}

/// A certificate in base64.
pub(crate) fn cert(pull: &mut Pull<'_>, element: &'static str) -> Result<CertDer, XmlError> {
    let text = pull.text(element)?;
    Ok(CertDer::new(&base64_bytes(element, &text)?))
}

fn base64_bytes(element: &'static str, text: &str) -> Result<Vec<u8>, XmlError> {
    let compact: String = text.split_ascii_whitespace().collect();
    BASE64.decode(compact).map_err(|_| XmlError::value(element, text, "is not base64"))
}

fn cert_hash(text: &str) -> Result<[u8; 32], XmlError> {
    base64_bytes("authCertHash", text)?
        .try_into()
        .map_err(|_| XmlError::value("authCertHash", text, "is not a SHA-256 digest"))
}

fn cost_type(text: &str) -> CostType {
    match text.trim() {
        "FREE" => CostType::Free,
        "PAID" => CostType::Paid,
        _ => CostType::Undefined,
    }
}

fn flag(element: &'static str, text: &str) -> Result<bool, XmlError> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        other => Err(XmlError::value(element, other, "is neither true nor false")),
    }
}

/// A whole number of seconds.
pub(crate) fn number(element: &'static str, text: &str) -> Result<u32, XmlError> {
    text.trim().parse().map_err(|_| XmlError::value(element, text, "is not a whole number"))
}
