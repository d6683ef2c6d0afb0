//! Approving and declining management requests.

use serde_json::json;

use super::permit::{Permit, Register, View};
use super::{ActError, Central, Scene};
use crate::model::request::Status;
use crate::store::requests::{self, RequestRow};

impl Central {
    /// Approves a request and carries it out.
    ///
    /// # Errors
    /// When it is unknown, decided already, or cannot be carried out any more.
    pub async fn approve_request(&self, permit: &Permit<Register>, id: i64) -> Result<RequestRow, ActError> {
        let by = permit.actor().to_owned();
        self.perform(permit, "Approve management request", json!({ "id": id }), move |scene| {
            let row = scene.request(id)?;
            let status = row.status.approve()?;
            scene.carry_out(&row.body)?;
            scene.decide(id, status, &by, None)
        })
        .await
    }

    /// Declines a request.
    ///
    /// # Errors
    /// When it is unknown or decided already.
    pub async fn decline_request(
        &self,
        permit: &Permit<Register>,
        id: i64,
        comment: Option<String>,
    ) -> Result<RequestRow, ActError> {
        let by = permit.actor().to_owned();
        let data = json!({ "id": id, "comment": comment });
        self.perform(permit, "Decline management request", data, move |scene| {
            let status = scene.request(id)?.status.decline()?;
            scene.decide(id, status, &by, comment.as_deref())
        })
        .await
    }

    /// Takes back a request that an operator entered.
    ///
    /// # Errors
    /// When it is unknown or decided already.
    pub async fn revoke_request(&self, permit: &Permit<Register>, id: i64) -> Result<RequestRow, ActError> {
        let by = permit.actor().to_owned();
        self.perform(permit, "Revoke management request", json!({ "id": id }), move |scene| {
            let status = scene.request(id)?.status.revoke()?;
            scene.decide(id, status, &by, None)
        })
        .await
    }

    /// A request as it stands.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn request(&self, _permit: &Permit<View>, id: i64) -> Result<RequestRow, ActError> {
        let found = self.store.read(move |tx| requests::find(tx, id).map_err(ActError::from)).await?;
        found.ok_or_else(|| ActError::not_found("request", id))
    }
}

impl Scene<'_, '_> {
    fn request(&mut self, id: i64) -> Result<RequestRow, ActError> {
        requests::find(self.tx, id)?.ok_or_else(|| ActError::not_found("request", id))
    }

    fn decide(&mut self, id: i64, status: Status, by: &str, comment: Option<&str>) -> Result<RequestRow, ActError> {
        requests::decide(self.tx, id, status, by, comment, self.at)?;
        self.request(id)
    }
}
