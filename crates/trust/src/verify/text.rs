//! The report as plain text for people.

use super::report::{Check, Outcome, Report, Verdict};
use jiff::Timestamp;
use kit::Lang;
use kit::lang::Text;
use std::fmt::Write as _;

impl Report {
    /// The report in `lang`, one finding per line.
    pub fn text(&self, lang: Lang) -> String {
        let mut out = String::with_capacity(2048);
        line(&mut out, CONCLUSION.get(lang), verdict(self.verdict).get(lang));
        if let Some(signer) = &self.signer {
            line(&mut out, SIGNER.get(lang), &signer.subject);
            optional(&mut out, MEMBER.get(lang), signer.member.as_deref());
            line(&mut out, ISSUER.get(lang), &signer.issuer);
            optional(&mut out, AUTHORITY.get(lang), signer.authority.as_deref());
            let validity = format!("{} – {}", show(signer.not_before), show(signer.not_after));
            line(&mut out, VALIDITY.get(lang), &validity);
            optional(&mut out, SIGNING_TIME.get(lang), signer.signing_time.map(show).as_deref());
        }
        if let Some(stamp) = &self.time_stamp {
            line(&mut out, TIME_STAMP.get(lang), &format!("{} – {}", show(stamp.time), stamp.authority));
        }
        if let Some(status) = &self.status {
            line(&mut out, STATUS.get(lang), &format!("{} – {}", show(status.this_update), status.responder));
        }
        for part in &self.parts {
            let state = match (part.length, &part.digest) {
                (Some(length), _) => format!("{length} {}", BYTES.get(lang)),
                (None, digest) => format!("{} {}", DIGEST_ONLY.get(lang), digest.as_deref().unwrap_or_default()),
            };
            line(&mut out, &part.name, &state);
        }
        for name in &self.unknown_entries {
            line(&mut out, UNKNOWN.get(lang), name);
        }
        out.push('\n');
        for done in &self.checks {
            let (mark, reason) = match &done.outcome {
                Outcome::Pass => (PASS, None),
                Outcome::Absent(reason) => (ABSENT, Some(reason)),
                Outcome::Fail(reason) => (FAIL, Some(reason)),
                Outcome::Skipped => (SKIPPED, None),
            };
            // Writing to a String cannot fail.
            write!(out, "[{}] {}", mark.get(lang), check(done.check).get(lang)).ok();
            if let Some(reason) = reason {
                write!(out, ": {}", one_line(reason.get(lang))).ok();
            }
            out.push('\n');
        }
        out
    }
}

const CONCLUSION: Text = Text::new("Kết luận", "Conclusion");
const SIGNER: Text = Text::new("Người ký", "Signer");
const MEMBER: Text = Text::new("Thành viên", "Member");
const ISSUER: Text = Text::new("Nơi cấp chứng thư số", "Issuer");
const AUTHORITY: Text = Text::new("Dịch vụ chứng thực được chấp nhận", "Approved authority");
const VALIDITY: Text = Text::new("Hiệu lực chứng thư số", "Certificate valid");
const SIGNING_TIME: Text = Text::new("Thời điểm ký (người ký khai)", "Signing time (claimed)");
const TIME_STAMP: Text = Text::new("Dấu thời gian", "Time-stamp");
const STATUS: Text = Text::new("Trạng thái chứng thư số (OCSP)", "Certificate status (OCSP)");
const BYTES: Text = Text::new("byte", "bytes");
const DIGEST_ONLY: Text = Text::new("không lưu nội dung, giá trị băm", "not kept, digest");
const UNKNOWN: Text = Text::new("Mục lạ, không được ký", "Unknown entry, not signed");
const PASS: Text = Text::new("đạt", "pass");
const ABSENT: Text = Text::new("thiếu", "absent");
const FAIL: Text = Text::new("không đạt", "fail");
const SKIPPED: Text = Text::new("không kiểm tra được", "skipped");

fn verdict(verdict: Verdict) -> Text {
    match verdict {
        Verdict::Valid => Text::new("HỢP LỆ", "VALID"),
        Verdict::Partial => Text::new("KHÔNG SAI NHƯNG CHƯA ĐỦ", "NOT WRONG BUT INCOMPLETE"),
        Verdict::Invalid => Text::new("KHÔNG HỢP LỆ", "INVALID"),
    }
}

fn check(check: Check) -> Text {
    match check {
        Check::Container => Text::new("Gói chứng cứ", "Container"),
        Check::References => Text::new("Chữ ký và các tham chiếu", "Signature and its references"),
        Check::TimeStamp => Text::new("Dấu thời gian", "Time-stamp"),
        Check::Content => Text::new("Nội dung và chuỗi băm", "Content and hash chain"),
        Check::Certificate => Text::new("Chứng thư số và thành viên gửi", "Certificate and sending member"),
        Check::SignatureValue => Text::new("Giá trị chữ ký", "Signature value"),
        Check::Signer => Text::new("Đường dẫn chứng thực và OCSP", "Certificate path and OCSP"),
    }
}

fn line(out: &mut String, label: &str, value: &str) {
    writeln!(out, "{label}: {}", one_line(value)).ok();
}

fn optional(out: &mut String, label: &str, value: Option<&str>) {
    if let Some(value) = value {
        line(out, label, value);
    }
}

/// Names and reasons hold text from outside; it must not be able to write a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn show(at: Timestamp) -> String {
    at.to_string()
}
