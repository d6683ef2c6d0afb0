//! The consumer's side: from an information system's request to the provider's verified answer (exchange-protocol §2.1.6).
//!
//! The order of the checks is part of the protocol: of two faults in one request, clients see the same one everywhere.

use std::sync::Arc;

use bytes::Bytes;
use directory::ClientId;
use directory::Server;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use uuid::Uuid;

use super::Gateway;
use super::answer::{Answer, receive, respond};
use super::entry::{Entry, Message};
use super::evidence;
use super::failure::Failure;
use super::listen::Caller;
use super::operation::Operation;
use super::peers::Peers;
use super::trace;
use super::world::View;
use crate::conf::{Client, ConnectionType};
use crate::log::{Direction, Role};
use crate::model::error::{Code, ErrorFormat, Fault, Place};
use crate::model::header_part::{self, sha512};
use crate::model::headers::{self, transport};
use crate::model::rest::{self, Target};
use crate::monitor::metrics::Stage;
use crate::wire::body::Body;
use crate::wire::inbound::{Half, discard, next_chunk};
use crate::wire::outbound::{self, Outgoing};
use crate::wire::payload::{Payload, PayloadBuilder};

/// A request that passed every check and is ready to be signed.
pub(super) struct Call<'a> {
    pub(super) target: Target<'a>,
    pub(super) client: ClientId,
    pub(super) message_id: String,
    pub(super) request_id: Uuid,
    pub(super) header_part: Bytes,
    pub(super) header_digest: [u8; 64],
    pub(super) payload: Payload,
}

impl Call<'_> {
    fn entry(&self) -> Entry<'_> {
        Entry {
            role: Role::Consumer,
            message_id: &self.message_id,
            request_id: self.request_id,
            client: &self.client,
            service: &self.target.service,
        }
    }
}

/// Handles one REST request of an information system; always answers.
pub async fn handle(gateway: &Arc<Gateway>, request: Request<Incoming>, caller: &Caller) -> Response<Body> {
    let mut operation =
        Operation::begin(Role::Consumer, Arc::clone(&gateway.metrics), gateway.clock.now(), gateway.version);
    let format = ErrorFormat::from_accept(request.headers().get(http::header::ACCEPT).and_then(|v| v.to_str().ok()));
    let (head, mut body) = request.into_parts();
    let outcome = exchange(gateway, &head, &mut body, caller, &mut operation).await;
    if outcome.is_err() {
        discard(body, gateway.settings.idle());
    }
    match outcome.map(respond) {
        Ok(response) => {
            gateway.log.append_operation(operation.succeeded(response.status().as_u16(), gateway.clock.now()));
            response
        }
        Err(failure) => error_response(&gateway.failed(operation, failure), format),
    }
}

/// An error as the information system sees it: status, body and `X-Road-Error` by §2.1.3.
#[must_use]
pub fn error_response(fault: &Fault, format: ErrorFormat) -> Response<Body> {
    let body = match format {
        ErrorFormat::Json => fault.to_json(),
        ErrorFormat::ApplicationXml | ErrorFormat::TextXml => fault.to_xml(),
    };
    let mut response = Response::new(Body::empty().with(body));
    *response.status_mut() = hyper::StatusCode::from_u16(fault.http_status()).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    if let Ok(kind) = HeaderValue::from_str(&fault.kind) {
        headers.insert(HeaderName::from_static(headers::ERROR), kind);
    }
    response
}

async fn exchange(
    gateway: &Arc<Gateway>,
    head: &http::request::Parts,
    body: &mut Incoming,
    caller: &Caller,
    operation: &mut Operation,
) -> Result<Answer, Failure> {
    let view = gateway.ready(Place::ClientProxy)?;
    let target = Target::parse(head.uri.path(), head.uri.query()).map_err(|e| Failure::client(Code::BadRequest, e))?;
    if !rest::is_allowed_method(head.method.as_str()) {
        return Err(Failure::client(
            Code::InvalidHttpMethod,
            format_args!("The method {} is not allowed", head.method),
        ));
    }
    let said = rest::Headers::parse(&head.headers).map_err(malformed_header)?;
    operation.call(&said.client, &target.service, head.method.as_str());
    operation.headers(&said);
    authenticate(gateway, &said.client, caller)?;
    let candidates = Peers::candidates(&view, &target.service.provider, said.security_server.as_ref())?;
    operation.done(Stage::Decide);
    let payload = take_body(gateway, body).await?;
    let call = prepare(gateway, head, target, said, payload);
    operation.ids(&call.message_id, call.request_id);
    operation.request_size(call.header_part.len(), call.payload.length());
    forward(gateway, &view, &call, &candidates, operation).await
}

