//! What a visitor can do now: addresses, keys, commands to copy.

use super::founding::API_KEYS;
use super::nation::{AGENCIES, Nation};
use super::trial::service_url;
use super::{firms, people};
use crate::home::read_secret;
use crate::out::{Out, say};

/// Prints it.
///
/// # Errors
/// When the keys cannot be read.
pub fn print(nation: &Nation, out: Out) -> anyhow::Result<()> {
    let lang = out.lang;
    let hub = nation.plan.hub();
    let (central, admin, pki) = (hub.central.listen, hub.central.admin, hub.pki.listen);
    out.line(say!(
        lang,
        "\nĐất nước thu nhỏ đang chạy (mọi người và doanh nghiệp đều hư cấu):",
        "\nThe small nation is up (all people and firms are invented):"
    ));
    out.line(say!(
        lang,
        "  Trung tâm: trang tình trạng http://{admin}/, cấu hình có ký http://{central}/internalconf",
        "  Central: status http://{admin}/, signed configuration http://{central}/internalconf"
    ));
    out.line(say!(lang, "  CA thử nghiệm: http://{pki}/ca.pem", "  Test authority: http://{pki}/ca.pem"));
    let keys = read_secret(&nation.plan.folder(API_KEYS))?;
    for (index, agency) in AGENCIES.iter().enumerate() {
        let (code, name, door) = (agency.code, agency.name, nation.door(index));
        let status = nation.plan.gateway(index).gateway.admin;
        let key = keys.lines().find_map(|line| line.strip_prefix(code)).unwrap_or_default().trim();
        out.line(say!(
            lang,
            "  Cổng {code} {name}: {door}, trang tình trạng http://{status}/",
            "  Gateway {code} {name}: {door}, status http://{status}/"
        ));
        out.line(say!(lang, "      khóa API quản trị: {key}", "      administration API key: {key}"));
    }
    let caller = AGENCIES[2].client().encoded();
    let key = keys.lines().find_map(|line| line.strip_prefix("G01")).unwrap_or_default().trim();
    let person = service_url(nation, 0, &format!("tracuu/people/{}", people::number(41)));
    let search = service_url(nation, 0, "tracuu/people?name=nguyen");
    let firm = service_url(nation, 1, &format!("doanhnghiep/firms/{}", firms::code(7)));
    let denied = service_url(nation, 1, "doanhnghiep/statistics");
    let (door, status) = (nation.door(2), nation.plan.gateway(0).gateway.admin);
    out.line(say!(lang, "\nThử:", "\nTry:"));
    for url in [person, search, firm, denied] {
        out.line(format_args!("  curl -i -H 'X-Road-Client: {caller}' '{url}'"));
    }
    out.line(format_args!("  curl -H 'Accept: application/json' '{door}/listClients'"));
    out.line(format_args!("  curl -H 'Authorization: Bearer {key}' 'http://{status}/api/exchange/v1/clients'"));
    let folder = nation.plan.folder("evidence").display().to_string();
    out.line(format_args!("  lienthong verify {folder}/H26.zip --conf {folder}/verificationconf.zip"));
    out.line(say!(
        lang,
        "\nDừng bằng Ctrl-C; lần sau chạy tiếp với dữ liệu này.",
        "\nStop with Ctrl-C; the next start goes on with this data."
    ));
    Ok(())
}
