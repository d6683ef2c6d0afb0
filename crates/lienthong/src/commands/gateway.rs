//! `lienthong gateway`: one gateway, from the anchor to the grant.

use clap::Subcommand;
use directory::ClientId;
use directory::anchor::fingerprint;
use exchange::acts::api_keys::{ApiKeyRequest, create_api_key};
use exchange::acts::permit::{Role as AdminRole, Roles};
use exchange::conf::ConnectionType;

use super::gateway_clients::{self, ClientCommand, GrantArgs, ServiceCommand};
use super::gateway_keys::{self, KeyCommand};
use super::{Context, serve};
use crate::config::Role;
use crate::http::fetch;
use crate::out::{say, trouble};
use crate::setup::gateway::{GatewayNode, NewGateway, read_anchor};
use crate::setup::gateway_permit;
use crate::setup::services::client;

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Lập cổng từ tệp mỏ neo · make a gateway from an anchor
    Init {
        /// Tệp mỏ neo hoặc địa chỉ http · anchor file or address
        #[arg(long, value_name = "FILE|URL")]
        anchor: String,
        /// Thành viên sở hữu, VN:GOV:G01 · owner
        #[arg(long)]
        owner: String,
        /// Mã cổng · code of the gateway
        #[arg(long)]
        code: String,
        /// Địa chỉ các cổng khác gọi tới, `host` hoặc `host:port` · where other gateways reach it
        #[arg(long)]
        address: String,
        /// Đã đối chiếu vân tay · the fingerprint has been compared
        #[arg(long)]
        yes: bool,
    },
    /// Chạy cổng · run the gateway
    Serve,
    /// Khóa và chứng thư · keys and certificates
    #[command(subcommand)]
    Key(KeyCommand),
    /// Xin trung tâm đăng ký cổng · ask the central to register the gateway
    Register,
    /// Hệ thống con của cổng · subsystems of the gateway
    #[command(subcommand)]
    Client(ClientCommand),
    /// Dịch vụ · services
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Cấp quyền gọi dịch vụ · grant a right
    Grant(GrantArgs),
    /// Khóa của API quản trị · keys of the administration API
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
}

/// Keys of the administration API.
#[derive(Debug, Subcommand)]
pub enum ApiKeyCommand {
    /// Tạo khóa; chỉ hiện một lần · create a key, shown once
    Create {
        /// Tên · name
        #[arg(long, default_value = "console")]
        name: String,
        /// security_officer, registration_officer, service_administrator, system_administrator, observer
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
}

/// Carries it out.
///
/// # Errors
/// With what went wrong.
pub async fn run(context: &Context, command: GatewayCommand) -> anyhow::Result<()> {
    match command {
        GatewayCommand::Init { anchor, owner, code, address, yes } => {
            let new = NewGateway { anchor: fetch(&anchor).await?.to_vec(), owner: owner_of(&owner)?, code, address };
            return init(context, new, yes).await;
        }
        GatewayCommand::Serve => return serve::roles(context, &[Role::Gateway]).await,
        _ => {}
    }
    let mut node = GatewayNode::open(&context.config, context.clock.clone()).await?;
    match command {
        GatewayCommand::Init { .. } | GatewayCommand::Serve => {}
        GatewayCommand::Key(command) => gateway_keys::run(context, &mut node, command).await?,
        GatewayCommand::Register => register(context, &mut node).await?,
        GatewayCommand::Client(command) => gateway_clients::client_command(context, &mut node, command).await?,
        GatewayCommand::Service(command) => gateway_clients::service_command(context, &node, command).await?,
        GatewayCommand::Grant(args) => gateway_clients::grant(context, &node, args).await?,
        GatewayCommand::ApiKey(ApiKeyCommand::Create { name, roles }) => api_key(context, &node, name, &roles).await?,
    }
    node.store.close().await;
    Ok(())
}

fn owner_of(text: &str) -> anyhow::Result<ClientId> {
    let owner = client(text)?;
    match owner.subsystem {
        None => Ok(owner),
        Some(_) => {
            Err(trouble!("Chủ sở hữu là thành viên, ví dụ VN:GOV:G01", "The owner is a member, such as VN:GOV:G01")
                .code(2)
                .into())
        }
    }
}

async fn init(context: &Context, new: NewGateway, yes: bool) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let anchor = read_anchor(&new.anchor)?;
    let (instance, fingerprint) = (&anchor.instance, fingerprint(&new.anchor));
    out.line(say!(
        lang,
        "Mỏ neo của hệ thống {instance}, vân tay:\n  {fingerprint}",
        "Anchor of the instance {instance}, fingerprint:\n  {fingerprint}"
    ));
    if !yes && !confirmed(context)? {
        return Err(trouble!(
            "Vân tay chưa được xác nhận; không có gì thay đổi",
            "The fingerprint was not confirmed; nothing was changed"
        )
        .into());
    }
    let (mut node, pin_made) = GatewayNode::create(&context.config, &new, context.clock.clone()).await?;
    let (server, folder) = (node.server.colon(), node.home.path().display().to_string());
    out.done(say!(
        lang,
        "Đã lấy và kiểm tra chữ ký của cấu hình toàn hệ thống",
        "Fetched and verified the global configuration"
    ));
    out.done(say!(lang, "Đã lập cổng {server} trong {folder}", "Made the gateway {server} in {folder}"));
    if pin_made {
        let pin = node.home.pin_file(context.config.gateway.pin_file.as_deref()).display().to_string();
        out.done(say!(
            lang,
            "Đã đặt mã PIN của kho khóa, cất trong {pin} (0600)",
            "Made a PIN for the key store, kept in {pin} (0600)"
        ));
    }
    if node.fetch().await?.member_name(&new.owner).is_none() {
        let owner = new.owner.colon();
        out.line(say!(
            lang,
            "! Trung tâm chưa có thành viên {owner}: nhờ người vận hành trung tâm thêm",
            "! The central does not know the member {owner}: ask its operator to add it"
        ));
    }
    out.next(say!(
        lang,
        "Tiếp theo: lienthong gateway key enrol --pki URL --token-file FILE (hoặc key create, key csr, key import)",
        "Next: lienthong gateway key enrol --pki URL --token-file FILE (or key create, key csr, key import)"
    ));
    node.store.close().await;
    Ok(())
}

