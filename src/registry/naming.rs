//! Finding the one thing that a caller means: units, receivers and groups named by a part.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Error, Registry, Result};
use crate::domain::group::Group;
use crate::domain::id::{EventId, GroupId, ReceiverId, looks_like_id};
use crate::domain::principal::{Principal, Scope};
use crate::domain::receiver::Receiver;
use crate::domain::refusal::Refusal;
use crate::domain::search::{DefinitionFilter, TextMatch};
use crate::domain::text::quoted;
use crate::domain::unit::{Unit, UnitQuery};
use crate::limits;
use crate::store::Store;

impl Registry {
    /// The one receiver with this id, name or type.
    pub async fn find_receiver(&self, principal: &Principal, what: &str) -> Result<Receiver> {
        principal.require(Scope::Read)?;
        self.receiver_named(self.store().await?.as_ref(), what)
            .await
    }

    /// The one group with this id, name or type.
    pub async fn find_group(&self, principal: &Principal, what: &str) -> Result<Group> {
        principal.require(Scope::Read)?;
        self.group_named(self.store().await?.as_ref(), what).await
    }

    /// The one unit that is meant.
    pub async fn find_unit(&self, principal: &Principal, query: &UnitQuery) -> Result<Unit> {
        principal.require(Scope::Read)?;
        let store = self.store().await?;
        Ok(self.unit_meant(store.as_ref(), query).await?.0)
    }

    pub(super) async fn receiver_named(&self, store: &dyn Store, what: &str) -> Result<Receiver> {
        let what = what.trim();
        if looks_like_id(what) {
            let id: ReceiverId = what.parse()?;
            let found = self.receiver(store, id).await?;
            let found = found.map(|receiver| receiver.as_ref().clone());
            return found.ok_or_else(|| super::not_found("receiver", what, Vec::new()));
        }
        let mut found = Vec::new();
        for filter in by_name_then_type(what) {
            found = store
                .find_receivers(&filter, None, limits::CANDIDATES + 1)
                .await?
                .rows;
            if !found.is_empty() {
                break;
            }
        }
        let label = |r: &Receiver| {
            format!(
                "{} ({}, type {}, version {})",
                r.id,
                quoted(&r.name),
                quoted(&r.kind),
                quoted(&r.version)
            )
        };
        one_of("receiver", what, found, label, || async {
            let all = store
                .find_receivers(&DefinitionFilter::default(), None, limits::PAGE_MAX)
                .await?;
            Ok(all.rows.into_iter().map(|r| (r.name, r.kind)).collect())
        })
        .await
    }

    pub(super) async fn group_named(&self, store: &dyn Store, what: &str) -> Result<Group> {
        let what = what.trim();
        if looks_like_id(what) {
            let id: GroupId = what.parse()?;
            let found = store.groups(&[id]).await?.into_iter().next();
            return found.ok_or_else(|| super::not_found("group", what, Vec::new()));
        }
        let mut found = Vec::new();
        for filter in by_name_then_type(what) {
            found = store
                .find_groups(&filter, None, limits::CANDIDATES + 1)
                .await?
                .rows;
            if !found.is_empty() {
                break;
            }
        }
        let label = |g: &Group| {
            format!(
                "{} ({}, type {}, version {})",
                g.id,
                quoted(&g.name),
                quoted(&g.kind),
                quoted(&g.version)
            )
        };
        one_of("group", what, found, label, || async {
            let all = store
                .find_groups(&DefinitionFilter::default(), None, limits::PAGE_MAX)
                .await?;
            Ok(all.rows.into_iter().map(|g| (g.name, g.kind)).collect())
        })
        .await
    }

    /// The unit that is meant and its row, if it has one: a fully named unit may be new.
    pub(super) async fn unit_meant(
        &self,
        store: &dyn Store,
        query: &UnitQuery,
    ) -> Result<(Unit, Option<i64>)> {
        if let Some(text) = query.unit.as_deref() {
            let text = text.trim();
            let other_part = || {
                Error::Refused(Refusal::InvalidArgument {
                    argument: "unit",
                    value: text.to_owned(),
                    why: "another argument names a different part".to_owned(),
                })
            };
            if !looks_like_id(text) && !text.contains('/') {
                // A bare word is most likely a name.
                if query.name.as_deref().is_some_and(|name| name != text) {
                    return Err(other_part());
                }
                let by_name = UnitQuery {
                    unit: None,
                    name: Some(text.to_owned()),
                    ..query.clone()
                };
                return self.unit_by_parts(store, &by_name).await;
            }
            let (unit, row) = if looks_like_id(text) {
                self.unit_of_event(store, text.parse()?).await?
            } else {
                with_row(store, Unit::parse(text)?).await?
            };
            return if query.fits(&unit) {
                Ok((unit, row))
            } else {
                Err(other_part())
            };
        }
        match query.complete() {
            Some(unit) => {
                let mut check = crate::domain::text::FieldCheck::default();
                unit.check(&mut check);
                check.finish()?;
                with_row(store, unit).await
            }
            None => self.unit_by_parts(store, query).await,
        }
    }

