//! What the demo shows, one line each: calls, a refusal, latency, evidence, health, an outage and a restart.

use std::io::{Cursor, Read as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use exchange::log::MessageQuery;
use serde_json::json;
use tokio::time::Instant;
use trust::verify::{Check, Outcome, Report, Verdict};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::founding::{self, wait_ready};
use super::nation::{AGENCIES, Nation};
use super::stage::Stage;
use super::trial::{Told, evidence, latency, service_url, tell};
use super::{firms, people};
use crate::evidence::{containers, load_trust, verify};
use crate::http::{Call, fetch};
use crate::out::{say, trouble};
use crate::roles::gateway::RunningGateway;

/// A good health answer is kept for two seconds: only then is an outage seen.
const HEALTH_KEPT: Duration = Duration::from_millis(2_200);
/// Longest wait for a gateway to be ready again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sets the nation up and shows everything.
///
/// # Errors
/// With what went wrong in the step that was under way.
pub async fn run(nation: &mut Nation, stage: &mut Stage, calls: usize) -> anyhow::Result<()> {
    founding::start(nation, stage).await?;
    let first = messages(nation, stage, calls).await?;
    containers_of(nation, stage, &first).await?;
    health(nation, stage).await?;
    outage(nation, stage).await?;
    restart(nation, stage, &first.id).await
}

async fn messages(nation: &Nation, stage: &mut Stage, calls: usize) -> anyhow::Result<Told> {
    let lang = stage.out.lang;
    let lookup = service_url(nation, 0, &format!("tracuu/people/{}", people::number(41)));
    stage.begin(say!(
        lang,
        "Hà Nội tra cứu một người ở Bộ Công an",
        "Hà Nội looks a person up at the Ministry of Public Security"
    ));
    let first = tell(Call::get(&lookup)).await?.expect_ok()?;
    let (name, born) = (first.word("full_name"), first.word("date_of_birth"));
    anyhow::ensure!(!name.is_empty(), "the answer names nobody");
    stage.passed(&say!(lang, "{name}, sinh {born}", "{name}, born {born}"));

    stage.begin(say!(
        lang,
        "Hà Nội tra cứu một doanh nghiệp ở Bộ Tài chính",
        "Hà Nội looks a firm up at the Ministry of Finance"
    ));
    let firm =
        tell(Call::get(service_url(nation, 1, &format!("doanhnghiep/firms/{}", firms::code(7))))).await?.expect_ok()?;
    let (name, status) = (firm.word("name"), firm.word("status"));
    anyhow::ensure!(!name.is_empty(), "the answer names no firm");
    stage.passed(&format!("{name}, {status}"));

    stage.begin(say!(
        lang,
        "Gửi POST có nội dung: đối chiếu số định danh và họ tên",
        "A POST with a body: do number and name belong together"
    ));
    let body = json!({ "personal_number": people::number(41), "full_name": first.word("full_name") }).to_string();
    let url = service_url(nation, 0, "tracuu/confirmations");
    let confirmed = tell(Call::post(url, "application/json", body)).await?.expect_ok()?;
    anyhow::ensure!(
        confirmed.json()["matches"] == true,
        "the service does not confirm what it told: {}",
        confirmed.answer.text()
    );
    stage.passed(&confirmed.answer.text());

    stage.begin(say!(lang, "Thao tác chưa được cấp quyền bị từ chối", "An operation without a right is refused"));
    let refused = tell(Call::get(service_url(nation, 1, "doanhnghiep/statistics"))).await?;
    let (status, kind) = (refused.answer.status, refused.word("type"));
    anyhow::ensure!(kind.ends_with("AccessDenied"), "it was answered {status}: {}", refused.answer.text());
    stage.passed(&format!("{status} {kind}"));

    stage.begin(say!(lang, "Độ trễ của {calls} lời gọi liên tiếp", "Latency of {calls} calls in a row"));
    let (median, high) = latency(&lookup, calls).await?;
    let (median, high) = (median.as_secs_f64() * 1000.0, high.as_secs_f64() * 1000.0);
    stage.passed(&format!("p50 {median:.1} ms, p95 {high:.1} ms"));
    Ok(first)
}

/// Takes the evidence of one message out on both sides, verifies it, and tries to pass off a changed copy.
async fn containers_of(nation: &Nation, stage: &mut Stage, message: &Told) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(lang, "Đóng dấu thời gian cho chữ ký", "Time-stamp the signatures"));
    let mut signatures = 0;
    for index in 0..AGENCIES.len() {
        let log = &nation.gateway(index)?.log;
        log.catch_up().await?;
        signatures += log.stamp_now().await?.signatures;
    }
    stage.passed(&say!(lang, "{signatures} chữ ký", "{signatures} signatures"));

    stage.begin(say!(lang, "Xuất chứng cứ từ cả hai phía qua /asic", "Take the evidence out on both sides by /asic"));
    let folder = nation.plan.folder("evidence");
    std::fs::create_dir_all(&folder)?;
    let conf = folder.join("verificationconf.zip");
    std::fs::write(&conf, fetch(&format!("{}/verificationconf", nation.door(2))).await?)?;
    let mut packages = Vec::new();
    for index in [2, 0] {
        let (bytes, name) = (evidence(nation, index, &message.id).await?, format!("{}.zip", AGENCIES[index].code));
        std::fs::write(folder.join(&name), &bytes)?;
        packages.push((name, bytes));
    }
    let count: usize = packages.iter().map(|(_, bytes)| containers(bytes).map_or(0, |found| found.len())).sum();
    anyhow::ensure!(count == 4, "four containers were expected, {count} came");
    stage.passed(&folder.display().to_string());

    let trust = load_trust(&conf)?;
    for (name, bytes) in &packages {
        stage.begin(say!(
            lang,
            "Kiểm tra chứng cứ {name} như bên thứ ba",
            "Verify the evidence {name} as a third party"
        ));
        let reports = verify(name, bytes, &trust)?;
        let mut signers = Vec::new();
        for (container, report) in &reports {
            signers.push(proven(container, report, stage)?);
        }
        stage.passed(&signers.join("; "));
    }
    stage.begin(say!(lang, "Chứng cứ bị sửa một chữ bị bác", "Evidence with one letter changed is refused"));
    let (_, package) = packages.first().context("no package")?;
    let (name, original) = containers(package)?.into_iter().next().context("no container")?;
    let reports = verify(&name, &tampered(&original)?, &trust)?;
    let (_, report) = reports.first().context("no report")?;
    anyhow::ensure!(report.verdict == Verdict::Invalid, "the changed copy was accepted");
    let Some(Outcome::Fail(reason)) = report.outcome(Check::Content) else {
        return Err(anyhow::anyhow!("{}", report.text(lang)));
    };
    stage.passed(reason.get(lang));
    Ok(())
}

