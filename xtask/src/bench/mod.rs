//! `cargo xtask bench`: gateways and their peer measured side by side, in one run, on one machine.
//!
//! Everything listens on 127.0.0.1 and ends with the run. What comes out are ratios: figures of one machine at one time mean little
//! alone. `target/bench/` keeps every figure as JSON, `docs/BENCHMARKS.md` the page made from the last run.

mod large;
mod load;
mod nation;
mod peer;
mod process;
mod report;
mod rows;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use load::{Contender, Shape};
use nation::{Nation, Variant, local};
use peer::Peer;
use process::{Process, memory, output};
use rows::{Series, Values, alternate};

/// What `--help` says.
const HELP: &str = "\
cargo xtask bench [--quick] [--no-build]
  --quick      fewer and shorter rounds (under three minutes), page not written
  --no-build   take the release programs that are there
";

/// Ports of one run.
const PORTS: u16 = 110;
/// Bytes of the large body.
const LARGE: u64 = 1 << 30;
/// Durable on disk before the answer leaves, everything kept.
const SYNCED: Variant = Variant { name: "gateways, fsync", durability: "synced", mode: "full" };
/// Answers are not held until the log is written: neither a power cut nor a killed process is survived.
const BUFFERED: Variant = Variant { name: "gateways, no fsync", durability: "buffered", mode: "full" };
/// Durable, bodies kept as digests.
const DIGEST: Variant = Variant { name: "gateways, fsync, digest", durability: "synced", mode: "digest" };

/// How much is measured.
struct Effort {
    quick: bool,
    rounds: u32,
    seconds: u32,
    large: u64,
}

/// Everything measured.
pub struct Figures {
    /// Rounds by shape.
    pub series: BTreeMap<&'static str, Vec<Series>>,
    /// Single figures.
    pub values: Values,
    /// What it was measured on and with.
    pub setting: BTreeMap<&'static str, String>,
}

