//! The whole registry as the parameters that are published. Lists are ordered by their codes, so equal registries give equal bytes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use store::{StoreError, Tx};

use super::instance::InstanceSettings;
use super::keys::{self, Audience};
use super::{groups, registry, trust_services};
use crate::model::anchor;
use crate::model::global_conf::OWNERS_GROUP;
use crate::model::id::{ClientId, ServerId};
use crate::model::private_params::{ManagementService, PrivateParams};
use crate::model::shared_params::{GlobalGroup, Member, MemberClass, ServerEntry, SharedParams, Source, Subsystem};

/// Shared parameters of the instance as registered now.
///
/// # Errors
/// Those of the store.
pub fn shared_params(tx: &mut Tx<'_>, settings: &InstanceSettings) -> Result<SharedParams, StoreError> {
    let instance: Arc<str> = settings.instance.as_str().into();
    let member_classes: Vec<MemberClass> = registry::classes(tx)?
        .into_iter()
        .map(|(code, description)| MemberClass { code: code.into(), description: description.into() })
        .collect();
    let (members, ids) = members(tx, &instance, &member_classes)?;
    let servers = servers(tx, &ids)?;
    let mut groups = global_groups(tx)?;
    groups.push(owners(&servers));
    Ok(SharedParams {
        sources: vec![source(tx, settings)?],
        approved_cas: trust_services::list(tx)?.into_iter().map(|(_, ca)| ca).collect(),
        approved_tsas: trust_services::list(tx)?.into_iter().map(|(_, tsa)| tsa).collect(),
        servers,
        groups,
        instance,
        members,
        member_classes,
        ocsp_freshness_seconds: settings.ocsp_freshness_seconds,
    })
}

/// The trust services alone: enough to judge certificates by.
///
/// # Errors
/// Those of the store.
pub fn trust_services(tx: &mut Tx<'_>, settings: &InstanceSettings) -> Result<SharedParams, StoreError> {
    Ok(SharedParams {
        instance: settings.instance.as_str().into(),
        approved_cas: trust_services::list(tx)?.into_iter().map(|(_, ca)| ca).collect(),
        approved_tsas: trust_services::list(tx)?.into_iter().map(|(_, tsa)| tsa).collect(),
        ..SharedParams::default()
    })
}

/// Private parameters of the instance.
///
/// # Errors
/// Those of the store.
pub fn private_params(tx: &mut Tx<'_>, settings: &InstanceSettings) -> Result<PrivateParams, StoreError> {
    let mut anchors = Vec::new();
    for (_, file) in keys::anchors(tx)? {
        anchors.push(anchor::read(&file).map_err(|_| super::damaged("a trusted anchor"))?);
    }
    Ok(PrivateParams {
        instance: settings.instance.clone(),
        anchors,
        management: ManagementService {
            registration_address: settings.registration_address.clone(),
            registration_cert: settings.registration_cert.clone(),
            provider: settings.management_provider.clone(),
        },
        timestamping_interval_seconds: settings.timestamping_interval_seconds,
    })
}

/// The signing certificates, active first: clients learn a new key before it is used.
fn source(tx: &mut Tx<'_>, settings: &InstanceSettings) -> Result<Source, StoreError> {
    let mut keys = keys::list(tx)?;
    keys.sort_by_key(|key| !key.active);
    let certs =
        |audience: Audience| keys.iter().filter(|key| key.audience == audience).map(|key| key.cert.clone()).collect();
    Ok(Source {
        address: settings.address.clone(),
        internal_certs: certs(Audience::Internal),
        external_certs: certs(Audience::External),
    })
}

type Members = (Vec<Member>, HashMap<i64, ClientId>);

