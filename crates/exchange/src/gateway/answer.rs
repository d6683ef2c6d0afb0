//! The provider's answer at the consumer's side: read, verified, and believed only when it answers the very question that was asked.

use std::time::Duration;

use bytes::Bytes;
use directory::{ClientId, ServiceId};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use hyper::Response;
use hyper::ext::ReasonPhrase;

use super::Gateway;
use super::consumer::Call;
use super::evidence::{self, Claim};
use super::failure::Failure;
use super::operation::Operation;
use super::pool::Exchange;
use super::world::View;
use crate::model::error::Code;
use crate::model::header_part::{self, ResponsePart, request_hash, sha512};
use crate::model::headers;
use crate::monitor::metrics::Stage;
use crate::wire::body::Body;
use crate::wire::fault;
use crate::wire::inbound::{Half, InboundError, MessageReader, next_chunk, part};
use crate::wire::payload::Payload;

/// A verified answer.
pub(super) struct Answer {
    status: StatusCode,
    reason: Bytes,
    headers: HeaderMap,
    pub(super) header_part: Bytes,
    pub(super) header_digest: [u8; 64],
    pub(super) payload: Payload,
}

/// Reads the provider's message and believes it only when everything fits: signature, signer, ids and the hash of our request.
pub(super) async fn receive(
    gateway: &Gateway,
    view: &View,
    call: &Call<'_>,
    mut exchange: Exchange,
    operation: &mut Operation,
) -> Result<(Answer, evidence::Signed), Failure> {
    let kind = exchange.response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let idle = gateway.settings.idle();
    if !kind.starts_with("multipart/") {
        return Err(bare_fault(exchange, idle).await);
    }
    let mut reader = MessageReader::new(&kind, exchange.response.body_mut(), Half::Response, idle).map_err(inbound)?;
    let head = reader.head().await.map_err(inbound)?;
    let tail = reader.tail(&gateway.spool).await.map_err(inbound)?;
    exchange.done();
    operation.done(Stage::Upstream);
    let header_digest = sha512(&head.header_part);
    let signed = evidence::Signed { signature: tail.signature, hash_chain: tail.hash_chain };
    let claim = Claim {
        signer: &call.target.service.provider,
        header_digest: &header_digest,
        body_digest: tail.payload.digest(),
        signed: &signed,
    };
    gateway
        .evidence
        .check(view, &claim, gateway.clock.now())
        .map_err(|error| Failure::consumer(error.code(), error))?;
    let part = consistent(call, &head.header_part)?;
    operation.done(Stage::Verify);
    let (status, reason, headers) = (part.status, Bytes::copy_from_slice(part.reason), part.headers);
    Ok((
        Answer { status, reason, headers, header_part: head.header_part, header_digest, payload: tail.payload },
        signed,
    ))
}

/// The other gateway answered with a fault instead of a message.
async fn bare_fault(mut exchange: Exchange, idle: Duration) -> Failure {
    let status = exchange.response.status();
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = next_chunk(exchange.response.body_mut(), idle).await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > fault::MAX_FAULT {
            break;
        }
    }
    match fault::read(&bytes) {
        Some(fault) => {
            exchange.done();
            Failure::Remote(Box::new(fault))
        }
        None => {
            let message = format_args!("The provider's gateway answered {status} without a message or fault");
            Failure::consumer(Code::HttpError, message)
        }
    }
}

fn inbound(error: InboundError) -> Failure {
    match error {
        InboundError::Fault(fault) => Failure::Remote(fault),
        InboundError::Network(_) => Failure::consumer(Code::NetworkError, error),
        InboundError::Payload(_) => Failure::consumer(Code::IOError, error),
        InboundError::Missing(part::SIGNATURE) => Failure::consumer(Code::MissingSignature, error),
        _ => Failure::consumer(Code::MimeParsingFailed, error),
    }
}

/// The answer is the answer to our question (§2.1.6): client, service, ids and request hash are ours.
fn consistent<'a>(call: &Call<'_>, header_part: &'a [u8]) -> Result<ResponsePart<'a>, Failure> {
    let inconsistent = |what: &str| {
        Failure::consumer(
            Code::InconsistentResponse,
            format_args!("Response from server does not match request: {what}"),
        )
    };
    let answer = header_part::parse_response(header_part).map_err(|error| inconsistent(&error.to_string()))?;
    let said = |name: &'static str| {
        answer.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or("")
    };
    if ClientId::from_encoded(said(headers::CLIENT)).as_ref() != Ok(&call.client) {
        return Err(inconsistent("client"));
    }
    if said(headers::ID) != call.message_id {
        return Err(inconsistent("id"));
    }
    if ServiceId::from_encoded(said(headers::SERVICE)).as_ref() != Ok(&call.target.service) {
        return Err(inconsistent("service"));
    }
    if said(headers::REQUEST_ID) != call.request_id.to_string() {
        return Err(inconsistent("request id"));
    }
    if said(headers::REQUEST_HASH) != request_hash(&call.header_digest, call.payload.digest()) {
        return Err(inconsistent("request hash"));
    }
    Ok(answer)
}

/// The verified answer as an HTTP response: status, reason, headers and body as the service and its gateway wrote them.
pub(super) fn respond(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.payload));
    *response.status_mut() = answer.status;
    if answer.status.canonical_reason().map(str::as_bytes) != Some(&answer.reason)
        && let Ok(reason) = ReasonPhrase::try_from(answer.reason)
    {
        response.extensions_mut().insert(reason);
    }
    *response.headers_mut() = answer.headers;
    // The signer should have left these out; whatever it signed, they are not written onto our connection.
    for name in headers::HOP_BY_HOP {
        response.headers_mut().remove(name);
    }
    response
}
