//! Keeps the configuration of a gateway up to date: a round every minute, slower while sources fail.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kit::Clock;
use tokio::sync::watch;

use super::disk::{Folder, StoredInstance};
use super::fetch::{Federation, Fetcher};
use super::handle::GlobalConfHandle;
use super::http::{HttpTransport, Transport};
use crate::model::anchor::Anchor;
use crate::model::global_conf::{GlobalConf, InstanceParts};
use crate::model::shared_params::{NEWEST_VERSION, Source};

/// Longest pause between two rounds while every source fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How a gateway gets its configuration.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The imported anchor of the own instance.
    pub anchor: Anchor,
    /// Folder of the copy, e.g. `/var/lib/lienthong/globalconf`.
    pub folder: PathBuf,
    /// Pause between two rounds.
    pub interval: Duration,
    /// Partners to take part with.
    pub federation: Federation,
    /// The newest version to ask for.
    pub newest_version: u32,
    /// How to fetch.
    pub transport: Arc<dyn Transport>,
    /// What time it is.
    pub clock: Clock,
}

impl ClientOptions {
    /// The customary settings: a round every minute, no federation, plain HTTP.
    #[must_use]
    pub fn new(anchor: Anchor, folder: PathBuf, clock: Clock) -> Self {
        Self {
            anchor,
            folder,
            interval: Duration::from_secs(60),
            federation: Federation::None,
            newest_version: NEWEST_VERSION,
            transport: Arc::new(HttpTransport::plain()),
            clock,
        }
    }
}

/// Fetches in the background what [`GlobalConfHandle`] gives out.
#[derive(Debug)]
pub struct Updater {
    options: ClientOptions,
    folder: Folder,
    fetcher: Fetcher,
    handle: GlobalConfHandle,
    instances: BTreeMap<String, Known>,
}

/// What is kept of one instance between rounds: the files, and the few things in them that the next round needs.
#[derive(Debug)]
struct Known {
    stored: StoredInstance,
    sources: Vec<Source>,
    anchors: Vec<Anchor>,
}

impl Known {
    fn new(stored: StoredInstance, parts: &InstanceParts) -> Self {
        let anchors = parts.private.as_ref().map_or_else(Vec::new, |private| private.anchors.clone());
        Self { stored, sources: parts.shared.sources.clone(), anchors }
    }
}

/// What a round did to the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Nothing,
    /// Files changed, or an instance came or went: the indexes are built anew.
    Content,
}

