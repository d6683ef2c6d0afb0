//! `lienthong demo`: a small nation in one process — a test authority, a central, three gateways with their own databases and listeners, two
//! services with invented people and firms — set up as operators would, shown at work, then left running for a visitor.

mod firms;
mod founding;
mod nation;
mod people;
mod service;
mod show;
mod stage;
mod summary;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::Context;
use crate::out::{say, trouble};
use nation::{Nation, Plan};
use stage::Stage;

/// What is wanted.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Trong thư mục mới: dựng, chạy thử, dừng; thoát 0 khi mọi bước đạt · set up, try, stop; exit 0 when all went well
    #[arg(long)]
    once: bool,
    /// Thư mục dữ liệu (var/demo) · folder of the data
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Cổng mạng đầu tiên; 50 cổng liền nhau được dùng (17000) · first port; 50 in a row are used
    #[arg(long)]
    base_port: Option<u16>,
    /// Số lời gọi để đo độ trễ · calls for the latency
    #[arg(long, default_value_t = 200)]
    calls: usize,
}

/// Carries it out. Exit code 1 names the step that failed.
///
/// # Errors
/// When the folder or the ports cannot be used at all.
pub async fn run(context: &Context, args: DemoArgs) -> anyhow::Result<ExitCode> {
    let (out, lang) = (context.out, context.out.lang);
    let plan = Plan::of(args.data, args.once, args.base_port, context.clock.clone())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stopped);
    let mut stage = Stage::new(out);
    let mut nation = Nation::new(plan);
    let shown = tokio::select! {
        shown = show::run(&mut nation, &mut stage, args.calls) => shown,
        () = &mut stopped => Err(trouble!("Bị dừng giữa chừng", "Stopped half-way").into()),
    };
    let code = match shown {
        Ok(()) => {
            let (count, seconds) = (stage.count(), stage.seconds());
            out.line(say!(
                lang,
                "\n{count} bước đạt trong {seconds:.1} s.",
                "\n{count} steps went well in {seconds:.1} s."
            ));
            if !args.once {
                summary::print(&nation, out)?;
                stopped.await;
                out.line(say!(lang, "Đang dừng…", "Stopping…"));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            stage.failed(&error);
            ExitCode::from(1)
        }
    };
    nation.stop().await;
    Ok(code)
}
