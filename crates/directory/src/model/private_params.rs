//! Private parameters: what an instance tells its own gateways only — management services and anchors of partners (§2.12).

use super::anchor::{Anchor, read_anchor_body, write_anchor_body};
use super::cert::CertDer;
use super::id::ClientId;
use super::shared_params::{NAMESPACES, cert, number, write_client_id};
use super::xml::{Pull, Writer, XmlError};

/// Gateways stamp their message log this often unless told otherwise, seconds.
pub const DEFAULT_TIMESTAMPING_INTERVAL_SECONDS: u32 = 60;

/// Private parameters of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateParams {
    /// Instance identifier.
    pub instance: String,
    /// Anchors of federation partners.
    pub anchors: Vec<Anchor>,
    /// Where gateways send their registration requests.
    pub management: ManagementService,
    /// How often gateways stamp their message log, seconds (60 to 86,400).
    pub timestamping_interval_seconds: u32,
}

/// Where management requests go.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ManagementService {
    /// Address for the registration of authentication certificates.
    pub registration_address: String,
    /// TLS certificate of that address.
    pub registration_cert: Option<CertDer>,
    /// The subsystem that provides the management services.
    pub provider: Option<ClientId>,
}

impl Default for PrivateParams {
    fn default() -> Self {
        Self {
            instance: String::new(),
            anchors: Vec::new(),
            management: ManagementService::default(),
            timestamping_interval_seconds: DEFAULT_TIMESTAMPING_INTERVAL_SECONDS,
        }
    }
}

/// Reads private parameters.
///
/// # Errors
/// When the bytes are not well-formed or a part is missing.
pub fn read(bytes: &[u8]) -> Result<PrivateParams, XmlError> {
    let mut pull = Pull::open(bytes, "conf")?;
    let mut params = PrivateParams::default();
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "instanceIdentifier" => params.instance = pull.text("instanceIdentifier")?,
            "configurationAnchor" => params.anchors.push(read_anchor_body(&mut pull)?),
            "managementService" => params.management = management(&mut pull)?,
            "timeStampingIntervalSeconds" => {
                let text = pull.text("timeStampingIntervalSeconds")?;
                params.timestamping_interval_seconds = number("timeStampingIntervalSeconds", &text)?;
            }
            _ => pull.skip()?,
        }
    }
    pull.finish()?;
    if params.instance.is_empty() {
        return Err(XmlError::Missing { parent: "conf", child: "instanceIdentifier" });
    }
    Ok(params)
}

/// Writes private parameters (version 3 of their schema, the same for every configuration version).
#[must_use]
pub fn write(params: &PrivateParams) -> Vec<u8> {
    let mut xml = Writer::new();
    xml.open("ns3:conf", &NAMESPACES);
    xml.leaf("instanceIdentifier", &params.instance);
    for anchor in &params.anchors {
        xml.open("configurationAnchor", &[]);
        write_anchor_body(&mut xml, anchor);
        xml.close("configurationAnchor");
    }
    xml.open("managementService", &[]);
    xml.leaf("authCertRegServiceAddress", &params.management.registration_address);
    xml.leaf_if("authCertRegServiceCert", params.management.registration_cert.as_ref().map(CertDer::base64).as_deref());
    if let Some(provider) = &params.management.provider {
        write_client_id(&mut xml, "managementRequestServiceProviderId", provider);
    }
    xml.close("managementService");
    xml.leaf("timeStampingIntervalSeconds", &params.timestamping_interval_seconds.to_string());
    xml.close("ns3:conf");
    xml.finish()
}

fn management(pull: &mut Pull<'_>) -> Result<ManagementService, XmlError> {
    let mut service = ManagementService::default();
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "authCertRegServiceAddress" => service.registration_address = pull.text("authCertRegServiceAddress")?,
            "authCertRegServiceCert" => service.registration_cert = Some(cert(pull, "authCertRegServiceCert")?),
            "managementRequestServiceProviderId" => service.provider = client_id(pull)?,
            _ => pull.skip()?,
        }
    }
    Ok(service)
}

fn client_id(pull: &mut Pull<'_>) -> Result<Option<ClientId>, XmlError> {
    let mut parts: [Option<String>; 4] = [None, None, None, None];
    let [instance, class, member, subsystem] = &mut parts;
    while let Some(tag) = pull.child()? {
        match tag.name() {
            "xRoadInstance" => *instance = Some(pull.text("xRoadInstance")?),
            "memberClass" => *class = Some(pull.text("memberClass")?),
            "memberCode" => *member = Some(pull.text("memberCode")?),
            "subsystemCode" => *subsystem = Some(pull.text("subsystemCode")?),
            _ => pull.skip()?,
        }
    }
    Ok(match parts {
        [Some(instance), Some(class), Some(member), subsystem] => {
            Some(ClientId { subsystem: subsystem.map(Into::into), ..ClientId::member(&instance, &class, &member) })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn private_parameters_survive_writing_and_reading() {
        let params = PrivateParams {
            instance: "VN".into(),
            anchors: vec![crate::model::anchor::tests::sample("LA")],
            management: ManagementService {
                registration_address: "https://trung-tam:4001/managementservice/".into(),
                registration_cert: Some(CertDer::new(b"tls")),
                provider: Some(ClientId::subsystem("VN", "GOV", "G01", "quản & lý")),
            },
            timestamping_interval_seconds: 300,
        };
        assert_eq!(read(&write(&params)).unwrap(), params);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