fn members(tx: &mut Tx<'_>, instance: &Arc<str>, classes: &[MemberClass]) -> Result<Members, StoreError> {
    let rows = tx.query(
        "SELECT id, class, member, subsystem, name FROM directory_client ORDER BY class, member, subsystem",
        &[],
    )?;
    let mut members: Vec<Member> = Vec::new();
    let mut ids = HashMap::with_capacity(rows.len());
    for row in &rows {
        let class: &str = row.get("class")?;
        let member: &str = row.get("member")?;
        let subsystem: &str = row.get("subsystem")?;
        let name = row.opt_text("name")?;
        let known = members.last_mut().filter(|last| &*last.id.class == class && &*last.id.member == member);
        let id = match known {
            // Subsystems sort after their member, whose subsystem code is the empty text.
            Some(owner) => {
                let id = ClientId { subsystem: Some(subsystem.into()), ..owner.id.clone() };
                owner.subsystems.push(Subsystem { id: id.clone(), name: name.map(Into::into) });
                id
            }
            None => {
                let description = classes.iter().find(|known| &*known.code == class);
                let id = ClientId {
                    instance: instance.clone(),
                    class: description.map_or_else(|| class.into(), |known| known.code.clone()),
                    member: member.into(),
                    subsystem: None,
                };
                members.push(Member {
                    id: id.clone(),
                    name: name.unwrap_or_default().into(),
                    class_description: description.map_or_else(|| "".into(), |known| known.description.clone()),
                    subsystems: Vec::new(),
                });
                id
            }
        };
        ids.insert(row.int("id")?, id);
    }
    Ok((members, ids))
}

fn servers(tx: &mut Tx<'_>, ids: &HashMap<i64, ClientId>) -> Result<Vec<ServerEntry>, StoreError> {
    let rows = tx.query("SELECT id, owner_id, code, address, maintenance FROM directory_gateway ORDER BY id", &[])?;
    let mut servers = Vec::with_capacity(rows.len());
    let mut positions = HashMap::with_capacity(rows.len());
    for row in &rows {
        let owner = ids.get(&row.int("owner_id")?).ok_or_else(|| super::damaged("the owner of a gateway"))?;
        positions.insert(row.int("id")?, servers.len());
        servers.push(ServerEntry {
            id: ServerId::new(owner.clone(), row.get("code")?),
            address: row.opt_text("address")?,
            auth_cert_hashes: Vec::new(),
            clients: Vec::new(),
            maintenance: row.opt_text("maintenance")?,
        });
    }
    let certs = tx.query("SELECT gateway_id, sha256 FROM directory_gateway_cert ORDER BY added_at, sha256", &[])?;
    for row in &certs {
        let mut hash = [0; 32];
        hex::decode_to_slice(row.get::<&str>("sha256")?, &mut hash)
            .map_err(|_| super::damaged("a certificate hash"))?;
        if let Some(server) = positions.get(&row.int("gateway_id")?).and_then(|at| servers.get_mut(*at)) {
            server.auth_cert_hashes.push(hash);
        }
    }
    let clients = tx.query(
        "SELECT gateway_id, client_id FROM directory_gateway_client WHERE enabled = 1 ORDER BY gateway_id, client_id",
        &[],
    )?;
    for row in &clients {
        let client = ids.get(&row.int("client_id")?);
        let server = positions.get(&row.int("gateway_id")?).and_then(|at| servers.get_mut(*at));
        if let (Some(client), Some(server)) = (client, server) {
            server.clients.push(client.clone());
        }
    }
    Ok(servers)
}

fn global_groups(tx: &mut Tx<'_>) -> Result<Vec<GlobalGroup>, StoreError> {
    let mut all = Vec::new();
    for (id, code, description) in groups::list(tx)? {
        all.push(GlobalGroup { code: code.into(), description, members: groups::members(tx, id)? });
    }
    Ok(all)
}

/// The group that keeps itself: every member that owns a gateway.
fn owners(servers: &[ServerEntry]) -> GlobalGroup {
    let owners: BTreeSet<&ClientId> = servers.iter().map(|server| &server.id.owner).collect();
    GlobalGroup {
        code: OWNERS_GROUP.into(),
        description: "Owners of gateways".to_owned(),
        members: owners.into_iter().cloned().collect(),
    }
}