    async fn unit_of_event(&self, store: &dyn Store, id: EventId) -> Result<(Unit, Option<i64>)> {
        let seqs = store.event_seqs(&[id]).await?;
        let event = store.events(&seqs).await?.into_iter().next();
        let event = event.ok_or_else(|| super::not_found("event", id.to_string(), Vec::new()))?;
        with_row(store, event.unit).await
    }

    async fn unit_by_parts(
        &self,
        store: &dyn Store,
        query: &UnitQuery,
    ) -> Result<(Unit, Option<i64>)> {
        if query.is_empty() {
            return Err(Error::Refused(Refusal::InvalidArgument {
                argument: "unit",
                value: String::new(),
                why: "name a unit: epr://history/…, an event id, or any of name, version, release, platform_id, package"
                    .to_owned(),
            }));
        }
        let name_id = match &query.name {
            None => None,
            Some(name) => match store
                .names(&TextMatch::Exact(name.clone()), 1)
                .await?
                .first()
            {
                Some((id, _)) => Some(*id),
                None => {
                    let near = near_names(store, name).await?;
                    return Err(super::not_found("unit", query.describe(), near));
                }
            },
        };
        let (mut fitting, complete) = fitting_units(store, query, name_id).await?;
        if fitting.len() == 1
            && complete
            && let Some((id, unit)) = fitting.pop()
        {
            return Ok((unit, Some(id)));
        }
        if fitting.is_empty() && !complete {
            return Err(Error::Refused(Refusal::InvalidArgument {
                argument: "unit",
                value: query.describe(),
                why: format!(
                    "none of the newest {} units fits and there are more; give name and version too, \
                     or an event id",
                    limits::UNIT_SCAN
                ),
            }));
        }
        if fitting.is_empty() {
            let near = match name_id {
                Some(id) => {
                    let units = store.units_by_name(Some(id), None, 3).await?;
                    units.into_iter().map(|(_, unit)| unit.uri()).collect()
                }
                None => Vec::new(),
            };
            return Err(super::not_found("unit", query.describe(), near));
        }
        let more = fitting.len() > limits::CANDIDATES || !complete;
        fitting.truncate(limits::CANDIDATES);
        Err(Error::Refused(Refusal::Ambiguous {
            kind: "unit",
            what: query.describe(),
            candidates: self.describe_candidates(store, &fitting).await?,
            more,
        }))
    }

    /// Each candidate with its last event and how its gates stand.
    async fn describe_candidates(
        &self,
        store: &dyn Store,
        units: &[(i64, Unit)],
    ) -> Result<Vec<String>> {
        let mut out = Vec::with_capacity(units.len());
        for (id, unit) in units {
            let newest = store
                .stream(
                    crate::store::Stream::Unit(*id),
                    crate::store::Bounds::default(),
                    crate::domain::search::Order::NewestFirst,
                    1,
                )
                .await?;
            let event = store.events(&newest).await?.into_iter().next();
            let gates = self.gates_of(store, *id, None).await?.0;
            let passing = gates.iter().filter(|gate| gate.state.passes()).count();
            let mut text = unit.uri();
            if let Some(event) = event {
                let _ = write!(
                    text,
                    " (last event {} {}",
                    event.created_at,
                    if event.success { "success" } else { "failure" }
                );
                if gates.is_empty() {
                    text.push_str(", no gate)");
                } else {
                    let _ = write!(text, ", {passing} of {} gates pass)", gates.len());
                }
            }
            out.push(text);
        }
        Ok(out)
    }
}

/// Units that fit, newest first, and whether all were looked at. Name and version lead to their
/// units by an index; other parts are looked for among the newest.
async fn fitting_units(
    store: &dyn Store,
    query: &UnitQuery,
    name_id: Option<i64>,
) -> Result<(Vec<(i64, Unit)>, bool)> {
    const PAGE: usize = 500;
    if let (Some(name), Some(version)) = (name_id, &query.version) {
        let most = limits::UNIT_SCAN;
        let mut ids = store.units_by_version(name, version, most + 1).await?;
        let complete = ids.len() <= most;
        ids.truncate(most);
        let mut units = store.units(&ids).await?;
        units.retain(|(_, unit)| query.fits(unit));
        units.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        return Ok((units, complete));
    }
    let (mut fitting, mut before, mut seen) = (Vec::new(), None, 0);
    while fitting.len() <= limits::CANDIDATES {
        let page = store.units_by_name(name_id, before, PAGE).await?;
        let ended = page.len() < PAGE;
        before = page.last().map(|(last, _)| *last);
        seen += page.len();
        fitting.extend(page.into_iter().filter(|(_, unit)| query.fits(unit)));
        if ended {
            return Ok((fitting, true));
        }
        if seen >= limits::UNIT_SCAN {
            break;
        }
    }
    Ok((fitting, false))
}

