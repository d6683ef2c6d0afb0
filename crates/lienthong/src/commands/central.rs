//! `lienthong central`: the central of an instance.

use clap::Subcommand;
use directory::Audience;
use directory::acts::permit::Register;
use directory::anchor;
use trust::key::KeyKind;

use super::{Context, serve};
use crate::config::Role;
use crate::out::{Out, say, trouble};
use crate::roles::central_keys;
use crate::setup::central::{CentralNode, NewCentral};
use crate::setup::central_permit;
use crate::setup::services::client;

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum CentralCommand {
    /// Lập trung tâm: khóa ký, lớp thành viên, tệp mỏ neo · make a central
    Init {
        /// Mã hệ thống · instance identifier
        #[arg(long, default_value = "VN")]
        instance: String,
        /// Địa chỉ các cổng gọi tới, host:port · where gateways reach it
        #[arg(long)]
        address: String,
        /// Lớp thành viên MÃ=Mô tả · member class CODE=Description
        #[arg(long = "class", default_values = ["GOV=Cơ quan nhà nước", "COM=Doanh nghiệp, tổ chức"])]
        classes: Vec<String>,
        /// Duyệt CA và dấu thời gian của một CA thử nghiệm · approve a test authority
        #[arg(long, value_name = "URL")]
        pki: Option<String>,
        /// Loại khóa ký; cổng của hãng khác chỉ hiểu RSA · kind of signing keys; gateways of other makes know RSA only
        #[arg(long, default_value = "rsa-3072")]
        key_kind: KeyKind,
    },
    /// Chạy trung tâm · run the central
    Serve,
    /// Thành viên và hệ thống con · members and subsystems
    #[command(subcommand)]
    Member(MemberCommand),
    /// Nhóm toàn hệ thống · global groups
    #[command(subcommand)]
    Group(GroupCommand),
    /// Yêu cầu của các cổng · requests of gateways
    Requests {
        /// Cả yêu cầu đã quyết · decided ones too
        #[arg(long)]
        all: bool,
    },
    /// Duyệt yêu cầu · approve requests
    Approve {
        /// Số của yêu cầu · numbers
        #[arg(required = true)]
        ids: Vec<i64>,
    },
    /// Từ chối yêu cầu · decline a request
    Decline {
        /// Số của yêu cầu · number
        id: i64,
        /// Lý do · reason
        #[arg(long)]
        reason: String,
    },
    /// Tạo khóa của API quản trị; chỉ hiện một lần · create a key of the administration API
    ApiKey {
        /// Tên · name
        #[arg(long, default_value = "console")]
        name: String,
        /// SECURITY_OFFICER, REGISTRATION_OFFICER, SYSTEM_ADMINISTRATOR, OBSERVER
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
    },
    /// Đổi khóa ký cấu hình: tạo khóa mới, hoặc dùng/hủy một khóa · rotate the signing key
    RotateKey {
        /// internal, external
        #[arg(long, default_value = "internal")]
        audience: String,
        /// Dùng khóa này từ nay · let this key sign from now on
        #[arg(long, value_name = "ID", conflicts_with = "delete")]
        activate: Option<String>,
        /// Hủy khóa này · delete this key
        #[arg(long, value_name = "ID")]
        delete: Option<String>,
    },
}

/// Members.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Thêm thành viên hoặc hệ thống con · add a member or subsystem
    Add {
        /// VN:GOV:G01 hoặc/or VN:GOV:G01:dancu
        id: String,
        /// Tên · name
        #[arg(long)]
        name: String,
    },
}

/// Global groups.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Thêm nhóm · add a group
    Add {
        /// Mã nhóm · code
        code: String,
        /// Mô tả · description
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Thêm thành viên vào nhóm · add clients to a group
    Join {
        /// Mã nhóm · code
        code: String,
        /// Các mã định danh · identifiers
        #[arg(required = true)]
        clients: Vec<String>,
    },
    /// Bỏ thành viên khỏi nhóm · take clients out of a group
    Leave {
        /// Mã nhóm · code
        code: String,
        /// Các mã định danh · identifiers
        #[arg(required = true)]
        clients: Vec<String>,
    },
}

