//! Archive files, their chain, and retention.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use directory::{ClientId, ServiceId};
use exchange::log::{ArchiveGrouping, LogSettings, Role, verify_archive_chain};

use crate::support::{Bench, bench, benches, request, response};

const DAY: i64 = 86_400;

fn entries(file: &Path) -> Vec<String> {
    let zip = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    zip.file_names().map(|name| name.unwrap().into_owned()).collect()
}

async fn stamped(bench: &Bench, numbers: std::ops::Range<u32>) {
    bench.log_all(numbers.map(|number| request(number, bench.now()))).await;
    bench.log.stamp_now().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_messages_are_linked_across_files() {
    for bench in benches(&LogSettings { archive_max_size: 3_000, ..LogSettings::default() }).await {
        bench.log.configure(bench.with_archive());
        stamped(&bench, 0..10).await;
        let first = bench.log.archive_now().await.unwrap();
        assert_eq!(first.messages, 10, "{}", bench.name);
        assert!(first.files.len() > 1, "{}: files are closed at their size: {:?}", bench.name, first.files);
        bench.pass_seconds(3_600);
        let bench = bench.reopen().await;
        bench.log.configure(bench.with_archive());
        stamped(&bench, 10..12).await;
        let second = bench.log.archive_now().await.unwrap();
        assert_eq!((second.messages, second.files.len()), (2, 1), "{}", bench.name);
        assert!(second.files[0].starts_with("mlog-20261123090000-20261123090000-"), "{:?}", second.files);

        let report = verify_archive_chain(&bench.archive_folder()).unwrap();
        assert!(report.is_sound(), "{}: {report:?}", bench.name);
        let [series] = report.series.as_slice() else { panic!("{report:?}") };
        assert_eq!(series.files, [first.files, second.files].concat(), "{}", bench.name);
        assert_eq!((series.containers, series.follows.as_deref()), (12, None));
        let names = entries(&bench.archive_folder().join(&series.files[0]));
        assert!(names.iter().any(|name| name.starts_with("VN-0-request-") && name.ends_with(".asice")), "{names:?}");
        assert!(bench.all().await.iter().all(|message| message.archived));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_stamp_is_not_archived() {
    let bench = bench(&LogSettings::default()).await;
    bench.log.configure(bench.with_archive());
    stamped(&bench, 0..2).await;
    bench.log_all([request(2, bench.now())]).await;
    assert_eq!(bench.log.archive_now().await.unwrap().messages, 2);
    assert_eq!(bench.log.archive_now().await.unwrap().messages, 0);
    bench.log.stamp_now().await.unwrap();
    assert_eq!(bench.log.archive_now().await.unwrap().messages, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn grouping_separates_local_parties() {
    let settings = LogSettings { archive_grouping: ArchiveGrouping::Member, ..LogSettings::default() };
    let bench = bench(&settings).await;
    bench.log.configure(bench.with_archive());
    let mut served = request(1, bench.now());
    served.role = Role::Producer;
    served.service = ServiceId::new(ClientId::subsystem("VN", "GOV", "G01", "dancu"), "tracuu");
    bench.log_all([request(0, bench.now()), served, response(0, bench.now())]).await;
    bench.log.stamp_now().await.unwrap();
    bench.log.archive_now().await.unwrap();
    let report = verify_archive_chain(&bench.archive_folder()).unwrap();
    assert!(report.is_sound());
    let series: Vec<_> = report.series.iter().map(|series| (series.series.as_str(), series.containers)).collect();
    assert_eq!(series, [("VN_GOV_G01", 1), ("VN_GOV_H53", 2)]);
}

/// Rewrites an archive file without one of its entries, or with other content.
fn rewrite(file: &PathBuf, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if let Some(content) = change(&name, content) {
            out.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut out, &content).unwrap();
        }
    }
    std::fs::write(file, out.finish().unwrap().into_inner()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_with_the_archive_is_noticed() {
    let bench = bench(&LogSettings { archive_max_size: 3_000, ..LogSettings::default() }).await;
    bench.log.configure(bench.with_archive());
    stamped(&bench, 0..12).await;
    let files = bench.log.archive_now().await.unwrap().files;
    assert!(files.len() >= 3, "{files:?}");
    let path = |number: usize| bench.archive_folder().join(&files[number]);
    let faults = || {
        let report = verify_archive_chain(&bench.archive_folder()).unwrap();
        report.series.into_iter().flat_map(|series| series.faults).map(|fault| fault.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(faults(), [""; 0]);

    let original = std::fs::read(path(1)).unwrap();
    let victim = entries(&path(1)).into_iter().find(|name| name.ends_with(".asice")).unwrap();
    rewrite(&path(1), |name, content| (name != victim).then_some(content));
    assert!(faults().iter().any(|fault| fault.contains("missing")), "{:?}", faults());
    rewrite(&path(1), |_, content| Some(content));
    std::fs::write(path(1), &original).unwrap();

    rewrite(&path(1), |name, content| Some(if name == victim { b"other".to_vec() } else { content }));
    assert!(faults().iter().any(|fault| fault.contains("was changed")), "{:?}", faults());
    std::fs::write(path(1), &original).unwrap();

    std::fs::remove_file(path(1)).unwrap();
    assert!(faults().iter().any(|fault| fault.contains("the file it follows is missing")), "{:?}", faults());
    std::fs::write(path(1), &original).unwrap();
    assert_eq!(faults(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_only_what_is_archived_and_old() {
    for bench in benches(&LogSettings::default()).await {
        stamped(&bench, 0..3).await;
        bench.pass_seconds(40 * DAY);
        assert_eq!(bench.log.clean_now().await.unwrap().messages, 0, "{}: nothing is archived", bench.name);
        bench.log.configure(bench.with_archive());
        bench.log.archive_now().await.unwrap();
        assert_eq!(bench.log.clean_now().await.unwrap().messages, 0, "{}: archived just now", bench.name);
        bench.pass_seconds(20 * DAY);
        stamped(&bench, 3..5).await;
        bench.log.archive_now().await.unwrap();
        bench.log_all([request(5, bench.now())]).await;
        bench.pass_seconds(11 * DAY);
        assert_eq!(bench.log.clean_now().await.unwrap().messages, 3, "{}", bench.name);
        let left: Vec<String> = bench.all().await.into_iter().map(|message| message.message_id).collect();
        assert_eq!(left, ["VN-3", "VN-4", "VN-5"], "{}", bench.name);
        for message in bench.all().await {
            assert!(bench.log.message(message.seq).await.unwrap().is_some(), "{}: still whole", bench.name);
        }
        bench.pass_seconds(100 * DAY);
        bench.log.clean_now().await.unwrap();
        let left = bench.all().await;
        assert_eq!(left.len(), 1, "{}: without stamp and archive it stays", bench.name);
        assert!(bench.log.message(left[0].seq).await.unwrap().is_some());
        // The stamp continues where it was, though all older signatures are gone.
        assert_eq!(bench.log.stamp_now().await.unwrap().signatures, 1, "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_frees_the_journal_but_no_signature_still_in_use() {
    let bench = bench(&LogSettings::default()).await;
    bench.log.configure(bench.with_archive());
    let padded = |number: u32| {
        let mut message = request(number, bench.now());
        message.header_part = vec![b'x'; 8_000].into();
        message.header_digest = exchange::model::header_part::sha512(&message.header_part);
        message
    };
    let sharing = |number: u32| {
        let mut message = padded(number);
        message.signature = request(0, 0).signature;
        message.hash_chain_result = request(0, 0).hash_chain_result;
        message
    };
    // Several segments, and a message far behind that still uses the signature written first.
    bench.log_all([sharing(0)]).await;
    bench.log_all((1..40).map(padded)).await;
    bench.log.stamp_now().await.unwrap();
    bench.log.archive_now().await.unwrap();
    bench.log_all([sharing(40)]).await;
    bench.log_all((41..80).map(padded)).await;
    let before = segments(&bench);
    bench.pass_seconds(31 * DAY);
    assert_eq!(bench.log.clean_now().await.unwrap().messages, 40);
    for message in bench.all().await {
        let logged = bench.log.message(message.seq).await.unwrap();
        assert!(logged.is_some(), "{} lost its signature", message.message_id);
    }
    bench.log.stamp_now().await.unwrap();
    bench.log.archive_now().await.unwrap();
    bench.pass_seconds(31 * DAY);
    assert_eq!(bench.log.clean_now().await.unwrap().messages, 40);
    assert!(segments(&bench) < before, "{before} segments before, {} now", segments(&bench));
}

fn segments(bench: &Bench) -> usize {
    std::fs::read_dir(bench.folder.path().join("journal")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_handed_over_until_the_command_succeeds_and_stays_until_then() {
    let bench = bench(&LogSettings::default()).await;
    let handed = bench.folder.path().join("handed");
    let script = format!("test -d {0} && cp \"$0\" {0}/", handed.display());
    let settings =
        LogSettings { archive_transfer_command: vec!["sh".into(), "-c".into(), script], ..bench.with_archive() };
    bench.log.configure(settings);
    stamped(&bench, 0..2).await;
    let files = bench.log.archive_now().await.unwrap().files;
    assert!(bench.log.health().await.unwrap().transfer_error.is_some_and(|reason| reason.starts_with(&files[0])));
    bench.pass_seconds(40 * DAY);
    assert_eq!(bench.log.clean_now().await.unwrap().messages, 0, "not handed over: nothing is removed");
    std::fs::create_dir(&handed).unwrap();
    bench.log.archive_now().await.unwrap();
    assert!(handed.join(&files[0]).exists());
    assert_eq!(bench.log.health().await.unwrap().transfer_error, None);
    assert_eq!(bench.log.clean_now().await.unwrap().messages, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_pass_leaves_nothing_behind() {
    let bench = bench(&LogSettings::default()).await;
    bench.log.configure(bench.with_archive());
    std::fs::create_dir(bench.archive_folder()).unwrap();
    // A kill while a file was written, and one between the transaction and the naming of the file.
    std::fs::write(bench.archive_folder().join(".-1.mlog-part"), b"rubbish").unwrap();
    stamped(&bench, 0..2).await;
    let file = bench.log.archive_now().await.unwrap().files.remove(0);
    let (placed, part) =
        (bench.archive_folder().join(&file), bench.archive_folder().join(format!(".{file}.mlog-part")));
    std::fs::rename(&placed, &part).unwrap();
    bench.tamper("UPDATE exchange_archive SET state = 0").await;
    bench.log.archive_now().await.unwrap();
    assert!(placed.exists());
    assert_eq!(std::fs::read_dir(bench.archive_folder()).unwrap().count(), 1);
    assert!(verify_archive_chain(&bench.archive_folder()).unwrap().is_sound());
}
