//! Keyset paging: a page is asked for by "what comes after this key", so page 1,000 costs what page 1 costs.

use serde::{Deserialize, Serialize};

/// Rows on a page when the caller names no number.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most rows one page may hold.
pub const MAX_LIMIT: u32 = 500;

/// What a caller asks for: how many rows, after which key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PageRequest {
    /// Rows wanted; bounded to 1..=[`MAX_LIMIT`].
    pub limit: Option<u32>,
    /// The `next` of the page before; absent for the first page.
    pub after: Option<String>,
}

impl PageRequest {
    /// The number of rows to fetch, within bounds.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }
}

/// One page of rows and the key that asks for the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass as `after` to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Builds a page from `limit + 1` fetched rows: the extra row only tells that there is a next page.
    #[must_use]
    pub fn from_overfetch(mut rows: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> String) -> Self {
        let limit = request.limit() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_row_becomes_the_next_key() {
        let request = PageRequest { limit: Some(2), after: None };
        let page = Page::from_overfetch(vec![1, 2, 3], &request, ToString::to_string);
        assert_eq!((page.items, page.next.as_deref()), (vec![1, 2], Some("2")));
        let last = Page::from_overfetch(vec![1, 2], &request, ToString::to_string);
        assert_eq!(last.next, None);
    }
}
