//! An agency's own system: a small HTTP service over its own database. It knows nothing of gateways.

use std::net::SocketAddr;

use axum::Router;
use store::Store;

use crate::roles::{Tasks, bind};

/// A running service.
#[derive(Debug)]
pub struct RunningService {
    /// Where it listens.
    pub url: String,
    store: Store,
    tasks: Tasks,
}

impl RunningService {
    /// Serves `router` at `address`.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start(address: SocketAddr, router: Router, store: Store) -> anyhow::Result<Self> {
        let mut tasks = Tasks::default();
        tasks.serve(bind(address, "demo").await?, router);
        Ok(Self { url: format!("http://{address}"), store, tasks })
    }

    /// Stops serving and closes the database.
    pub async fn stop(self) {
        self.tasks.stop().await;
        self.store.close().await;
    }
}

/// Lower case without Vietnamese diacritics: what searches compare.
#[must_use]
pub fn folded(text: &str) -> String {
    const GROUPS: [(&str, char); 7] = [
        ("àáảãạăằắẳẵặâầấẩẫậ", 'a'),
        ("èéẻẽẹêềếểễệ", 'e'),
        ("ìíỉĩị", 'i'),
        ("òóỏõọôồốổỗộơờớởỡợ", 'o'),
        ("ùúủũụưừứửữự", 'u'),
        ("ỳýỷỹỵ", 'y'),
        ("đ", 'd'),
    ];
    let plain =
        |letter: char| GROUPS.iter().find(|(group, _)| group.contains(letter)).map_or(letter, |(_, plain)| *plain);
    text.to_lowercase().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_diacritics() {
        assert_eq!(folded("Nguyễn Thị Hồng Đào"), "nguyen thi hong dao");
    }
}
