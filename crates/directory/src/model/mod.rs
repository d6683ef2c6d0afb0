//! Pure rules of the directory. No I/O, no async, no clock, no randomness.

pub mod id;
