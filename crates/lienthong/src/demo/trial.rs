//! Calls as an information system of Hà Nội makes them, and what is made of the answers.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::Value;

use super::nation::{AGENCIES, Nation};
use crate::http::{Answer, Call, Connection};
use crate::out::trouble;

/// A message that was answered.
#[derive(Debug)]
pub struct Told {
    /// The message's identifier (`X-Road-Id`).
    pub id: String,
    /// What came back.
    pub answer: Answer,
}

impl Told {
    /// The answer as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.answer.body).unwrap_or_default()
    }

    /// A word of the answer.
    #[must_use]
    pub fn word(&self, name: &str) -> String {
        self.json().get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The answer of a service that said 200.
    ///
    /// # Errors
    /// With what it said instead.
    pub fn expect_ok(self) -> anyhow::Result<Self> {
        if self.answer.status == StatusCode::OK {
            return Ok(self);
        }
        let (status, said) = (self.answer.status, self.answer.text());
        Err(trouble!("trả lời {status}: {said}", "answered {status}: {said}").into())
    }
}

/// Address of a service path at the gateway of Hà Nội.
#[must_use]
pub fn service_url(nation: &Nation, provider: usize, path: &str) -> String {
    let client = AGENCIES.get(provider).map(|agency| agency.client().encoded()).unwrap_or_default();
    format!("{}/r1/{client}/{path}", nation.door(2))
}

/// A call in the name of `motcua`.
#[must_use]
pub fn as_caller(call: Call) -> Call {
    call.header("x-road-client", &AGENCIES[2].client().encoded())
}

/// Makes a call in the name of `motcua` under an identifier of its own.
///
/// # Errors
/// When there is no answer.
pub async fn tell(call: Call) -> anyhow::Result<Told> {
    let id = uuid::Uuid::new_v4().to_string();
    let answer = as_caller(call).header("x-road-id", &id).send().await?;
    Ok(Told { id, answer })
}

/// Median and 95th percentile of `count` calls, one after the other on one connection.
///
/// # Errors
/// When a call is not answered with 200.
pub async fn latency(url: &str, count: usize) -> anyhow::Result<(Duration, Duration)> {
    let mut connection = Connection::open(url).await?;
    let call = as_caller(Call::get(url));
    let mut times = Vec::with_capacity(count);
    for _ in 0..count.max(1) {
        let begin = Instant::now();
        let answer = connection.exchange(&call).await?;
        times.push(begin.elapsed());
        Told { id: String::new(), answer }.expect_ok()?;
    }
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() - 1) * share / 100).copied().unwrap_or_default();
    Ok((at(50), at(95)))
}

/// The evidence of a message as the gateway `index` gives it to `client`'s systems. It is stamped first when it is not yet.
///
/// # Errors
/// When the gateway does not give it.
pub async fn evidence(nation: &Nation, index: usize, id: &str) -> anyhow::Result<Vec<u8>> {
    let agency = AGENCIES.get(index).copied().unwrap_or(AGENCIES[2]);
    let url = format!(
        "{}/asic?queryId={id}&xRoadInstance=VN&memberClass=GOV&memberCode={}&subsystemCode={}&force",
        nation.door(index),
        agency.code,
        agency.subsystem
    );
    Ok(Call::get(&url).send().await?.ok(&url)?.to_vec())
}
