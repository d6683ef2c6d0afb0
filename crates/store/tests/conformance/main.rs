//! One suite for both engines: every door of the data layer has a case here, run on SQLite and on PostgreSQL.

#![cfg(test)]

mod blob;
mod crash;
mod jobs;
mod journal;
mod migrations;
mod statements;
mod support;
mod transactions;