/// Carries out the command.
///
/// # Errors
/// When a program is missing or a measurement fails.
pub fn run(root: &Path, words: &[String], out: &mut dyn Write) -> anyhow::Result<()> {
    let has = |word: &str| words.iter().any(|given| given == word);
    if words.iter().any(|word| !matches!(word.as_str(), "--quick" | "--no-build")) {
        write!(out, "{HELP}")?;
        bail!("unknown option");
    }
    let effort = if has("--quick") {
        Effort { quick: true, rounds: 2, seconds: 2, large: LARGE / 4 }
    } else {
        Effort { quick: false, rounds: 5, seconds: 5, large: LARGE }
    };
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    if !has("--no-build") {
        build(root, out)?;
    }
    let folder = target.join("bench").join(format!("run-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let figures = measure(root, &target.join("release"), &folder, &effort, out);
    if figures.is_ok() {
        // Logged bodies fill gigabytes. After a failure the logs say why, so they stay.
        std::fs::remove_dir_all(&folder)?;
    } else {
        writeln!(out, "what the processes said is in {}", folder.display())?;
    }
    let figures = figures?;
    let json = target.join("bench").join(if effort.quick { "quick.json" } else { "bench.json" });
    std::fs::write(&json, serde_json::to_string_pretty(&report::json(&figures))?)?;
    let rows = report::rows(&figures);
    write!(out, "\n{}", report::table(&rows, false))?;
    writeln!(out, "figures: {}", json.display())?;
    if !effort.quick {
        let page = root.join("docs/BENCHMARKS.md");
        let before = std::fs::read_to_string(&page).unwrap_or_default();
        std::fs::write(&page, report::page(&figures, &rows, &before))?;
        writeln!(out, "page: {}", page.display())?;
    }
    Ok(())
}

fn build(root: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "building the release programs")?;
    let builds: [&[&str]; 4] = [
        &["--package", "lienthong"],
        &["--package", "exchange", "--example", "echo_service", "--example", "scale"],
        &["--package", "directory", "--example", "large_nation"],
        &["--package", "store", "--example", "journal_bench"],
    ];
    for words in builds {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(root).args(["build", "--release", "--locked"]).args(words);
        ensure!(command.status()?.success(), "cargo build --release {} failed", words.join(" "));
    }
    Ok(())
}

/// The first of 21000, 21200, … from which all ports are free.
fn free_ports() -> anyhow::Result<u16> {
    let is_free =
        |base: &u16| (*base..*base + PORTS).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    (21_000..32_000).step_by(200).find(is_free).context("no free ports from 21000 on")
}

fn measure(
    root: &Path,
    programs: &Path,
    folder: &Path,
    effort: &Effort,
    out: &mut dyn Write,
) -> anyhow::Result<Figures> {
    let mut figures = Figures { series: BTreeMap::new(), values: Values::new(), setting: setting(root, effort)? };
    let values = &mut figures.values;
    writeln!(out, "parts by themselves")?;
    rows::parts(&programs.join("examples/scale"), values)?;
    rows::parts(&programs.join("examples/large_nation"), values)?;
    rows::journal(&programs.join("examples/journal_bench"), folder, values)?;

    writeln!(out, "starting the service, two nginx, an authority, a centre and three pairs of gateways")?;
    let base = free_ports()?;
    let service_at = local(base + 100);
    let mut command = Command::new(programs.join("examples/echo_service"));
    command.arg(service_at.to_string());
    let mut service = Process::start("service", command, folder)?;
    service.wait_listening(service_at)?;
    let nginx = folder.join("nginx");
    std::fs::create_dir_all(&nginx)?;
    let peer = Peer::start(&nginx, local(base + 101), local(base + 102), service_at)?;
    let variants = [SYNCED, BUFFERED, DIGEST];
    let mut nation = Nation::start(&programs.join("lienthong"), folder, base, service_at, &variants)?;

    let ready = nation.restart_consumer(0)?;
    values.insert("ready_ms".to_owned(), ready.as_secs_f64() * 1e3);
    std::thread::sleep(std::time::Duration::from_secs(3));
    for (at, name) in [(0, "idle_new_mib"), (1, "idle_mib")] {
        let resident = nation.pairs.get(at).map(|pair| memory(pair.consumer.process.pid()).0);
        values.insert(name.to_owned(), resident.unwrap_or_default());
    }

    let [synced, buffered, digest] = nation.pairs.as_slice() else { bail!("three pairs were asked for") };
    // Before the load: memory that other messages have taken is not this body's.
    writeln!(out, "a body of {} MiB there, and one back", effort.large >> 20)?;
    values.insert("large_mib".to_owned(), (effort.large >> 20) as f64);
    rows::large_body(buffered, effort.large, values)?;
    let gateways = [synced, buffered, digest].map(|pair| pair.contender(&service));
    let [synced_, buffered_, digest_] = &gateways;
    let nginx = chained(&peer, &service, synced_, base + 101);
    let direct = Contender {
        name: "direct",
        url: format!("http://{service_at}/echo"),
        processes: vec![("service".to_owned(), service.pid())],
        caller: synced_.caller.clone(),
    };
    let Effort { rounds, seconds, .. } = *effort;
    let mut taken = |name, contenders: &[&Contender], body, connections| -> anyhow::Result<()> {
        let shape = Shape { body, connections, seconds };
        let series = alternate(contenders, shape, rounds, folder, out)?;
        figures.series.insert(name, series);
        Ok(())
    };
    taken("1 KiB, 64 connections", &[&nginx, synced_, buffered_], 1024, 64)?;
    taken("1 KiB, 1 connection", &[&direct, &nginx, buffered_, synced_], 1024, 1)?;
    taken("100 KiB, 64 connections", &[&nginx, synced_, buffered_, digest_], 100 * 1024, 64)?;
    for pair in &nation.pairs {
        let name = format!("loaded_{}_mib", pair.variant.name.replace(' ', "_").replace(',', ""));
        values.insert(name, memory(pair.consumer.process.pid()).0);
    }
    Ok(figures)
}

fn chained(peer: &Peer, service: &Process, like: &Contender, port: u16) -> Contender {
    // The same path and headers as through the gateways.
    let path = like.url.splitn(4, '/').nth(3).unwrap_or_default();
    Contender {
        name: "two nginx",
        url: format!("http://{}/{path}", local(port)),
        processes: vec![
            ("front nginx".to_owned(), peer.front.pid()),
            ("back nginx".to_owned(), peer.back.pid()),
            ("service".to_owned(), service.pid()),
        ],
        caller: like.caller.clone(),
    }
}

/// Machine, versions, date and command.
fn setting(root: &Path, effort: &Effort) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let said = |program: &str, words: &[&str]| {
        let said = output(Command::new(program).args(words).current_dir(root));
        said.map(|text| text.lines().next().unwrap_or_default().trim().to_owned()).unwrap_or_default()
    };
    let find = |file: &str, key: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism()?.get();
    let wrk = Command::new("wrk").arg("-v").output().context("wrk is needed: apt-get install wrk")?;
    let wrk = String::from_utf8_lossy(&wrk.stdout).lines().next().unwrap_or_default().to_owned();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Ok(BTreeMap::from([
        ("date", said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
        ("processor", format!("{} × {}", cores, find("/proc/cpuinfo", "model name"))),
        ("memory", find("/proc/meminfo", "MemTotal")),
        ("kernel", said("uname", &["-sr"])),
        ("nginx", peer::version()),
        ("wrk", wrk.split(" Copyright").next().unwrap_or_default().to_owned()),
        ("rustc", said("rustc", &["--version"])),
        ("commit", said("git", &["describe", "--always", "--dirty"])),
        ("command", format!("cargo xtask bench{}", if effort.quick { " --quick" } else { "" })),
        ("rounds", format!("{} of {} s after 1 s of warming up, in turn", effort.rounds, effort.seconds)),
        ("load", load.split_whitespace().next().unwrap_or_default().to_owned()),
    ]))
}
