//! Completing what somebody types: names, versions, ids, the addresses of units and gates.
//!
//! Every lookup is bounded and runs by an index, whatever the registry holds: where not all could be
//! looked at, the answer says that there is more.

use std::collections::{BTreeMap, HashSet};

use percent_encoding::percent_decode_str;

use super::{Error, Registry, Result};
use crate::domain::id::looks_like_id;
use crate::domain::principal::{Principal, Scope};
use crate::domain::refusal::Refusal;
use crate::domain::search::{DefinitionFilter, TextMatch};
use crate::domain::secrets::masked;
use crate::domain::text::is_hidden;
use crate::domain::unit::{HISTORY_PREFIX, Unit, UnitQuery};
use crate::limits;
use crate::store::{RecordText, Store};

/// Units read at a time.
const PAGE: usize = 500;

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

/// The values of one part among the units that have the given ones, newest first.
async fn part(
    store: &dyn Store,
    field: &'static str,
    given: &UnitQuery,
    begun: &str,
    found: &mut Found,
) -> Result<()> {
    if field == "name" {
        return names(store, begun, found).await;
    }
    let name = match &given.name {
        None => None,
        Some(name) => match name_row(store, name).await? {
            Some(id) => Some(id),
            None => return Ok(()),
        },
    };
    let version = given.version.as_deref().filter(|_| field != "version");
    let fits = |unit: &Unit| {
        let parts = unit.parts();
        let as_given = given.parts().filter(|(other, _)| *other != field);
        as_given.into_iter().all(|given| parts.contains(&given))
    };
    walk(store, name, version, found, |unit, found| {
        if fits(unit) {
            let parts = unit.parts();
            let value = parts.iter().find(|(other, _)| *other == field);
            if let Some((_, value)) = value.filter(|(_, value)| value.starts_with(begun)) {
                found.add((*value).to_owned());
            }
        }
    })
    .await
}

/// Names: the newest, or those that begin so in character order. Where none does, the newest ones
/// that do so in another case.
async fn names(store: &dyn Store, begun: &str, found: &mut Found) -> Result<()> {
    if begun.is_empty() {
        let newest = store.newest_names(limits::COMPLETIONS + 1).await?;
        found.all(newest);
        return Ok(());
    }
    let beginning = TextMatch::Prefix(begun.to_owned());
    let fitting = store.names(&beginning, limits::COMPLETIONS + 1).await?;
    found.all(fitting.into_iter().map(|(_, name)| name));
    if found.values.is_empty() {
        let newest = store.newest_names(limits::COMPLETION_TEXTS).await?;
        found.cut |= newest.len() == limits::COMPLETION_TEXTS;
        let folded = begun.to_lowercase();
        let fits = |name: &String| name.to_lowercase().starts_with(&folded);
        found.all(newest.into_iter().filter(fits));
    }
    Ok(())
}

async fn name_row(store: &dyn Store, name: &str) -> Result<Option<i64>> {
    let exact = TextMatch::Exact(name.to_owned());
    Ok(store.names(&exact, 1).await?.first().map(|(id, _)| *id))
}

/// Shows units to `take`, newest first, until enough is found: those of a name and version, of a
/// name, or all; not more than [`limits::UNIT_SCAN`].
async fn walk(
    store: &dyn Store,
    name: Option<i64>,
    version: Option<&str>,
    found: &mut Found,
    take: impl Fn(&Unit, &mut Found) + Send + Sync,
) -> Result<()> {
    if let (Some(name), Some(version)) = (name, version) {
        let most = limits::UNIT_SCAN;
        let mut ids = store.units_by_version(name, version, most + 1).await?;
        found.cut |= ids.len() > most;
        ids.truncate(most);
        for ids in ids.chunks(PAGE) {
            let mut units = store.units(ids).await?;
            units.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
            for (_, unit) in &units {
                take(unit, found);
            }
            if found.full() {
                break;
            }
        }
        return Ok(());
    }
    let (mut before, mut seen) = (None, 0);
    while !found.full() {
        let page = store.units_by_name(name, before, PAGE).await?;
        for (_, unit) in &page {
            take(unit, found);
        }
        if page.len() < PAGE {
            break;
        }
        before = page.last().map(|(last, _)| *last);
        seen += page.len();
        if seen >= limits::UNIT_SCAN {
            found.cut = true;
            break;
        }
    }
    Ok(())
}

