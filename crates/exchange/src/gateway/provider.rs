//! The provider's side: from another gateway's message to the signed answer of the service (exchange-protocol §2.1.6).
//!
//! Decided as early as the protocol allows: who calls, whether the service exists and may be called are known from the header part, so a
//! refused caller's body is never read. Nothing reaches the service before the signature over the whole message has been verified.

use std::sync::Arc;

use bytes::Bytes;
use directory::{ClientId, ServiceId};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use uuid::Uuid;

use super::Gateway;
use super::consumer::transport_headers;
use super::entry::{Entry, Message};
use super::evidence::{Claim, Signed};
use super::failure::Failure;
use super::listen::PeerConnection;
use super::metaservices;
use super::operation::Operation;
use super::services::ServiceAnswer;
use super::trace;
use super::world::View;
use crate::conf::Service;
use crate::log::{Direction, Role};
use crate::model::access::Permit;
use crate::model::error::{Code, Place};
use crate::model::header_part::{self, request_hash, sha512};
use crate::model::headers::{self, transport};
use crate::model::rest::{self, Target};
use crate::monitor::metrics::Stage;
use crate::wire::body::Body;
use crate::wire::fault;
use crate::wire::inbound::{Half, InboundError, MessageReader, discard};
use crate::wire::outbound::{self, Outgoing};
use crate::wire::payload::Payload;

/// A request as its header part tells it, not yet verified.
struct Asked<'a> {
    method: &'a str,
    target: Target<'a>,
    said: rest::Headers,
    message_id: String,
    request_id: Uuid,
    headers: HeaderMap,
}

impl Asked<'_> {
    fn entry(&self) -> Entry<'_> {
        Entry {
            role: Role::Producer,
            message_id: &self.message_id,
            request_id: self.request_id,
            client: &self.said.client,
            service: &self.target.service,
        }
    }
}

/// What will answer the request.
enum Answerer {
    /// A service of an information system; the permit proves that the caller may use it.
    Service(Arc<Service>, Permit),
    /// The gateway itself (§2.3): open to every registered client.
    Metaservice,
}

