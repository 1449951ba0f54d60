//! What all engines do alike: reading rows, loading state, writing plans, each once, over an engine's
//! [`Session`]. An engine gives its connections, its transactions and the statements in which it
//! differs.

mod apply;
mod engine;
mod engine_index;
mod load;
mod load_index;
mod read;
mod rows;
mod session;
mod statements;
mod writing;

pub(super) use apply::{group_state, row_of};
pub(super) use engine::Engine;
pub(super) use load::text_key;
pub(super) use session::{Arg, Columns, Recorders, Session, touched};
pub(super) use statements::{
    Statements, counter_columns, event_columns, group_columns, receiver_columns, recorded_columns,
    registry_columns, run_columns, runs_and_roots, unit_columns,
};
pub(super) use writing::{Memory, Step, check_readable, is_written, preview, prune, steps};
