//! What a test process starts ends with it, even when it is killed.
#![cfg(test)]

use std::path::Path;
use std::time::Duration;

use testkit::process::Child;

#[test]
#[ignore = "runs as a child process of another test"]
fn child_that_leaves_a_mess() {
    let folder = testkit::tempdir();
    testkit::postgres().create_database().unwrap();
    let server = folder.path().parent().unwrap().read_dir().unwrap().filter_map(|entry| {
        let file = entry.unwrap().path().join("data/postmaster.pid");
        Some(std::fs::read_to_string(file).ok()?.lines().next()?.to_owned())
    });
    let server = server.collect::<Vec<_>>().join(" ");
    println!("\nmess {} {server}", folder.path().display());
    std::process::abort();
}

#[test]
fn servers_and_folders_go_with_an_aborted_process() {
    let mut child = Child::of_this_test("child_that_leaves_a_mess", &[]);
    let told = std::iter::from_fn(|| child.line()).find_map(|line| Some(line.strip_prefix("mess ")?.to_owned()));
    let told = told.expect("the child tells what it leaves behind");
    let (folder, server) = told.split_once(' ').unwrap();
    assert!(!child.wait(), "the child aborts");
    let root = Path::new(folder).parent().unwrap().to_owned();
    let process = Path::new("/proc").join(server);
    for _ in 0..600 {
        if !root.exists() && !process.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("still there: {} {}, {} {}", root.display(), root.exists(), process.display(), process.exists());
}