/// The beginning of a unit's address.
#[derive(Debug)]
struct Begun {
    /// As it was typed, without the scheme.
    text: String,
    /// Whether the scheme was typed.
    uri: bool,
    /// The parts that are whole.
    whole: Vec<String>,
    /// The beginning of the next one; a character may be cut in the middle.
    next: Vec<u8>,
}

impl Begun {
    fn read(typed: &str) -> Self {
        let text = typed.strip_prefix(HISTORY_PREFIX).unwrap_or(typed);
        let mut parts: Vec<&str> = text.split('/').collect();
        let last = parts.pop().unwrap_or_default();
        // An escape that is not at its end yet.
        let last = match last.len().checked_sub(2).and_then(|at| last.get(at..)) {
            Some(end) if end.starts_with('%') => last.strip_suffix(end),
            _ => last.strip_suffix('%'),
        }
        .unwrap_or(last);
        let decoded = |part: &&str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        Self {
            text: text.to_owned(),
            uri: typed.starts_with(HISTORY_PREFIX),
            whole: parts.iter().map(decoded).collect(),
            next: percent_decode_str(last).collect(),
        }
    }

    fn fits(&self, unit: &Unit) -> bool {
        let parts = unit.parts();
        let mut parts = parts.iter().map(|(_, part)| *part);
        let whole = self.whole.iter().all(|part| parts.next() == Some(part));
        whole
            && parts
                .next()
                .is_some_and(|part| part.as_bytes().starts_with(&self.next))
    }

    fn take(&self, unit: &Unit, found: &mut Found) {
        let shown = unit.parts().iter().all(|(_, part)| masked(part) == *part);
        if shown && self.fits(unit) {
            found.add(if self.uri { unit.uri() } else { unit.path() });
        }
    }
}

/// Units by the beginning of their address.
async fn units(store: &dyn Store, begun: &Begun, found: &mut Found) -> Result<()> {
    let take = |unit: &Unit, found: &mut Found| begun.take(unit, found);
    if let Some(name) = begun.whole.first() {
        return match name_row(store, name).await? {
            Some(name) => {
                let version = begun.whole.get(1).map(String::as_str);
                walk(store, Some(name), version, found, take).await
            }
            None => Ok(()),
        };
    }
    if begun.next.is_empty() {
        return walk(store, None, None, found, take).await;
    }
    let whole_characters = begun.next.utf8_chunks().next().map_or("", |c| c.valid());
    let beginning = TextMatch::Prefix(whole_characters.to_owned());
    let names = store
        .names(&beginning, limits::COMPLETION_NAMES + 1)
        .await?;
    found.cut |= names.len() > limits::COMPLETION_NAMES;
    for (name, _) in names.into_iter().take(limits::COMPLETION_NAMES) {
        if found.full() {
            break;
        }
        let newest = store
            .units_by_name(Some(name), None, limits::COMPLETIONS + 1)
            .await?;
        found.cut |= newest.len() > limits::COMPLETIONS;
        for (_, unit) in &newest {
            take(unit, found);
        }
    }
    Ok(())
}

/// Ids that begin so, newest first, in either case.
async fn ids(store: &dyn Store, of: RecordText, begun: &str, found: &mut Found) -> Result<()> {
    if !begun.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let begun = begun.to_ascii_uppercase();
    let ids = store.texts(of, &begun, limits::COMPLETIONS + 1).await?;
    found.all(ids.into_iter().map(|(id, _)| id));
    Ok(())
}

/// By what receivers, or groups, are named.
#[derive(Debug, Clone, Copy)]
struct Definitions {
    name: RecordText,
    kind: RecordText,
    id: RecordText,
}

const RECEIVERS: Definitions = Definitions {
    name: RecordText::ReceiverName,
    kind: RecordText::ReceiverType,
    id: RecordText::ReceiverId,
};
const GROUPS: Definitions = Definitions {
    name: RecordText::GroupName,
    kind: RecordText::GroupType,
    id: RecordText::GroupId,
};

