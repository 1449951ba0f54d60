//! The server as a client meets it: the real binary, over stdio.

mod bad_input;
mod bad_schemas;
pub(crate) mod client;
mod completing;
mod confirming;
pub(crate) mod ending;
mod hostile;
mod kill;
mod protocol;
mod searching;
mod secrets;
mod snapshots;
mod storage;
mod subscribing;
mod workshop;
