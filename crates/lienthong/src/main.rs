//! The program `lienthong`: one binary for every role. Here only what was asked is read and handed on.

mod commands;
mod config;
mod demo;
mod evidence;
mod home;
mod http;
mod out;
mod roles;
mod setup;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::run(commands::Cli::parse())
}
