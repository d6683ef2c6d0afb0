//! Pages as a browser receives them: both languages, escaping, headers, the problem page.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, StatusCode, Uri, header};
use kit::{Lang, Problem, Text};
use tower::ServiceExt;
use web::{
    Cell, Definitions, Empty, Frame, NavLink, Page, Part, State, StatusItem, StatusList, Table, assets, problem,
};

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

fn nav() -> Vec<NavLink> {
    vec![
        NavLink { href: "/".into(), label: Text::new("Tình trạng", "Health") },
        NavLink { href: "/members".into(), label: Text::new("Thành viên", "Members") },
    ]
}

fn sample(lang: Lang) -> Page {
    let frame = Frame::new(lang, "/members").place("Cổng <Bộ Nội vụ>").nav(nav());
    let mut table = Table::new("Thành viên", ["Tên", "Mã", "Số bản ghi", "Tình trạng"]);
    table.row([
        "Bộ <script>alert(1)</script>".into(),
        Cell::Code("VN/GOV/G01".into()),
        Cell::Number("1.204".into()),
        Cell::State(State::Good),
    ]);
    let status = StatusList {
        items: vec![
            StatusItem::good("Chứng thư").detail("còn 210 ngày"),
            StatusItem::bad("Dấu thời gian", "Kiểm tra đường nối tới máy chủ dấu thời gian."),
        ],
    };
    Page::new(frame, "Thành viên")
        .lead("Các cơ quan tham gia.")
        .with(status)
        .with(Part::Heading("Danh sách".into()))
        .with(table)
        .with(Definitions::default().with("Mã", Cell::Code("a\"b".into())))
        .with(Empty { what: "Chưa có gì.".into(), remedy: "Thêm một thành viên.".into() })
}

#[test]
fn a_page_renders_in_both_languages_with_its_language_named() {
    let vietnamese = sample(Lang::Vi).render().unwrap();
    let english = sample(Lang::En).render().unwrap();
    assert!(vietnamese.contains("<html lang=\"vi\">") && vietnamese.contains("Đến nội dung chính"));
    assert!(vietnamese.contains("Hỏng") && vietnamese.contains("hreflang=\"en\" href=\"/members?lang=en\""));
    assert!(english.contains("<html lang=\"en\">") && english.contains("Skip to the content"));
    assert!(english.contains("Failing") && english.contains("hreflang=\"vi\" href=\"/members?lang=vi\""));
    assert!(english.contains("<a href=\"/members\" aria-current=\"page\">Members</a>"));
}

#[test]
fn what_people_type_is_escaped_everywhere() {
    let html = sample(Lang::Vi).render().unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("Cổng &#60;Bộ Nội vụ&#62;"));
    assert!(html.contains("a&#34;b"));
}

#[test]
fn every_cell_of_a_table_knows_its_heading_and_short_rows_are_filled() {
    let mut table = Table::new("t", ["A", "B", "C"]);
    table.row([Cell::from("1")]);
    let html = Page::new(Frame::new(Lang::Vi, "/"), "t").with(table).render().unwrap();
    assert!(html.contains("scope=\"row\">1</th>"));
    assert!(html.contains("data-label=\"B\"") && html.contains("data-label=\"C\""));
    assert!(sample(Lang::Vi).render().unwrap().contains("scope=\"col\" class=\"number\">Số bản ghi</th>"));
}

#[tokio::test]
async fn a_page_carries_the_headers_that_keep_it_safe() {
    let response = sample(Lang::En).into_response();
    let headers = response.headers().clone();
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(headers[header::CONTENT_LANGUAGE], "en");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(headers[header::CONTENT_SECURITY_POLICY], assets::CONTENT_SECURITY_POLICY);
    assert!(!headers.contains_key(header::SET_COOKIE));
    // The policy forbids inline styles and scripts, so a page with one would be broken.
    let html = text(response).await;
    assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"));
}

#[tokio::test]
async fn the_style_sheet_is_served_under_the_name_that_pages_use_and_kept_for_ever() {
    let html = sample(Lang::Vi).render().unwrap();
    let path =
        html.split("rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let app: Router = assets::router();
    let response = app.clone().oneshot(Request::get(&path).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert_eq!(text(response).await, assets::STYLESHEET);
    let gone = app.oneshot(Request::get("/assets/web.0.css").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[test]
fn the_language_is_the_one_asked_for_then_the_one_remembered_then_the_browsers() {
    let lang = |uri: &'static str, cookie: &'static str, accept: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        let frame = Frame::from_request(&Uri::from_static(uri), &headers);
        (frame.lang, frame.remember)
    };
    assert_eq!(lang("/x?after=3&lang=en", "lang=vi", "vi"), (Lang::En, true));
    assert_eq!(lang("/x", "a=1; lang=vi", "en"), (Lang::Vi, false));
    assert_eq!(lang("/x?lang=fr", "a=1", "en"), (Lang::En, false));
    assert_eq!(lang("/x", "lang=xx", ""), (Lang::Vi, false));
}

#[tokio::test]
async fn a_browser_gets_the_problem_as_a_page_and_a_program_as_json() {
    let problem = Problem::new(kit::problem::INVALID).detail("mã <trống>").fault("/code", "trống").retry_after(5);
    let frame = |lang| Frame::new(lang, "/members/x").nav(nav());
    let mut browser = HeaderMap::new();
    browser.insert(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8".parse().unwrap());
    for (lang, title, remedy) in [
        (Lang::Vi, "Yêu cầu không hợp lệ", "Sửa các trường được nêu rồi gửi lại."),
        (Lang::En, "The request is not valid", "Correct the fields named and send again."),
    ] {
        let response = problem::respond(frame(lang), problem.clone(), &browser);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        let html = text(response).await;
        assert!(html.contains(&format!("<h1>{title}</h1>")) && html.contains(remedy));
        assert!(
            html.contains("<code>kit.invalid</code>") && html.contains("mã &#60;trống&#62;") && html.contains("/code")
        );
        let program = problem::respond(frame(lang), problem.clone(), &HeaderMap::new());
        assert_eq!(program.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert!(text(program).await.contains(title));
    }
}
