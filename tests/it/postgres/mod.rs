//! What is PostgreSQL's own: connections that break, servers that go, databases that others use too.

mod faults;
mod proxy;
mod server;
