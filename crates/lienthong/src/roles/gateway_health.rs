//! What is checked of a gateway, in words for people, and how.

use std::sync::Arc;

use directory::client::GlobalConfHandle;
use exchange::gateway::Gateway;
use exchange::monitor::health::{Health, HealthBuilder, Severity, Subject};
use jiff::Timestamp;
use kit::Text;
use store::Store;
use trust::xades::TrustSource as _;

const CONFIGURATION: Subject = Subject {
    name: "global-configuration",
    severity: Severity::Fatal,
    title: Text::new("Cấu hình toàn hệ thống còn hiệu lực", "The global configuration is in force"),
    remedy: Text::new(
        "Kiểm tra đường mạng tới trung tâm và đồng hồ của máy; khi trung tâm trở lại, cổng tự lấy bản mới.",
        "Check the network to the central and this machine's clock; the gateway fetches a new one by itself when the central is back.",
    ),
};
const DOWNLOAD: Subject = Subject {
    name: "configuration-download",
    severity: Severity::Warning,
    title: Text::new("Lần lấy cấu hình gần nhất thành công", "The last download of the configuration succeeded"),
    remedy: Text::new(
        "Cổng vẫn dùng bản đã có cho tới khi hết hạn. Kiểm tra đường mạng tới trung tâm.",
        "The gateway goes on with the copy it has until that expires. Check the network to the central.",
    ),
};
const REGISTRATION: Subject = Subject {
    name: "registration",
    severity: Severity::Fatal,
    title: Text::new("Cổng đã được trung tâm đăng ký", "The central has registered the gateway"),
    remedy: Text::new(
        "Chạy `lienthong gateway register`, rồi để người vận hành trung tâm duyệt yêu cầu.",
        "Run `lienthong gateway register`, then have the central's operator approve the request.",
    ),
};
const AUTHENTICATION: Subject = Subject {
    name: "authentication-certificate",
    severity: Severity::Fatal,
    title: Text::new(
        "Chứng thư xác thực dùng được và có OCSP mới",
        "The authentication certificate works and has a fresh OCSP answer",
    ),
    remedy: Text::new(
        "Kiểm tra hạn của chứng thư và đường mạng tới máy chủ OCSP của CA.",
        "Check the validity of the certificate and the network to the authority's OCSP responder.",
    ),
};
const SIGNING: Subject = Subject {
    name: "signing-certificates",
    severity: Severity::Warning,
    title: Text::new("Mọi chứng thư ký có OCSP mới", "Every signing certificate has a fresh OCSP answer"),
    remedy: Text::new(
        "Kiểm tra máy chủ OCSP của CA; không có trả lời mới, thông điệp của thành viên đó sẽ không ký được.",
        "Check the authority's OCSP responder; without a fresh answer, messages of that member cannot be signed.",
    ),
};
const DATABASE: Subject = Subject {
    name: "database",
    severity: Severity::Fatal,
    title: Text::new("Cơ sở dữ liệu trả lời", "The database answers"),
    remedy: Text::new("Kiểm tra đĩa và máy chủ cơ sở dữ liệu.", "Check the disk and the database server."),
};
const LOG: Subject = Subject {
    name: "message-log",
    severity: Severity::Fatal,
    title: Text::new("Nhật ký thông điệp ghi được", "The message log takes messages"),
    remedy: Text::new(
        "Kiểm tra chỗ trống trên đĩa và máy chủ cấp dấu thời gian: cổng từ chối thông điệp khi không lưu được chứng cứ.",
        "Check disk space and the time-stamping authority: the gateway refuses messages whose evidence it cannot keep.",
    ),
};
const STAMPING: Subject = Subject {
    name: "time-stamping",
    severity: Severity::Warning,
    title: Text::new("Chứng cứ được đóng dấu thời gian", "Evidence is time-stamped"),
    remedy: Text::new(
        "Kiểm tra đường mạng tới máy chủ cấp dấu thời gian. Cổng vẫn chạy và tự đóng dấu bù khi máy chủ trở lại.",
        "Check the network to the time-stamping authority. The gateway works on and catches up when it is back.",
    ),
};

/// The checks of a gateway.
#[must_use]
pub fn health(gateway: &Arc<Gateway>, conf: &GlobalConfHandle, store: &Store) -> Health {
    let with = |check: fn(&Gateway) -> Result<(), String>| {
        let gateway = Arc::clone(gateway);
        move || std::future::ready(check(&gateway))
    };
    let (conf, store, stamping) = (conf.clone(), store.clone(), Arc::clone(gateway));
    HealthBuilder::new(gateway.clock.clone())
        .check(CONFIGURATION, with(configuration))
        .check(DOWNLOAD, move || {
            let error = conf.health().last_error.clone();
            std::future::ready(error.map_or(Ok(()), Err))
        })
        .check(REGISTRATION, with(registration))
        .check(AUTHENTICATION, with(authentication))
        .check(SIGNING, with(signing))
        .check(DATABASE, move || {
            let store = store.clone();
            async move { store.ping().await.map_err(|error| error.to_string()) }
        })
        .check(
            LOG,
            with(|gateway| gateway.log.accepting(gateway.clock.now_micros()).map_err(|refusal| refusal.to_string())),
        )
        .check(STAMPING, move || stamped(Arc::clone(&stamping)))
        .build()
}

fn configuration(gateway: &Gateway) -> Result<(), String> {
    let view = gateway.world.current();
    match view.conf.is_expired(gateway.clock.now()) {
        true => Err(format!("it expired at {}", view.conf.expires_at())),
        false => Ok(()),
    }
}

fn registration(gateway: &Gateway) -> Result<(), String> {
    let server = &gateway.identity.server;
    match gateway.world.current().conf.server(server) {
        Some(_) => Ok(()),
        None => Err(format!("{} is not in the global configuration", server.colon())),
    }
}

fn authentication(gateway: &Gateway) -> Result<(), String> {
    gateway.identity.auth_trouble(&gateway.world.current(), gateway.clock.now()).map_or(Ok(()), Err)
}

fn signing(gateway: &Gateway) -> Result<(), String> {
    let (view, now) = (gateway.world.current(), gateway.clock.now());
    let policy = view.ocsp_policy();
    let stale = gateway
        .identity
        .states()
        .into_iter()
        .skip(1)
        .find(|state| state.answer.as_ref().is_none_or(|answer| answer.is_fresh(&policy, now).is_err()));
    stale.map_or(Ok(()), |state| {
        Err(format!("{}: {}", state.purpose, state.error.unwrap_or_else(|| "no fresh OCSP answer".to_owned())))
    })
}

async fn stamped(gateway: Arc<Gateway>) -> Result<(), String> {
    let health = gateway.log.health().await.map_err(|error| error.to_string())?;
    let Some(since) = health.stamping_failing_since else { return Ok(()) };
    let since = Timestamp::from_microsecond(since).map(|at| at.strftime("%F %T UTC").to_string()).unwrap_or_default();
    let reason = health.stamp_error.unwrap_or_default();
    Err(format!("failing since {since}, {} signatures wait: {reason}", health.unstamped))
}
