//! Builds a configuration snapshot from the store.
