//! Pure rules of the directory. No I/O, no async, no clock, no randomness.

pub mod agency;
pub mod agency_table;
pub mod anchor;
pub mod cert;
pub mod evidence;
pub mod fold;
pub mod global_conf;
pub mod id;
pub mod private_params;
pub mod profile;
pub mod request;
pub mod shared_params;
pub mod signed_directory;
pub mod trust_view;
pub mod xml;
