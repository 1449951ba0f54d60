//! How much work a schema may cause. Both sides of a check come from outside, so both the schema
//! and every single check of a payload are bounded.

/// Subschemas that a schema leads to, those of referenced documents included. The largest schema
/// in the field (CycloneDX 1.6) has under 2,000.
pub(super) const PARTS: usize = 25_000;
/// Schema resources (documents and embedded `$id`s) on one `$ref` path. The engine compiles a
/// subschema once for each such path.
pub(super) const RESOURCES_ON_A_PATH: usize = 32;
/// Subschemas that apply to one value inside each other. Real schemas nest under 10; the engine
/// recurses.
pub(super) const NESTING: u32 = 64;
/// Levels of a payload times the [`NESTING`] that the schema uses: the engine's recursion. It then
/// needs under 1 MiB of the 2 MiB that a thread's stack has.
pub(super) const FRAMES: u32 = 1_024;
/// Bytes of one compiled pattern, and of its cache while it runs.
pub(super) const PATTERN_BYTES: usize = 1024 * 1024;
/// Different patterns in a schema.
pub(super) const PATTERNS: usize = 1_000;
/// States of all compiled patterns of a schema together; a state takes about 50 bytes.
pub(super) const PATTERN_STATES: u64 = 200_000;
/// Steps (looks at a value) of one check; a step takes up to 100 ns. An SBOM of 1,000,000 values
/// against CycloneDX 1.6 takes about 8,000,000.
pub(super) const CHECK_STEPS: u64 = 100_000_000;
/// Bytes of violations held while they are collected.
pub(super) const VIOLATION_BYTES: u64 = 32 * 1024 * 1024;
/// Violations sorted to find the first [`crate::limits::VIOLATIONS`].
pub(super) const VIOLATIONS_SORTED: usize = 1_000;
/// Characters of a payload's value echoed in a violation.
pub(super) const ECHO_CHARS: usize = 100;
/// Ids of missing documents named in one refusal.
pub(super) const MISSING_NAMED: usize = 20;
