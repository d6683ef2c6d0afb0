//! What both sides do alike with the log: a message is appended with its evidence, a failed exchange is recorded and told.

use std::fmt::Display;

use bytes::Bytes;
use directory::{ClientId, ServiceId};
use uuid::Uuid;

use super::Gateway;
use super::evidence::{Signed, log_body};
use super::failure::Failure;
use super::operation::Operation;
use crate::log::{Direction, MessageRecord, Role, Ticket};
use crate::model::error::{Code, Fault, Place};
use crate::wire::payload::Payload;

/// The exchange a message belongs to, as its log entry names it.
pub(super) struct Entry<'a> {
    pub(super) role: Role,
    pub(super) message_id: &'a str,
    pub(super) request_id: Uuid,
    pub(super) client: &'a ClientId,
    pub(super) service: &'a ServiceId,
}

/// A message as it is signed.
pub(super) struct Message<'a> {
    pub(super) direction: Direction,
    pub(super) header_part: &'a Bytes,
    pub(super) header_digest: [u8; 64],
    pub(super) payload: &'a Payload,
    pub(super) signed: &'a Signed,
}

/// The promise that a logged message becomes durable.
pub(super) struct Logged(Ticket, Place);

impl Entry<'_> {
    fn place(&self) -> Place {
        match self.role {
            Role::Consumer => Place::ClientProxy,
            Role::Producer => Place::ServerProxy,
        }
    }

    /// Signs a message with the key of the member that speaks on this side.
    pub(super) async fn sign(
        &self,
        gateway: &Gateway,
        header_digest: [u8; 64],
        payload: &Payload,
    ) -> Result<Signed, Failure> {
        let speaker = match self.role {
            Role::Consumer => self.client,
            Role::Producer => &self.service.provider,
        };
        let refused = |reason: &dyn Display| Failure::own(self.place(), Code::CannotCreateSignature, reason);
        let signer = gateway.identity.signer(speaker).ok_or_else(|| {
            refused(&format_args!("Cannot sign: '{}' has no active signing certificate", speaker.owner()))
        })?;
        signer.sign(header_digest, payload.digest().copied()).await.map_err(|error| refused(&error))
    }

    /// Appends a message of this exchange to the log.
    pub(super) async fn log(&self, gateway: &Gateway, message: Message<'_>) -> Result<Logged, Failure> {
        let place = self.place();
        let body = log_body(message.payload, gateway.max_logged_body)
            .await
            .map_err(|error| Failure::own(place, Code::IOError, error))?;
        let record = MessageRecord {
            at: gateway.clock.now_micros(),
            role: self.role,
            direction: message.direction,
            message_id: self.message_id.to_owned(),
            request_id: self.request_id,
            client: self.client.clone(),
            service: self.service.clone(),
            header_part: message.header_part.clone(),
            header_digest: message.header_digest,
            body,
            signature: message.signed.signature.clone(),
            hash_chain_result: message.signed.hash_chain.as_ref().map(|(result, _)| result.clone()),
            hash_chain: message.signed.hash_chain.as_ref().map(|(_, chain)| chain.clone()),
        };
        let ticket = gateway.log.append(record).map_err(|error| Failure::logging(place, &error))?;
        Ok(Logged(ticket, place))
    }
}

impl Logged {
    /// Waits until the message would survive.
    pub(super) async fn durable(self) -> Result<(), Failure> {
        self.0.durable().await.map_err(|error| Failure::logging(self.1, &error))
    }
}

impl Gateway {
    /// Ends a failed exchange: its fault is written to the log under the detail the caller is told, and to the operational records.
    pub(super) fn failed(&self, operation: Operation, failure: Failure) -> Fault {
        let fault = failure.into_fault(self.settings.dialect);
        tracing::warn!(fault.kind, fault.message, fault.detail, "exchange refused");
        self.log.append_operation(operation.failed(&fault, self.clock.now()));
        fault
    }
}
