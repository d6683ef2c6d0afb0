//! PostgreSQL: connection threads (not built yet).

use crate::work::BoxedWork;
use crate::{Metrics, Options, Row, StoreError, Value};

pub(crate) struct Pool;
pub(crate) struct Session;

fn later<T>() -> Result<T, StoreError> {
    Err(StoreError::unavailable("PostgreSQL is not supported yet"))
}

impl Pool {
    pub(crate) async fn open(_: &str, _: &Options) -> Result<Self, StoreError> {
        later()
    }
    pub(crate) async fn submit(&self, _: BoxedWork) -> Result<(), StoreError> {
        later()
    }
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::default()
    }
    pub(crate) async fn close(&self) {}
}
impl Session {
    pub(crate) fn exec(&mut self, _: &str, _: &[Value]) -> Result<u64, StoreError> {
        later()
    }
    pub(crate) fn query(&mut self, _: &str, _: &[Value]) -> Result<Vec<Row>, StoreError> {
        later()
    }
    pub(crate) fn batch(&mut self, _: &str) -> Result<(), StoreError> {
        later()
    }
}
