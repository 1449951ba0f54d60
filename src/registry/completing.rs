//! Completing what somebody types: names, versions, ids, the addresses of units and gates.
//!
//! Every lookup is bounded and runs by an index, whatever the registry holds: where not all could be
//! looked at, the answer says that there is more.

mod definitions;
mod runs;
mod units;

use std::collections::{BTreeMap, HashSet};

use self::definitions::{GROUPS, RECEIVERS, address, definitions, ids, repeated, texts};
use self::runs::runs;
use self::units::{Begun, part, units};
use super::{Error, Registry, Result};
use crate::domain::principal::{Principal, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::secrets::masked;
use crate::domain::text::is_hidden;
use crate::domain::unit::{Unit, UnitQuery};
use crate::limits;
use crate::store::{RecordText, Store};

/// What is to be completed.
#[derive(Debug, Clone)]
pub enum Blank {
    /// One of the five parts of a unit, by its field's name, among units with the parts that are
    /// given.
    Part {
        /// `name`, `version`, `release`, `platform_id` or `package`.
        field: &'static str,
        /// The other parts, as far as they are known.
        given: UnitQuery,
    },
    /// A unit: its percent-encoded path, or its URI where that is begun. Where nothing fits, the id
    /// of an event.
    Unit {
        /// A group by id, name or type; the units of its gate come first, those that wait before
        /// those that pass.
        group: Option<String>,
    },
    /// The id of an event.
    Event,
    /// A pipeline run: its id or handle, or the name of its pipeline.
    Run,
    /// A receiver: its name or type, or its id where these are not enough.
    Receiver,
    /// A group, likewise.
    Group {
        /// The groups whose gates this unit has come first.
        unit: UnitQuery,
    },
}

/// What something can be completed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// Whole values, the best first; at most [`limits::COMPLETIONS`].
    pub values: Vec<String>,
    /// How many there are, where all were looked at.
    pub total: Option<usize>,
    /// Whether there are, or may be, more.
    pub more: bool,
}

/// Values in the making.
#[derive(Debug, Default)]
struct Found {
    values: Vec<String>,
    seen: HashSet<String>,
    /// Something was not looked at.
    cut: bool,
}

impl Found {
    /// Takes a value in, once. One that would be masked in an answer, or does not show as it is, is
    /// left out: a part of an address is exact or of no use.
    fn add(&mut self, value: String) {
        let shown = masked(&value) == value.as_str() && !value.chars().any(is_hidden);
        if shown && self.seen.insert(value.clone()) {
            self.values.push(value);
        }
    }

    fn all(&mut self, values: impl IntoIterator<Item = String>) {
        for value in values {
            self.add(value);
        }
    }

    /// One value more than an answer holds tells that there are more.
    fn full(&self) -> bool {
        self.values.len() > limits::COMPLETIONS
    }

    fn finish(mut self) -> Completion {
        let more = self.cut || self.full();
        let total = (!more).then_some(self.values.len());
        self.values.truncate(limits::COMPLETIONS);
        Completion {
            values: self.values,
            total,
            more,
        }
    }
}

impl Registry {
    /// Completes `begun`; nothing begun gives the newest.
    pub async fn complete(
        &self,
        principal: &Principal,
        blank: &Blank,
        begun: &str,
    ) -> Result<Completion> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        let store = store.as_ref();
        let mut found = Found::default();
        match blank {
            Blank::Part { field, given } => part(store, field, given, begun, &mut found).await?,
            Blank::Unit { group } => {
                let begun = Begun::read(begun);
                if let Some(group) = group {
                    self.units_at_gate(store, group, &begun, &mut found).await?;
                }
                units(store, &begun, &mut found).await?;
                if found.values.is_empty() {
                    ids(store, RecordText::EventId, &begun.text, &mut found).await?;
                }
            }
            Blank::Event => ids(store, RecordText::EventId, begun, &mut found).await?,
            Blank::Run => runs(store, begun, &mut found).await?,
            Blank::Receiver => definitions(store, RECEIVERS, begun, &mut found).await?,
            Blank::Group { unit } => {
                self.groups_of_unit(store, unit, begun, &mut found).await?;
                definitions(store, GROUPS, begun, &mut found).await?;
            }
        }
        Ok(found.finish())
    }

    /// The units of a group's gate. A group that is not there, or is several, has none.
    async fn units_at_gate(
        &self,
        store: &dyn Store,
        group: &str,
        begun: &Begun,
        found: &mut Found,
    ) -> Result<()> {
        let Some(group) = settled(self.group_named(store, group).await)? else {
            return Ok(());
        };
        let look = self
            .look_at_gate(store, &group, None, limits::WAITING_SCAN)
            .await?;
        // What was not looked at here is met among all units.
        let waiting = look.waiting.iter().map(|(row, ..)| *row);
        let rows: Vec<i64> = waiting.chain(look.passing).collect();
        let units: BTreeMap<i64, Unit> = store.units(&rows).await?.into_iter().collect();
        for unit in rows.iter().filter_map(|row| units.get(row)) {
            if found.full() {
                break;
            }
            begun.take(unit, found);
        }
        Ok(())
    }

    /// The groups whose gates a unit has. A unit that is not there, or is several, has none.
    async fn groups_of_unit(
        &self,
        store: &dyn Store,
        unit: &UnitQuery,
        begun: &str,
        found: &mut Found,
    ) -> Result<()> {
        if unit.is_empty() {
            return Ok(());
        }
        let Some((_, Some(row))) = settled(self.unit_meant(store, unit).await)? else {
            return Ok(());
        };
        let receivers = store.unit_receivers(row, limits::UNIT_RECEIVERS).await?;
        let groups = store.groups_of(&receivers, limits::COMPLETIONS).await?;
        let mut names: Vec<(String, String)> = groups
            .into_iter()
            .filter(|group| group.name.starts_with(begun))
            .map(|group| (group.name, group.id.to_string()))
            .collect();
        names.sort_by(|a, b| b.1.cmp(&a.1));
        let several = repeated(&texts(store, RecordText::GroupName, begun, found).await?);
        for (name, id) in names {
            found.add(address(name, id, &several));
        }
        Ok(())
    }
}

/// What was found, or nothing where what was named is not there or not only one.
fn settled<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(one) => Ok(Some(one)),
        Err(Error::Refused(refusal)) if !refusal.retryable() => match refusal {
            Refusal::Forbidden { .. } => Err(refusal.into()),
            _ => Ok(None),
        },
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_or_does_not_show_is_left_out() {
        let mut found = Found::default();
        let token = format!("ghp_{}", "a".repeat(36));
        for value in ["web", &token, "a\u{202e}b", "web", "api"] {
            found.add(value.to_owned());
        }
        let completion = found.finish();
        assert_eq!(completion.values, ["web", "api"]);
        assert_eq!((completion.total, completion.more), (Some(2), false));
    }

    #[test]
    fn the_hundred_and_first_value_tells_that_there_are_more() {
        for (count, total, more) in [(100, Some(100), false), (101, None, true)] {
            let mut found = Found::default();
            (0..count).for_each(|i| found.add(format!("v{i}")));
            let completion = found.finish();
            assert_eq!(completion.values.len(), 100);
            assert_eq!((completion.total, completion.more), (total, more));
        }
    }
}
