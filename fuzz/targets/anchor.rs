//! Fuzz target `anchor`; what it checks is in the entry point of that name.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::run("anchor", data));
