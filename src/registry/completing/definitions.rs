//! Completing what names receivers, groups and events.

use std::collections::HashSet;

use super::Found;
use crate::domain::group::Group;
use crate::domain::id::looks_like_id;
use crate::domain::receiver::Receiver;
use crate::domain::search::DefinitionFilter;
use crate::limits;
use crate::registry::Result;
use crate::store::{RecordText, Store};

/// Ids that begin so, newest first, in either case.
pub(super) async fn ids(
    store: &dyn Store,
    of: RecordText,
    begun: &str,
    found: &mut Found,
) -> Result<()> {
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
pub(super) struct Definitions {
    name: RecordText,
    kind: RecordText,
    id: RecordText,
}

pub(super) const RECEIVERS: Definitions = Definitions {
    name: RecordText::ReceiverName,
    kind: RecordText::ReceiverType,
    id: RecordText::ReceiverId,
};
pub(super) const GROUPS: Definitions = Definitions {
    name: RecordText::GroupName,
    kind: RecordText::GroupType,
    id: RecordText::GroupId,
};

/// Receivers or groups: by name, then by type, then by id; the newest names where nothing is begun.
pub(super) async fn definitions(
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

pub(super) async fn texts(
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
        let pair = |r: Receiver| (r.name, r.id.to_string());
        page.rows.into_iter().map(pair).collect()
    } else {
        let page = store.find_groups(&all, None, most).await?;
        let pair = |g: Group| (g.name, g.id.to_string());
        page.rows.into_iter().map(pair).collect()
    })
}

/// The texts that stand more than once.
pub(super) fn repeated(texts: &[(String, String)]) -> HashSet<String> {
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
pub(super) fn address(text: String, id: String, several: &HashSet<String>) -> String {
    let exact = text.trim() == text && !looks_like_id(&text) && !several.contains(&text);
    if exact { text } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

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
