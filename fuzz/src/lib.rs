//! What is fuzzed: each function takes any bytes, must not panic, and checks what must hold of every input.
//!
//! The fuzz targets (`fuzz/targets`, cargo-fuzz, nightly) and an ordinary test of the exchange (`fuzz_smoke`, any toolchain)
//! run the same functions, so that the entry points are exercised wherever the tests are.

mod certificates;
mod configuration;
mod evidence;
mod messages;

/// One entry point: its name, which is that of its target and of its folder of seeds, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// Every entry point.
pub const TARGETS: [Target; 17] = [
    ("access_path", messages::access_path),
    ("anchor", configuration::anchor),
    ("certificate", certificates::certificate),
    ("container", evidence::container),
    ("fault", messages::fault),
    ("hash_chain", evidence::hash_chain),
    ("header_part", messages::header_part),
    ("identifiers", messages::identifiers),
    ("multipart", messages::multipart),
    ("ocsp", certificates::ocsp),
    ("openapi", messages::openapi),
    ("private_params", configuration::private_params),
    ("rest_request", messages::rest_request),
    ("shared_params", configuration::shared_params),
    ("signature", evidence::signature),
    ("signed_directory", configuration::signed_directory),
    ("time_stamp", certificates::time_stamp),
];

/// Runs the entry point called `name`.
///
/// # Panics
/// When there is none of that name, or when the input shows a fault.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(found.is_some(), "no entry point is called {name}");
    if let Some((_, target)) = found {
        target(data);
    }
}
