//! `lienthong agencies`: agencies and their codes over time, at the central.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use directory::Resolution;
use directory::acts::permit::Register;
use jiff::civil::Date;

use super::Context;
use crate::out::{Out, say, trouble};
use crate::setup::central::CentralNode;
use crate::setup::central_permit;

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum AgenciesCommand {
    /// Nạp bảng cơ quan (TSV) · import a table
    Import {
        /// Tệp · file
        file: PathBuf,
    },
    /// Một mã nghĩa là cơ quan nào vào một ngày · what a code means on a day
    Resolve {
        /// Mã mới hoặc mã cũ (2016) · new or old code
        code: String,
        /// Ngày, 2024-06-01; mặc định hôm nay · day
        #[arg(long)]
        at: Option<Date>,
    },
    /// Tìm theo tên (không cần dấu) hoặc đầu mã · search by name or code
    Search {
        /// Chữ cần tìm · words
        text: String,
        /// Ngày · day
        #[arg(long)]
        at: Option<Date>,
    },
}

/// Carries it out. Exit code 1 when nothing was found.
///
/// # Errors
/// With what went wrong.
pub async fn run(context: &Context, command: AgenciesCommand) -> anyhow::Result<ExitCode> {
    let (out, lang) = (context.out, context.out.lang);
    let node = CentralNode::open(&context.config, context.clock.clone()).await?;
    let today = kit::date::local_date(context.clock.now());
    let found = match command {
        AgenciesCommand::Import { file } => {
            let name = file.display();
            let text = std::fs::read_to_string(&file);
            let text = text.with_context(|| trouble!("Không đọc được {name}", "Cannot read {name}").code(2))?;
            let report = node.central.import_agencies(&central_permit::<Register>()?, text).await?;
            let (written, known, refused) = (report.written, report.known, report.refused.len());
            out.done(say!(
                lang,
                "Đã nạp {written} mục, {known} mục đã có, {refused} dòng bị từ chối",
                "Imported {written} spans, {known} known before, {refused} rows refused"
            ));
            report.refused.iter().for_each(|row| out.line(format_args!("  {}: {} {}", row.line, row.code, row.reason)));
            true
        }
        AgenciesCommand::Resolve { code, at } => {
            let resolution = node.central.resolve_agency(code.clone(), at.unwrap_or(today)).await?;
            resolve(out, &code, resolution)
        }
        AgenciesCommand::Search { text, at } => {
            let agencies = node.central.search_agencies(text, at.unwrap_or(today), String::new(), 50).await?;
            agencies.iter().for_each(|agency| out.line(format_args!("{:<20} {}", agency.code, agency.name)));
            !agencies.is_empty()
        }
    };
    node.store.close().await;
    if !found {
        out.line(say!(lang, "Không tìm thấy.", "Nothing was found."));
    }
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn resolve(out: Out, code: &str, resolution: Option<Resolution>) -> bool {
    let lang = out.lang;
    match resolution {
        None => return false,
        Some(Resolution::Active { agency }) => out.line(format_args!("{:<20} {}", agency.code, agency.name)),
        Some(Resolution::NotYet { agency, .. }) => {
            let (name, from) = (&agency.name, agency.valid_from);
            out.line(say!(lang, "{code} chỉ có từ {from}: {name}", "{code} begins on {from}: {name}"));
        }
        Some(Resolution::Closed { agency, successors, .. }) => {
            let name = &agency.name;
            out.line(say!(
                lang,
                "{code} {name}: đã kết thúc; việc chuyển cho:",
                "{code} {name}: closed; continued by:"
            ));
            successors.iter().for_each(|next| out.line(format_args!("  {:<20} {}", next.code, next.name)));
        }
    }
    true
}