async fn with_row(store: &dyn Store, unit: Unit) -> Result<(Unit, Option<i64>)> {
    let rows = store.unit_ids(&[unit.key()]).await?;
    Ok((unit, rows.first().map(|(_, id)| *id)))
}

/// Whether something was refused because several things fit what was named. A repeated command then
/// means what it meant when its names had no namesakes.
pub(super) fn is_ambiguous(error: &Error) -> bool {
    matches!(error, Error::Refused(Refusal::Ambiguous { .. }))
}

/// Whether `what` names this receiver: by its id, its name or its type.
pub(super) fn names_receiver(what: &str, receiver: &Receiver) -> bool {
    let what = what.trim();
    what == receiver.name || what == receiver.kind || what == receiver.id.to_string()
}

/// Whether `query` can mean this unit.
pub(super) fn means_unit(query: &UnitQuery, unit: &Unit) -> bool {
    let named = match query.unit.as_deref().map(str::trim) {
        None => true,
        Some(text) if text.contains('/') => Unit::parse(text).is_ok_and(|named| named == *unit),
        Some(text) => text == unit.name,
    };
    named && query.fits(unit)
}

fn by_name_then_type(what: &str) -> [DefinitionFilter; 2] {
    let value = vec![TextMatch::Exact(what.to_owned())];
    [
        DefinitionFilter {
            name: value.clone(),
            ..DefinitionFilter::default()
        },
        DefinitionFilter {
            types: value,
            ..DefinitionFilter::default()
        },
    ]
}

/// The only one found, or a refusal with the candidates or the nearest names.
async fn one_of<T, F>(
    kind: &'static str,
    what: &str,
    mut found: Vec<T>,
    label: impl Fn(&T) -> String,
    known: impl FnOnce() -> F,
) -> Result<T>
where
    F: Future<Output = Result<Vec<(String, String)>>>,
{
    if found.len() > 1 {
        let more = found.len() > limits::CANDIDATES;
        let candidates = found.iter().take(limits::CANDIDATES).map(label).collect();
        return Err(Error::Refused(Refusal::Ambiguous {
            kind,
            what: what.to_owned(),
            candidates,
            more,
        }));
    }
    if let Some(one) = found.pop() {
        return Ok(one);
    }
    let words: BTreeSet<String> = known()
        .await?
        .into_iter()
        .flat_map(|(name, kind)| [name, kind])
        .collect();
    Err(super::not_found(kind, what, nearest(what, words)))
}

async fn near_names(store: &dyn Store, name: &str) -> Result<Vec<String>> {
    let mut words: BTreeSet<String> = store.newest_names(1_000).await?.into_iter().collect();
    // A shared beginning is the commonest kind of half-remembered name.
    let head: String = name.chars().take(3).collect();
    words.extend(
        store
            .names(&TextMatch::Prefix(head), limits::FILTER_VALUES)
            .await?
            .into_iter()
            .map(|(_, n)| n),
    );
    Ok(nearest(name, words))
}

/// Up to three words that are close to `what`, closest first, quoted.
fn nearest(what: &str, words: impl IntoIterator<Item = String>) -> Vec<String> {
    // Nothing recorded is longer, and the comparison takes the product of both lengths.
    let what: String = what.chars().take(limits::FIELD_CHARS).collect();
    let folded = what.to_lowercase();
    let mut scored: Vec<(f64, String)> = words
        .into_iter()
        .map(|word| {
            let other = word.to_lowercase();
            let contains = other.contains(&folded) || folded.contains(&other);
            let score = strsim::jaro_winkler(&folded, &other).max(if contains { 0.9 } else { 0.0 });
            (score, word)
        })
        .filter(|(score, _)| *score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored
        .into_iter()
        .take(3)
        .map(|(_, word)| quoted(&word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_words_come_first_and_far_ones_not_at_all() {
        let words = ["payments-api", "payment-api", "web", "PAYMENTS"].map(str::to_owned);
        assert_eq!(
            nearest("payments-apu", words.clone()),
            ["«payments-api»", "«payment-api»", "«PAYMENTS»"]
        );
        assert!(nearest("zzz", words.clone()).is_empty());
        let long = nearest(&"payments".repeat(100_000), words);
        assert!(long.len() <= 3, "{long:?}");
    }
}