/// Handles one message of another gateway; always answers, with a message or a fault.
pub async fn handle(gateway: &Arc<Gateway>, request: Request<Incoming>, peer: &PeerConnection) -> Response<Body> {
    let mut operation =
        Operation::begin(Role::Producer, Arc::clone(&gateway.metrics), gateway.clock.now(), gateway.version);
    let (head, mut body) = request.into_parts();
    let outcome = exchange(gateway, &head, &mut body, peer, &mut operation).await;
    if outcome.is_err() {
        discard(body, gateway.settings.idle());
    }
    match outcome {
        Ok((status, response)) => {
            gateway.log.append_operation(operation.succeeded(status, gateway.clock.now()));
            response
        }
        Err(failure) => {
            let fault = gateway.failed(operation, failure);
            let mut response = Response::new(Body::empty().with(fault::write(&fault)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=UTF-8"));
            response
        }
    }
}

async fn exchange(
    gateway: &Arc<Gateway>,
    request: &http::request::Parts,
    body: &mut Incoming,
    peer: &PeerConnection,
    operation: &mut Operation,
) -> Result<(u16, Response<Body>), Failure> {
    if request.method != Method::POST {
        return Err(Failure::provider(Code::InvalidHttpMethod, "Must use POST request method"));
    }
    let view = gateway.ready(Place::ServerProxy)?;
    check_version(gateway, &request.headers)?;
    let kind = header_text(&request.headers, CONTENT_TYPE.as_str()).to_owned();
    let mut reader = MessageReader::new(&kind, body, Half::Request, gateway.settings.idle()).map_err(inbound)?;
    let head = reader.head().await.map_err(inbound)?;
    let asked = parse(&head.header_part)?;
    operation.call(&asked.said.client, &asked.target.service, asked.method);
    operation.headers(&asked.said);
    operation.ids(&asked.message_id, asked.request_id);
    check_caller(gateway, &view, &asked, peer, &head.ocsp, operation)?;
    let answerer = decide(gateway, &view, &asked, operation)?;
    operation.done(Stage::Decide);
    let tail = reader.tail(&gateway.spool).await.map_err(inbound)?;
    operation.request_size(head.header_part.len(), tail.payload.length());
    let header_digest = sha512(&head.header_part);
    let signed = Signed { signature: tail.signature, hash_chain: tail.hash_chain };
    verify(gateway, &view, &asked, &header_digest, &tail.payload, &signed)?;
    operation.done(Stage::Verify);
    let message = Message {
        direction: Direction::Request,
        header_part: &head.header_part,
        header_digest,
        payload: &tail.payload,
        signed: &signed,
    };
    let logged = asked.entry().log(gateway, message).await?;
    if gateway.settings.durable_before_forward {
        logged.durable().await?;
        return serve(gateway, &view, &asked, &answerer, &header_digest, &tail.payload, operation).await;
    }
    let outcome = serve(gateway, &view, &asked, &answerer, &header_digest, &tail.payload, operation).await;
    // Whatever came of it, nothing is told before the request is durable: its record may fail where a later, smaller one succeeds.
    logged.durable().await?;
    outcome
}

/// Has the request answered and signs the answer.
async fn serve(
    gateway: &Arc<Gateway>,
    view: &View,
    asked: &Asked<'_>,
    answerer: &Answerer,
    header_digest: &[u8; 64],
    payload: &Payload,
    operation: &mut Operation,
) -> Result<(u16, Response<Body>), Failure> {
    operation.request_out(gateway.clock.now());
    let answer = match answerer {
        Answerer::Service(service, permit) => call(gateway, service, permit, asked, payload).await?,
        Answerer::Metaservice => metaservices::answer(gateway, view, &asked.said.client, &asked.target).await?,
    };
    operation.response_in(gateway.clock.now());
    operation.done(Stage::Upstream);
    let status = answer.status.as_u16();
    let hash = request_hash(header_digest, payload.digest());
    let response = reply(gateway, asked, answer, &hash, operation).await?;
    Ok((status, response))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn check_version(gateway: &Gateway, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(minimum) = &gateway.settings.minimum_client_version else { return Ok(()) };
    let theirs = header_text(headers, transport::PROXY_VERSION);
    if version(theirs) < version(minimum) {
        let message = format_args!("The minimum supported version for client gateways is: {minimum}");
        return Err(Failure::provider(Code::ClientProxyVersionNotSupported, message));
    }
    Ok(())
}

/// The numbers of a semantic version; what cannot be read counts as zero.
fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

fn parse(part: &Bytes) -> Result<Asked<'_>, Failure> {
    let invalid = |error: &dyn std::fmt::Display| Failure::provider(Code::InvalidMessage, error);
    let parsed = header_part::parse_request(part).map_err(|e| invalid(&e))?;
    if !rest::is_allowed_method(parsed.method) {
        let message = format_args!("The method {} is not allowed", parsed.method);
        return Err(Failure::provider(Code::InvalidHttpMethod, message));
    }
    let (path, query) = match parsed.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (parsed.target, None),
    };
    let target = Target::parse(path, query).map_err(|e| invalid(&e))?;
    let said = rest::Headers::parse(&parsed.headers).map_err(|e| invalid(&e))?;
    let message_id = said.id.clone().ok_or_else(|| invalid(&"the header X-Road-Id is missing"))?;
    let request_id = header_text(&parsed.headers, headers::REQUEST_ID)
        .parse()
        .map_err(|_| invalid(&"the header X-Road-Request-Id is missing or not a UUID"))?;
    Ok(Asked { method: parsed.method, target, said, message_id, request_id, headers: parsed.headers })
}

/// The gateway at the other end may speak for the caller: its certificate is registered for a gateway that serves the caller, and good.
fn check_caller(
    gateway: &Gateway,
    view: &View,
    asked: &Asked<'_>,
    peer: &PeerConnection,
    ocsp: &[Bytes],
    operation: &mut Operation,
) -> Result<(), Failure> {
    let client = &asked.said.client;
    let server = view.peer(&peer.certificate, gateway.clock.now()).map_err(|error| {
        Failure::provider(Code::SslAuthenticationFailed, format_args!("Client gateway is not trusted: {error}"))
    })?;
    operation.addresses(server.address.as_deref(), gateway.own_address(view).as_deref());
    if !view.conf.has_client(client) {
        return Err(Failure::provider(Code::UnknownMember, format_args!("Client '{client}' not found")));
    }
    if !view.conf.servers_of(client).iter().any(|known| known.id == server.id) {
        let message = format_args!("Client '{client}' is not registered at gateway {}", server.id);
        return Err(Failure::provider(Code::InvalidClientIdentifier, message));
    }
    gateway
        .evidence
        .check_peer_ocsp(view, &peer.certificate, ocsp, gateway.clock.now())
        .map_err(|error| Failure::provider(Code::CertValidation, error))
}

fn decide(gateway: &Gateway, view: &View, asked: &Asked<'_>, operation: &mut Operation) -> Result<Answerer, Failure> {
    let service_id = &asked.target.service;
    let conf = gateway.conf.current();
    let provider = &service_id.provider;
    let registered = conf.client(provider).is_some_and(|client| client.status.may_exchange());
    if !registered {
        return Err(Failure::provider(Code::UnknownMember, format_args!("Client '{provider}' not found")));
    }
    if asked.method == "GET" && metaservices::is_metaservice(&service_id.code) {
        return Ok(Answerer::Metaservice);
    }
    let unknown = || Failure::provider(Code::UnknownService, format_args!("Unknown service: {service_id}"));
    let service = conf.service(provider, &service_id.code).ok_or_else(unknown)?;
    operation.service(service, asked.target.path);
    if !service.kind.is_rest() {
        let message = format_args!("Service is not a REST service: {service_id}");
        return Err(Failure::provider(Code::ServiceType, message));
    }
    let raw_path = format!("/{}", asked.target.path);
    let permit = service.rights.decide(&asked.said.client, view, asked.method, &raw_path).map_err(|denied| {
        tracing::info!(client = %asked.said.client, service = %service_id, reason = %denied, "access denied");
        Failure::provider(Code::AccessDenied, format_args!("Request is not allowed: {service_id}"))
    })?;
    if let Some(notice) = &service.disabled {
        let message = format_args!("Service {service_id} is disabled: {notice}");
        return Err(Failure::provider(Code::ServiceDisabled, message));
    }
    Ok(Answerer::Service(Arc::clone(service), permit))
}

fn verify(
    gateway: &Gateway,
    view: &View,
    asked: &Asked<'_>,
    header_digest: &[u8; 64],
    payload: &Payload,
    signed: &Signed,
) -> Result<(), Failure> {
    let now = gateway.clock.now();
    let claim = Claim { signer: &asked.said.client, header_digest, body_digest: payload.digest(), signed };
    let signed_at =
        gateway.evidence.check(view, &claim, now).map_err(|error| Failure::provider(error.code(), error))?;
    gateway
        .replay
        .admit(asked.request_id, signed_at, now)
        .map_err(|replay| Failure::provider(Code::InvalidRequest, replay))
}

/// Calls the service. The permit is the proof that [`decide`] allowed it for this very service.
async fn call(
    gateway: &Gateway,
    service: &Service,
    permit: &Permit,
    asked: &Asked<'_>,
    payload: &Payload,
) -> Result<ServiceAnswer, Failure> {
    if permit.service() != &*service.id {
        return Err(Failure::provider(Code::InternalError, "The permit is for another service"));
    }
    let base = base_path(&service.base_url);
    let path = asked.target.service_path(base);
    tracing::debug!(trace = trace::trace_id(&asked.headers), x_road_request_id = %asked.request_id, "calling service");
    gateway.services.call(service, asked.method, &path, &asked.headers, payload, &gateway.spool).await
}

/// The path of a base URL: what follows the authority.
fn base_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or("")
}

