//! `lienthong verify`: says who signed what, when, on whose trust, or exactly why not. Exit code 0 valid, 1 not valid, 2 not readable.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use directory::Evidence;
use serde_json::json;
use trust::verify::{Report, Verdict};

use super::Context;
use crate::config::Role;
use crate::evidence::{load_trust, verify};
use crate::http::fetch;
use crate::out::{say, trouble};

/// What is wanted.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Chứng cứ: .asice, hoặc gói .zip của /asic · evidence
    file: PathBuf,
    /// Cấu hình kiểm tra: verificationconf.zip hoặc thư mục · verification configuration
    #[arg(long, value_name = "ZIP|DIR", conflicts_with = "from_gateway")]
    conf: Option<PathBuf>,
    /// Lấy cấu hình kiểm tra từ một cổng · fetch it from a gateway
    #[arg(long, value_name = "URL")]
    from_gateway: Option<String>,
    /// Kết quả dạng JSON · the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Carries it out.
///
/// # Errors
/// When something cannot be read (exit code 2).
pub async fn run(context: &Context, args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let (out, lang) = (context.out, context.out.lang);
    let name = args.file.display().to_string();
    let read = std::fs::read(&args.file);
    let bytes = read.with_context(|| trouble!("Không đọc được {name}", "Cannot read {name}").code(2))?;
    let trust = trust(context, &args).await?;
    let reports = verify(&name, &bytes, &trust)?;
    let all_valid = reports.iter().all(|(_, report)| report.verdict == Verdict::Valid);
    if args.json {
        let reports: Vec<_> =
            reports.iter().map(|(name, report)| json!({ "file": name, "report": report.to_json() })).collect();
        out.line(serde_json::to_string_pretty(&json!({ "valid": all_valid, "containers": reports }))?);
    } else {
        for (name, report) in &reports {
            out.line(say!(lang, "── {name}", "── {name}"));
            out.line(report.text(lang).trim_end());
        }
    }
    Ok(code(&reports))
}

/// A file that is no container at all could not be read; anything else wrong is a verdict.
fn code(reports: &[(String, Report)]) -> ExitCode {
    let unreadable = |report: &Report| {
        let first = report.outcome(trust::verify::Check::Container);
        matches!(first, Some(trust::verify::Outcome::Fail(_)))
    };
    if reports.iter().any(|(_, report)| unreadable(report)) {
        return ExitCode::from(2);
    }
    let valid = reports.iter().all(|(_, report)| report.verdict == Verdict::Valid);
    if valid { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// From where it was told; else the configuration of the gateway here.
async fn trust(context: &Context, args: &VerifyArgs) -> anyhow::Result<Evidence> {
    if let Some(url) = &args.from_gateway {
        let source = format!("{}/verificationconf", url.trim_end_matches('/'));
        let zip = fetch(&source).await.context(trouble!("Không lấy được {source}", "Cannot fetch {source}").code(2))?;
        let folder = TemporaryFile::new(&zip)?;
        return load_trust(&folder.0);
    }
    if let Some(path) = &args.conf {
        return load_trust(path);
    }
    let own = context.config.home(Role::Gateway).configuration();
    if own.join("instance-identifier").exists() {
        return load_trust(&own);
    }
    Err(trouble!(
        "Cần cấu hình kiểm tra: --conf verificationconf.zip hoặc --from-gateway http://CỔNG",
        "A verification configuration is needed: --conf verificationconf.zip or --from-gateway http://GATEWAY"
    )
    .code(2)
    .into())
}

/// A file that is gone when it was read.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(bytes: &[u8]) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("verificationconf-{}.zip", uuid::Uuid::new_v4().simple()));
        crate::home::write_secret(&path, bytes)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It holds nothing secret; the system sweeps its temporary folder.
        let _ = std::fs::remove_file(&self.0);
    }
}
