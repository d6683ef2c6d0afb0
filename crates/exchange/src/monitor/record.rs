//! One operational record: how one message fared at one side of the exchange (exchange-protocol §2.15).
//!
//! The JSON names are those of the published schema: collectors in other organisations read them. Absent values are left out.

use std::sync::Arc;

use directory::{ClientId, ServiceId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text of at most `LIMIT` characters; longer ones are cut, as the schema demands. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limited<const LIMIT: usize>(Arc<str>);

/// The usual text field: at most 255 characters.
pub type Text = Limited<255>;
/// A fault text: at most 2,048 characters.
pub type LongText = Limited<2048>;

impl<const LIMIT: usize> Limited<LIMIT> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where `text` has to be cut, if it has to.
    fn cut(text: &str) -> Option<&str> {
        // A text of no more bytes than the limit has no more characters either: the usual case costs one comparison.
        if text.len() <= LIMIT {
            return None;
        }
        text.char_indices().nth(LIMIT).map(|(end, _)| text.split_at(end).0)
    }
}

impl<const LIMIT: usize> From<&str> for Limited<LIMIT> {
    fn from(text: &str) -> Self {
        Self(Self::cut(text).unwrap_or(text).into())
    }
}

impl<const LIMIT: usize> From<&Arc<str>> for Limited<LIMIT> {
    fn from(text: &Arc<str>) -> Self {
        Self(Self::cut(text).map_or_else(|| text.clone(), Into::into))
    }
}

impl<const LIMIT: usize> From<String> for Limited<LIMIT> {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl<const LIMIT: usize> Serialize for Limited<LIMIT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const LIMIT: usize> Deserialize<'de> for Limited<LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// On which side the record was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServerType {
    /// The gateway that spoke for the caller.
    Client,
    /// The gateway that spoke for the service.
    Producer,
}

/// The kind of service that was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServiceType {
    /// SOAP, described by WSDL.
    #[serde(rename = "WSDL")]
    Wsdl,
    /// REST without a machine-readable description.
    #[serde(rename = "REST")]
    Rest,
    /// REST described by OpenAPI 3.
    #[serde(rename = "OPENAPI3")]
    OpenApi3,
}

/// How one message fared at one side. Fields in the order of the published table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationalRecord {
    /// When the record was stored, Unix seconds. Set by the store; what the caller puts is overwritten.
    pub monitoring_data_ts: i64,
    /// Internal address of this gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_server_internal_ip: Option<Text>,
    /// On which side the record was made.
    pub security_server_type: ServerType,
    /// The request began to arrive, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_in_ts: Option<i64>,
    /// The request was sent on, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_out_ts: Option<i64>,
    /// The response began to arrive, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_in_ts: Option<i64>,
    /// The response was sent on, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_out_ts: Option<i64>,
    /// Caller: instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_x_road_instance: Option<Text>,
    /// Caller: member class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_member_class: Option<Text>,
    /// Caller: member code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_member_code: Option<Text>,
    /// Caller: subsystem code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_subsystem_code: Option<Text>,
    /// Service: instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_x_road_instance: Option<Text>,
    /// Service: member class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_member_class: Option<Text>,
    /// Service: member code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_member_code: Option<Text>,
    /// Service: subsystem code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_subsystem_code: Option<Text>,
    /// Service: its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_code: Option<Text>,
    /// Service: its version, SOAP only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_version: Option<Text>,
    /// Service: its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_type: Option<ServiceType>,
    /// HTTP method, REST only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_method: Option<Text>,
    /// Path below the service code; producer's side only, as it may hold personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_path: Option<Text>,
    /// Represented party: class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represented_party_class: Option<Text>,
    /// Represented party: code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub represented_party_code: Option<Text>,
    /// `X-Road-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Text>,
    /// `X-Road-UserId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_user_id: Option<Text>,
    /// `X-Road-Issue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_issue: Option<Text>,
    /// Version of the message protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_protocol_version: Option<Text>,
    /// External address of the caller's gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_security_server_address: Option<Text>,
    /// External address of the service's gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_security_server_address: Option<Text>,
    /// Bytes of the request (SOAP part, or REST header part and body).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_size: Option<u64>,
    /// Bytes of the request with attachments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_mime_size: Option<u64>,
    /// Attachments of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_attachment_count: Option<u32>,
    /// Bytes of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_size: Option<u64>,
    /// Bytes of the response with attachments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_mime_size: Option<u64>,
    /// Attachments of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_attachment_count: Option<u32>,
    /// Whether the exchange succeeded.
    pub succeeded: bool,
    /// Fault code, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_code: Option<Text>,
    /// Fault text, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_string: Option<LongText>,
    /// HTTP status of the service, REST only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// `X-Road-Request-Id`: joins the records of both sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_request_id: Option<Text>,
    /// Version of the gateway software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x_road_version: Option<Text>,
}

