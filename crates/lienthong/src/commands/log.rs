//! `lienthong log`: the message log of a stopped gateway, and archive files anywhere.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use exchange::log::{AsicQuery, MessageLog, MessageQuery, verify_archive_chain};
use kit::PageRequest;
use store::journal::{FileOptions, Journal};

use super::Context;
use crate::config::{JournalKind, Role};
use crate::home::write_secret;
use crate::out::{say, trouble};
use crate::setup::central::open_store;
use crate::setup::services::client;

/// What is wanted.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Tìm thông điệp · search messages
    Search(SearchArgs),
    /// Xuất chứng cứ của một giao dịch · export the evidence of a transaction
    Export {
        /// X-Road-Id
        id: String,
        /// Hệ thống con tham gia ở cổng này · the local party
        #[arg(long)]
        client: String,
        /// Tệp để ghi · file
        #[arg(long)]
        out: PathBuf,
    },
    /// Kiểm tra chuỗi tệp lưu trữ · verify a folder of archive files
    VerifyArchive {
        /// Thư mục · folder
        folder: PathBuf,
    },
}

/// Criteria.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// X-Road-Id
    #[arg(long)]
    id: Option<String>,
    /// Bên gọi · caller
    #[arg(long)]
    client: Option<String>,
    /// Số dòng · rows
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Carries it out.
///
/// # Errors
/// With what went wrong.
pub async fn run(context: &Context, command: LogCommand) -> anyhow::Result<ExitCode> {
    match command {
        LogCommand::VerifyArchive { folder } => verify(context, &folder),
        LogCommand::Search(args) => search(context, &args).await,
        LogCommand::Export { id, client, out } => export(context, id, &client, &out).await,
    }
}

/// Opens the log of the gateway here. Nothing is stamped from here: the running gateway does that.
async fn open(context: &Context) -> anyhow::Result<MessageLog> {
    let config = &context.config.gateway;
    let home = context.config.home(Role::Gateway);
    let store = open_store(&home.database(config.database.as_deref())).await?;
    let opened = match config.journal {
        JournalKind::Files => Journal::open_files(home.journal(), FileOptions::default()).await,
        JournalKind::Table => Journal::open_table(&store, "exchange", context.clock.clone(), 1024 * 1024).await,
    };
    let journal = opened.context(trouble!(
        "Không mở được nhật ký: cổng đang chạy thì dừng nó, hoặc lấy chứng cứ qua GET /asic",
        "Cannot open the log: stop the gateway when it is running, or get evidence by GET /asic"
    ))?;
    Ok(MessageLog::open(store, journal, config.message_log.clone(), context.clock.clone(), Arc::new(Vec::new)).await?)
}

async fn search(context: &Context, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let (out, lang) = (context.out, context.out.lang);
    let client = args.client.as_deref().map(client).transpose()?;
    let page = PageRequest { limit: Some(args.limit), after: None };
    let query = MessageQuery { message_id: args.id.clone(), client, page, ..MessageQuery::default() };
    let found = open(context).await?.search(&query).await?;
    if found.items.is_empty() {
        out.line(say!(lang, "Không có thông điệp nào khớp.", "No message matches."));
    }
    for message in found.items {
        let at = jiff::Timestamp::from_microsecond(message.at).unwrap_or_default();
        let stamped = if message.stamped { "✓" } else { "…" };
        let (seq, role, half) = (
            message.seq,
            format!("{:?}", message.role).to_lowercase(),
            format!("{:?}", message.direction).to_lowercase(),
        );
        let (id, caller, service) = (message.message_id, message.client, message.service);
        out.line(format_args!("{seq:>8} {at:.3} {role:<8} {half:<8} {stamped} {id}  {caller} → {service}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn export(context: &Context, id: String, party: &str, file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let (out, lang) = (context.out, context.out.lang);
    let query = AsicQuery { query_id: id, client: client(party)?, half: None, unique: false, force: false };
    let reply = open(context).await?.asic(&query).await?;
    write_secret(file, &reply.bytes)?;
    let name = file.display();
    out.done(say!(lang, "Đã ghi chứng cứ vào {name}", "Wrote the evidence to {name}"));
    out.next(say!(lang, "Kiểm tra: lienthong verify {name}", "Verify: lienthong verify {name}"));
    Ok(ExitCode::SUCCESS)
}

fn verify(context: &Context, folder: &std::path::Path) -> anyhow::Result<ExitCode> {
    let (out, lang, name) = (context.out, context.out.lang, folder.display());
    let report = verify_archive_chain(folder);
    let report = report.with_context(|| trouble!("Không đọc được {name}", "Cannot read {name}").code(2))?;
    for series in &report.series {
        let (files, containers) = (series.files.len(), series.containers);
        let label = if series.series.is_empty() { "*" } else { &series.series };
        out.line(say!(
            lang,
            "{label}: {files} tệp, {containers} chứng cứ",
            "{label}: {files} files, {containers} containers"
        ));
        if let Some(before) = &series.follows {
            out.line(say!(lang, "  nối tiếp tệp {before} (không có ở đây)", "  follows {before} (not here)"));
        }
        series.faults.iter().for_each(|fault| out.line(format_args!("  ✗ {fault}")));
    }
    if report.is_sound() {
        out.done(say!(lang, "Chuỗi lưu trữ nguyên vẹn", "The archive chain is sound"));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}