fn malformed_header(error: rest::RestError) -> Failure {
    let code = match error {
        rest::RestError::MissingClient | rest::RestError::Client(_) => Code::InvalidClientIdentifier,
        _ => Code::BadRequest,
    };
    // Peers answer a bad client header as a fault of the gateway (status 500), whatever their documents say.
    match code {
        Code::InvalidClientIdentifier => Failure::consumer(code, error),
        _ => Failure::client(code, error),
    }
}

/// Whether the connection may speak for the client, by the client's connection type (§2.9).
pub fn authenticate(gateway: &Gateway, id: &ClientId, caller: &Caller) -> Result<(), Failure> {
    let conf = gateway.conf.current();
    let client = conf
        .client(id)
        .filter(|client| client.status.may_exchange())
        .ok_or_else(|| Failure::consumer(Code::UnknownMember, format_args!("Client '{id}' not found")))?;
    authenticate_client(client, caller, gateway.settings.check_client_validity)
}

fn authenticate_client(client: &Client, caller: &Caller, check_validity: bool) -> Result<(), Failure> {
    let refused = |message: &str| {
        Err(Failure::consumer(Code::SslAuthenticationFailed, format_args!("Client ({}) {message}", client.id)))
    };
    match client.connection_type {
        ConnectionType::Http => Ok(()),
        ConnectionType::HttpsNoAuth if caller.tls => Ok(()),
        ConnectionType::HttpsNoAuth => refused("specifies HTTPS NO AUTH but client made plaintext connection"),
        ConnectionType::HttpsAuth => match &caller.certificate {
            None if caller.tls => refused("specifies HTTPS but did not supply TLS certificate"),
            None => refused("specifies HTTPS but client made plaintext connection"),
            Some(shown) if shown.is_own => Ok(()),
            Some(shown) if !client.certificate_hashes.contains(&shown.sha256) => {
                refused("TLS certificate does not match any certificates")
            }
            Some(shown) if check_validity && !shown.is_valid => refused("TLS certificate is not valid at this time"),
            Some(_) => Ok(()),
        },
    }
}

async fn take_body(gateway: &Gateway, body: &mut Incoming) -> Result<Payload, Failure> {
    if hyper::body::Body::is_end_stream(body) {
        return Ok(Payload::None);
    }
    let mut builder = PayloadBuilder::new(&gateway.spool);
    while let Some(chunk) = next_chunk(body, gateway.settings.idle())
        .await
        .map_err(|error| Failure::client(Code::IOError, format_args!("The request body could not be read: {error}")))?
    {
        builder.push(chunk).await.map_err(evidence::payload_failure(Place::Client))?;
    }
    builder.finish().await.map_err(evidence::payload_failure(Place::ClientProxy))
}

fn prepare<'a>(
    gateway: &Gateway,
    head: &http::request::Parts,
    target: Target<'a>,
    said: rest::Headers,
    payload: Payload,
) -> Call<'a> {
    let request_id = kit::id::random();
    let request_id_text = request_id.to_string();
    let generated = said.id.is_none();
    let message_id = said.id.unwrap_or_else(|| format!("{}-{}", target.service.provider.instance, kit::id::random()));
    let trace = trace::begin(&head.headers);
    let mut own = vec![(headers::REQUEST_ID, request_id_text.as_str())];
    if generated {
        own.insert(0, (headers::ID, message_id.as_str()));
    }
    if let Some(trace) = &trace {
        own.push((headers::TRACEPARENT, trace.as_str()));
    }
    let path_and_query = head.uri.path_and_query().map_or("/", |p| p.as_str());
    let header_part = header_part::write_request(head.method.as_str(), path_and_query, &head.headers, &own);
    tracing::debug!(x_road_request_id = %request_id, traceparent = trace.as_deref(), "{}", gateway.version);
    let header_digest = sha512(&header_part);
    Call {
        target,
        client: said.client,
        message_id,
        request_id,
        header_part: header_part.into(),
        header_digest,
        payload,
    }
}