impl OperationalRecord {
    /// A record of an exchange that has not succeeded yet, with everything else absent.
    #[must_use]
    pub fn new(security_server_type: ServerType) -> Self {
        Self {
            monitoring_data_ts: 0,
            security_server_internal_ip: None,
            security_server_type,
            request_in_ts: None,
            request_out_ts: None,
            response_in_ts: None,
            response_out_ts: None,
            client_x_road_instance: None,
            client_member_class: None,
            client_member_code: None,
            client_subsystem_code: None,
            service_x_road_instance: None,
            service_member_class: None,
            service_member_code: None,
            service_subsystem_code: None,
            service_code: None,
            service_version: None,
            service_type: None,
            rest_method: None,
            rest_path: None,
            represented_party_class: None,
            represented_party_code: None,
            message_id: None,
            message_user_id: None,
            message_issue: None,
            message_protocol_version: None,
            client_security_server_address: None,
            service_security_server_address: None,
            request_size: None,
            request_mime_size: None,
            request_attachment_count: None,
            response_size: None,
            response_mime_size: None,
            response_attachment_count: None,
            succeeded: false,
            fault_code: None,
            fault_string: None,
            status_code: None,
            x_request_id: None,
            x_road_version: None,
        }
    }

    /// Fills in who asked.
    #[must_use]
    pub fn with_client(mut self, client: &ClientId) -> Self {
        self.client_x_road_instance = Some((&client.instance).into());
        self.client_member_class = Some((&client.class).into());
        self.client_member_code = Some((&client.member).into());
        self.client_subsystem_code = client.subsystem.as_ref().map(Into::into);
        self
    }

    /// Fills in which service was asked.
    #[must_use]
    pub fn with_service(mut self, service: &ServiceId) -> Self {
        self.service_x_road_instance = Some((&service.provider.instance).into());
        self.service_member_class = Some((&service.provider.class).into());
        self.service_member_code = Some((&service.provider.member).into());
        self.service_subsystem_code = service.provider.subsystem.as_ref().map(Into::into);
        self.service_code = Some((&service.code).into());
        self.service_version = service.version.as_ref().map(Into::into);
        self
    }

    /// Who asked, in the admin form `INST:CLASS:CODE[:SUBSYSTEM]`; absent when the request never named a caller.
    #[must_use]
    pub fn client(&self) -> Option<String> {
        let parts = [&self.client_x_road_instance, &self.client_member_class, &self.client_member_code];
        party(parts, self.client_subsystem_code.as_ref()).map(|client| client.colon())
    }

    /// Who offers the service, in the admin form.
    #[must_use]
    pub fn provider(&self) -> Option<String> {
        self.provider_id().map(|provider| provider.colon())
    }

    /// The service, in the admin form.
    #[must_use]
    pub fn service(&self) -> Option<String> {
        let version = self.service_version.as_ref().map(|text| text.0.clone());
        Some(ServiceId { provider: self.provider_id()?, code: self.service_code.as_ref()?.0.clone(), version }.colon())
    }

    /// Milliseconds from the first byte of the request to the response, when both are known and in order.
    #[must_use]
    pub fn duration_ms(&self) -> Option<i64> {
        self.response_out_ts?.checked_sub(self.request_in_ts?).filter(|duration| *duration >= 0)
    }

    fn provider_id(&self) -> Option<ClientId> {
        let parts = [&self.service_x_road_instance, &self.service_member_class, &self.service_member_code];
        party(parts, self.service_subsystem_code.as_ref())
    }
}