fn confirmed(context: &Context) -> anyhow::Result<bool> {
    let lang = context.out.lang;
    context.out.line(say!(
        lang,
        "Vân tay này có đúng như trung tâm đọc cho bạn không? [c/K]",
        "Is this the fingerprint the central told you? [y/N]"
    ));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "c" | "có" | "co" | "y" | "yes"))
}

async fn register(context: &Context, node: &mut GatewayNode) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    node.fetch().await?;
    let (number, state) = node.register().await?;
    let server = node.server.colon();
    out.done(say!(
        lang,
        "Đã gửi yêu cầu đăng ký cổng {server}: số {number} ({state})",
        "Asked to register the gateway {server}: request {number} ({state})"
    ));
    out.next(say!(
        lang,
        "Người vận hành trung tâm duyệt: lienthong central approve {number}. Sau đó: lienthong gateway client add …",
        "The central's operator approves: lienthong central approve {number}. Then: lienthong gateway client add …"
    ));
    Ok(())
}

async fn api_key(context: &Context, node: &GatewayNode, name: String, roles: &[String]) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let roles: Roles = roles
        .iter()
        .map(|role| {
            role.parse::<AdminRole>()
                .map_err(|error| trouble!("Không có vai trò này: {error}", "There is no such role: {error}").code(2))
        })
        .collect::<Result<_, _>>()?;
    let made = create_api_key(&node.admin, &gateway_permit()?, ApiKeyRequest { name, roles, expires_at: None }).await?;
    let (key, admin) = (&made.key, context.config.gateway.admin);
    out.done(say!(lang, "Khóa API (chỉ hiện lần này):", "API key (shown only now):"));
    out.line(key);
    out.next(say!(
        lang,
        "Dùng: curl -H 'Authorization: Bearer KHÓA' http://{admin}/api/exchange/v1/clients",
        "Use: curl -H 'Authorization: Bearer KEY' http://{admin}/api/exchange/v1/clients"
    ));
    Ok(())
}

/// How information systems of a client connect, by the words of the command line.
///
/// # Errors
/// With the words there are.
pub fn connection(text: &str) -> Result<ConnectionType, String> {
    match text {
        "http" => Ok(ConnectionType::Http),
        "https" => Ok(ConnectionType::HttpsNoAuth),
        "https-cert" => Ok(ConnectionType::HttpsAuth),
        _ => Err("http, https, https-cert".to_owned()),
    }
}
