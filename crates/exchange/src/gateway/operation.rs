//! Follows one exchange while it happens: fills its operational record (exchange-protocol §2.15, §4.2 for the four times) and measures how
//! long each stage takes.

use std::sync::Arc;
use std::time::Instant;

use directory::{ClientId, ServiceId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::conf::{Service, ServiceKind};
use crate::log::{Direction, Role};
use crate::model::error::Fault;
use crate::model::rest;
use crate::monitor::metrics::{Metrics, Outcome, Stage};
use crate::monitor::record::{OperationalRecord, ServerType, ServiceType};

/// An exchange on its way.
#[derive(Debug)]
pub struct Operation {
    record: OperationalRecord,
    metrics: Arc<Metrics>,
    role: Role,
    begun: Instant,
    mark: Instant,
}

impl Operation {
    /// Begins when the first bytes of the request are there.
    #[must_use]
    pub fn begin(role: Role, metrics: Arc<Metrics>, now: Timestamp, version: &str) -> Self {
        let mut record = OperationalRecord::new(match role {
            Role::Consumer => ServerType::Client,
            Role::Producer => ServerType::Producer,
        });
        record.request_in_ts = Some(now.as_millisecond());
        record.x_road_version = Some(version.into());
        let begun = Instant::now();
        Self { record, metrics, role, begun, mark: begun }
    }

    /// A stage is done: it took the time since the one before.
    pub fn done(&mut self, stage: Stage) {
        let now = Instant::now();
        self.metrics.stage(self.role, stage, now - self.mark);
        self.mark = now;
    }

    /// Who asks which service, with which method.
    pub fn call(&mut self, client: &ClientId, service: &ServiceId, method: &str) {
        let record = std::mem::replace(&mut self.record, OperationalRecord::new(ServerType::Client));
        self.record = record.with_client(client).with_service(service);
        self.record.rest_method = Some(method.into());
        self.record.message_protocol_version = Some("1".into());
    }

    /// What the caller's headers say.
    pub fn headers(&mut self, headers: &rest::Headers) {
        self.record.message_user_id = headers.user_id.as_deref().map(Into::into);
        self.record.message_issue = headers.issue.as_deref().map(Into::into);
        if let Some((class, code)) = &headers.represented_party {
            self.record.represented_party_class = class.as_deref().map(Into::into);
            self.record.represented_party_code = Some(code.as_str().into());
        }
    }

    /// Under which identifiers.
    pub fn ids(&mut self, message_id: &str, request_id: Uuid) {
        self.record.message_id = Some(message_id.into());
        self.record.x_request_id = Some(request_id.to_string().into());
    }

    /// The gateways' own addresses, as the global configuration names them.
    pub fn addresses(&mut self, client: Option<&str>, service: Option<&str>) {
        self.record.client_security_server_address = client.map(Into::into);
        self.record.service_security_server_address = service.map(Into::into);
    }

    /// The service, once found; its path is recorded at the producer only.
    pub fn service(&mut self, service: &Service, path: &str) {
        self.record.service_type = Some(match service.kind {
            ServiceKind::Rest => ServiceType::Rest,
            ServiceKind::OpenApi => ServiceType::OpenApi3,
            ServiceKind::Wsdl => ServiceType::Wsdl,
        });
        self.record.rest_path = Some(format!("/{path}").into());
    }

    /// Size of the request: header part and body.
    pub fn request_size(&mut self, header_part: usize, body: u64) {
        self.record.request_size = Some(header_part as u64 + body);
        self.record.request_attachment_count = Some(u32::from(body > 0));
        self.metrics.bytes(self.role, Direction::Request, body);
    }

    /// Size of the response: header part and body.
    pub fn response_size(&mut self, header_part: usize, body: u64) {
        self.record.response_size = Some(header_part as u64 + body);
        self.record.response_attachment_count = Some(u32::from(body > 0));
        self.metrics.bytes(self.role, Direction::Response, body);
    }

    /// The request goes on.
    pub fn request_out(&mut self, now: Timestamp) {
        self.record.request_out_ts = Some(now.as_millisecond());
    }

    /// The response begins to arrive.
    pub fn response_in(&mut self, now: Timestamp) {
        self.record.response_in_ts = Some(now.as_millisecond());
    }

    /// The exchange succeeded with the service's status.
    #[must_use]
    pub fn succeeded(mut self, status: u16, now: Timestamp) -> OperationalRecord {
        self.record.response_out_ts = Some(now.as_millisecond());
        self.record.succeeded = true;
        self.ended(Outcome::Answered);
        self.record.status_code = Some(status);
        self.record
    }

    /// The exchange failed.
    #[must_use]
    pub fn failed(mut self, fault: &Fault, now: Timestamp) -> OperationalRecord {
        self.record.response_out_ts = Some(now.as_millisecond());
        self.record.fault_code = Some(fault.kind.as_str().into());
        self.record.fault_string = Some(fault.message.as_str().into());
        self.ended(if fault.is_refusal() { Outcome::Refused } else { Outcome::Failed });
        self.record
    }

    fn ended(&self, outcome: Outcome) {
        self.metrics.stage(self.role, Stage::Total, self.begun.elapsed());
        self.metrics.request(self.role, outcome);
    }
}
