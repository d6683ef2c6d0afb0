//! Operational records and what is computed from them.

use directory::ClientId;
use exchange::log::LogSettings;
use exchange::monitor::record::{OperationalRecord, ServerType, ServiceType};
use exchange::monitor::service_health::service_health;
use exchange::monitor::store::{MAX_RECORDS, OperationalQuery, OperationalRecords, Visibility, query};

use crate::support::{Bench, bench, benches, caller, register};

fn record(side: ServerType, number: i64) -> OperationalRecord {
    OperationalRecord {
        request_in_ts: Some(1_000 * number),
        response_out_ts: Some(1_000 * number + 10 * number),
        request_size: Some(100),
        response_size: Some(u64::try_from(number).unwrap() * 4_000_000_000),
        service_type: Some(ServiceType::Rest),
        security_server_internal_ip: Some("10.0.0.1".into()),
        message_id: Some(format!("VN-{number}").into()),
        succeeded: true,
        ..OperationalRecord::new(side).with_client(&caller()).with_service(&register())
    }
}

fn everything(bench: &Bench) -> OperationalQuery {
    OperationalQuery { records_from: 0, records_to: seconds(bench) - 60, client: None, visible_to: Visibility::All }
}

fn seconds(bench: &Bench) -> i64 {
    bench.now() / 1_000_000
}

