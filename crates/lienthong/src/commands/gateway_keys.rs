//! `lienthong gateway key`: keys, certificate requests, certificates.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use trust::key::KeyKind;
use trust::token::KeyPurpose;

use super::Context;
use crate::home::{read_secret, write_secret};
use crate::http::fetch;
use crate::out::{say, trouble};
use crate::setup::central::read_certificate;
use crate::setup::gateway::GatewayNode;
use crate::setup::services::client;

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Liệt kê khóa · list the keys
    List,
    /// Tạo khóa · create a key
    Create {
        /// auth, sign
        #[arg(long, value_parser = purpose)]
        purpose: KeyPurpose,
        /// ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096
        #[arg(long, default_value = "ec-p256")]
        key_kind: KeyKind,
        /// Nhãn · label
        #[arg(long)]
        label: Option<String>,
    },
    /// Viết yêu cầu chứng thư (PKCS#10) · write a certificate request
    Csr {
        /// Mã khóa · key
        key: String,
        /// Thành viên, mặc định là chủ của cổng · member, the owner by default
        #[arg(long)]
        member: Option<String>,
        /// Tệp để ghi; mặc định in ra · file
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Nhập chứng thư CA đã cấp · import a certificate
    Import {
        /// Tệp PEM hoặc DER, hoặc địa chỉ · file or address
        file: String,
    },
    /// Tạo hai khóa và ghi danh tự động với một CA thử nghiệm · create both keys and enrol with a test authority
    Enrol {
        /// Địa chỉ CA · address of the authority
        #[arg(long, value_name = "URL")]
        pki: String,
        /// Tệp chứa mã ghi danh (0600) · file with the enrolment token
        #[arg(long)]
        token_file: PathBuf,
        /// ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096
        #[arg(long, default_value = "ec-p256")]
        key_kind: KeyKind,
    },
}

fn purpose(text: &str) -> Result<KeyPurpose, String> {
    match text {
        "auth" => Ok(KeyPurpose::Auth),
        "sign" => Ok(KeyPurpose::Sign),
        _ => Err("auth, sign".to_owned()),
    }
}

/// Carries it out.
///
/// # Errors
/// With what went wrong.
pub async fn run(context: &Context, node: &mut GatewayNode, command: KeyCommand) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    match command {
        KeyCommand::List => list(context, node)?,
        KeyCommand::Create { purpose, key_kind, label } => {
            let id = node.make_key(purpose, key_kind, label.as_deref())?.id;
            let word = purpose.as_str();
            out.done(say!(lang, "Đã tạo khóa {word} {id} ({key_kind})", "Created the {word} key {id} ({key_kind})"));
            out.next(say!(
                lang,
                "Tiếp theo: lienthong gateway key csr {id} --out {word}.csr",
                "Next: lienthong gateway key csr {id} --out {word}.csr"
            ));
        }
        KeyCommand::Csr { key, member, out: file } => csr(context, node, &key, member.as_deref(), file).await?,
        KeyCommand::Import { file } => {
            let certificate = read_certificate(&fetch(&file).await?, &file)?;
            let key = node.import(&certificate)?;
            let (id, subject, until) = (key.id, certificate.subject().to_owned(), certificate.not_after());
            out.done(say!(
                lang,
                "Đã nhập chứng thư của khóa {id}: {subject}, đến {until}",
                "Imported the certificate of the key {id}: {subject}, until {until}"
            ));
            restart_or_register(context);
        }
        KeyCommand::Enrol { pki, token_file, key_kind } => {
            node.fetch().await?;
            let token = read_secret(&token_file)?;
            for purpose in [KeyPurpose::Auth, KeyPurpose::Sign] {
                let certificate = node.enrol(&pki, token.trim(), purpose, key_kind).await?;
                let (word, serial, until) = (purpose.as_str(), certificate.serial_hex(), certificate.not_after());
                out.done(say!(
                    lang,
                    "Chứng thư {word} {serial}, đến {until}",
                    "Certificate {word} {serial}, until {until}"
                ));
            }
            restart_or_register(context);
        }
    }
    Ok(())
}

fn restart_or_register(context: &Context) {
    let lang = context.out.lang;
    context.out.next(say!(
        lang,
        "Cổng mới: lienthong gateway register. Cổng đang chạy: khởi động lại để dùng chứng thư mới.",
        "A new gateway: lienthong gateway register. A running one: restart it to use the new certificate."
    ));
}

fn list(context: &Context, node: &GatewayNode) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let keys = node.token.keys()?;
    if keys.is_empty() {
        out.line(say!(lang, "Chưa có khóa nào.", "There is no key yet."));
    }
    for key in keys {
        let purpose = key.purpose.map_or("?", KeyPurpose::as_str);
        out.line(format_args!("{}  {purpose:<4} {}  {}", key.id, key.kind, key.label));
        for certificate in &key.certificates {
            out.line(format_args!(
                "    {}  {}  → {}",
                certificate.serial_hex(),
                certificate.subject(),
                certificate.not_after()
            ));
        }
    }
    Ok(())
}

async fn csr(
    context: &Context,
    node: &GatewayNode,
    key: &str,
    member: Option<&str>,
    file: Option<PathBuf>,
) -> anyhow::Result<()> {
    let (out, lang) = (context.out, context.out.lang);
    let member = member.map_or_else(|| Ok(node.server.owner.clone()), client)?;
    let (_, request) = node.csr(&node.key(key)?, &member).await?;
    let Some(path) = file else {
        out.raw(request.to_pem().as_bytes());
        return Ok(());
    };
    let name = path.display();
    write_secret(&path, request.to_pem().as_bytes())
        .with_context(|| trouble!("Không ghi được {name}", "Cannot write {name}"))?;
    let subject = request.subject();
    out.done(say!(lang, "Yêu cầu chứng thư cho {subject}: {name}", "Certificate request for {subject}: {name}"));
    out.next(say!(
        lang,
        "Gửi cho CA; khi có chứng thư: lienthong gateway key import TỆP",
        "Send it to the authority; with the certificate: lienthong gateway key import FILE"
    ));
    Ok(())
}
