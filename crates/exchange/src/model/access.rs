//! Who may call what (exchange-protocol §2.14): subjects hold rights on endpoints of a service; what nobody granted is denied.
//!
//! [`Rights`] is built once per snapshot and answers by looking up the caller, the local groups it is in and the global groups it is
//! in; other subjects are never visited, so a decision costs the same however many rights there are. A yes is a [`Permit`], which only
//! [`Rights::decide`] can make and which the step that calls the service asks for.

pub mod glob;
pub mod path;

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use directory::{ClientId, GlobalConf, GlobalGroupId, IdError, ServiceId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use glob::{Glob, GlobError, MAX_PATTERN_BYTES};
pub use path::PathFault;

/// Method of the base endpoint: any.
pub const ANY_METHOD: &str = "*";
/// Path of the base endpoint: any.
pub const ANY_PATH: &str = "**";
/// Methods an endpoint can name (§2.1.1), besides [`ANY_METHOD`].
pub const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// The global groups a client is in, as the global configuration knows them.
pub trait GroupLookup {
    /// Calls `visit` for each global group `client` is in, until it answers [`ControlFlow::Break`].
    fn each_group_of(&self, client: &ClientId, visit: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>);
}

/// Nobody is in any global group: for tests and for servers without a global configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGroups;

impl GroupLookup for NoGroups {
    fn each_group_of(&self, _: &ClientId, _: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>) {}
}

impl GroupLookup for GlobalConf {
    fn each_group_of(&self, client: &ClientId, visit: &mut dyn FnMut(&GlobalGroupId) -> ControlFlow<()>) {
        let _ = self.groups_of(client).iter().try_for_each(visit);
    }
}

/// Who holds a right.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// One subsystem, or one member speaking for itself; a member's right does not extend to its subsystems.
    Client(ClientId),
    /// The clients of a local group of the service's provider, by group code.
    LocalGroup(Arc<str>),
    /// The clients of a global group.
    GlobalGroup(GlobalGroupId),
}

/// A text is not a subject in its written form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// It does not start with a known kind.
    #[error("a subject starts with client:, local-group: or global-group:")]
    Kind,
    /// What follows the kind is not an identifier.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl Subject {
    /// The written form of the admin API and the database: `client:INST:CLASS:CODE[:SUBSYSTEM]`, `local-group:CODE` or
    /// `global-group:INST:CODE`, parts percent-encoded.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Client(client) => format!("client:{}", client.colon()),
            Self::LocalGroup(code) => format!("local-group:{}", encoded_parts([&**code])),
            Self::GlobalGroup(group) => format!("global-group:{}", encoded_parts([&*group.instance, &*group.code])),
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let (kind, id) = text.split_once(':').ok_or(SubjectError::Kind)?;
        // A member identifier has three parts: borrowing its parser checks each part of the shorter identifiers too.
        match kind {
            "client" => Ok(Self::Client(ClientId::from_colon(id)?)),
            "local-group" => Ok(Self::LocalGroup(ClientId::from_colon(&format!("x:x:{id}"))?.member)),
            "global-group" => {
                let parts = ClientId::from_colon(&format!("x:{id}"))?;
                match parts.subsystem {
                    None => Ok(Self::GlobalGroup(GlobalGroupId { instance: parts.class, code: parts.member })),
                    Some(_) => Err(IdError::PartCount { expected: "2", found: 3 }.into()),
                }
            }
            _ => Err(SubjectError::Kind),
        }
    }
}

fn encoded_parts<const N: usize>(parts: [&str; N]) -> String {
    const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    parts.map(|part| utf8_percent_encode(part, PART).to_string()).join(":")
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => client.fmt(f),
            Self::LocalGroup(code) => write!(f, "LOCALGROUP:{code}"),
            Self::GlobalGroup(group) => group.fmt(f),
        }
    }
}

