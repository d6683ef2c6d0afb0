//! How refused acts are told to a client.

use kit::problem::{CONFLICT, FORBIDDEN, INTERNAL, INVALID, NOT_FOUND};
use kit::{Code, Problem, Text};

use crate::acts::ActError;

/// The central has no instance yet.
pub const NOT_INITIALISED: Code = Code {
    id: "directory.not_initialised",
    status: 409,
    title: Text::new("Hệ thống trung tâm chưa được khởi tạo", "The central has not been initialised"),
    remedy: Text::new(
        "Khởi tạo bằng mã định danh hệ thống và địa chỉ của trung tâm, rồi thử lại.",
        "Initialise it with the instance identifier and the address of the central, then try again.",
    ),
};
/// A management request was decided before.
pub const REQUEST_DECIDED: Code = Code {
    id: "directory.request_decided",
    status: 409,
    title: Text::new("Yêu cầu đã được xử lý", "The request has been decided"),
    remedy: Text::new("Tải lại yêu cầu để xem kết quả.", "Load the request again to see the outcome."),
};
/// Signatures or certificates of a management request do not hold.
pub const REQUEST_NOT_PROVEN: Code = Code {
    id: "directory.request_not_proven",
    status: 403,
    title: Text::new("Chữ ký của yêu cầu không hợp lệ", "The request is not properly signed"),
    remedy: Text::new(
        "Kiểm tra chứng thư số ký và xác thực của máy chủ bảo mật, trạng thái và thời hạn của chúng, rồi gửi lại.",
        "Check the gateway's signing and authentication certificates, their state and validity, then send again.",
    ),
};
/// The token that holds the signing keys does not answer.
pub const TOKEN_AWAY: Code = Code {
    id: "directory.token_unavailable",
    status: 503,
    title: Text::new("Thiết bị giữ khoá không dùng được", "The key token cannot be used"),
    remedy: Text::new(
        "Kiểm tra thiết bị giữ khoá và mã PIN trên máy chủ trung tâm.",
        "Check the key token and its PIN on the central server.",
    ),
};

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        let detail = error.to_string();
        match error {
            ActError::NotInitialised => Self::new(NOT_INITIALISED),
            ActError::Denied(_) => Self::new(FORBIDDEN).detail(detail),
            ActError::NotFound { .. } => Self::new(NOT_FOUND).detail(detail),
            ActError::Conflict(_) => Self::new(CONFLICT).detail(detail),
            ActError::Invalid { field, reason } => Self::new(INVALID).fault(field, reason),
            ActError::Decided(_) => Self::new(REQUEST_DECIDED).detail(detail),
            ActError::Signature(_) => Self::new(REQUEST_NOT_PROVEN).detail(detail),
            ActError::Key(_) => {
                tracing::error!(error.reason = detail, "the key token refused");
                Self::new(TOKEN_AWAY)
            }
            ActError::Store(_) => {
                tracing::error!(error.reason = detail, "the database failed an act of the directory");
                Self::new(INTERNAL)
            }
        }
    }
}
