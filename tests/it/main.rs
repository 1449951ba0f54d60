//! The integration tests: one binary, so that everything links once.

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

mod mcp;