async fn ask(bench: &Bench, wanted: &OperationalQuery) -> OperationalRecords {
    query(&bench.database.store, bench.now(), wanted).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_back_as_stored_with_the_time_of_storing() {
    for bench in benches(&LogSettings::default()).await {
        let stored_at = seconds(&bench);
        bench.log.append_operation(record(ServerType::Client, 1));
        bench.log.store_operations().await.unwrap();
        bench.pass_seconds(120);
        let found = ask(&bench, &everything(&bench)).await;
        let expected = OperationalRecord { monitoring_data_ts: stored_at, ..record(ServerType::Client, 1) };
        assert_eq!(found, OperationalRecords { records: vec![expected], next_records_from: None }, "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_minute_is_withheld_and_asked_for_again() {
    let bench = bench(&LogSettings::default()).await;
    let stored_at = seconds(&bench);
    bench.log.append_operation(record(ServerType::Client, 1));
    bench.log.store_operations().await.unwrap();
    bench.pass_seconds(59);
    let wanted = OperationalQuery { records_to: seconds(&bench) + 1_000, ..everything(&bench) };
    let found = ask(&bench, &wanted).await;
    assert!(found.records.is_empty());
    assert_eq!(found.next_records_from, Some(stored_at), "exactly the second that may still grow");
    bench.pass_seconds(1);
    let again = ask(&bench, &OperationalQuery { records_from: found.next_records_from.unwrap(), ..wanted }).await;
    assert_eq!(again.records.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_cut_between_seconds() {
    let settings = LogSettings { operational_buffer: 100_000, ..LogSettings::default() };
    let bench = bench(&settings).await;
    for _ in 0..3 {
        for number in 0..i64::from(MAX_RECORDS) / 2 {
            bench.log.append_operation(record(ServerType::Client, number));
        }
        bench.log.store_operations().await.unwrap();
        bench.pass_seconds(1);
    }
    bench.pass_seconds(100);
    let mut wanted = everything(&bench);
    let mut seen = 0;
    loop {
        let found = ask(&bench, &wanted).await;
        assert!(found.records.len() <= MAX_RECORDS as usize);
        seen += found.records.len();
        match found.next_records_from {
            Some(next) => wanted.records_from = next,
            None => break,
        }
    }
    assert_eq!(seen, 3 * MAX_RECORDS as usize / 2, "neither missed nor repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_sees_its_own_records_without_the_other_sides_address() {
    for bench in benches(&LogSettings::default()).await {
        let mut foreign = record(ServerType::Producer, 2);
        foreign.client_member_code = Some("other".into());
        for record in [record(ServerType::Client, 1), record(ServerType::Producer, 3), foreign] {
            bench.log.append_operation(record);
        }
        bench.log.store_operations().await.unwrap();
        bench.pass_seconds(120);
        let mut wanted = everything(&bench);
        wanted.visible_to = Visibility::Party(caller());
        let found = ask(&bench, &wanted).await.records;
        let addresses: Vec<bool> = found.iter().map(|record| record.security_server_internal_ip.is_some()).collect();
        assert_eq!(addresses, [true, false], "{}", bench.name);
        wanted.client = Some(ClientId::member("VN", "GOV", "nobody"));
        assert!(ask(&bench, &wanted).await.records.is_empty());
        wanted.client = Some(register().provider);
        assert_eq!(ask(&bench, &wanted).await.records.len(), 2, "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_buffer_drops_and_counts() {
    let bench = bench(&LogSettings { operational_buffer: 2, ..LogSettings::default() }).await;
    for number in 0..5 {
        bench.log.append_operation(record(ServerType::Client, number));
    }
    assert_eq!(bench.log.health().await.unwrap().operations_dropped, 3);
    bench.log.store_operations().await.unwrap();
    bench.log.append_operation(record(ServerType::Client, 6));
    bench.log.store_operations().await.unwrap();
    bench.pass_seconds(120);
    assert_eq!(ask(&bench, &everything(&bench)).await.records.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_removed_after_their_retention_and_time_never_runs_back() {
    for bench in benches(&LogSettings::default()).await {
        bench.log.append_operation(record(ServerType::Client, 1));
        bench.log.store_operations().await.unwrap();
        bench.pass_seconds(-600);
        bench.log.append_operation(record(ServerType::Client, 2));
        bench.log.store_operations().await.unwrap();
        bench.pass_seconds(800);
        let times: Vec<i64> =
            ask(&bench, &everything(&bench)).await.records.iter().map(|record| record.monitoring_data_ts).collect();
        assert_eq!(times.len(), 2, "{}", bench.name);
        assert_eq!(times[0], times[1], "{}: a collector that passed this second would miss an earlier one", bench.name);
        bench.pass_seconds(7 * 86_400 - 200);
        assert_eq!(bench.log.clean_now().await.unwrap().operations, 0, "{}", bench.name);
        bench.pass_seconds(1);
        assert_eq!(bench.log.clean_now().await.unwrap().operations, 2, "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_health_sums_up_the_last_period() {
    for bench in benches(&LogSettings::default()).await {
        let mut failed = record(ServerType::Producer, 9);
        failed.succeeded = false;
        for record in [
            record(ServerType::Producer, 1),
            record(ServerType::Producer, 3),
            failed,
            // The caller's side says nothing about this gateway's services.
            record(ServerType::Client, 50),
        ] {
            bench.log.append_operation(record);
        }
        bench.log.store_operations().await.unwrap();
        let store = &bench.database.store;
        let health = service_health(store, bench.now(), Some(&register().provider)).await.unwrap();
        let [service] = health.as_slice() else { panic!("{}: {health:?}", bench.name) };
        assert_eq!(service.service, "VN:GOV:G01:dancu:tracuu");
        assert_eq!(service.service_type, Some(ServiceType::Rest));
        assert_eq!((service.last_success, service.last_failure), (Some(3_000), Some(9_000)), "{}", bench.name);
        assert_eq!((service.period.successful, service.period.unsuccessful), (2, 1));
        let duration = service.period.duration.unwrap();
        assert_eq!((duration.min, duration.max), (10, 30));
        assert!((duration.average - 20.0).abs() < 1e-9 && (duration.std_dev - 10.0).abs() < 1e-6, "{duration:?}");
        let size = service.period.response_size.unwrap();
        assert!((size.std_dev - 4e9).abs() < 1.0, "{}: squares of sizes do not overflow: {size:?}", bench.name);
        assert!(service_health(store, bench.now(), Some(&caller())).await.unwrap().is_empty());

        bench.pass_seconds(601);
        let health = service_health(store, bench.now(), None).await.unwrap();
        assert_eq!(health[0].period.successful, 0, "{}: the period is over", bench.name);
        assert_eq!(health[0].last_success, Some(3_000), "{}", bench.name);
    }
}
