//! The health report as a page: what is wrong first, with what to do; then what works.

use std::fmt::Write as _;

use kit::{Lang, Text};

use super::{Finding, Report, Severity};
use crate::model::error::escape;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
    .state{padding:1rem;border-left:.5rem solid}.ok{border-color:#14632f;background:#eaf6ee}.down{border-color:#a11212;background:#fdecec}\
    .warn{border-color:#8a5a00;background:#fff6e0}li{margin:.75rem 0}code{background:#f2f2f2;padding:0 .25rem}";

const TITLE: Text = Text::new("Tình trạng cổng trao đổi dữ liệu", "Health of the exchange gateway");
const GREEN: Text = Text::new("Cổng đang hoạt động tốt.", "The gateway works.");
const DEGRADED: Text = Text::new(
    "Cổng vẫn chuyển thông điệp, nhưng có việc cần xử lý.",
    "Messages are carried, but something needs attention.",
);
const DOWN: Text = Text::new("Cổng không chuyển được thông điệp.", "The gateway cannot carry messages.");
const MAINTENANCE: Text =
    Text::new("Cổng đang được bảo trì theo chủ ý.", "The gateway was taken out of service for maintenance.");
const WRONG: Text = Text::new("Việc cần xử lý", "What to do");
const WORKS: Text = Text::new("Đang hoạt động", "What works");
const REASON: Text = Text::new("Nguyên nhân:", "Reason:");
const REMEDY: Text = Text::new("Cách xử lý:", "Remedy:");
const FATAL: Text = Text::new("dừng chuyển thông điệp", "stops messages");

/// The page in one language.
pub(super) fn render(report: &Report, lang: Lang) -> String {
    let (class, state) = match (report.maintenance, report.is_green(), report.fatal_reasons().is_empty()) {
        (true, ..) => ("warn", MAINTENANCE),
        (_, true, _) => ("ok", GREEN),
        (.., true) => ("warn", DEGRADED),
        _ => ("down", DOWN),
    };
    let title = TITLE.get(lang);
    let mut out = format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"30\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p class=\"state {class}\" role=\"status\">{}</p>",
        lang.code(),
        state.get(lang)
    );
    let (wrong, works): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.fault.is_some());
    if !wrong.is_empty() {
        let _ = write!(out, "<h2>{}</h2><ul>", WRONG.get(lang));
        wrong.iter().for_each(|finding| fault(&mut out, finding, lang));
        out.push_str("</ul>");
    }
    if !works.is_empty() {
        let _ = write!(out, "<h2>{}</h2><ul>", WORKS.get(lang));
        for finding in works {
            let _ = write!(
                out,
                "<li>{} <code>{}</code></li>",
                escape(finding.subject.title.get(lang)),
                finding.subject.name
            );
        }
        out.push_str("</ul>");
    }
    out.push_str("</main></body></html>");
    out
}

fn fault(out: &mut String, finding: &Finding, lang: Lang) {
    let subject = &finding.subject;
    let _ = write!(out, "<li><strong>{}</strong> <code>{}</code>", escape(subject.title.get(lang)), subject.name);
    if subject.severity == Severity::Fatal {
        let _ = write!(out, " ({})", FATAL.get(lang));
    }
    let reason = finding.fault.as_deref().unwrap_or_default();
    let _ = write!(out, "<br>{} {}", REASON.get(lang), escape(reason));
    let _ = write!(out, "<br>{} {}</li>", REMEDY.get(lang), escape(subject.remedy.get(lang)));
}
