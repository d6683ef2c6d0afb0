//! `lienthong serve`: the configured roles until a signal to stop.

use std::time::Instant;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use crate::config::Role;
use crate::out::say;
use crate::roles::central::RunningCentral;
use crate::roles::gateway::RunningGateway;
use crate::roles::pki::RunningPki;

/// What is wanted.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Thay cho các vai trò trong tệp cấu hình · instead of the roles in the file
    #[arg(long, value_delimiter = ',')]
    roles: Vec<Role>,
}

/// Carries it out.
///
/// # Errors
/// When a role cannot start.
pub async fn run(context: &Context, args: &ServeArgs) -> anyhow::Result<()> {
    let roles = if args.roles.is_empty() { context.config.roles.clone() } else { args.roles.clone() };
    self::roles(context, &roles).await
}

/// Runs these roles until SIGTERM or SIGINT.
///
/// # Errors
/// When one cannot start; those started before are stopped.
pub async fn roles(context: &Context, roles: &[Role]) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut running = Running::default();
    let started = running.start(context, roles).await;
    if started.is_ok() {
        let (ms, lang) = (begin.elapsed().as_millis(), context.out.lang);
        context.out.done(say!(
            lang,
            "Sẵn sàng sau {ms} ms. Dừng bằng Ctrl-C.",
            "Ready after {ms} ms. Stop with Ctrl-C."
        ));
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    }
    running.stop().await;
    started
}

#[derive(Default)]
struct Running {
    pki: Option<RunningPki>,
    central: Option<RunningCentral>,
    gateway: Option<RunningGateway>,
}

impl Running {
    async fn start(&mut self, context: &Context, roles: &[Role]) -> anyhow::Result<()> {
        let (config, out, lang) = (&context.config, context.out, context.out.lang);
        let clock = || context.clock.clone();
        if roles.contains(&Role::Pki) {
            let pki = RunningPki::start(config, clock()).await?;
            let url = &pki.url;
            out.done(say!(lang, "CA: {url}", "Authority: {url}"));
            self.pki = Some(pki);
        }
        if roles.contains(&Role::Central) {
            self.central = Some(RunningCentral::start(config, clock()).await?);
            let (listen, admin) = (config.central.listen, config.central.admin);
            out.done(say!(lang, "Trung tâm: http://{listen}/internalconf", "Central: http://{listen}/internalconf"));
            out.done(say!(
                lang,
                "Trang tình trạng của trung tâm: http://{admin}/",
                "Status page of the central: http://{admin}/"
            ));
        }
        if roles.contains(&Role::Gateway) {
            let gateway = RunningGateway::start(config, clock()).await?;
            let (server, admin, peer) = (gateway.server.colon(), config.gateway.admin, config.gateway.exchange.peer);
            out.done(say!(
                lang,
                "Cổng {server}: các cổng khác gọi ở {peer}",
                "Gateway {server}: others call at {peer}"
            ));
            if let Some(http) = config.gateway.exchange.http {
                out.done(say!(
                    lang,
                    "Hệ thống thông tin gọi ở http://{http}",
                    "Information systems call at http://{http}"
                ));
            }
            out.done(say!(
                lang,
                "Trang tình trạng, API quản trị: http://{admin}/",
                "Status page, administration API: http://{admin}/"
            ));
            self.gateway = Some(gateway);
        }
        Ok(())
    }

    /// Gateways first: they need the others to the end.
    async fn stop(self) {
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        if let Some(central) = self.central {
            central.stop().await;
        }
        if let Some(pki) = self.pki {
            pki.stop().await;
        }
    }
}