fn party(parts: [&Option<Text>; 3], subsystem: Option<&Text>) -> Option<ClientId> {
    let [Some(instance), Some(class), Some(member)] = parts else { return None };
    Some(ClientId {
        instance: instance.0.clone(),
        class: class.0.clone(),
        member: member.0.clone(),
        subsystem: subsystem.map(|text| text.0.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exchange-protocol §2.15: the names that collectors of other organisations read, no more and no fewer.
    const PUBLISHED_NAMES: &[&str] = &[
        "monitoringDataTs",
        "securityServerInternalIp",
        "securityServerType",
        "requestInTs",
        "requestOutTs",
        "responseInTs",
        "responseOutTs",
        "clientXRoadInstance",
        "clientMemberClass",
        "clientMemberCode",
        "clientSubsystemCode",
        "serviceXRoadInstance",
        "serviceMemberClass",
        "serviceMemberCode",
        "serviceSubsystemCode",
        "serviceCode",
        "serviceVersion",
        "serviceType",
        "restMethod",
        "restPath",
        "representedPartyClass",
        "representedPartyCode",
        "messageId",
        "messageUserId",
        "messageIssue",
        "messageProtocolVersion",
        "clientSecurityServerAddress",
        "serviceSecurityServerAddress",
        "requestSize",
        "requestMimeSize",
        "requestAttachmentCount",
        "responseSize",
        "responseMimeSize",
        "responseAttachmentCount",
        "succeeded",
        "faultCode",
        "faultString",
        "statusCode",
        "xRequestId",
        "xRoadVersion",
    ];

    /// A record with every field present.
    fn full() -> OperationalRecord {
        let document: serde_json::Map<String, serde_json::Value> = PUBLISHED_NAMES
            .iter()
            .map(|name| {
                let value = match *name {
                    "securityServerType" => "Producer".into(),
                    "serviceType" => "OPENAPI3".into(),
                    "succeeded" => true.into(),
                    name if name.ends_with("Ts") || name.ends_with("Size") || name.ends_with("Count") => 7.into(),
                    "statusCode" => 200.into(),
                    name => name.into(),
                };
                ((*name).to_owned(), value)
            })
            .collect();
        serde_json::from_value(document.into()).unwrap()
    }

    #[test]
    fn the_names_are_the_published_ones() {
        let serde_json::Value::Object(document) = serde_json::to_value(full()).unwrap() else {
            panic!("not an object")
        };
        let mut names: Vec<&str> = document.keys().map(String::as_str).collect();
        let mut published = PUBLISHED_NAMES.to_vec();
        names.sort_unstable();
        published.sort_unstable();
        assert_eq!(names, published);
    }

    #[test]
    fn absent_values_are_left_out() {
        let json = serde_json::to_string(&OperationalRecord::new(ServerType::Client)).unwrap();
        assert_eq!(json, r#"{"monitoringDataTs":0,"securityServerType":"Client","succeeded":false}"#);
    }

    #[test]
    fn long_texts_are_cut_at_characters() {
        let text = "ư".repeat(3000);
        assert_eq!(Text::from(text.as_str()).as_str().chars().count(), 255);
        assert_eq!(LongText::from(text.as_str()).as_str().chars().count(), 2048);
        let fits: Arc<str> = "ư".repeat(200).into();
        assert_eq!(Text::from(&fits).as_str(), &*fits);
    }

    #[test]
    fn parties_and_service_are_named_in_the_admin_form() {
        let service = ServiceId::new(ClientId::subsystem("VN", "GOV", "G01", "dancu"), "tracuu");
        let record = OperationalRecord::new(ServerType::Producer)
            .with_client(&ClientId::member("VN", "GOV", "H53"))
            .with_service(&service);
        assert_eq!(record.client().as_deref(), Some("VN:GOV:H53"));
        assert_eq!(record.provider().as_deref(), Some("VN:GOV:G01:dancu"));
        assert_eq!(record.service().as_deref(), Some("VN:GOV:G01:dancu:tracuu"));
    }

    #[test]
    fn a_clock_that_went_back_gives_no_duration() {
        let mut record = OperationalRecord::new(ServerType::Client);
        record.request_in_ts = Some(1000);
        record.response_out_ts = Some(900);
        assert_eq!(record.duration_ms(), None);
        record.response_out_ts = Some(1250);
        assert_eq!(record.duration_ms(), Some(250));
    }
}
