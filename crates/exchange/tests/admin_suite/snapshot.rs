//! The snapshot of a large configuration.

use directory::ClientId;
use exchange::model::access::{NoGroups, Subject};
use exchange::store::{right, snapshot};
use store::StoreError;
use testkit::databases;

use crate::house::{House, dancu};

#[tokio::test]
async fn every_one_of_very_many_rights_is_found() {
    const RIGHTS: usize = 20_000;
    for database in databases().await {
        let house = House::furnished(database.store).await;
        let endpoint = house.admin.conf().current().service(&dancu(), "tracuu").unwrap().endpoints[0].id;
        let caller = |number: usize| ClientId::subsystem("VN", "GOV", &format!("T{number}"), "motcua");
        house
            .store
            .write(move |tx| {
                for number in 0..RIGHTS {
                    right::insert(tx, endpoint, &Subject::Client(caller(number)), 0)?;
                }
                snapshot::bump(tx).map(drop)
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error}"));
        house.admin.refresh().await.unwrap();
        let conf = house.admin.conf().current();
        let rights = &conf.service(&dancu(), "tracuu").unwrap().rights;
        let decide = |number| rights.decide(&caller(number), &NoGroups, "GET", "/").is_ok();
        assert!((0..RIGHTS).all(decide), "{}", database.name);
        assert!(!decide(RIGHTS), "{}", database.name);
    }
}
