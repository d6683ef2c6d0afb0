//! A bounded memory for verdicts: old entries that are not asked for any more make room for new ones.

use ahash::AHashMap;
use parking_lot::Mutex;
use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

/// A bounded map in two halves: when the young half is full it becomes the old one, and what was not used since is dropped.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    halves: Mutex<Halves<K, V>>,
    half_capacity: usize,
}

#[derive(Debug)]
struct Halves<K, V> {
    young: AHashMap<K, Arc<V>>,
    old: AHashMap<K, Arc<V>>,
}

impl<K: Eq + Hash, V> Memory<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        let halves = Halves { young: AHashMap::new(), old: AHashMap::new() };
        Self { halves: Mutex::new(halves), half_capacity: (capacity / 2).max(1) }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let mut halves = self.halves.lock();
        if let Some(found) = halves.young.get(key) {
            return Some(Arc::clone(found));
        }
        let (key, value) = halves.old.remove_entry(key)?;
        Self::insert(&mut halves, key, Arc::clone(&value), self.half_capacity);
        Some(value)
    }

    pub(super) fn put(&self, key: K, value: Arc<V>) {
        Self::insert(&mut self.halves.lock(), key, value, self.half_capacity);
    }

    fn insert(halves: &mut Halves<K, V>, key: K, value: Arc<V>, half_capacity: usize) {
        if halves.young.len() >= half_capacity {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(key, value);
    }
}