/// Carries it out.
///
/// # Errors
/// With what went wrong.
pub async fn run(context: &Context, command: CentralCommand) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    match command {
        CentralCommand::Init { instance, address, classes, pki, key_kind } => {
            let classes = classes.iter().map(|class| member_class(class)).collect::<anyhow::Result<_>>()?;
            let new = NewCentral { instance, address, classes, key_kind };
            return init(context, new, pki.as_deref()).await;
        }
        CentralCommand::Serve => return serve::roles(context, &[Role::Central]).await,
        _ => {}
    }
    let node = CentralNode::open(&context.config, context.clock.clone()).await?;
    match command {
        CentralCommand::Init { .. } | CentralCommand::Serve => {}
        CentralCommand::Member(MemberCommand::Add { id, name }) => add_member(&node, out, &id, name).await?,
        CentralCommand::Group(command) => group(&node, out, command).await?,
        CentralCommand::Requests { all } => list(&node, out, all).await?,
        CentralCommand::Approve { ids } => {
            for id in ids {
                let row = node.approve(id).await?;
                let (kind, server) = (row.body.kind(), row.body.server().colon());
                out.done(say!(
                    lang,
                    "Đã duyệt yêu cầu {id}: {kind} của {server}",
                    "Approved request {id}: {kind} of {server}"
                ));
            }
            out.next(say!(
                lang,
                "Các cổng biết khi lấy cấu hình lần sau.",
                "Gateways know when they next fetch the configuration."
            ));
        }
        CentralCommand::Decline { id, reason } => {
            node.central.decline_request(&central_permit::<Register>()?, id, Some(reason)).await?;
            out.done(say!(lang, "Đã từ chối yêu cầu {id}", "Declined request {id}"));
        }
        CentralCommand::ApiKey { name, roles } => {
            let key = central_keys::create(&node.store, &context.clock, &name, &roles).await?;
            out.done(say!(lang, "Khóa API (chỉ hiện lần này):", "API key (shown only now):"));
            out.line(key.as_str());
            let admin = context.config.central.admin;
            out.next(say!(
                lang,
                "Dùng: curl -H 'Authorization: Bearer KHÓA' http://{admin}/api/directory/v1/members",
                "Use: curl -H 'Authorization: Bearer KEY' http://{admin}/api/directory/v1/members"
            ));
        }
        CentralCommand::RotateKey { audience, activate, delete } => {
            rotate(&node, out, &audience, activate, delete).await?;
        }
    }
    node.store.close().await;
    Ok(())
}

fn member_class(text: &str) -> anyhow::Result<(String, String)> {
    let parts = text.split_once('=').map(|(code, description)| (code.to_owned(), description.to_owned()));
    Ok(parts.ok_or_else(|| {
        trouble!("Lớp thành viên viết MÃ=Mô tả, không phải `{text}`", "A class is CODE=Description, not `{text}`")
            .code(2)
    })?)
}

async fn init(context: &Context, new: NewCentral, pki: Option<&str>) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let made = CentralNode::create(&context.config, &new, context.clock.clone()).await?;
    let (instance, folder) = (&new.instance, made.node.home.path().display().to_string());
    out.done(say!(lang, "Đã lập trung tâm {instance} trong {folder}", "Made the central {instance} in {folder}"));
    if made.pin_made {
        let pin = made.node.home.pin_file(context.config.central.pin_file.as_deref()).display().to_string();
        out.done(say!(
            lang,
            "Đã đặt mã PIN của kho khóa, cất trong {pin} (0600)",
            "Made a PIN for the key store, kept in {pin} (0600)"
        ));
    }
    if let Some(url) = pki {
        made.node.trust_pki("CA thử nghiệm", url, None).await?;
        out.done(say!(
            lang,
            "Đã duyệt CA, OCSP và dấu thời gian của {url}",
            "Approved the authority, OCSP and time-stamps of {url}"
        ));
    }
    let (anchor, fingerprint) = (made.node.home.anchor().display().to_string(), &made.fingerprint);
    out.done(say!(lang, "Tệp mỏ neo để trao cho các cổng: {anchor}", "The anchor file to hand to gateways: {anchor}"));
    out.line(say!(
        lang,
        "  Vân tay (đọc cho người cài cổng đối chiếu): {fingerprint}",
        "  Fingerprint (to be compared by whoever installs a gateway): {fingerprint}"
    ));
    out.next(say!(
        lang,
        "Tiếp theo: lienthong central member add VN:GOV:G01 --name \"Bộ Công an\", rồi lienthong central serve",
        "Next: lienthong central member add VN:GOV:G01 --name \"Bộ Công an\", then lienthong central serve"
    ));
    made.node.store.close().await;
    Ok(())
}

