//! The signing key of a central that is running is changed by commands, without a gap.

use std::time::{Duration, Instant};

use testkit::process::Child;

use crate::{free_hundred, get, program, run, text};

/// The header that names the certificate whose key signed the configuration.
fn signed_by(port: u16) -> Option<String> {
    let answer = get(port, "/internalconf?version=6")?;
    answer.lines().find(|line| line.to_lowercase().starts_with("verification-certificate-hash")).map(str::to_owned)
}

#[test]
fn a_new_key_signs_as_soon_as_it_is_activated_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let base = free_hundred(29_500);
    let ok = |arguments: &[&str]| {
        let arguments = [&["-c", "lienthong.toml"], arguments].concat();
        let output = run(folder.path(), &arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let written = run(
        folder.path(),
        &["config", "--write", "lienthong.toml", "--roles", "central", "--base-port", &base.to_string()],
    );
    assert!(written.status.success());
    ok(&["central", "init", "--address", "127.0.0.1:1", "--key-kind", "ec-p256"]);
    let mut central = Child::start(&mut program(folder.path(), &["-c", "lienthong.toml", "serve"]));
    while !central.line().expect("the central ended").contains("Ready after") {}
    let before = signed_by(base + 1).expect("nothing is published");

    let made = ok(&["central", "rotate-key"]);
    let id = made.split_whitespace().skip_while(|word| *word != "key").nth(1).unwrap().to_owned();
    assert_eq!(signed_by(base + 1).as_ref(), Some(&before), "the new key waits");
    ok(&["central", "rotate-key", "--activate", &id]);
    let until = Instant::now() + Duration::from_secs(20);
    while signed_by(base + 1).is_none_or(|now| now == before) {
        assert!(Instant::now() < until, "the new key does not sign");
        std::thread::sleep(Duration::from_millis(50));
    }
}
