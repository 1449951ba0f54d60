//! The use cases, each over a registry on a file of its own.

mod access;
mod faults;
mod gates;
mod log;
mod naming;
mod repeats;
mod search;
mod search_property;