async fn forward(
    gateway: &Arc<Gateway>,
    view: &View,
    call: &Call<'_>,
    candidates: &[Arc<Server>],
    operation: &mut Operation,
) -> Result<Answer, Failure> {
    let signed = call.entry().sign(gateway, call.header_digest, &call.payload).await?;
    operation.done(Stage::Sign);
    let request = Message {
        direction: Direction::Request,
        header_part: &call.header_part,
        header_digest: call.header_digest,
        payload: &call.payload,
        signed: &signed,
    };
    let logged = call.entry().log(gateway, request).await?;
    if gateway.settings.durable_before_forward {
        logged.durable().await?;
        return ask(gateway, view, call, candidates, &signed, operation).await;
    }
    let outcome = ask(gateway, view, call, candidates, &signed, operation).await;
    // Whatever came of it, nothing is told before the request is durable: its record may fail where a later, smaller one succeeds.
    logged.durable().await?;
    outcome
}

/// Sends the signed request and takes in, verifies and logs its answer.
async fn ask(
    gateway: &Arc<Gateway>,
    view: &View,
    call: &Call<'_>,
    candidates: &[Arc<Server>],
    signed: &evidence::Signed,
    operation: &mut Operation,
) -> Result<Answer, Failure> {
    let ocsp = gateway.identity.auth_ocsp();
    operation.request_out(gateway.clock.now());
    let request = || peer_request(gateway, call, signed, &ocsp);
    let (server, exchange) = gateway.peers.send(view, &call.target.service.provider, candidates, request).await?;
    operation.addresses(gateway.own_address(view).as_deref(), server.address.as_deref());
    operation.response_in(gateway.clock.now());
    let (answer, signed) = receive(gateway, view, call, exchange, operation).await?;
    operation.response_size(answer.header_part.len(), answer.payload.length());
    let response = Message {
        direction: Direction::Response,
        header_part: &answer.header_part,
        header_digest: answer.header_digest,
        payload: &answer.payload,
        signed: &signed,
    };
    call.entry().log(gateway, response).await?.durable().await?;
    operation.done(Stage::Log);
    Ok(answer)
}

fn peer_request(gateway: &Gateway, call: &Call<'_>, signed: &evidence::Signed, ocsp: &[Bytes]) -> Request<Body> {
    let boundary = outbound::new_boundary();
    let message = Outgoing {
        half: Half::Request,
        ocsp,
        header_part: &call.header_part,
        payload: &call.payload,
        hash_chain: signed.hash_chain.as_ref().map(|(result, chain)| (&result[..], &chain[..])),
        signature: &signed.signature,
    };
    let mut request = Request::new(outbound::body(&boundary, &message));
    *request.method_mut() = Method::POST;
    transport_headers(request.headers_mut(), &boundary, gateway.version);
    let headers = request.headers_mut();
    headers.insert(http::header::HOST, HeaderValue::from_static("gateway"));
    if let Ok(id) = HeaderValue::from_str(&call.request_id.to_string()) {
        headers.insert(HeaderName::from_static(headers::REQUEST_ID), id);
    }
    request
}

/// The headers every message between gateways has (§2.4).
pub fn transport_headers(headers: &mut HeaderMap, boundary: &str, version: &'static str) {
    if let Ok(kind) = HeaderValue::from_str(&outbound::content_type(boundary)) {
        headers.insert(HeaderName::from_static(transport::ORIGINAL_CONTENT_TYPE), kind.clone());
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(HeaderName::from_static(transport::HASH_ALGORITHM), HeaderValue::from_static("SHA-512"));
    headers.insert(HeaderName::from_static(transport::PROXY_VERSION), HeaderValue::from_static(version));
    headers.insert(HeaderName::from_static(transport::MESSAGE_TYPE), HeaderValue::from_static("REST"));
}
