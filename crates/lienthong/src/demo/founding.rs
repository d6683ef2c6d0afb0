//! The nation set up from nothing as its operators would: authority, central, members, gateways enrolled, registered and approved, services
//! described, rights granted. And started again from what an earlier start left.

use std::time::Duration;

use anyhow::Context as _;
use directory::acts::permit::Register;
use exchange::acts::api_keys::{ApiKeyRequest, create_api_key};
use exchange::acts::permit::Role as AdminRole;
use exchange::conf::ConnectionType;
use tokio::time::Instant;
use trust::key::KeyKind;
use trust::token::KeyPurpose;

use super::nation::{AGENCIES, Nation};
use super::stage::Stage;
use crate::home::write_secret;
use crate::out::{say, trouble};
use crate::roles::central::RunningCentral;
use crate::roles::gateway::RunningGateway;
use crate::roles::pki::{self, RunningPki};
use crate::setup::central::{CentralNode, NewCentral};
use crate::setup::gateway::{GatewayNode, NewGateway};
use crate::setup::services::{add_client, add_openapi, grant, register_client, subject};
use crate::setup::{central_permit, gateway_permit};

/// How long a change of the registry may take to be everywhere.
const PATIENCE: Duration = Duration::from_secs(20);
/// File with the keys of the administration API, by gateway.
pub const API_KEYS: &str = "api-keys.txt";

/// Starts the nation, founding it the first time.
///
/// # Errors
/// With what went wrong in the step that was under way.
pub async fn start(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<()> {
    if nation.plan.founded {
        return again(nation, stage).await;
    }
    authority(nation, stage).await?;
    central(nation, stage).await?;
    let nodes = gateways(nation, stage).await?;
    clients(nation, stage, nodes).await?;
    services(nation, stage).await?;
    nation.plan.remember()
}

async fn authority(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Lập CA thử nghiệm, OCSP và dấu thời gian",
        "Found a test authority with OCSP and time-stamps"
    ));
    let (hub, clock) = (nation.plan.hub(), nation.plan.clock.clone());
    pki::create(&hub, "CA thử nghiệm Liên Thông", KeyKind::EcP256, clock.clone())?;
    let running = RunningPki::start(&hub, clock).await?;
    stage.passed(&running.url);
    nation.pki = Some(running);
    nation.start_tsa().await
}

async fn central(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Lập trung tâm VN, duyệt CA và dấu thời gian, thêm ba thành viên",
        "Make the central VN, approve authority and time-stamps, add three members"
    ));
    let (hub, clock) = (nation.plan.hub(), nation.plan.clock.clone());
    let new = NewCentral {
        instance: "VN".to_owned(),
        address: hub.central.listen.to_string(),
        classes: vec![("GOV".to_owned(), "Cơ quan nhà nước".to_owned())],
        key_kind: KeyKind::EcP256,
    };
    let node = CentralNode::create(&hub, &new, clock).await?.node;
    let tsa = format!("http://{}/tsa", nation.plan.tsa());
    node.trust_pki("CA thử nghiệm Liên Thông", &format!("http://{}", hub.pki.listen), Some(&tsa)).await?;
    for agency in &AGENCIES {
        node.central.add_member(&central_permit::<Register>()?, agency.member(), agency.name.to_owned()).await?;
    }
    let running = RunningCentral::run(&hub, node).await?;
    let stamp = running.publisher.status().stamp.clone();
    let stamp = stamp.context("nothing was published")?;
    stage.passed(&say!(lang, "cấu hình đã ký, bản {stamp}", "configuration signed, generation {stamp}"));
    nation.central = Some(running);
    Ok(())
}

/// Makes each gateway from the anchor, enrols it, and has it registered.
async fn gateways(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<Vec<GatewayNode>> {
    let lang = stage.out.lang;
    let anchor = std::fs::read(nation.central()?.node.home.anchor())?;
    let token = pki::enrolment_token(&nation.plan.hub())?;
    let authority = format!("http://{}", nation.plan.hub().pki.listen);
    let mut nodes = Vec::new();
    for (index, agency) in AGENCIES.iter().enumerate() {
        let (code, name) = (agency.code, agency.name);
        stage.begin(say!(lang, "Cổng {code} ({name})", "Gateway {code} ({name})"));
        let config = nation.plan.gateway(index);
        let new = NewGateway {
            anchor: anchor.clone(),
            owner: agency.member(),
            code: "gw1".to_owned(),
            address: config.gateway.exchange.peer.to_string(),
        };
        let (node, _) = GatewayNode::create(&config, &new, nation.plan.clock.clone()).await?;
        for purpose in [KeyPurpose::Auth, KeyPurpose::Sign] {
            node.enrol(&authority, &token, purpose, KeyKind::EcP256).await?;
        }
        node.refresh_link()?;
        let (number, _) = node.register().await?;
        nation.central()?.node.approve(number.parse()?).await?;
        stage.passed(&say!(
            lang,
            "lấy và kiểm tra cấu hình có ký, ghi danh hai chứng thư, xin đăng ký (số {number}), trung tâm duyệt",
            "fetched and verified the signed configuration, enrolled two certificates, asked (request {number}), approved"
        ));
        nodes.push(node);
    }
    Ok(nodes)
}

/// Adds and registers the subsystem of each gateway, then starts the gateways.
async fn clients(nation: &mut Nation, stage: &mut Stage, nodes: Vec<GatewayNode>) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Đăng ký ba hệ thống con dancu, dkkd, motcua",
        "Register the subsystems dancu, dkkd, motcua"
    ));
    for (node, agency) in nodes.iter().zip(&AGENCIES) {
        add_client(&node.admin, &agency.client(), ConnectionType::Http).await?;
        register_client(&node.admin, &agency.client(), Some(agency.subsystem_name)).await?;
    }
    let central = &nation.central()?.node;
    let waiting = central.requests(false).await?;
    for request in &waiting {
        central.approve(request.id).await?;
    }
    let count = waiting.len();
    stage.passed(&say!(lang, "trung tâm duyệt {count} yêu cầu", "the central approved {count} requests"));
    stage.begin(say!(lang, "Ba cổng chạy và biết nhau", "Three gateways run and know each other"));
    for node in nodes {
        nation.gateways.push(Some(RunningGateway::run(node).await?));
    }
    ready(nation, stage).await
}