/// One operation of a service, or a family of them: a method and a path pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Row number, which rights refer to.
    pub id: i64,
    /// Upper-case method, or [`ANY_METHOD`].
    pub method: Arc<str>,
    /// Path pattern as written.
    pub path: Arc<str>,
    /// Made from a service description: cannot be edited or removed by hand.
    pub generated: bool,
    glob: Glob,
}

impl Endpoint {
    /// An endpoint.
    ///
    /// # Errors
    /// When the pattern is too long.
    pub fn new(id: i64, method: &str, path: &str, generated: bool) -> Result<Self, GlobError> {
        let glob = Glob::compile(path)?;
        Ok(Self { id, method: method.to_ascii_uppercase().into(), path: path.into(), generated, glob })
    }

    /// Whether a right on it is a right on the whole service.
    #[must_use]
    pub fn is_base(&self) -> bool {
        &*self.method == ANY_METHOD && &*self.path == ANY_PATH
    }

    /// Whether it covers this call; `path` in canonical form.
    #[must_use]
    pub fn covers(&self, method: &str, path: &[u8]) -> bool {
        (&*self.method == ANY_METHOD || self.method.eq_ignore_ascii_case(method)) && self.glob.matches(path)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The local groups of one provider, by member.
#[derive(Debug, Default)]
pub struct LocalGroups(AHashMap<ClientId, Vec<Arc<str>>>);

impl LocalGroups {
    /// From (group code, member) pairs.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = (Arc<str>, ClientId)>) -> Self {
        let mut groups: AHashMap<ClientId, Vec<Arc<str>>> = AHashMap::new();
        for (group, member) in members {
            groups.entry(member).or_default().push(group);
        }
        Self(groups)
    }

    /// The groups `client` is in.
    #[must_use]
    pub fn of(&self, client: &ClientId) -> &[Arc<str>] {
        self.0.get(client).map_or(&[], Vec::as_slice)
    }
}

/// That a call is allowed. Only [`Rights::decide`] makes one; it names the service it was made for and the right it rests on.
#[must_use = "a permit is the proof that the next step asks for"]
#[derive(Debug)]
pub struct Permit {
    service: Arc<ServiceId>,
    subject: Subject,
    endpoint: Arc<Endpoint>,
}

impl Permit {
    /// The service the decision was made for.
    #[must_use]
    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    /// Whose right it was: the caller itself or the group it is in.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The endpoint the right is on.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// Why a call is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Neither the caller nor a group it is in holds a right that covers the call.
    #[error("no right covers this call")]
    NoRight,
    /// The path can be read in two ways, so that no decision about it would be safe.
    #[error(transparent)]
    Path(#[from] PathFault),
}

/// What one subject may do.
#[derive(Debug, Default)]
struct Grant {
    /// The base endpoint, when the right is on the whole service.
    whole: Option<Arc<Endpoint>>,
    /// Endpoints without wildcards, by path: one look-up however many.
    exact: AHashMap<Box<[u8]>, Vec<Arc<Endpoint>>>,
    /// Endpoints with wildcards.
    patterns: Vec<Arc<Endpoint>>,
}

impl Grant {
    fn add(&mut self, endpoint: Arc<Endpoint>) {
        if endpoint.is_base() {
            self.whole = Some(endpoint);
        } else if let Some(literal) = endpoint.glob.as_literal() {
            self.exact.entry(literal.into()).or_default().push(endpoint);
        } else {
            self.patterns.push(endpoint);
        }
    }

    fn covers(&self, method: &str, path: &[u8]) -> Option<&Arc<Endpoint>> {
        let exact = || self.exact.get(path).into_iter().flatten().find(|endpoint| endpoint.covers(method, path));
        let pattern = || self.patterns.iter().find(|endpoint| endpoint.covers(method, path));
        self.whole.as_ref().or_else(exact).or_else(pattern)
    }

    fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.whole.iter().chain(self.exact.values().flatten()).chain(&self.patterns)
    }
}

/// All rights on one service, ready to decide.
#[derive(Debug)]
pub struct Rights {
    service: Arc<ServiceId>,
    local_groups: Arc<LocalGroups>,
    clients: AHashMap<ClientId, Grant>,
    locals: AHashMap<Arc<str>, Grant>,
    globals: AHashMap<GlobalGroupId, Grant>,
}

impl Rights {
    /// The rights on `service`, given as (subject, endpoint) pairs. `local_groups` are those of its provider.
    #[must_use]
    pub fn new(
        service: Arc<ServiceId>,
        local_groups: Arc<LocalGroups>,
        granted: impl IntoIterator<Item = (Subject, Arc<Endpoint>)>,
    ) -> Self {
        let mut rights =
            Self { service, local_groups, clients: AHashMap::new(), locals: AHashMap::new(), globals: AHashMap::new() };
        for (subject, endpoint) in granted {
            let grant = match subject {
                Subject::Client(client) => rights.clients.entry(client).or_default(),
                Subject::LocalGroup(code) => rights.locals.entry(code).or_default(),
                Subject::GlobalGroup(group) => rights.globals.entry(group).or_default(),
            };
            grant.add(endpoint);
        }
        rights
    }

    /// Whether `caller` may call `method` on `raw_path`: the path after the service code as it came, with or without a query.
    ///
    /// # Errors
    /// [`Denied`] when no right covers the call or the path is ambiguous.
    pub fn decide(
        &self,
        caller: &ClientId,
        groups: &dyn GroupLookup,
        method: &str,
        raw_path: &str,
    ) -> Result<Permit, Denied> {
        let path = path::canonical(raw_path)?;
        let mut found = None;
        self.each_grant(caller, groups, &mut |subject, grant| match grant.covers(method, &path) {
            Some(endpoint) => {
                found = Some((subject.into_subject(), endpoint.clone()));
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        });
        let (subject, endpoint) = found.ok_or(Denied::NoRight)?;
        Ok(Permit { service: self.service.clone(), subject, endpoint })
    }

    /// The endpoints `caller` holds a right on, each once, by row number: what `allowedMethods` lists (§2.3).
    #[must_use]
    pub fn allowed(&self, caller: &ClientId, groups: &dyn GroupLookup) -> Vec<Arc<Endpoint>> {
        let mut seen = AHashSet::new();
        let mut allowed = Vec::new();
        self.each_grant(caller, groups, &mut |_, grant| {
            allowed.extend(grant.endpoints().filter(|endpoint| seen.insert(endpoint.id)).cloned());
            ControlFlow::Continue(())
        });
        allowed.sort_by_key(|endpoint| endpoint.id);
        allowed
    }

    /// Visits what the caller holds: its own rights first, then those of its local groups, then of its global groups.
    fn each_grant<'a>(
        &'a self,
        caller: &ClientId,
        groups: &dyn GroupLookup,
        visit: &mut dyn FnMut(SubjectRef<'_>, &'a Grant) -> ControlFlow<()>,
    ) {
        if let Some(grant) = self.clients.get(caller)
            && visit(SubjectRef::Client(caller), grant).is_break()
        {
            return;
        }
        for code in self.local_groups.of(caller) {
            if let Some(grant) = self.locals.get(code)
                && visit(SubjectRef::Local(code), grant).is_break()
            {
                return;
            }
        }
        if !self.globals.is_empty() {
            groups.each_group_of(caller, &mut |group| match self.globals.get(group) {
                Some(grant) => visit(SubjectRef::Global(group), grant),
                None => ControlFlow::Continue(()),
            });
        }
    }
}

/// A subject not yet copied: most visits end without needing the copy.
#[derive(Clone, Copy)]
enum SubjectRef<'a> {
    Client(&'a ClientId),
    Local(&'a Arc<str>),
    Global(&'a GlobalGroupId),
}

impl SubjectRef<'_> {
    fn into_subject(self) -> Subject {
        match self {
            Self::Client(client) => Subject::Client(client.clone()),
            Self::Local(code) => Subject::LocalGroup(code.clone()),
            Self::Global(group) => Subject::GlobalGroup(group.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
