//! Agencies from the published tables: resolved as of a day, searched without diacritics.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::World;

/// The tables are not shipped with the source: they are data that changes by decision. Where they are missing the test fails and says so.
fn table(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/data").join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("the table of agencies {} is needed: {error}", path.display()))
}

async fn resolve(world: &World, code: &str, day: &str) -> Value {
    world.done("GET", &format!("/agencies/{code}?on={day}"), Value::Null).await
}

/// QĐ 09/2025/QĐ-TTg: codes of merged ministries and provinces are closed, their work goes on under the code of another.
#[tokio::test]
async fn a_closed_code_leads_to_who_continues_its_work() {
    for world in World::furnished().await {
        let report = world.done("POST", "/agencies/import", json!(table("agencies.tsv"))).await;
        assert!(report["written"].as_u64().unwrap() > 150, "{report}");
        let refused = report["refused"].as_array().unwrap();
        assert!(refused.iter().any(|row| row["code"] == "A") && refused.iter().any(|row| row["code"] == "H37.DN.001"));
        let before = resolve(&world, "H22", "2025-06-30").await;
        assert_eq!(before["state"], "active", "{before}");
        let after = resolve(&world, "H22", "2025-07-01").await;
        assert_eq!((&after["state"], &after["since"]), (&"closed".into(), &"2025-07-01".into()), "{}", world.engine);
        assert_eq!(after["successors"][0]["code"], "H60");
        let ministry = resolve(&world, "G14", "2026-01-01").await;
        assert_eq!(ministry["successors"][0]["code"], "G06");
        let again = world.done("POST", "/agencies/import", json!(table("agencies.tsv"))).await;
        assert_eq!(again["written"], report["written"], "importing again replaces the same spans");
        assert_eq!(world.refused("GET", "/agencies/H99", Value::Null).await, "kit.not_found");
    }
}

#[tokio::test]
async fn old_codes_open_under_the_day_of_the_document() {
    for world in World::furnished().await {
        world.done("POST", "/agencies/import", json!(table("agencies.tsv"))).await;
        let report = world.done("POST", "/agencies/import", json!(table("agencies_sample_old_form_H53.tsv"))).await;
        assert!(report["known"].as_u64().unwrap() > 20 && report["written"].as_u64().unwrap() > 100, "{report}");
        let ministry = resolve(&world, "000.00.00.G14", "2019-05-01").await;
        assert_eq!((&ministry["state"], &ministry["agency"]["code"]), (&"active".into(), &"G14".into()));
        assert_eq!(resolve(&world, "000.00.00.G14", "2026-05-01").await["state"], "closed");
        let district = resolve(&world, "000.00.31.H53", "2019-05-01").await;
        assert_eq!(
            (&district["agency"]["parent"], &district["agency"]["level"]),
            (&"H53".into(), &2.into()),
            "{}",
            world.engine
        );
        let renamed = resolve(&world, "G12.18", "2025-02-28").await;
        assert_eq!(renamed["agency"]["name"], "Tổng cục Thuế");
        assert_eq!(resolve(&world, "G12.18", "2025-03-01").await["agency"]["name"], "Cục Thuế");
    }
}

#[tokio::test]
async fn search_minds_neither_diacritics_nor_case_and_pages_by_code() {
    for world in World::furnished().await {
        world.done("POST", "/agencies/import", json!(table("agencies.tsv"))).await;
        let codes = |answer: &Value| -> Vec<String> {
            answer["items"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect()
        };
        let found = world.done("GET", "/agencies?q=tai%20CHINH&on=2026-01-01", Value::Null).await;
        assert!(codes(&found).contains(&"G12".to_owned()), "{} {found}", world.engine);
        let by_code = world.done("GET", "/agencies?q=h26&on=2026-01-01", Value::Null).await;
        assert_eq!(codes(&by_code), ["H26"]);
        assert!(
            codes(&world.done("GET", "/agencies?q=%25&on=2026-01-01", Value::Null).await).is_empty(),
            "no wildcards"
        );
        let mut seen = Vec::new();
        let mut path = "/agencies?q=uy%20ban&on=2026-01-01&limit=10".to_owned();
        loop {
            let page = world.done("GET", &path, Value::Null).await;
            seen.extend(codes(&page));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/agencies?q=uy%20ban&on=2026-01-01&limit=10&after={next}");
        }
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert!(seen.len() > 30 && sorted == seen, "{seen:?}");
    }
}
