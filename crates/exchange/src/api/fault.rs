//! How acts that were not done are told to the caller.

use axum::response::{IntoResponse, Response};
use kit::problem::{CONFLICT, FORBIDDEN, INTERNAL, INVALID, NOT_FOUND};
use kit::{Code, Lang, Problem, Text};

use ::store::StoreError;

use crate::acts::ActError;
use crate::acts::registration::SubmitError;

/// Somebody else changed the thing since the caller looked.
pub const STALE: Code = Code {
    id: "exchange.stale",
    status: 412,
    title: Text::new("Đã có người khác thay đổi", "Changed by somebody else"),
    remedy: Text::new(
        "Đọc lại trạng thái hiện tại, rồi gửi lại với ETag mới trong If-Match.",
        "Read it again, then send your change with the new ETag in If-Match.",
    ),
};
/// A change that could overwrite another needs a condition.
pub const PRECONDITION_REQUIRED: Code = Code {
    id: "exchange.precondition_required",
    status: 428,
    title: Text::new("Thiếu điều kiện If-Match", "If-Match is required"),
    remedy: Text::new(
        "Gửi ETag đã đọc trong If-Match, hoặc `*` để ghi đè.",
        "Send the ETag you read in If-Match, or `*` to overwrite whatever is there.",
    ),
};
/// A rule of the configuration forbids it.
pub const REFUSED: Code = Code {
    id: "exchange.refused",
    status: 409,
    title: Text::new("Trạng thái hiện tại không cho phép", "The present state does not allow it"),
    remedy: Text::new("Xem lý do, thực hiện bước còn thiếu trước.", "See the reason and take the missing step first."),
};
/// The central authority could not be reached.
pub const CENTRAL_UNREACHABLE: Code = Code {
    id: "exchange.central_unreachable",
    status: 502,
    title: Text::new("Không kết nối được cơ quan trung tâm", "The central authority cannot be reached"),
    remedy: Text::new(
        "Kiểm tra mạng và cấu hình toàn cục, rồi gửi lại.",
        "Check the network and the global configuration, then send again.",
    ),
};
/// The central authority did not accept a request.
pub const CENTRAL_REFUSED: Code = Code {
    id: "exchange.central_refused",
    status: 409,
    title: Text::new("Cơ quan trung tâm từ chối yêu cầu", "The central authority refused the request"),
    remedy: Text::new("Xem lý do và liên hệ cơ quan trung tâm.", "See the reason and talk to the central authority."),
};
/// The route exists, not with this method.
pub const METHOD_NOT_ALLOWED: Code = Code {
    id: "exchange.method_not_allowed",
    status: 405,
    title: Text::new("Phương thức không được hỗ trợ", "The method is not supported here"),
    remedy: Text::new("Xem tài liệu OpenAPI.", "See the OpenAPI document."),
};

/// A problem on its way to the caller; its language is chosen when it leaves.
#[derive(Debug)]
pub struct Fault(Box<Problem>);

impl Fault {
    pub(super) fn new(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(Problem::new(code))
    }
}

impl From<ActError> for Fault {
    fn from(error: ActError) -> Self {
        let detail = error.to_string();
        let problem = match error {
            ActError::Forbidden(_) => Problem::new(FORBIDDEN).detail(detail),
            ActError::NotFound(_) => Problem::new(NOT_FOUND).detail(detail),
            ActError::Exists(_) => Problem::new(CONFLICT).detail(detail),
            ActError::Stale { .. } => Problem::new(STALE).detail(detail),
            ActError::Invalid { field, reason } => Problem::new(INVALID).fault(field, reason),
            ActError::RefusedMove(_) | ActError::Refused(_) => Problem::new(REFUSED).detail(detail),
            ActError::Submit(SubmitError::Refused(_)) => Problem::new(CENTRAL_REFUSED).detail(detail),
            ActError::Submit(SubmitError::Unreachable(_)) => Problem::new(CENTRAL_UNREACHABLE),
            ActError::Store(error) => return error.into(),
        };
        Self::new(problem)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the configuration database failed");
        INTERNAL.into()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (*self.0).clone().into_response();
        response.extensions_mut().insert(Untranslated(self.0));
        response
    }
}

/// Marks an answer that [`translate`] still has to put into the caller's language.
#[derive(Clone)]
struct Untranslated(Box<Problem>);

/// Puts a problem into `lang`; leaves every other answer alone.
pub(super) fn translate(mut response: Response, lang: Lang) -> Response {
    match response.extensions_mut().remove::<Untranslated>() {
        Some(Untranslated(problem)) => (*problem).lang(lang).into_response(),
        None => response,
    }
}
