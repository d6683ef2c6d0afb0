//! A problem as a page: the same code, cause and remedy that a program gets as JSON, with a way back for a person.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use kit::{Problem, Text};

use crate::layout::{Frame, Page};
use crate::parts::{Cell, Definitions, Part, Table};

const CODE: Text = Text::new("Mã lỗi", "Error code");
const HAPPENED: Text = Text::new("Chuyện gì xảy ra", "What happened");
const REMEDY: Text = Text::new("Cần làm gì", "What to do");
const RETRY: Text = Text::new("Thử lại sau", "Try again after");
const FAULTS: Text = Text::new("Các trường cần sửa", "Fields to correct");
const FIELD: Text = Text::new("Trường", "Field");
const REASON: Text = Text::new("Lý do", "Reason");
const BACK: Text = Text::new("Về trang đầu", "Back to the first page");

/// The page of a problem, in the language of `frame`.
#[must_use]
pub fn page(frame: Frame, problem: &Problem) -> Page {
    let lang = frame.lang;
    let mut facts = Definitions::default();
    if let Some(detail) = &problem.detail {
        facts = facts.with(HAPPENED.get(lang), detail.as_str());
    }
    facts = facts.with(REMEDY.get(lang), problem.code.remedy.get(lang));
    if let Some(seconds) = problem.retry_after {
        facts = facts.with(RETRY.get(lang), format!("{seconds} s"));
    }
    facts = facts.with(CODE.get(lang), Cell::Code(problem.code.id.to_owned()));
    let home = frame.nav.first().map_or_else(|| "/".to_owned(), |link| link.href.clone());
    let status = StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut page = Page::new(frame, problem.code.title.get(lang)).status(status).with(facts);
    if !problem.faults.is_empty() {
        let mut table = Table::new(FAULTS.get(lang), [FIELD.get(lang), REASON.get(lang)]);
        for fault in &problem.faults {
            table.row([Cell::Code(fault.field.clone()), Cell::Text(fault.reason.clone())]);
        }
        page = page.with(table);
    }
    page.with(Part::Link { href: home, text: BACK.get(lang).to_owned() })
}

/// Answers a problem as a page to a browser and as problem+json to a program.
#[must_use]
pub fn respond(frame: Frame, problem: Problem, request: &HeaderMap) -> Response {
    let accept = request.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !accept.contains("text/html") {
        return problem.lang(frame.lang).into_response();
    }
    let retry_after = problem.retry_after;
    let mut response = page(frame, &problem).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
