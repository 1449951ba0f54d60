//! An Event Provenance Registry that AI assistants talk to over MCP.
//!
//! The modules, in the order in which they may use each other (each only what stands above it):
//!
//! | module | what it is |
//! |---|---|
//! | [`limits`] | every bound, with its reason |
//! | [`domain`] | the records and rules, pure |
//! | [`correlate`] | what payloads say about each other: CloudEvents, CDEvents, pipeline runs; pure |
//! | [`store`] | the rows: the one place with SQL |
//! | [`registry`] | the use cases; authorises; the only caller of the writer |
//! | [`mcp`] | tools, resources and prompts for assistants |
//! | [`cli`] | the commands of the binary |
//!
//! [`config`] and [`telemetry`] are leaves that only the commands use. `docs/ARCHITECTURE.md` walks
//! one event through all of it; `tests/it/architecture.rs` enforces the order.

pub mod cli;
pub mod config;
pub mod correlate;
pub mod domain;
pub mod limits;
pub mod mcp;
pub mod registry;
pub mod store;
pub mod telemetry;
