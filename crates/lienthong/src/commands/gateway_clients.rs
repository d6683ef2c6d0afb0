//! `lienthong gateway client|service|grant`: who speaks through the gateway, what it offers, who may call it.

use clap::{Args, Subcommand};
use exchange::conf::ConnectionType;

use super::Context;
use super::gateway::connection;
use crate::out::{say, trouble};
use crate::setup::gateway::GatewayNode;
use crate::setup::services::{self, client, subject};

/// Subsystems.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Thêm hệ thống con · add a subsystem
    Add {
        /// VN:GOV:G01:dancu
        id: String,
        /// Hệ thống thông tin kết nối bằng: http, https, https-cert · how its systems connect
        #[arg(long, default_value = "https-cert", value_parser = connection)]
        connection: ConnectionType,
    },
    /// Xin trung tâm đăng ký hệ thống con · ask the central to register a subsystem
    Register {
        /// VN:GOV:G01:dancu
        id: String,
        /// Tên · name
        #[arg(long)]
        name: Option<String>,
    },
    /// Liệt kê · list
    List,
}

/// Services.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Thêm dịch vụ theo địa chỉ hoặc theo mô tả OpenAPI · add a service
    #[command(group = clap::ArgGroup::new("by").required(true).args(["base_url", "openapi"]).multiple(true))]
    Add {
        /// Mã dịch vụ VN:GOV:G01:dancu:tracuu · service
        id: String,
        /// Địa chỉ của dịch vụ · base address
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// Mô tả OpenAPI · description
        #[arg(long, value_name = "FILE|URL")]
        openapi: Option<String>,
    },
}

/// A right.
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// Mã dịch vụ VN:GOV:G01:dancu:tracuu · service
    #[arg(long)]
    service: String,
    /// VN:GOV:H26:motcua, group:MÃ hoặc/or global:MÃ
    #[arg(long)]
    subject: String,
    /// Chỉ phương thức này · this method only
    #[arg(long, requires = "path")]
    method: Option<String>,
    /// Chỉ đường dẫn này, * và ** được dùng · this path only
    #[arg(long, requires = "method")]
    path: Option<String>,
}

/// Splits `VN:GOV:G01:dancu:tracuu` into provider and code.
fn service_id(text: &str) -> anyhow::Result<(directory::ClientId, String)> {
    let parts = text.rsplit_once([':', '/']);
    let (provider, code) = parts.ok_or_else(|| {
        trouble!(
            "`{text}` không phải là mã dịch vụ; mẫu: VN:GOV:G01:dancu:tracuu",
            "`{text}` is not a service; it looks like VN:GOV:G01:dancu:tracuu"
        )
        .code(2)
    })?;
    Ok((client(provider)?, code.to_owned()))
}

/// Carries out a command about subsystems.
///
/// # Errors
/// With what went wrong.
pub async fn client_command(context: &Context, node: &mut GatewayNode, command: ClientCommand) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    match command {
        ClientCommand::Add { id, connection } => {
            services::add_client(&node.admin, &client(&id)?, connection).await?;
            out.done(say!(lang, "Đã thêm hệ thống con {id}", "Added the subsystem {id}"));
            out.next(say!(
                lang,
                "Tiếp theo: lienthong gateway client register {id}",
                "Next: lienthong gateway client register {id}"
            ));
        }
        ClientCommand::Register { id, name } => {
            node.fetch().await?;
            services::register_client(&node.admin, &client(&id)?, name.as_deref()).await?;
            out.done(say!(lang, "Đã xin trung tâm đăng ký {id}", "Asked the central to register {id}"));
            out.next(say!(
                lang,
                "Người vận hành trung tâm xem và duyệt: lienthong central requests, lienthong central approve SỐ",
                "The central's operator looks and approves: lienthong central requests, lienthong central approve NUMBER"
            ));
        }
        ClientCommand::List => {
            let conf = node.admin.conf().current();
            let mut clients: Vec<_> = conf.clients().collect();
            clients.sort_by_key(|client| client.id.colon());
            for client in clients {
                out.line(format_args!(
                    "{:<40} {:<24} {}",
                    client.id.colon(),
                    client.status.as_str(),
                    client.connection_type.as_str()
                ));
            }
        }
    }
    Ok(())
}

/// Carries out a command about services.
///
/// # Errors
/// With what went wrong.
pub async fn service_command(context: &Context, node: &GatewayNode, command: ServiceCommand) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let ServiceCommand::Add { id, base_url, openapi } = command;
    let (provider, code) = service_id(&id)?;
    match (openapi, base_url) {
        (Some(source), base_url) => {
            let imported = services::add_openapi(&node.admin, &provider, &code, &source, base_url.as_deref()).await?;
            let (count, url) = (imported.diff.added.len(), imported.service.base_url);
            out.done(say!(
                lang,
                "Đã thêm dịch vụ {id} với {count} thao tác, gọi tới {url}",
                "Added the service {id} with {count} operations, calling {url}"
            ));
            imported.warnings.iter().for_each(|warning| out.line(format_args!("! {warning}")));
        }
        (None, Some(base_url)) => {
            let url = services::add_rest(&node.admin, &provider, &code, &base_url).await?;
            out.done(say!(lang, "Đã thêm dịch vụ {id}, gọi tới {url}", "Added the service {id}, calling {url}"));
        }
        (None, None) => {}
    }
    out.next(say!(
        lang,
        "Chưa ai được gọi. Tiếp theo: lienthong gateway grant --service {id} --subject VN:GOV:…",
        "Nobody may call it yet. Next: lienthong gateway grant --service {id} --subject VN:GOV:…"
    ));
    Ok(())
}

/// Grants a right.
///
/// # Errors
/// With what went wrong.
pub async fn grant(context: &Context, node: &GatewayNode, args: GrantArgs) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let (provider, code) = service_id(&args.service)?;
    let who = subject(&args.subject, &node.server.owner.instance)?;
    let endpoint = args.method.as_deref().zip(args.path.as_deref());
    let is_new = services::grant(&node.admin, &provider, &code, &who, endpoint).await?;
    let (subject, service) = (&args.subject, &args.service);
    let scope = endpoint.map(|(method, path)| format!(" {method} {path}")).unwrap_or_default();
    if is_new {
        out.done(say!(lang, "{subject} được gọi {service}{scope}", "{subject} may call {service}{scope}"));
    } else {
        out.done(say!(
            lang,
            "{subject} đã có quyền gọi {service}{scope} từ trước",
            "{subject} could call {service}{scope} already"
        ));
    }
    let (path, caller) = (service.replace(':', "/"), subject.replace(':', "/"));
    out.next(say!(
        lang,
        "Ở cổng của bên gọi: curl -H 'X-Road-Client: {caller}' http://CỔNG/r1/{path}/…",
        "At the caller's gateway: curl -H 'X-Road-Client: {caller}' http://GATEWAY/r1/{path}/…"
    ));
    Ok(())
}
