//! The gateway's page for operators: what works and what does not, its certificates, clients and evidence. And the metrics.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use directory::client::GlobalConfHandle;
use exchange::conf::ClientStatus;
use exchange::gateway::Gateway;
use exchange::log::LogHealth;
use exchange::monitor::health::{Finding, Health, Severity};
use exchange::monitor::metrics::{Freshness, Metrics};
use http::{HeaderMap, Uri, header};
use kit::date::show_time;
use kit::{Lang, Text};
use web::{Cell, Definitions, Empty, Frame, Page, Part, StatusItem, StatusList, Table};

use crate::out::say;

/// What the pages show.
#[derive(Clone)]
pub struct Pages {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Its health.
    pub health: Health,
    /// Its configuration.
    pub conf: GlobalConfHandle,
    /// Its figures.
    pub metrics: Arc<Metrics>,
}

/// `/` for people, `/metrics` for Prometheus.
pub fn router(pages: Pages) -> Router {
    Router::new().route("/", get(status)).route("/metrics", get(metrics)).with_state(pages).merge(web::assets::router())
}

async fn metrics(State(pages): State<Pages>) -> Response {
    let now = pages.gateway.clock.now_micros();
    if let Ok(log) = pages.gateway.log.health().await {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        pages.metrics.log_lag(count(log.unindexed), count(log.unstamped));
    }
    if let Some(at) = pages.conf.health().last_success {
        pages.metrics.succeeded(Freshness::GlobalConf, at);
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], pages.metrics.render(now)).into_response()
}

async fn status(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Page {
    let frame = Frame::from_request(&uri, &headers);
    let lang = frame.lang;
    let report = pages.health.report().await;
    let (lead, view) = (lead(&report, lang), pages.gateway.world.current());
    let server = &pages.gateway.identity.server;
    let owner = view.conf.member_name(&server.owner).unwrap_or(&server.owner.member).to_owned();
    let code = &server.code;
    let frame = frame.place(say!(lang, "Cổng {code}, {owner}", "Gateway {code}, {owner}"));
    let title = say!(lang, "Tình trạng cổng trao đổi dữ liệu", "Health of the exchange gateway");
    let checks = StatusList { items: report.findings.iter().map(|finding| item(finding, lang)).collect() };
    let mut page = Page::new(frame, title).lead(lead).with(checks);
    page = page.with(Part::Heading(say!(lang, "Cổng này", "This gateway"))).with(facts(&pages, lang));
    page = page.with(Part::Heading(say!(lang, "Chứng thư", "Certificates"))).with(certificates(&pages, lang));
    page = page.with(Part::Heading(say!(lang, "Hệ thống con", "Subsystems"))).with(clients(&pages, lang));
    if let Ok(log) = pages.gateway.log.health().await {
        page = page.with(Part::Heading(say!(lang, "Nhật ký thông điệp", "Message log"))).with(evidence(&log, lang));
    }
    page.with(Part::Link {
        href: "/metrics".to_owned(),
        text: say!(lang, "Số đo (Prometheus)", "Metrics (Prometheus)"),
    })
    .with(Part::Link { href: "/health.json".to_owned(), text: say!(lang, "Tình trạng (JSON)", "Health (JSON)") })
}

fn lead(report: &exchange::monitor::health::Report, lang: Lang) -> String {
    match (report.maintenance, report.is_green(), report.fatal_reasons().is_empty()) {
        (true, ..) => {
            say!(lang, "Cổng đang được bảo trì theo chủ ý.", "The gateway was taken out of service for maintenance.")
        }
        (_, true, _) => say!(lang, "Cổng đang hoạt động tốt.", "The gateway works."),
        (.., true) => {
            say!(
                lang,
                "Cổng vẫn chuyển thông điệp, nhưng có việc cần xử lý.",
                "Messages are carried, but something needs attention."
            )
        }
        _ => say!(lang, "Cổng không chuyển được thông điệp.", "The gateway cannot carry messages."),
    }
}

fn item(finding: &Finding, lang: Lang) -> StatusItem {
    let (what, remedy) = (finding.subject.title.get(lang), finding.subject.remedy.get(lang));
    match (&finding.fault, finding.subject.severity) {
        (None, _) => StatusItem::good(what),
        (Some(fault), Severity::Fatal) => StatusItem::bad(what, remedy).detail(fault.as_str()),
        (Some(fault), Severity::Warning) => StatusItem::attention(what, remedy).detail(fault.as_str()),
    }
}

fn facts(pages: &Pages, lang: Lang) -> Definitions {
    let gateway = &pages.gateway;
    let view = gateway.world.current();
    let server = &gateway.identity.server;
    let address = view.conf.server(server).and_then(|known| known.address.clone()).unwrap_or_default();
    let expires = view.conf.expires_at();
    let listener = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| Cell::from("–"), |address| Cell::Code(address.to_string()))
    };
    Definitions::default()
        .with(say!(lang, "Mã định danh", "Identifier"), Cell::Code(server.colon()))
        .with(say!(lang, "Địa chỉ đã đăng ký", "Registered address"), Cell::Code(address))
        .with(
            say!(lang, "Hệ thống thông tin gọi ở (HTTP)", "Information systems call (HTTP)"),
            listener(gateway.settings.http),
        )
        .with(
            say!(lang, "Hệ thống thông tin gọi ở (HTTPS)", "Information systems call (HTTPS)"),
            listener(gateway.settings.https),
        )
        .with(say!(lang, "Cấu hình toàn hệ thống hết hạn", "Global configuration expires"), show_time(expires))
        .with(say!(lang, "Phiên bản", "Version"), gateway.version)
}

