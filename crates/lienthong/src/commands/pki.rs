//! `lienthong pki`: a small certification authority for tests and closed networks.

use anyhow::Context as _;
use clap::Subcommand;
use jiff::Timestamp;
use trust::key::KeyKind;

use super::{Context, serve};
use crate::config::Role;
use crate::out::{say, trouble};
use crate::roles::pki;

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum PkiCommand {
    /// Lập CA mới: khóa gốc, OCSP, dấu thời gian, mã ghi danh · found an authority
    Init {
        /// Tên CA · name of the authority
        #[arg(long, default_value = "CA thử nghiệm")]
        name: String,
        /// Loại khóa · kind of keys: ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096
        #[arg(long, default_value = "ec-p256")]
        key_kind: KeyKind,
    },
    /// Chạy CA · serve OCSP, time-stamps and enrolment
    Serve,
    /// In mã ghi danh cho các cổng · print the token that lets gateways enrol
    Token,
    /// Thu hồi một chứng thư · revoke a certificate
    Revoke {
        /// Số sê-ri, hệ mười sáu · serial number, hexadecimal
        serial: String,
    },
}

/// Carries it out.
///
/// # Errors
/// With what went wrong.
pub async fn run(context: &Context, command: PkiCommand) -> anyhow::Result<()> {
    let (out, lang, config) = (context.out, context.out.lang, &context.config);
    match command {
        PkiCommand::Init { name, key_kind } => {
            let authority = pki::create(config, &name, key_kind, context.clock.clone())?;
            let (folder, serial) = (config.home(Role::Pki).path().display().to_string(), authority.root().serial_hex());
            out.done(say!(
                lang,
                "Đã lập CA “{name}” trong {folder} (sê-ri gốc {serial})",
                "Founded the authority “{name}” in {folder} (root serial {serial})"
            ));
            out.line(say!(
                lang,
                "  Khóa của CA này không mã hóa: chỉ dùng để thử và trong mạng kín.",
                "  The keys of this authority are not encrypted: for tests and closed networks only."
            ));
            out.next(say!(lang, "Tiếp theo: lienthong pki serve", "Next: lienthong pki serve"));
        }
        PkiCommand::Serve => serve::roles(context, &[Role::Pki]).await?,
        PkiCommand::Token => out.line(pki::enrolment_token(config)?),
        PkiCommand::Revoke { serial } => {
            let serial = serial.trim().to_ascii_lowercase();
            let authority = pki::open(config, context.clock.clone())?;
            let revoked = authority.revoke(&serial, Timestamp::now());
            revoked.with_context(|| trouble!("Không thu hồi được {serial}", "Cannot revoke {serial}"))?;
            out.done(say!(lang, "Đã thu hồi chứng thư {serial}", "Revoked the certificate {serial}"));
            out.next(say!(
                lang,
                "Nếu CA đang chạy, khởi động lại để nó đọc sổ mới; các cổng biết khi hỏi OCSP lần sau.",
                "If the authority is running, restart it to read its register anew; gateways learn of it at their next OCSP round."
            ));
        }
    }
    Ok(())
}
