//! The demo, once in a fresh folder, then again on what it left.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::process::Child;

use crate::{free_hundred, get, program, run, text};

const STEPS: [&str; 22] = [
    "Found a test authority with OCSP and time-stamps",
    "Make the central VN",
    "Gateway G01",
    "Gateway G12",
    "Gateway H26",
    "Register the subsystems dancu, dkkd, motcua",
    "Three gateways run and know each other",
    "Add services by their OpenAPI descriptions",
    "Hà Nội looks a person up",
    "Hà Nội looks a firm up",
    "A POST with a body",
    "An operation without a right is refused",
    "Latency of 20 calls in a row",
    "Time-stamp the signatures",
    "Take the evidence out on both sides",
    "Verify the evidence H26.zip",
    "Verify the evidence G01.zip",
    "Evidence with one letter changed is refused",
    "The status pages of all three gateways are green",
    "Time-stamping stops",
    "Time-stamping is back",
    "Restart the gateway of Hà Nội",
];

#[test]
fn the_demo_shows_everything_and_leaves_evidence_that_anybody_can_verify() {
    let folder = tempfile::tempdir().unwrap();
    let base = free_hundred(25_000);
    let port = base.to_string();
    let shown = run(folder.path(), &["demo", "--once", "--data", "nation", "--calls", "20", "--base-port", &port]);
    let said = text(&shown.stdout);
    assert!(shown.status.success(), "{said}\n{}", text(&shown.stderr));
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(". ✓ ")).collect();
    assert_eq!(lines.len(), STEPS.len(), "{said}");
    for (line, step) in lines.iter().zip(STEPS) {
        assert!(line.contains(step), "{line}: {step} was expected");
    }
    verdicts(folder.path());
    refusals(folder.path());
    goes_on(folder.path(), base);
}

/// Exit code 0 for good evidence, 1 for changed evidence, 2 for what is no evidence.
fn verdicts(folder: &Path) {
    let verify =
        |file: &str| run(folder, &["verify", file, "--conf", "nation/evidence/verificationconf.zip", "--json"]);
    let good = verify("nation/evidence/H26.zip");
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stdout));
    let report: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(report["valid"], true);
    assert_eq!(report["containers"].as_array().unwrap().len(), 2);

    fs::write(folder.join("noise"), "not a zip").unwrap();
    assert_eq!(verify("noise").status.code(), Some(2));
    assert_eq!(verify("missing").status.code(), Some(2));

    let changed = changed_evidence(&fs::read(folder.join("nation/evidence/H26.zip")).unwrap());
    fs::write(folder.join("changed.asice"), changed).unwrap();
    let refused = verify("changed.asice");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
}

/// The first container of a package with one letter of its message changed; the copy unpacks well.
fn changed_evidence(package: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Read as _, Write as _};
    let mut package = zip::ZipArchive::new(Cursor::new(package)).unwrap();
    let mut container = Vec::new();
    package.by_index(0).unwrap().read_to_end(&mut container).unwrap();
    let mut entries = zip::ZipArchive::new(Cursor::new(container)).unwrap();
    let mut copy = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..entries.len() {
        let mut entry = entries.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name == "message.xml" {
            *bytes.last_mut().unwrap() ^= 1;
        }
        let method = entry.compression();
        copy.start_file(name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        copy.write_all(&bytes).unwrap();
    }
    copy.finish().unwrap().into_inner()
}

fn refusals(folder: &Path) {
    let again = run(folder, &["demo", "--once", "--data", "nation"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("not empty"), "{}", text(&again.stderr));
    let moved = run(folder, &["demo", "--data", "nation", "--base-port", "40000"]);
    assert!(text(&moved.stderr).contains("uses ports from"), "{}", text(&moved.stderr));
}

/// A second start goes on with the nation as it is, stays up, and stops when asked.
fn goes_on(folder: &Path, base: u16) {
    let mut demo = Child::start(&mut program(folder, &["demo", "--data", "nation", "--calls", "5"]));
    let mut said = String::new();
    while !said.contains("Stop with Ctrl-C") {
        let line = demo.line().unwrap_or_else(|| panic!("the demo ended:\n{said}"));
        said = said + &line + "\n";
    }
    assert!(said.contains("Start the existing nation again"), "{said}");
    pages(base);
    let number = demo.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &number]).status().unwrap().success());
    while demo.line().is_some() {}
    assert!(demo.wait(), "the demo did not end well");
}

/// Pages in both languages without scripts; figures; APIs that open for nobody without a key.
fn pages(base: u16) {
    let (central, gateway) = (base + 2, base + 17);
    for (port, vietnamese, english) in [
        (central, "Tình trạng trung tâm", "Health of the central"),
        (gateway, "Cổng đang hoạt động tốt.", "The gateway works."),
    ] {
        for (path, words) in [("/?lang=vi", vietnamese), ("/?lang=en", english)] {
            let page = get(port, path).expect("nobody listens");
            assert!(page.starts_with("HTTP/1.0 200") && page.contains(words), "{path}: {page}");
            assert!(!page.contains("<script"), "{path}");
        }
    }
    let answered = "lienthong_exchange_requests_total{role=\"producer\",outcome=\"answered\"} ";
    let metrics = get(gateway, "/metrics").expect("nobody listens");
    let count = metrics.lines().find_map(|line| line.strip_prefix(answered)).expect("no figure");
    assert!(count.parse::<u64>().unwrap() > 5, "{count} answered");
    for (port, path) in [
        (central, "/api/directory/v1/members"),
        (gateway, "/api/exchange/v1/clients"),
        (base + 1, "/api/directory/v1/members"),
    ] {
        let answer = get(port, path).expect("nobody listens");
        let status = answer.lines().next().unwrap_or_default();
        assert!(status.contains("401") || (port == base + 1 && status.contains("404")), "{path}: {status}");
    }
    for (port, path) in [(central, "/api/directory/v1/openapi.json"), (gateway, "/api/exchange/v1/openapi.json")] {
        assert!(get(port, path).is_some_and(|answer| answer.contains("\"openapi\"")), "{path}");
    }
}

#[test]
fn a_step_that_fails_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_hundred(27_000);
    let taken = std::net::TcpListener::bind(("127.0.0.1", port + 1)).unwrap();
    let shown = run(folder.path(), &["demo", "--once", "--data", "nation", "--base-port", &port.to_string()]);
    drop(taken);
    assert_eq!(shown.status.code(), Some(1));
    assert!(text(&shown.stdout).contains("2. ✗ Make the central VN"), "{}", text(&shown.stdout));
    assert!(text(&shown.stderr).contains("Cannot listen on"), "{}", text(&shown.stderr));
}
