//! Reasons in both languages. The English is the error's own text; the Vietnamese is written here, error by error, so that a
//! new kind of error does not compile until it is put into words.

use super::report::Words;
use crate::asic::AsicError;
use crate::cert::ChainError;
use crate::hashchain::HashChainError;
use crate::ocsp::OcspError;
use crate::tsp::TspError;
use crate::xades::{CoverError, SignatureError, SignerError};

pub(super) fn container(error: &AsicError) -> Words {
    let vi = match error {
        AsicError::Zip(_) => "không phải tệp zip đọc được".to_owned(),
        AsicError::Damaged { name } => format!("mục {name} trong gói bị hỏng"),
        AsicError::DuplicateName => "gói có hai mục trùng tên".to_owned(),
        AsicError::Overlap => "các mục trong gói chồng lên nhau hoặc có dữ liệu lạ đứng trước".to_owned(),
        AsicError::BadName => "gói có mục mang tên bị cấm".to_owned(),
        AsicError::TooLarge => "gói lớn hơn mức cho phép".to_owned(),
        AsicError::NotAsic => "không phải gói ASiC-E (mimetype)".to_owned(),
        AsicError::Missing(name) => format!("gói thiếu {name}"),
    };
    Words::new(vi, error.to_string())
}

pub(super) fn signature(error: &SignatureError) -> Words {
    let vi = match error {
        SignatureError::Malformed(detail) => format!("chữ ký sai cấu trúc ({detail})"),
        SignatureError::Reference(detail) => format!("tham chiếu trong chữ ký không hợp lệ ({detail})"),
        SignatureError::OtherCertificate => {
            "chứng thư số kèm theo không phải chứng thư được nêu trong thuộc tính đã ký".to_owned()
        }
        SignatureError::Usage => "chứng thư số không dùng để ký (thiếu mục đích chống chối bỏ)".to_owned(),
        SignatureError::Value(_) => "giá trị chữ ký không khớp với khóa của người ký".to_owned(),
        SignatureError::Signer(error) => return signer(error),
    };
    Words::new(vi, error.to_string())
}

pub(super) fn signer(error: &SignerError) -> Words {
    let vi = match error {
        SignerError::Path(error) => format!("không tin cậy được người ký: {}", chain_vi(error)),
        SignerError::IsAuthority => "tổ chức chứng thực không được trực tiếp ký thông điệp".to_owned(),
        SignerError::NoOcsp => "chữ ký không kèm trả lời OCSP về chứng thư số của người ký".to_owned(),
        SignerError::Ocsp(error) => format!("trạng thái chứng thư số: {}", ocsp_vi(error)),
    };
    Words::new(vi, error.to_string())
}

fn chain_vi(error: &ChainError) -> String {
    match error {
        ChainError::Expired { subject } => format!("chứng thư số {subject} đã hết hạn"),
        ChainError::NotYetValid { subject } => format!("chứng thư số {subject} chưa có hiệu lực"),
        ChainError::UnknownIssuer { subject } => {
            format!("nơi cấp chứng thư số {subject} không thuộc các tổ chức được chấp nhận")
        }
        ChainError::BadSignature { subject } => format!("chữ ký trên chứng thư số {subject} sai"),
        ChainError::NotACa { subject } => format!("{subject} không được phép cấp chứng thư số"),
        ChainError::UnknownCriticalExtension { subject } => {
            format!("chứng thư số {subject} có phần mở rộng bắt buộc chưa được hỗ trợ")
        }
        ChainError::TooLong => "đường dẫn chứng thực quá dài".to_owned(),
    }
}

fn ocsp_vi(error: &OcspError) -> &'static str {
    match error {
        OcspError::Malformed => "trả lời OCSP sai cấu trúc",
        OcspError::Refused(_) => "máy chủ OCSP từ chối trả lời",
        OcspError::OtherCertificate => "trả lời OCSP nói về chứng thư số khác",
        OcspError::UnknownResponder => "không biết ai ký trả lời OCSP",
        OcspError::UnauthorisedResponder => "người ký trả lời OCSP không được ủy quyền",
        OcspError::BadSignature => "chữ ký trên trả lời OCSP sai",
        OcspError::UnknownCriticalExtension => "trả lời OCSP có phần mở rộng bắt buộc chưa được hỗ trợ",
        OcspError::TooNew => "trả lời OCSP có sau thời điểm kiểm tra",
        OcspError::TooOld => "trả lời OCSP đã cũ vào thời điểm kiểm tra",
        OcspError::Revoked => "chứng thư số đã bị thu hồi hoặc tạm dừng",
        OcspError::Unknown => "tổ chức chứng thực không biết chứng thư số này",
        OcspError::Key(_) => "không kiểm tra được khóa của máy chủ OCSP",
        OcspError::Fetch(_) => "không lấy được trả lời OCSP",
    }
}

pub(super) fn time_stamp(error: &TspError) -> Words {
    let vi = match error {
        TspError::Malformed(_) => "dấu thời gian sai cấu trúc",
        TspError::Refused { .. } => "tổ chức cấp dấu thời gian từ chối",
        TspError::OtherData => "dấu thời gian không đóng lên dữ liệu này",
        TspError::OtherRequest => "dấu thời gian trả lời yêu cầu khác",
        TspError::UnknownAuthority => "dấu thời gian không do tổ chức được chấp nhận cấp",
        TspError::AuthorityNotValid => "chứng thư số của tổ chức cấp dấu thời gian không có hiệu lực lúc đó",
        TspError::BadSignature => "chữ ký trên dấu thời gian sai",
        TspError::Key(_) => "không kiểm tra được khóa của tổ chức cấp dấu thời gian",
        TspError::Fetch(_) => "không lấy được dấu thời gian",
    };
    Words::new(vi, error.to_string())
}

pub(super) fn cover(error: &CoverError) -> Words {
    let vi = match error {
        CoverError::Changed(uri) => format!("{uri} không phải nội dung đã ký"),
        CoverError::Missing(uri) => format!("{uri} đã được ký nhưng không có trong gói"),
        CoverError::Unsigned(uri) => format!("{uri} có trong gói nhưng không được ký"),
        CoverError::NoHashChain => "chữ ký đóng trên chuỗi băm nhưng gói thiếu chuỗi băm".to_owned(),
        CoverError::OtherResult => "kết quả chuỗi băm không phải bản đã ký".to_owned(),
        CoverError::OtherAlgorithm(uri) => format!("{uri} được ký bằng thuật toán băm khác"),
        CoverError::HashChain(error) => return hash_chain(error),
    };
    Words::new(vi, error.to_string())
}

pub(super) fn hash_chain(error: &HashChainError) -> Words {
    let vi = match error {
        HashChainError::Malformed(detail) => format!("chuỗi băm sai cấu trúc ({detail})"),
        HashChainError::Algorithm(uri) => format!("chuỗi băm dùng thuật toán không được chấp nhận ({uri})"),
        HashChainError::ResultMismatch => "tính lại chuỗi băm cho giá trị khác với kết quả đã ghi".to_owned(),
        HashChainError::InputMismatch(uri) => format!("chuỗi băm ghi giá trị khác với nội dung của {uri}"),
        HashChainError::UnresolvedReference(uri) => format!("chuỗi băm trỏ tới {uri} nhưng không có"),
        HashChainError::UnusedInputs(uris) => format!("chuỗi băm không bao gồm {}", uris.join(", ")),
    };
    Words::new(vi, error.to_string())
}
