//! Completing the parts of units and their addresses.

use percent_encoding::percent_decode_str;

use super::Found;
use crate::domain::search::TextMatch;
use crate::domain::secrets::masked;
use crate::domain::unit::{HISTORY_PREFIX, Unit, UnitQuery};
use crate::limits;
use crate::registry::Result;
use crate::store::Store;

/// Units read at a time.
const PAGE: usize = 500;

/// The values of one part among the units that have the given ones, newest first.
pub(super) async fn part(
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
pub(super) struct Begun {
    /// As it was typed, without the scheme.
    pub(super) text: String,
    /// Whether the scheme was typed.
    uri: bool,
    /// The parts that are whole.
    whole: Vec<String>,
    /// The beginning of the next one; a character may be cut in the middle.
    next: Vec<u8>,
}

impl Begun {
    pub(super) fn read(typed: &str) -> Self {
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

    pub(super) fn take(&self, unit: &Unit, found: &mut Found) {
        let shown = unit.parts().iter().all(|(_, part)| masked(part) == *part);
        if shown && self.fits(unit) {
            found.add(if self.uri { unit.uri() } else { unit.path() });
        }
    }
}

/// Units by the beginning of their address.
pub(super) async fn units(store: &dyn Store, begun: &Begun, found: &mut Found) -> Result<()> {
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
}