fn certificates(pages: &Pages, lang: Lang) -> Table {
    let mut table = Table::new(
        say!(lang, "Chứng thư của cổng", "Certificates of the gateway"),
        [say!(lang, "Dùng để", "For"), say!(lang, "Hết hạn", "Expires"), say!(lang, "OCSP lúc", "OCSP of")],
    );
    for (index, state) in pages.gateway.identity.states().into_iter().enumerate() {
        let member = state.purpose.trim_start_matches("MEMBER:").replace('/', ":");
        let purpose = match index {
            0 => say!(lang, "xác thực (TLS giữa các cổng)", "authentication (TLS between gateways)"),
            _ => say!(lang, "ký cho {member}", "signing for {member}"),
        };
        let answer = state.answer.map_or_else(|| "–".to_owned(), |answer| show_time(answer.this_update));
        table.row([Cell::Text(purpose), Cell::Text(show_time(state.certificate.not_after())), Cell::Text(answer)]);
    }
    table
}

fn clients(pages: &Pages, lang: Lang) -> Part {
    let conf = pages.gateway.conf.current();
    let mut clients: Vec<_> = conf.clients().filter(|client| client.id.subsystem.is_some()).cloned().collect();
    if clients.is_empty() {
        return Empty {
            what: say!(lang, "Chưa có hệ thống con nào.", "There is no subsystem yet."),
            remedy: say!(
                lang,
                "Thêm bằng: lienthong gateway client add MÃ",
                "Add one with: lienthong gateway client add ID"
            ),
        }
        .into();
    }
    clients.sort_by_key(|client| client.id.colon());
    let mut table = Table::new(
        say!(lang, "Hệ thống con của cổng và dịch vụ của chúng", "Subsystems of the gateway and their services"),
        [
            say!(lang, "Hệ thống con", "Subsystem"),
            say!(lang, "Trạng thái", "Status"),
            say!(lang, "Dịch vụ", "Services"),
        ],
    );
    for client in clients {
        let services: Vec<String> =
            conf.services_of(&client.id).iter().map(|service| service.id.code.to_string()).collect();
        let services = if services.is_empty() { "–".to_owned() } else { services.join(", ") };
        table.row([
            Cell::Code(client.id.colon()),
            Cell::Text(status_word(client.status, lang).to_owned()),
            Cell::Text(services),
        ]);
    }
    table.into()
}

fn status_word(status: ClientStatus, lang: Lang) -> &'static str {
    let words = match status {
        ClientStatus::Saved => Text::new("chưa đăng ký", "not registered"),
        ClientStatus::RegistrationInProgress => Text::new("chờ trung tâm duyệt", "waiting for approval"),
        ClientStatus::Registered => Text::new("đã đăng ký", "registered"),
        ClientStatus::DisablingInProgress => Text::new("đang xin tạm ngừng", "asked to be disabled"),
        ClientStatus::Disabled => Text::new("tạm ngừng", "disabled"),
        ClientStatus::EnablingInProgress => Text::new("đang xin dùng lại", "asked to be enabled"),
        ClientStatus::DeletionInProgress => Text::new("đang xin thôi đăng ký", "asked to be unregistered"),
        ClientStatus::GlobalError => Text::new("trung tâm không còn ghi nhận", "no longer known to the central"),
    };
    words.get(lang)
}

fn evidence(log: &LogHealth, lang: Lang) -> Definitions {
    Definitions::default()
        .with(
            say!(lang, "Chữ ký chờ đóng dấu thời gian", "Signatures waiting for a time-stamp"),
            Cell::Number(log.unstamped.to_string()),
        )
        .with(
            say!(lang, "Bản ghi chờ lập chỉ mục", "Records waiting to be indexed"),
            Cell::Number(log.unindexed.to_string()),
        )
        .with(say!(lang, "Bản ghi hỏng", "Damaged records"), Cell::Number(log.unreadable_records.to_string()))
}
