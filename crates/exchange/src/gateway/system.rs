//! What information systems may ask besides REST messages: who takes part, the evidence of their own messages, and what verifies it
//! (exchange-protocol §2.3).

use std::fmt::Write as _;
use std::sync::Arc;

use directory::ClientId;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::Gateway;
use super::consumer::{authenticate, error_response};
use super::failure::Failure;
use super::listen::Caller;
use super::metaservices::query_value;
use super::world::View;
use crate::log::{AsicError, AsicQuery};
use crate::model::error::{Code, ErrorFormat, escape};
use crate::wire::body::Body;

/// Handles a request that is not a REST message; always answers.
pub async fn handle(gateway: &Arc<Gateway>, request: Request<Incoming>, caller: &Caller) -> Response<Body> {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let query = request.uri().query();
    let outcome = match (request.method(), request.uri().path()) {
        (&Method::GET, "/listClients") => list_clients(gateway, query, &accept),
        (&Method::GET, "/verificationconf") => return verification_conf(gateway),
        (&Method::GET, "/asic") => return asic(gateway, query, caller).await,
        (&Method::POST, "/") => {
            Err(Failure::client(Code::InvalidRequest, "SOAP messages are not served by this gateway yet"))
        }
        (_, path) => Err(Failure::client(Code::BadRequest, format_args!("There is no service at {path}"))),
    };
    outcome.unwrap_or_else(|failure| {
        error_response(&failure.into_fault(gateway.settings.dialect), ErrorFormat::from_accept(Some(&accept)))
    })
}

/// All members and subsystems of an instance.
fn list_clients(gateway: &Gateway, query: Option<&str>, accept: &str) -> Result<Response<Body>, Failure> {
    let view = gateway.in_force(crate::model::error::Place::ClientProxy)?;
    let instance = query_value(query, "xRoadInstance").unwrap_or_else(|| view.conf.instance().to_string());
    if view.conf.instance_named(&instance).is_none() {
        return Err(Failure::client(Code::BadRequest, format_args!("Unknown instance: {instance}")));
    }
    let json = accept.contains("application/json");
    let (kind, body) = if json {
        ("application/json;charset=utf-8", clients_json(&view, &instance))
    } else {
        ("text/xml;charset=utf-8", clients_xml(&view, &instance))
    };
    let mut response = Response::new(Body::empty().with(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

fn clients_of<'a>(view: &'a View, instance: &'a str) -> Vec<(&'a ClientId, &'a str, Option<&'a str>)> {
    let mut clients: Vec<_> = view
        .conf
        .clients()
        .filter(|(id, _)| &*id.instance == instance)
        .map(|(id, name)| (id, name, view.conf.subsystem_name(id)))
        .collect();
    clients.sort_unstable();
    clients
}

fn clients_json(view: &View, instance: &str) -> String {
    let members: Vec<Value> = clients_of(view, instance)
        .into_iter()
        .map(|(id, name, subsystem_name)| {
            let mut parts = json!({
                "member_class": &*id.class,
                "member_code": &*id.member,
                "object_type": id.object_type(),
                "xroad_instance": &*id.instance,
            });
            if let Some(subsystem) = &id.subsystem {
                parts["subsystem_code"] = json!(&**subsystem);
            }
            let mut entry = json!({ "id": parts, "name": name });
            if let Some(subsystem_name) = subsystem_name {
                entry["subsystem_name"] = json!(subsystem_name);
            }
            entry
        })
        .collect();
    json!({ "member": members }).to_string()
}

fn clients_xml(view: &View, instance: &str) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><xroad:clientList xmlns:xroad=\"http://x-road.eu/xsd/xroad.xsd\" \
         xmlns:id=\"http://x-road.eu/xsd/identifiers\">",
    );
    for (id, name, subsystem_name) in clients_of(view, instance) {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<xroad:member><xroad:id id:objectType=\"{}\"><id:xRoadInstance>{}</id:xRoadInstance>\
             <id:memberClass>{}</id:memberClass><id:memberCode>{}</id:memberCode>",
            id.object_type(),
            escape(&id.instance),
            escape(&id.class),
            escape(&id.member)
        );
        if let Some(subsystem) = &id.subsystem {
            let _ = write!(out, "<id:subsystemCode>{}</id:subsystemCode>", escape(subsystem));
        }
        let _ = write!(out, "</xroad:id><xroad:name>{}</xroad:name>", escape(name));
        if let Some(subsystem_name) = subsystem_name {
            let _ = write!(out, "<xroad:subsystemName>{}</xroad:subsystemName>", escape(subsystem_name));
        }
        out.push_str("</xroad:member>");
    }
    out.push_str("</xroad:clientList>");
    out
}

/// The configuration that verifies evidence offline.
fn verification_conf(gateway: &Gateway) -> Response<Body> {
    match &gateway.verification_conf {
        Some(build) => match build() {
            Ok(zip) => file("application/zip", "verificationconf.zip", zip),
            Err(reason) => plain(StatusCode::INTERNAL_SERVER_ERROR, &reason),
        },
        None => plain(StatusCode::NOT_FOUND, "No verification configuration"),
    }
}

/// The signed containers of a message, for the client it belongs to.
async fn asic(gateway: &Gateway, query: Option<&str>, caller: &Caller) -> Response<Body> {
    let refused = |error: &AsicError| {
        plain(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &error.to_string())
    };
    let query = match AsicQuery::parse(query.unwrap_or("")) {
        Ok(query) => query,
        Err(error) => return refused(&error),
    };
    if let Err(failure) = authenticate(gateway, &query.client, caller) {
        let fault = failure.into_fault(gateway.settings.dialect);
        return plain(StatusCode::UNAUTHORIZED, &fault.message);
    }
    match gateway.log.asic(&query).await {
        Ok(reply) => file(reply.content_type, &reply.file_name, reply.bytes),
        Err(error) => {
            if let AsicError::Log(cause) = &error {
                tracing::error!(%cause, "evidence could not be exported");
            }
            refused(&error)
        }
    }
}

fn file(kind: &str, name: &str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::empty().with(bytes));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(CONTENT_TYPE, kind);
    }
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

fn plain(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty().with(message.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    response
}
