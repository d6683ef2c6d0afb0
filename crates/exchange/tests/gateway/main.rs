//! The data path through real listeners: one binary, one file for each aspect.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod nation;
mod rest;
