//! The registry's words and rules, pure: no I/O, no SQL, no JSON-RPC.
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`], [`id`] | instants and ids; the [`time::Clock`] and [`id::IdSource`] they come from |
//! | [`mod@unit`], [`receiver`], [`group`], [`event`] | the records |
//! | [`principal`] | who asks, and what they may do |
//! | [`text`], [`json`], [`schema`] | what a field, a payload and a receiver's schema must look like |
//! | [`gate`] | when a gate passes |
//! | [`command`], [`decide`] | what a writer is asked, and the pure rule that turns it into a plan |
//! | [`indexed`], [`run`] | what is kept of what a payload says; the summary of a pipeline run |
//! | [`message`] | the wire body of everything that is published |
//! | [`search`], [`window`] | filters, pages and time windows |
//! | [`secrets`] | known shapes of secrets in text from outside |
//! | [`retention`] | how long things that are not kept for ever are kept |
//! | [`refusal`] | the closed set of ways to say no |

pub mod command;
pub mod decide;
pub mod event;
pub mod gate;
pub mod group;
pub mod id;
pub mod indexed;
pub mod json;
pub mod message;
pub mod principal;
pub mod receiver;
pub mod refusal;
pub mod retention;
pub mod run;
pub mod schema;
pub mod search;
pub mod secrets;
pub mod text;
pub mod time;
pub mod unit;
pub mod window;
