//! Errors that reach a client: RFC 9457 problem documents with a stable code, a cause and a remedy in two languages.
//!
//! Each code is listed in `docs/errors/`. What happened inside stays in the log; a problem never carries internals.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::lang::{Lang, Text};

/// A stable error code with its texts. Declared as constants beside the code that raises them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable dotted name, e.g. `directory.unknown_member`; the page `docs/errors/<code>.md` explains it.
    pub id: &'static str,
    /// HTTP status it is answered with.
    pub status: u16,
    /// What went wrong, one line.
    pub title: Text,
    /// What the reader can do about it.
    pub remedy: Text,
}

/// One faulty field of a request: where, and why, naming the value when it helps and is not secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// JSON pointer or header name.
    pub field: String,
    /// Why the value is refused.
    pub reason: String,
}

/// A problem document.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What happened this time, in plain words; never internals, never personal data beyond what the caller sent.
    pub detail: Option<String>,
    /// Faulty fields, all of them at once.
    pub faults: Vec<FieldFault>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u32>,
    /// Language of title and remedy.
    pub lang: Lang,
}

/// Something failed inside. The cause is in the log under the request's trace.
pub const INTERNAL: Code = Code {
    id: "kit.internal",
    status: 500,
    title: Text::new("Hệ thống gặp lỗi", "The system failed"),
    remedy: Text::new(
        "Thử lại sau; nếu còn lỗi, báo người vận hành kèm thời điểm và mã vết.",
        "Try again later; if it persists, tell the operator the time and the trace id.",
    ),
};
/// The request itself is malformed.
pub const INVALID: Code = Code {
    id: "kit.invalid",
    status: 400,
    title: Text::new("Yêu cầu không hợp lệ", "The request is not valid"),
    remedy: Text::new("Sửa các trường được nêu rồi gửi lại.", "Correct the fields named and send again."),
};
/// There is no such thing.
pub const NOT_FOUND: Code = Code {
    id: "kit.not_found",
    status: 404,
    title: Text::new("Không tìm thấy", "Not found"),
    remedy: Text::new("Kiểm tra lại địa chỉ hoặc mã.", "Check the address or the identifier."),
};
/// No valid credentials were given.
pub const UNAUTHENTICATED: Code = Code {
    id: "kit.unauthenticated",
    status: 401,
    title: Text::new("Chưa xác thực", "Not authenticated"),
    remedy: Text::new("Gửi khoá API hợp lệ.", "Send a valid API key."),
};
/// The caller is known but may not do this.
pub const FORBIDDEN: Code = Code {
    id: "kit.forbidden",
    status: 403,
    title: Text::new("Không có quyền", "Not allowed"),
    remedy: Text::new("Xin người quản trị cấp vai trò cần thiết.", "Ask an administrator for the role needed."),
};
/// It conflicts with what is already there.
pub const CONFLICT: Code = Code {
    id: "kit.conflict",
    status: 409,
    title: Text::new("Xung đột với dữ liệu đang có", "Conflicts with what is there"),
    remedy: Text::new("Tải lại trạng thái hiện tại rồi quyết định tiếp.", "Load the current state and decide again."),
};
/// Too many requests in a short time.
pub const TOO_MANY: Code = Code {
    id: "kit.too_many_requests",
    status: 429,
    title: Text::new("Quá nhiều yêu cầu", "Too many requests"),
    remedy: Text::new("Chờ rồi gửi lại.", "Wait, then send again."),
};
/// The request body exceeds the bound.
pub const TOO_LARGE: Code = Code {
    id: "kit.too_large",
    status: 413,
    title: Text::new("Nội dung quá lớn", "The body is too large"),
    remedy: Text::new("Gửi phần nhỏ hơn.", "Send less at once."),
};

impl Problem {
    /// A problem with this code and no detail yet.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, faults: Vec::new(), retry_after: None, lang: Lang::Vi }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds one faulty field.
    #[must_use]
    pub fn fault(mut self, field: impl Into<String>, reason: impl Into<String>) -> Self {
        self.faults.push(FieldFault { field: field.into(), reason: reason.into() });
        self
    }

    /// Says when a retry makes sense, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Chooses the language of title and remedy.
    #[must_use]
    pub fn lang(mut self, lang: Lang) -> Self {
        self.lang = lang;
        self
    }

    /// The document as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "type": format!("/docs/errors/{}", self.code.id),
            "code": self.code.id,
            "status": self.code.status,
            "title": self.code.title.get(self.lang),
            "remedy": self.code.remedy.get(self.lang),
        });
        if let Some(detail) = &self.detail {
            body["detail"] = detail.clone().into();
        }
        if !self.faults.is_empty() {
            body["faults"] = serde_json::json!(self.faults);
        }
        body
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.id, self.detail.as_deref().unwrap_or(self.code.title.en))
    }
}

impl std::error::Error for Problem {}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_code_cause_and_remedy() {
        let problem = Problem::new(INVALID).detail("hai trường sai").fault("/code", "trống").lang(Lang::En);
        let body = problem.to_json();
        assert_eq!(body["code"], "kit.invalid");
        assert_eq!(body["remedy"], "Correct the fields named and send again.");
        assert_eq!(body["faults"][0]["field"], "/code");
        assert_eq!(problem.into_response().status(), StatusCode::BAD_REQUEST);
    }
}