/// Who signed a valid container, and when it was stamped.
fn proven(name: &str, report: &Report, stage: &Stage) -> anyhow::Result<String> {
    let lang = stage.out.lang;
    if report.verdict != Verdict::Valid {
        let text = report.text(lang);
        return Err(trouble!("{name} không hợp lệ:\n{text}", "{name} is not valid:\n{text}").into());
    }
    let signer = report.signer.as_ref().and_then(|signer| signer.member.clone()).unwrap_or_default();
    let stamp = report.time_stamp.as_ref().context("there is no time-stamp")?.time.strftime("%T");
    Ok(say!(lang, "{signer} ký, dấu thời gian {stamp}Z", "signed by {signer}, stamped {stamp}Z"))
}

/// The container with one letter of its message changed.
fn tampered(container: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(container))?;
    let mut changed = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..zip.len() {
        let mut file = zip.by_index(index)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let name = file.name()?.into_owned();
        if name == "message.xml"
            && let Some(letter) = bytes.last_mut()
        {
            *letter ^= 1;
        }
        let method = file.compression();
        changed.start_file(name, SimpleFileOptions::default().compression_method(method))?;
        changed.write_all(&bytes)?;
    }
    Ok(changed.finish()?.into_inner())
}

async fn health(nation: &Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Trang tình trạng của ba cổng đều xanh",
        "The status pages of all three gateways are green"
    ));
    for (index, agency) in AGENCIES.iter().enumerate() {
        let admin = nation.plan.gateway(index).gateway.admin;
        let page = fetch(&format!("http://{admin}/")).await?;
        anyhow::ensure!(String::from_utf8_lossy(&page).contains("</html>"), "the status page is not a page");
        let report = status(nation, index).await?;
        let code = agency.code;
        anyhow::ensure!(report["status"] == "ok", "{code}: {report}");
    }
    stage.passed("");
    Ok(())
}

