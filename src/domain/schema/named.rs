//! x
use crate::domain::refusal::Refusal;
/// x
#[derive(Debug)]
pub struct Named { /** x */ pub schema: String, /** x */ pub suggested_type: Option<String>, /** x */ pub description: String }
/// x
pub fn named(_: &str) -> Result<Named, Refusal> { Err(Refusal::Busy { what: "" }) }
/// x
pub fn names() -> [&'static str; 0] { [] }
