//! The central's page for operators: whether the configuration is fresh, who takes part, which requests wait.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use directory::{ApiDescription, Publisher};
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use kit::Lang;
use kit::date::show_time;
use kit::problem::{INTERNAL, Problem};
use utoipa::OpenApi as _;
use web::{Cell, Empty, Frame, Page, StatusItem, StatusList, Table};

use crate::out::say;
use crate::setup::central::CentralNode;
use crate::setup::central_permit;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The central.
    pub node: CentralNode,
    /// Its publisher.
    pub publisher: Arc<Publisher>,
}

/// `/` for people, `/health` for load balancers, `/status.json` for programs.
pub fn router(pages: Pages) -> Router {
    Router::new()
        .route("/", get(status))
        .route("/health", get(health))
        .route(
            "/status.json",
            get(|State(pages): State<Pages>| async move { Json(pages.publisher.status().as_ref().clone()) }),
        )
        .route("/api/directory/v1/openapi.json", get(|| async { Json(ApiDescription::openapi()) }))
        .with_state(pages)
        .merge(web::assets::router())
}

async fn health(State(pages): State<Pages>) -> Response {
    match trouble(&pages) {
        None => StatusCode::OK.into_response(),
        Some(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response(),
    }
}

/// Why gateways cannot rely on this central, when they cannot.
fn trouble(pages: &Pages) -> Option<String> {
    let status = pages.publisher.status();
    let fresh = status.expires_at.is_some_and(|at| at > Timestamp::now().as_microsecond());
    if fresh { None } else { Some(status.last_error.clone().unwrap_or_else(|| "nothing is published".to_owned())) }
}

async fn status(State(pages): State<Pages>, uri: Uri, headers: HeaderMap) -> Response {
    match page(&pages, Frame::from_request(&uri, &headers)).await {
        Ok(page) => page.into_response(),
        Err(error) => {
            tracing::error!(%error, "the status page failed");
            Problem::new(INTERNAL).into_response()
        }
    }
}

async fn page(pages: &Pages, frame: Frame) -> anyhow::Result<Page> {
    let lang = frame.lang;
    let settings = pages.node.central.settings(&central_permit()?).await;
    let gateways = pages.node.gateways().await?;
    let requests = pages.node.requests(false).await?;
    let name = settings.map_or_else(|_| String::new(), |settings| settings.instance);
    let frame = frame.place(say!(lang, "Trung tâm {name}", "Central {name}"));
    let mut page =
        Page::new(frame, say!(lang, "Tình trạng trung tâm", "Health of the central")).with(checks(pages, lang));
    page = page.with(heading(say!(lang, "Yêu cầu chờ duyệt", "Requests waiting")));
    if requests.is_empty() {
        page = page.with(Empty {
            what: say!(lang, "Không có yêu cầu nào chờ duyệt.", "No request is waiting."),
            remedy: say!(lang, "Yêu cầu của cổng sẽ hiện ở đây.", "Requests of gateways will show up here."),
        });
    } else {
        let columns = [say!(lang, "Số", "Number"), say!(lang, "Loại", "Kind"), say!(lang, "Cổng", "Gateway")];
        let mut table = Table::new(
            say!(lang, "Duyệt bằng: lienthong central approve SỐ", "Approve with: lienthong central approve NUMBER"),
            columns,
        );
        for row in requests {
            let cells = [row.id.to_string(), row.body.kind().to_owned(), row.body.server().colon()];
            table.row(cells.map(Cell::Code));
        }
        page = page.with(table);
    }
    let mut table = Table::new(
        say!(lang, "Các cổng đã đăng ký", "Registered gateways"),
        [say!(lang, "Cổng", "Gateway"), say!(lang, "Địa chỉ", "Address")],
    );
    for gateway in &gateways {
        let address = gateway.address.clone().unwrap_or_default();
        table.row([Cell::Code(gateway.id.clone()), Cell::Code(address)]);
    }
    Ok(page.with(heading(say!(lang, "Cổng", "Gateways"))).with(table))
}

fn heading(text: String) -> web::Part {
    web::Part::Heading(text)
}

fn checks(pages: &Pages, lang: Lang) -> web::Part {
    let status = pages.publisher.status();
    let time = |micros: Option<i64>| {
        micros.and_then(|at| Timestamp::from_microsecond(at).ok()).map_or_else(|| "–".to_owned(), show_time)
    };
    let what =
        say!(lang, "Cấu hình toàn hệ thống được ký và còn hiệu lực", "The global configuration is signed and counts");
    let (signed, expires) = (time(status.last_success), time(status.expires_at));
    let item = match trouble(pages) {
        None => StatusItem::good(what).detail(say!(
            lang,
            "ký lúc {signed}, hết hạn {expires}",
            "signed {signed}, expires {expires}"
        )),
        Some(reason) => {
            let remedy = say!(
                lang,
                "Kiểm tra kho khóa và cơ sở dữ liệu của trung tâm; nhật ký nói rõ nguyên nhân.",
                "Check the central's key store and database; the log names the cause."
            );
            StatusItem::bad(what, remedy).detail(reason)
        }
    };
    StatusList { items: vec![item] }.into()
}