/// The health report of a gateway, as its operators get it.
async fn status(nation: &Nation, index: usize) -> anyhow::Result<serde_json::Value> {
    let url = format!("http://{}/health.json", nation.plan.gateway(index).gateway.admin);
    Ok(serde_json::from_slice(&fetch(&url).await?)?)
}

/// The time-stamping authority goes away and comes back.
async fn outage(nation: &mut Nation, stage: &mut Stage) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Máy chủ dấu thời gian dừng: cổng vẫn chạy và nói rõ",
        "Time-stamping stops: the gateway works on and says so"
    ));
    nation.tsa.take().context("it does not run")?.stop().await;
    let url = service_url(nation, 0, &format!("tracuu/people/{}", people::number(7)));
    tell(Call::get(&url)).await?.expect_ok()?;
    let log = nation.gateway(2)?.log.clone();
    log.catch_up().await?;
    anyhow::ensure!(log.stamp_now().await.is_err(), "a stamp was given although nobody listens");
    tokio::time::sleep(HEALTH_KEPT).await;
    let report = status(nation, 2).await?;
    let checks = report["checks"].as_array().cloned().unwrap_or_default();
    let stamping = checks.iter().find(|check| check["name"] == "time-stamping");
    let reason = stamping.and_then(|check| check["reason"].as_str());
    let reason = reason.with_context(|| format!("the health report does not say so: {report}"))?;
    anyhow::ensure!(report["status"] == "degraded", "the status is {}", report["status"]);
    stage.passed(reason);

    stage.begin(say!(
        lang,
        "Máy chủ dấu thời gian trở lại: cổng đóng dấu bù",
        "Time-stamping is back: the gateway catches up"
    ));
    nation.start_tsa().await?;
    let mut caught = 0;
    // Any gateway whose turn to stamp fell into the outage has something to catch up with.
    for index in 0..AGENCIES.len() {
        let log = &nation.gateway(index)?.log;
        log.catch_up().await?;
        caught += log.stamp_now().await?.signatures;
        let left = log.health().await?;
        anyhow::ensure!(
            left.unstamped == 0 && left.stamping_failing_since.is_none(),
            "{} signatures still wait",
            left.unstamped
        );
    }
    stage.passed(&say!(lang, "{caught} chữ ký chờ đã có dấu", "{caught} waiting signatures were stamped"));
    Ok(())
}

/// A gateway stops and starts again with everything it had.
async fn restart(nation: &mut Nation, stage: &mut Stage, first: &str) -> anyhow::Result<()> {
    let lang = stage.out.lang;
    stage.begin(say!(
        lang,
        "Khởi động lại cổng Hà Nội: không mất gì",
        "Restart the gateway of Hà Nội: nothing is lost"
    ));
    let slot = nation.gateways.get_mut(2).context("the gateway does not run")?;
    slot.take().context("the gateway does not run")?.stop().await;
    let gateway = RunningGateway::start(&nation.plan.gateway(2), nation.plan.clock.clone()).await?;
    wait_ready(&gateway, &AGENCIES[2], Instant::now() + PATIENCE).await?;
    let query = MessageQuery { message_id: Some(first.to_owned()), ..MessageQuery::default() };
    let kept = gateway.log.search(&query).await?.items.len();
    nation.gateways[2] = Some(gateway);
    anyhow::ensure!(kept == 2, "request and response were expected in the log, {kept} were there");
    let url = service_url(nation, 0, &format!("tracuu/people/{}", people::number(3)));
    let name = tell(Call::get(&url)).await?.expect_ok()?.word("full_name");
    stage.passed(&say!(
        lang,
        "thông điệp đầu tiên còn trong nhật ký, gọi tiếp được: {name}",
        "the first message is still in the log, calls go on: {name}"
    ));
    Ok(())
}
