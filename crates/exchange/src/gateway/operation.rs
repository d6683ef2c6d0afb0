//! Fills the operational record of one exchange while it happens (exchange-protocol §2.15, §4.2 for the four times).

use directory::{ClientId, ServiceId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::conf::{Service, ServiceKind};
use crate::model::error::Fault;
use crate::model::rest;
use crate::monitor::record::{OperationalRecord, ServerType, ServiceType};

/// The record being filled.
#[derive(Debug)]
pub struct Operation(OperationalRecord);

impl Operation {
    /// Begins when the first bytes of the request are there.
    #[must_use]
    pub fn begin(side: ServerType, now: Timestamp, version: &str) -> Self {
        let mut record = OperationalRecord::new(side);
        record.request_in_ts = Some(now.as_millisecond());
        record.x_road_version = Some(version.into());
        Self(record)
    }

    /// Who asks which service, with which method.
    pub fn call(&mut self, client: &ClientId, service: &ServiceId, method: &str) {
        let record = std::mem::replace(&mut self.0, OperationalRecord::new(ServerType::Client));
        self.0 = record.with_client(client).with_service(service);
        self.0.rest_method = Some(method.into());
        self.0.message_protocol_version = Some("1".into());
    }

    /// What the caller's headers say.
    pub fn headers(&mut self, headers: &rest::Headers) {
        self.0.message_user_id = headers.user_id.as_deref().map(Into::into);
        self.0.message_issue = headers.issue.as_deref().map(Into::into);
        if let Some((class, code)) = &headers.represented_party {
            self.0.represented_party_class = class.as_deref().map(Into::into);
            self.0.represented_party_code = Some(code.as_str().into());
        }
    }

    /// Under which identifiers.
    pub fn ids(&mut self, message_id: &str, request_id: Uuid) {
        self.0.message_id = Some(message_id.into());
        self.0.x_request_id = Some(request_id.to_string().into());
    }

    /// The gateways' own addresses, as the global configuration names them.
    pub fn addresses(&mut self, client: Option<&str>, service: Option<&str>) {
        self.0.client_security_server_address = client.map(Into::into);
        self.0.service_security_server_address = service.map(Into::into);
    }

    /// The service, once found; its path is recorded at the producer only.
    pub fn service(&mut self, service: &Service, path: &str) {
        self.0.service_type = Some(match service.kind {
            ServiceKind::Rest => ServiceType::Rest,
            ServiceKind::OpenApi => ServiceType::OpenApi3,
            ServiceKind::Wsdl => ServiceType::Wsdl,
        });
        self.0.rest_path = Some(format!("/{path}").into());
    }

    /// Size of the request: header part and body.
    pub fn request_size(&mut self, header_part: usize, body: u64) {
        self.0.request_size = Some(header_part as u64 + body);
        self.0.request_attachment_count = Some(u32::from(body > 0));
    }

    /// Size of the response: header part and body.
    pub fn response_size(&mut self, header_part: usize, body: u64) {
        self.0.response_size = Some(header_part as u64 + body);
        self.0.response_attachment_count = Some(u32::from(body > 0));
    }

    /// The request goes on.
    pub fn request_out(&mut self, now: Timestamp) {
        self.0.request_out_ts = Some(now.as_millisecond());
    }

    /// The response begins to arrive.
    pub fn response_in(&mut self, now: Timestamp) {
        self.0.response_in_ts = Some(now.as_millisecond());
    }

    /// The exchange succeeded with the service's status.
    #[must_use]
    pub fn succeeded(mut self, status: u16, now: Timestamp) -> OperationalRecord {
        self.0.response_out_ts = Some(now.as_millisecond());
        self.0.succeeded = true;
        self.0.status_code = Some(status);
        self.0
    }

    /// The exchange failed.
    #[must_use]
    pub fn failed(mut self, fault: &Fault, now: Timestamp) -> OperationalRecord {
        self.0.response_out_ts = Some(now.as_millisecond());
        self.0.fault_code = Some(fault.kind.as_str().into());
        self.0.fault_string = Some(fault.message.as_str().into());
        self.0
    }
}
