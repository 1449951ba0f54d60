//! What the payloads of events say about each other, without I/O: CloudEvents and CDEvents are read
//! into [`Facts`], facts give the keys that tie events together ([`edges`]), and from the events
//! that a bounded walk over those keys finds the story of a pipeline run is told.

pub mod ask;
pub mod cloudevent;
mod conformance;
pub mod convert;
mod decode;
pub mod delivery;
mod deploy;
mod facts;
pub mod http;
pub mod intake;
mod key;
mod names;
mod origin;
pub mod repair;
mod run;
mod same;
mod shown;
mod story;
#[cfg(test)]
mod testing;
pub mod trace;
mod uri;
pub mod walk;

pub use conformance::verdict;
pub use decode::artifact::ArtifactId;
pub use decode::{Hint, bare, decode};
pub use deploy::{DeliveryScope, delivery_key};
pub use facts::{
    Artifact, Conformance, Context, Details, DocumentKind, Facts, Note, Recorded, Reference,
    SbomReference, Scan, Step, Subject, Target, Verdict,
};
pub use intake::{UNIT_EXTENSIONS, indexed, is_fault, receiver_type, run_touch, success, unit};
pub use key::{Edge, KeyKind, LinkKey, Role, edges, hub_key};
pub use run::{Confidence, Member, Method, Related, Remark, Run, Via};
pub use same::content_digest;
pub use story::{Asked, GateLine, Page, Section, Story, Told, Typical, duration, stalled_after};
pub use walk::{Anchor, Candidate, Found, LinkRow, Walk, WalkLimits};
