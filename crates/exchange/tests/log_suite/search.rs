//! Finding messages.

use directory::{ClientId, ServiceId};
use exchange::log::{Direction, LogSettings, MessageQuery, Role};
use kit::PageRequest;
use uuid::Uuid;

use crate::support::{benches, caller, register, request, response};

#[tokio::test(flavor = "multi_thread")]
async fn each_criterion_selects() {
    for bench in benches(&LogSettings::default()).await {
        let mut foreign = request(3, bench.now() + 3);
        foreign.client = ClientId::member("VN", "GOV", "H53");
        foreign.service = ServiceId::new(caller(), "khac");
        foreign.role = Role::Producer;
        bench
            .log_all([request(1, bench.now()), response(1, bench.now() + 1), request(2, bench.now() + 2), foreign])
            .await;
        let now = bench.now();
        let cases = [
            (MessageQuery { message_id: Some("VN-1".into()), ..Default::default() }, 2),
            (MessageQuery { message_id: Some("VN-".into()), ..Default::default() }, 0),
            (MessageQuery { request_id: Some(Uuid::from_u128(2)), ..Default::default() }, 1),
            (MessageQuery { client: Some(caller()), ..Default::default() }, 3),
            (MessageQuery { client: Some(ClientId::member("VN", "GOV", "none")), ..Default::default() }, 0),
            (MessageQuery { service: Some(register()), ..Default::default() }, 3),
            // The caller of three messages is the provider of the fourth: a party of all.
            (MessageQuery { party: Some(caller()), ..Default::default() }, 4),
            (MessageQuery { direction: Some(Direction::Response), ..Default::default() }, 1),
            (MessageQuery { from: Some(now + 1), to: Some(now + 3), ..Default::default() }, 2),
            (MessageQuery { client: Some(caller()), from: Some(now + 2), ..Default::default() }, 1),
        ];
        for (query, expected) in cases {
            let found = bench.log.search(&query).await.unwrap().items;
            assert_eq!(found.len(), expected, "{}: {query:?}", bench.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_newest_first_and_miss_nothing() {
    for bench in benches(&LogSettings::default()).await {
        bench.log_all((0..25).map(|number| request(number, bench.now()))).await;
        let mut query = MessageQuery { page: PageRequest { limit: Some(10), after: None }, ..Default::default() };
        let mut seen = Vec::new();
        loop {
            let page = bench.log.search(&query).await.unwrap();
            seen.extend(page.items.into_iter().map(|item| item.message_id));
            // What arrives while paging does not disturb the pages that follow.
            bench.log_all([request(1_000, bench.now())]).await;
            query.page.after = page.next;
            if query.page.after.is_none() {
                break;
            }
        }
        let expected: Vec<String> = (0..25).rev().map(|number| format!("VN-{number}")).collect();
        assert_eq!(seen, expected, "{}", bench.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_sees_all_that_was_durable_before_it() {
    for bench in benches(&LogSettings::default()).await {
        for number in 0..20 {
            bench.log_all([request(number, bench.now())]).await;
            let query = MessageQuery { message_id: Some(format!("VN-{number}")), ..Default::default() };
            assert_eq!(bench.log.search(&query).await.unwrap().items.len(), 1, "{}", bench.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_neither_loses_nor_repeats() {
    for bench in benches(&LogSettings::default()).await {
        bench.log_all((0..5).map(|number| request(number, bench.now()))).await;
        bench.log.catch_up().await.unwrap();
        bench.pass_seconds(-3_600);
        bench.log_all((5..10).map(|number| request(number, bench.now()))).await;
        let ids: Vec<String> = bench.all().await.into_iter().map(|item| item.message_id).collect();
        let expected: Vec<String> = (0..10).map(|number| format!("VN-{number}")).collect();
        assert_eq!(ids, expected, "{}: order is that of writing", bench.name);
        assert_eq!(bench.log.stamp_now().await.unwrap().signatures, 10, "{}", bench.name);
        assert!(bench.all().await.iter().all(|item| item.stamped));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_index_the_same_journal_once() {
    for bench in benches(&LogSettings::default()).await.into_iter().skip(1) {
        let journal = crate::support::open_journal(bench.kind, &bench.database, Default::default(), &bench.clock).await;
        let other = crate::support::open_on(
            &bench.database,
            journal,
            &bench.settings,
            &bench.clock,
            vec![bench.authority.clone()],
        )
        .await;
        for number in 0..50 {
            let log = if number % 2 == 0 { &bench.log } else { &other };
            let ticket = log.append(request(number, bench.now())).unwrap();
            ticket.durable().await.unwrap();
            if number % 10 == 0 {
                let (one, two) = tokio::join!(bench.log.catch_up(), other.catch_up());
                one.unwrap();
                two.unwrap();
            }
        }
        let (one, two) = tokio::join!(bench.log.stamp_now(), other.stamp_now());
        let stamped = one.unwrap().signatures + two.unwrap().signatures;
        assert_eq!(stamped, 50, "{}: each signature is stamped once", bench.name);
        assert_eq!(bench.all().await.len(), 50, "{}", bench.name);
    }
}
