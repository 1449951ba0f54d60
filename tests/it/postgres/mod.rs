//! What is PostgreSQL's own: connections that break, servers that go, databases that others use too.

mod faults;
mod opening;
mod proxy;
mod server;