/// Receivers or groups: by name, then by type, then by id; the newest names where nothing is begun.
async fn definitions(
    store: &dyn Store,
    of: Definitions,
    begun: &str,
    found: &mut Found,
) -> Result<()> {
    let mut names = texts(store, of.name, begun, found).await?;
    let several = repeated(&names);
    if begun.is_empty() {
        names = newest(store, of).await?;
    }
    for (name, id) in names {
        found.add(address(name, id, &several));
    }
    if begun.is_empty() {
        return Ok(());
    }
    let types = texts(store, of.kind, begun, found).await?;
    let several = repeated(&types);
    for (kind, id) in types {
        found.add(address(kind, id, &several));
    }
    ids(store, of.id, begun, found).await
}

async fn texts(
    store: &dyn Store,
    of: RecordText,
    begun: &str,
    found: &mut Found,
) -> Result<Vec<(String, String)>> {
    let texts = store.texts(of, begun, limits::COMPLETION_TEXTS).await?;
    found.cut |= texts.len() == limits::COMPLETION_TEXTS;
    Ok(texts)
}

/// The names and ids of the newest.
async fn newest(store: &dyn Store, of: Definitions) -> Result<Vec<(String, String)>> {
    let (all, most) = (DefinitionFilter::default(), limits::COMPLETIONS + 1);
    Ok(if of.name == RecordText::ReceiverName {
        let page = store.find_receivers(&all, None, most).await?;
        let pair = |r: crate::domain::receiver::Receiver| (r.name, r.id.to_string());
        page.rows.into_iter().map(pair).collect()
    } else {
        let page = store.find_groups(&all, None, most).await?;
        let pair = |g: crate::domain::group::Group| (g.name, g.id.to_string());
        page.rows.into_iter().map(pair).collect()
    })
}

/// The texts that stand more than once.
fn repeated(texts: &[(String, String)]) -> HashSet<String> {
    let (mut seen, mut several) = (HashSet::new(), HashSet::new());
    for (text, _) in texts {
        if !seen.insert(text) {
            several.insert(text.clone());
        }
    }
    several
}

/// What leads to one definition and no other: its text, or its id where several share the text, or
/// where the text would be read otherwise.
fn address(text: String, id: String, several: &HashSet<String>) -> String {
    let exact = text.trim() == text && !looks_like_id(&text) && !several.contains(&text);
    if exact { text } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(parts: [&str; 5]) -> Unit {
        let [name, version, release, platform_id, package] = parts.map(str::to_owned);
        Unit {
            name,
            version,
            release,
            platform_id,
            package,
        }
    }

    #[test]
    fn a_unit_fits_every_beginning_of_its_address() {
        let unit = unit(["a/b é", "1%", "r", "linux/amd64", "oci"]);
        for whole in [unit.path(), unit.uri()] {
            for end in whole.len() - unit.path().len()..=whole.len() {
                let begun = &whole[..end];
                assert!(Begun::read(begun).fits(&unit), "{begun}");
            }
        }
        for other in [
            "b",
            "a%2Fb/",
            "a%2Fb%20%C3%A9/2",
            "a%2Fb%20%C3%A9/1%25/r/linux/amd64",
        ] {
            assert!(!Begun::read(other).fits(&unit), "{other}");
        }
        let more = format!("{}/", unit.path());
        assert!(!Begun::read(&more).fits(&unit), "there is no sixth part");
    }

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

    #[test]
    fn a_text_that_several_share_gives_way_to_their_ids() {
        let several = repeated(&[
            ("build".to_owned(), "1".to_owned()),
            ("build".to_owned(), "2".to_owned()),
            ("scan".to_owned(), "3".to_owned()),
        ]);
        let shown = |text: &str| address(text.to_owned(), "ID".to_owned(), &several);
        assert_eq!(shown("scan"), "scan");
        assert_eq!(shown("build"), "ID");
        assert_eq!(shown(" scan"), "ID");
        assert_eq!(shown("01ARZ3NDEKTSV4RRFFQ69G5FAV"), "ID");
    }
}
