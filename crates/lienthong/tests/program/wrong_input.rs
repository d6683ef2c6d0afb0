//! What the program says to wrong input, and with which exit code.

use std::fs;

use crate::{run, text};

#[test]
fn wrong_input_gets_a_reason_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("misspelt.toml"), "[gateway]\nadmim = \"127.0.0.1:1\"\n").unwrap();
    fs::write(path.join("anchor.xml"), "<configurationAnchor/>").unwrap();
    fs::write(path.join("token"), "secret").unwrap();
    let init = ["gateway", "init", "--yes", "--code", "gw1", "--address", "127.0.0.1:1"];
    let with = |more: &[&'static str]| [&init[..], more].concat();
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec!["-c", "absent.toml", "serve"], 2, "Cannot read the configuration file absent.toml"),
        (vec!["-c", "misspelt.toml", "serve"], 2, "admim"),
        (vec!["serve"], 1, "run `lienthong gateway init` first"),
        (vec!["serve", "--roles", "central"], 1, "run `lienthong central init` first"),
        (vec!["serve", "--roles", "pki"], 1, "run `lienthong pki init` first"),
        (with(&["--anchor", "absent.xml", "--owner", "VN:GOV:G01"]), 1, "Cannot read absent.xml"),
        (with(&["--anchor", "anchor.xml", "--owner", "VN:GOV"]), 2, "is not an identifier"),
        (with(&["--anchor", "anchor.xml", "--owner", "VN:GOV:G01:x"]), 2, "The owner is a member"),
        (with(&["--anchor", "anchor.xml", "--owner", "VN:GOV:G01"]), 1, "This is not an anchor file"),
        (vec!["central", "init", "--address", "a b"], 1, "/address"),
        (vec!["central", "init", "--address", "127.0.0.1:1", "--class", "GOV"], 2, "CODE=Description"),
        (vec!["verify", "token"], 2, "A verification configuration is needed"),
        (vec!["verify", "token", "--conf", "absent.zip"], 2, "Cannot read the verification configuration"),
        (vec!["log", "verify-archive", "absent"], 2, "Cannot read absent"),
        (vec!["config", "--write", "token"], 1, "Cannot write token"),
        (vec!["config"], 2, "--print-default"),
        (vec!["gateway"], 2, "Usage"),
    ];
    for (arguments, code, reason) in cases {
        let output = run(path, &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(reason), "{arguments:?} said: {said}");
    }
}

#[test]
fn a_central_is_kept_by_its_commands() {
    let folder = tempfile::tempdir().unwrap();
    let ok = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let refused = |arguments: &[&str], reason: &str| {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(reason), "{arguments:?}: {}", text(&output.stderr));
    };
    ok(&["central", "init", "--address", "127.0.0.1:1"]);
    refused(&["central", "init", "--address", "127.0.0.1:1"], "initialised already");
    ok(&["central", "member", "add", "VN:GOV:G01", "--name", "Bộ Công an"]);
    refused(&["central", "member", "add", "VN:GOV:G01", "--name", "Bộ Công an"], "registered already");
    refused(&["central", "member", "add", "VN:XYZ:G01", "--name", "x"], "no member class");
    refused(&["central", "member", "add", "EE:GOV:G01", "--name", "x"], "instance");
    ok(&["central", "group", "add", "cap-bo"]);
    ok(&["central", "group", "join", "cap-bo", "VN:GOV:G01"]);
    refused(&["central", "group", "join", "cap-bo", "VN:GOV:G99"], "no member");
    assert!(ok(&["central", "requests"]).contains("No request is waiting"));
    refused(&["central", "approve", "7"], "no request 7");
    let made = ok(&["central", "rotate-key"]);
    let id = made.split_whitespace().skip_while(|word| *word != "key").nth(1).unwrap().to_owned();
    ok(&["central", "rotate-key", "--activate", &id]);
    refused(&["central", "rotate-key", "--delete", &id], "active key cannot be deleted");
    assert!(ok(&["central", "api-key", "--role", "observer"]).contains("shown only now"));
    let table = folder.path().join("agencies.tsv");
    std::fs::write(&table, "nothing\nof the kind\n").unwrap();
    refused(&["agencies", "import", "agencies.tsv"], "nothing");
    assert_eq!(run(folder.path(), &["agencies", "resolve", "G01"]).status.code(), Some(1));
}

#[test]
fn the_printed_defaults_are_a_configuration_file() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), &["config", "--print-default"]);
    fs::write(folder.path().join("lienthong.toml"), &printed.stdout).unwrap();
    let served = run(folder.path(), &["serve"]);
    assert!(text(&served.stderr).contains("gateway init"), "{}", text(&served.stderr));
}
