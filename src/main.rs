//! The binary: reads the command line, runs one command, gives its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    epr_mcp::cli::main()
}
