//! The integration tests: one binary, so that everything links once.
//!
//! | module | what it proves |
//! |---|---|
//! | `agreement` | both engines and a naive model give the same answers |
//! | `store` | what every database engine has to do: one suite that each engine runs |
//! | `registry` | the use cases: searches, names, gates, rights, faults of the database |
//! | `gating` | gates without the faults of the existing server |
//! | `crash` | what was acknowledged survives a killed process, whole |
//! | `postgres` | a server that goes and comes, and what else is PostgreSQL's own |
//! | `racing` | gates turn once, whoever races |
//! | `mcp` | the server as a client meets it |
//! | `commands` | defining, recording, searching and asking a gate from the command line |
//! | `cli` | the other commands, settings, logs |
//! | `install` | clients are connected, on every platform's places, and nothing of theirs is lost |
//! | `runs` | CDEvents go in as they are, and the story of a pipeline run comes out |
//! | `architecture` | the order of the modules |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it left out, and has no runtime to block"
)]

mod agreement;
mod architecture;
mod cli;
mod commands;
mod crash;
mod gating;
mod harness;
mod install;
mod mcp;
mod postgres;
mod racing;
mod registry;
mod runs;
mod store;
