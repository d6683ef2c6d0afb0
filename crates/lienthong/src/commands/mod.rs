//! The command line: what can be asked, and where each command is carried out. Each says what it did and what comes next.

mod agencies;
mod central;
mod configuration;
mod gateway;
mod gateway_clients;
mod gateway_keys;
mod log;
mod pki;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kit::{Clock, Lang};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogConfig, LogFormat};
use crate::demo;
use crate::out::{Out, trouble};

/// Liên Thông: trao đổi dữ liệu có ký số giữa các cơ quan. Signed data exchange between agencies.
#[derive(Debug, Parser)]
#[command(name = "lienthong", version, propagate_version = true)]
pub struct Cli {
    /// Tệp cấu hình (mặc định ./lienthong.toml nếu có) · configuration file
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ngôn ngữ của thông báo · language of messages
    #[arg(long, global = true, value_name = "vi|en", value_parser = lang)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// In hoặc viết tệp cấu hình · print or write a configuration file
    Config(configuration::ConfigArgs),
    /// CA thử nghiệm: chứng thư, OCSP, dấu thời gian · test authority
    #[command(subcommand)]
    Pki(pki::PkiCommand),
    /// Trung tâm: thành viên, yêu cầu, cấu hình có ký · the central
    #[command(subcommand)]
    Central(central::CentralCommand),
    /// Cổng trao đổi dữ liệu · a gateway
    #[command(subcommand)]
    Gateway(gateway::GatewayCommand),
    /// Chạy các vai trò đã cấu hình · run the configured roles
    Serve(serve::ServeArgs),
    /// Kiểm tra chứng cứ (.asice, .zip) · verify evidence
    Verify(verify::VerifyArgs),
    /// Nhật ký thông điệp của một cổng · message log of a gateway
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Danh mục cơ quan và mã theo thời gian · agencies and their codes over time
    #[command(subcommand)]
    Agencies(agencies::AgenciesCommand),
    /// Một đất nước thu nhỏ để xem thử · a small nation to look at
    Demo(demo::DemoArgs),
}

/// What every command is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The configuration.
    pub config: Config,
    /// Where to speak.
    pub out: Out,
    /// What time it is.
    pub clock: Clock,
}

fn lang(text: &str) -> Result<Lang, String> {
    match text {
        "vi" => Ok(Lang::Vi),
        "en" => Ok(Lang::En),
        _ => Err("vi, en".to_owned()),
    }
}

/// Carries out what was asked and gives the exit code.
pub fn run(cli: Cli) -> ExitCode {
    let config = Config::load(cli.config.as_deref());
    let lang = cli.lang.or_else(|| config.as_ref().ok().map(|config| config.lang)).unwrap_or_default();
    let out = Out { lang };
    let done = config.and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let context = Context { config, out, clock: Clock::system() };
        runtime.block_on(dispatch(context, cli.command))
    });
    done.unwrap_or_else(|error| out.failed(&error))
}

async fn dispatch(context: Context, command: Command) -> anyhow::Result<ExitCode> {
    let level = match &command {
        Command::Serve(_) | Command::Pki(pki::PkiCommand::Serve) | Command::Central(central::CentralCommand::Serve) => {
            None
        }
        _ => Some("error"),
    };
    let log = &context.config.log;
    let quiet = LogConfig { format: LogFormat::Text, filter: level.unwrap_or_default().to_owned() };
    start_log(if level.is_some() { &quiet } else { log })?;
    match command {
        Command::Verify(args) => return verify::run(&context, args).await,
        Command::Demo(args) => return demo::run(&context, args).await,
        Command::Config(args) => configuration::run(&context, &args)?,
        Command::Pki(command) => pki::run(&context, command).await?,
        Command::Central(command) => central::run(&context, command).await?,
        Command::Gateway(command) => gateway::run(&context, command).await?,
        Command::Serve(args) => serve::run(&context, &args).await?,
        Command::Log(command) => return log::run(&context, command).await,
        Command::Agencies(command) => return agencies::run(&context, command).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Events go to standard error; `LIENTHONG_LOG` says which, else the configuration.
fn start_log(log: &LogConfig) -> anyhow::Result<()> {
    let filter = std::env::var("LIENTHONG_LOG").unwrap_or_else(|_| log.filter.clone());
    let parsed = EnvFilter::try_new(&filter);
    let filter = parsed.map_err(|_| {
        trouble!("Bộ lọc nhật ký `{filter}` không hợp lệ", "The log filter `{filter}` is not valid").code(2)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match log.format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.init(),
    }
    Ok(())
}