impl Updater {
    /// Starts from the copy on disk. Without a copy, or with one that cannot be read, the handle gives an empty configuration that
    /// has expired, until the first round succeeds.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let folder = Folder::new(&options.folder);
        let fetcher = Fetcher::new(options.transport.clone(), options.newest_version);
        let handle = GlobalConfHandle::new(GlobalConf::empty(&options.anchor.instance));
        let mut updater = Self { options, folder, fetcher, handle, instances: BTreeMap::new() };
        updater.load_copy();
        updater
    }

    /// What the rest of the gateway reads.
    #[must_use]
    pub fn handle(&self) -> GlobalConfHandle {
        self.handle.clone()
    }

    /// Runs rounds until `stop` turns true or its sender is gone.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut failures = 0_u32;
        while !*stop.borrow() {
            failures = if self.round().await { 0 } else { failures.saturating_add(1) };
            let pause = self
                .options
                .interval
                .saturating_mul(1 << failures.min(4))
                .min(LONGEST_PAUSE.max(self.options.interval));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                outcome = stop.changed() => if outcome.is_err() { return },
            }
        }
    }

    /// One round over the own instance and the partners. True when all went well.
    pub async fn round(&mut self) -> bool {
        let now = self.options.clock.now();
        let own = self.options.anchor.clone();
        let mut faults = Vec::new();
        let mut change = self.update(&own, true, now, &mut faults).await;
        let partners = self.partners();
        change = change.max(self.forget_all_but(&partners));
        for anchor in &partners {
            change = change.max(self.update(anchor, false, now, &mut faults).await);
        }
        if change == Change::Content {
            self.put_into_force();
        }
        self.handle.record(now, if faults.is_empty() { None } else { Some(faults.join("; ")) });
        faults.is_empty()
    }

    /// Fetches one instance. A mere new expiry is put into force here, at no cost.
    async fn update(&mut self, anchor: &Anchor, own: bool, now: Timestamp, faults: &mut Vec<String>) -> Change {
        let instance = &anchor.instance;
        let known = self.instances.get(instance).map(|known| (&known.stored, known.sources.as_slice()));
        let fetched = match self.fetcher.fetch(anchor, known, own, now).await {
            Ok(fetched) => fetched,
            Err(error) => {
                faults.push(format!("{instance}: {error}"));
                return Change::Nothing;
            }
        };
        if let Err(error) = self.folder.save(instance, &fetched.stored, fetched.parts.is_some()) {
            faults.push(format!("{instance}: the copy cannot be written: {error}"));
        }
        match (self.instances.get_mut(instance), &fetched.parts) {
            (Some(known), None) => {
                known.stored = fetched.stored;
                self.handle.extend(instance, known.stored.expires_at());
                Change::Nothing
            }
            (None, None) => Change::Nothing,
            (_, Some(parts)) => {
                let known = Known::new(fetched.stored, parts);
                self.instances.insert(instance.clone(), known);
                Change::Content
            }
        }
    }

    /// Anchors of the partners that the own instance names and this gateway takes part with.
    fn partners(&self) -> Vec<Anchor> {
        let own = &self.options.anchor.instance;
        let named = self.instances.get(own).into_iter().flat_map(|known| &known.anchors);
        named
            .filter(|anchor| anchor.instance != *own && self.options.federation.allows(&anchor.instance))
            .cloned()
            .collect()
    }

    /// A partner that is no longer named stops counting at once.
    fn forget_all_but(&mut self, partners: &[Anchor]) -> Change {
        let (own, before) = (&self.options.anchor.instance, self.instances.len());
        self.instances
            .retain(|instance, _| instance == own || partners.iter().any(|anchor| anchor.instance == *instance));
        if self.instances.len() == before { Change::Nothing } else { Change::Content }
    }

    fn load_copy(&mut self) {
        let own = self.options.anchor.instance.clone();
        if let Err(error) = self.folder.save_own_instance(&own) {
            tracing::warn!(error.reason = %error, "the folder of the global configuration cannot be written");
        }
        self.load_instance(&own);
        for anchor in self.partners() {
            self.load_instance(&anchor.instance);
        }
        if !self.instances.is_empty() {
            self.put_into_force();
        }
    }

    fn load_instance(&mut self, instance: &str) {
        let loaded = match self.folder.load(instance) {
            Ok(Some(stored)) => stored,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(error.reason = %error, "the copy of the global configuration is not usable");
                return;
            }
        };
        match loaded.parts() {
            Ok(parts) if *parts.shared.instance == *instance => {
                let known = Known::new(loaded, &parts);
                self.instances.insert(instance.to_owned(), known);
            }
            Ok(_) => {
                tracing::warn!(conf.instance = instance, "the copy of the global configuration is of another instance")
            }
            Err(error) => tracing::warn!(error.reason = %error, "the copy of the global configuration is not readable"),
        }
    }

    fn put_into_force(&self) {
        let own = &self.options.anchor.instance;
        let Some(first) = self.instances.get(own) else { return };
        let others = self.instances.iter().filter(|(instance, _)| *instance != own).map(|(_, known)| known);
        let parts: Result<Vec<_>, _> = std::iter::once(first).chain(others).map(|known| known.stored.parts()).collect();
        let built = parts.map_err(|error| error.to_string());
        match built.and_then(|parts| GlobalConf::build(parts).map_err(|error| error.to_string())) {
            Ok(conf) => self.handle.replace(conf),
            Err(reason) => tracing::error!(error.reason = reason, "the global configuration cannot be put into force"),
        }
    }
}