async fn reply(
    gateway: &Arc<Gateway>,
    asked: &Asked<'_>,
    answer: ServiceAnswer,
    hash: &str,
    operation: &mut Operation,
) -> Result<Response<Body>, Failure> {
    let service: &ServiceId = &asked.target.service;
    let client: &ClientId = &asked.said.client;
    let (client_text, service_text, request_id) = (client.encoded(), service.encoded(), asked.request_id.to_string());
    let own = [
        (headers::ID, asked.message_id.as_str()),
        (headers::CLIENT, client_text.as_str()),
        (headers::SERVICE, service_text.as_str()),
        (headers::REQUEST_ID, request_id.as_str()),
        (headers::REQUEST_HASH, hash),
    ];
    let header_part: Bytes =
        header_part::write_response(answer.status.as_u16(), &answer.reason, &answer.headers, &own).into();
    operation.response_size(header_part.len(), answer.payload.length());
    let header_digest = sha512(&header_part);
    let signed = asked.entry().sign(gateway, header_digest, &answer.payload).await?;
    operation.done(Stage::Sign);
    let message = Message {
        direction: Direction::Response,
        header_part: &header_part,
        header_digest,
        payload: &answer.payload,
        signed: &signed,
    };
    asked.entry().log(gateway, message).await?.durable().await?;
    operation.done(Stage::Log);
    let boundary = outbound::new_boundary();
    let message = Outgoing {
        half: Half::Response,
        ocsp: &[],
        header_part: &header_part,
        payload: &answer.payload,
        hash_chain: signed.hash_chain.as_ref().map(|(result, chain)| (&result[..], &chain[..])),
        signature: &signed.signature,
    };
    let mut response = Response::new(outbound::body(&boundary, &message));
    transport_headers(response.headers_mut(), &boundary, gateway.version);
    Ok(response)
}

fn inbound(error: InboundError) -> Failure {
    let code = match &error {
        InboundError::Payload(_) | InboundError::Network(_) => Code::IOError,
        InboundError::Missing(crate::wire::inbound::part::REST_REQUEST) => Code::MissingRest,
        InboundError::Missing(crate::wire::inbound::part::SIGNATURE) => Code::MissingSignature,
        InboundError::Fault(_) | InboundError::Multipart(_) => Code::MimeParsingFailed,
        InboundError::Order(_) | InboundError::TooLong(_) | InboundError::Missing(_) => Code::InvalidMessage,
    };
    Failure::provider(code, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(version("7.10.0") > version("7.9.3"));
        assert!(version("7.8.0-beta2") >= version("7.8.0"));
        assert_eq!(version("nonsense"), [0, 0, 0]);
    }

    #[test]
    fn the_base_path_is_what_follows_the_authority() {
        assert_eq!(base_path("http://10.0.0.1:8080/api/v1"), "/api/v1");
        assert_eq!(base_path("https://dancu.example.vn"), "");
    }
}
