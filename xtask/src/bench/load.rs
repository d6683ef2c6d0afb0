//! The load: wrk posts the same body over and over and says how fast it was answered.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::process::{self, Cpu, output};

/// Posts a body of the size in the environment; prints what was measured as one line of figures.
const SCRIPT: &str = r#"wrk.method = "POST"
wrk.body = string.rep("x", tonumber(os.getenv("BODY")))
wrk.headers["content-type"] = "application/octet-stream"
wrk.headers["x-road-client"] = "CALLER"
done = function(summary, latency, requests)
  local e = summary.errors
  local bad = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("FIGURES %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad))
end
"#;

/// Where requests go, and whose processor time counts.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name in the report.
    pub name: &'static str,
    /// `http://host:port/path`.
    pub url: String,
    /// Processes on the way, with their numbers.
    pub processes: Vec<(String, u32)>,
    /// Identifier of the calling subsystem.
    pub caller: String,
}

/// One round.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Answered requests per second.
    pub rate: f64,
    /// Half of the answers took no longer, µs.
    pub p50: f64,
    /// 99 of 100 took no longer, µs.
    pub p99: f64,
    /// Requests without a good answer.
    pub bad: u64,
    /// Processor time per message by process, µs.
    pub cpu: Vec<(String, Cpu)>,
}

/// What a round is made of.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes in the body of the request; the service sends them back.
    pub body: usize,
    /// Connections kept busy.
    pub connections: u32,
    /// Seconds measured.
    pub seconds: u32,
}

/// Runs wrk for one second to warm up, then as long as `shape` says.
pub fn round(contender: &Contender, shape: Shape, folder: &Path) -> anyhow::Result<Round> {
    let script = write_script(contender, folder)?;
    wrk(contender, Shape { seconds: 1, ..shape }, &script)?;
    let before: Vec<Cpu> = contender.processes.iter().map(|(_, pid)| process::cpu(*pid)).collect();
    let figures = wrk(contender, shape, &script)?;
    let requests = figures.requests.max(1.0);
    let cpu = contender.processes.iter().zip(before).map(|((label, pid), before)| {
        let after = process::cpu(*pid);
        let per_message = |seconds: f64| seconds * 1e6 / requests;
        let spent =
            Cpu { user: per_message(after.user - before.user), system: per_message(after.system - before.system) };
        (label.clone(), spent)
    });
    Ok(Round {
        rate: figures.requests / (figures.duration / 1e6).max(1e-6),
        p50: figures.p50,
        p99: figures.p99,
        bad: figures.bad,
        cpu: cpu.collect(),
    })
}

fn write_script(contender: &Contender, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("{}.lua", contender.name.replace(' ', "-")));
    std::fs::write(&path, SCRIPT.replace("CALLER", &contender.caller))?;
    Ok(path)
}

struct Figures {
    requests: f64,
    duration: f64,
    p50: f64,
    p99: f64,
    bad: u64,
}

fn wrk(contender: &Contender, shape: Shape, script: &Path) -> anyhow::Result<Figures> {
    let mut command = Command::new("wrk");
    command.env("BODY", shape.body.to_string());
    command.arg("-t1").arg(format!("-c{}", shape.connections)).arg(format!("-d{}s", shape.seconds));
    command.arg("--timeout").arg("10s").arg("-s").arg(script).arg(&contender.url);
    let said = output(&mut command)?;
    let line = said.lines().find_map(|line| line.strip_prefix("FIGURES "));
    let figures = line.with_context(|| format!("wrk gave no figures:\n{said}"))?;
    let figures: Vec<f64> = figures.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    match figures.as_slice() {
        [requests, duration, p50, p99, bad] => {
            // A count of requests; far below where a float loses whole numbers.
            Ok(Figures { requests: *requests, duration: *duration, p50: *p50, p99: *p99, bad: *bad as u64 })
        }
        _ => anyhow::bail!("wrk gave other figures:\n{said}"),
    }
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle.wrapping_sub(1)), figures.get(middle)) {
        (Some(low), Some(high)) if figures.len().is_multiple_of(2) => (low + high) / 2.0,
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