async fn add_member(node: &CentralNode, out: Out, id: &str, name: String) -> anyhow::Result<()> {
    let (lang, parsed) = (out.lang, client(id)?);
    let permit = central_permit::<Register>()?;
    if parsed.subsystem.is_some() {
        node.central.add_subsystem(&permit, parsed, Some(name.clone())).await?;
        out.done(say!(lang, "Đã thêm hệ thống con {id}: {name}", "Added the subsystem {id}: {name}"));
    } else {
        node.central.add_member(&permit, parsed, name.clone()).await?;
        out.done(say!(lang, "Đã thêm thành viên {id}: {name}", "Added the member {id}: {name}"));
    }
    Ok(())
}

async fn group(node: &CentralNode, out: Out, command: GroupCommand) -> anyhow::Result<()> {
    let (lang, permit) = (out.lang, central_permit::<Register>()?);
    let clients = |texts: &[String]| texts.iter().map(|text| client(text)).collect::<anyhow::Result<Vec<_>>>();
    match command {
        GroupCommand::Add { code, description } => {
            node.central.add_group(&permit, code.clone(), description).await?;
            out.done(say!(lang, "Đã thêm nhóm {code}", "Added the group {code}"));
        }
        GroupCommand::Join { code, clients: texts } => {
            node.central.add_group_members(&permit, code.clone(), clients(&texts)?).await?;
            let count = texts.len();
            out.done(say!(
                lang,
                "Đã thêm {count} thành viên vào nhóm {code}",
                "Added {count} clients to the group {code}"
            ));
        }
        GroupCommand::Leave { code, clients: texts } => {
            node.central.remove_group_members(&permit, code.clone(), clients(&texts)?).await?;
            let count = texts.len();
            out.done(say!(
                lang,
                "Đã bỏ {count} thành viên khỏi nhóm {code}",
                "Took {count} clients out of the group {code}"
            ));
        }
    }
    Ok(())
}

async fn list(node: &CentralNode, out: Out, all: bool) -> anyhow::Result<()> {
    let lang = out.lang;
    let requests = node.requests(all).await?;
    if requests.is_empty() {
        out.line(say!(lang, "Không có yêu cầu nào chờ duyệt.", "No request is waiting."));
        return Ok(());
    }
    for row in &requests {
        let about = row.body.client().map_or_else(|| row.body.server().colon(), |client| client.colon());
        let (id, state, kind) = (row.id, &row.status, row.body.kind());
        out.line(format_args!("{id:>5}  {state:<10} {kind:<24} {about}"));
    }
    out.next(say!(lang, "Duyệt: lienthong central approve SỐ", "Approve: lienthong central approve NUMBER"));
    Ok(())
}

async fn rotate(
    node: &CentralNode,
    out: Out,
    audience: &str,
    activate: Option<String>,
    delete: Option<String>,
) -> anyhow::Result<()> {
    let lang = out.lang;
    if let Some(id) = activate {
        node.central.activate_signing_key(&central_permit()?, id.clone()).await?;
        out.done(say!(lang, "Từ nay khóa {id} ký cấu hình", "The key {id} signs from now on"));
        out.next(say!(
            lang,
            "Khóa cũ hủy được: lienthong central rotate-key --delete ID",
            "The old key can go: lienthong central rotate-key --delete ID"
        ));
    } else if let Some(id) = delete {
        node.central.delete_signing_key(&central_permit()?, id.clone()).await?;
        out.done(say!(lang, "Đã hủy khóa {id}", "Deleted the key {id}"));
    } else {
        let audience: Audience = audience
            .parse()
            .map_err(|_| trouble!("Chọn internal hoặc external", "Choose internal or external").code(2))?;
        let id = node.new_signing_key(audience).await?.id;
        out.done(say!(
            lang,
            "Đã tạo khóa ký mới {id} và công bố chứng thư của nó",
            "Made the signing key {id} and published its certificate"
        ));
        out.next(say!(
            lang,
            "Đợi mọi cổng lấy cấu hình mới (vài phút), rồi: lienthong central rotate-key --activate {id}",
            "Wait until every gateway has fetched the configuration (minutes), then: lienthong central rotate-key --activate {id}"
        ));
    }
    let anchor = node.write_anchor().await?;
    let (path, fingerprint) = (node.home.anchor().display().to_string(), anchor::fingerprint(&anchor));
    out.done(say!(
        lang,
        "Tệp mỏ neo mới cho các cổng lập sau này: {path}",
        "The new anchor for gateways made from now on: {path}"
    ));
    out.line(say!(lang, "  Vân tay: {fingerprint}", "  Fingerprint: {fingerprint}"));
    Ok(())
}