/// Describes the services and grants rights on them.
async fn services(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Thêm dịch vụ theo mô tả OpenAPI, cấp quyền cho motcua",
        "Add services by their OpenAPI descriptions, grant rights to motcua"
    ));
    nation.start_services().await?;
    let caller = subject(&AGENCIES[2].client().colon(), "VN")?;
    let mut operations = 0;
    for (index, code) in ["tracuu", "doanhnghiep"].into_iter().enumerate() {
        let (gateway, agency) = (nation.gateway(index)?, &AGENCIES[index]);
        let service = nation.services.get(index).context("the service does not run")?;
        let source = format!("{}/openapi.json", service.url);
        let imported = add_openapi(&gateway.admin, &agency.client(), code, &source, None).await?;
        operations += imported.diff.added.len();
    }
    let (people, firms) = (nation.gateway(0)?, nation.gateway(1)?);
    grant(&people.admin, &AGENCIES[0].client(), "tracuu", &caller, None).await?;
    let endpoint = Some(("GET", "/firms/*"));
    grant(&firms.admin, &AGENCIES[1].client(), "doanhnghiep", &caller, endpoint).await?;
    api_keys(nation).await?;
    stage.passed(&say!(lang, "{operations} thao tác, hai quyền", "{operations} operations, two rights"));
    Ok(())
}

/// A key for a visitor at each gateway, kept beside the data.
async fn api_keys(nation: &Nation) -> anyhow::Result<()> {
    let mut lines = String::new();
    for (index, agency) in AGENCIES.iter().enumerate() {
        let request =
            ApiKeyRequest { name: "demo".to_owned(), roles: AdminRole::ALL.into_iter().collect(), expires_at: None };
        let made = create_api_key(&nation.gateway(index)?.admin, &gateway_permit()?, request).await?;
        lines += &format!("{} {}\n", agency.code, made.key);
    }
    write_secret(&nation.plan.folder(API_KEYS), lines.as_bytes())
}

/// Starts what an earlier start founded.
async fn again(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Khởi động lại đất nước đã có: CA, trung tâm, dịch vụ",
        "Start the existing nation again: authority, central, services"
    ));
    let (hub, clock) = (nation.plan.hub(), nation.plan.clock.clone());
    nation.pki = Some(RunningPki::start(&hub, clock.clone()).await?);
    nation.start_tsa().await?;
    nation.central = Some(RunningCentral::start(&hub, clock.clone()).await?);
    nation.start_services().await?;
    stage.passed("");
    stage.begin(say!(lang, "Ba cổng chạy tiếp với dữ liệu cũ", "Three gateways go on with their data"));
    for index in 0..AGENCIES.len() {
        nation.gateways.push(Some(RunningGateway::start(&nation.plan.gateway(index), clock.clone()).await?));
    }
    ready(nation, stage).await
}

/// Waits until every gateway is registered with its client and has a fresh OCSP answer.
async fn ready(nation: &Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    for (index, agency) in AGENCIES.iter().enumerate() {
        wait_ready(nation.gateway(index)?, agency, until).await?;
    }
    let addresses: Vec<String> = (0..AGENCIES.len()).map(|index| nation.door(index)).collect();
    stage.passed(&addresses.join(" "));
    Ok(())
}

/// Waits until a gateway may exchange messages.
///
/// # Errors
/// With what it still lacks when the time is over.
pub async fn wait_ready(
    gateway: &RunningGateway,
    agency: &super::nation::Agency,
    until: Instant,
) -> anyhow::Result<()> {
    loop {
        let conf = gateway.admin.conf().current();
        let registered = conf.client(&agency.client()).is_some_and(|client| client.status.may_exchange());
        let view = gateway.gateway.world.current();
        let everybody = AGENCIES.iter().all(|agency| !view.conf.servers_of(&agency.client()).is_empty());
        let reason = match gateway.trouble() {
            None if registered && everybody => return Ok(()),
            None => "its clients or those of others are not registered yet".to_owned(),
            Some(reason) => reason,
        };
        if Instant::now() > until {
            let code = agency.code;
            return Err(
                trouble!("Cổng {code} chưa sẵn sàng: {reason}", "The gateway {code} is not ready: {reason}").into()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
