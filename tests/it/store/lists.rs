//! Receivers, groups, the audit trail and the counters.

use epr_mcp::domain::command::{Action, AuditNote, Command};
use epr_mcp::domain::group::Group;
use epr_mcp::domain::id::{GroupId, ReceiverId};
use epr_mcp::domain::receiver::{Receiver, fingerprint};
use epr_mcp::domain::search::{DefinitionFilter, Page, TextMatch};
use epr_mcp::store::{Counters, ReceiverText, RecordText};

use super::scene::{Scene, after_start};
use crate::harness::{SECOND, command, create_group, create_receiver, record_event, unit};

fn receiver_draft(command: &mut Command) -> &mut epr_mcp::domain::receiver::ReceiverDraft {
    let Action::CreateReceiver { draft, .. } = &mut command.action else {
        panic!("no receiver")
    };
    draft
}

pub(crate) async fn receivers_and_groups_come_back_as_they_were_written(scene: Scene) {
    let id = scene.receiver_id();
    let mut create = create_receiver(id, "r");
    let schema = r#"{"type":"object","properties":{"é":{"type":"string","maxLength":1.50}}}"#;
    receiver_draft(&mut create).schema = schema.to_owned();
    let Action::CreateReceiver { unchecked_refs, .. } = &mut create.action else {
        panic!()
    };
    *unchecked_refs = true;
    scene.submit(create).await.unwrap();
    let other = scene.receiver("other").await;
    let receiver = Receiver {
        id,
        name: "r".to_owned(),
        kind: "type.r".to_owned(),
        version: "1".to_owned(),
        description: "a receiver".to_owned(),
        fingerprint: fingerprint("type.r", "a receiver", "r", "1"),
        created_at: after_start(0),
        unchecked_refs: true,
    };
    let found = scene.store.receivers(&[id]).await.unwrap();
    assert_eq!(found, [receiver]);
    assert_eq!(
        scene.store.schema(id).await.unwrap().as_deref(),
        Some(schema)
    );
    assert_eq!(
        scene.store.schema(other).await.unwrap().as_deref(),
        Some("{}")
    );
    assert_eq!(scene.store.schema(scene.receiver_id()).await.unwrap(), None);
    let two = scene
        .store
        .receivers(&[other, scene.receiver_id(), id])
        .await
        .unwrap();
    assert_eq!(two.len(), 2, "what is not there is left out");

    // The members keep the order in which they were given.
    let group_id = scene.group_id();
    scene
        .submit(create_group(group_id, "g", &[other, id], false))
        .await
        .unwrap();
    let mut group = Group {
        id: group_id,
        name: "g".to_owned(),
        kind: "gate.g".to_owned(),
        version: "1".to_owned(),
        description: "a group".to_owned(),
        enabled: false,
        event_receiver_ids: vec![other, id],
        created_at: after_start(2 * SECOND),
        updated_at: after_start(2 * SECOND),
        active_from_seq: 0,
    };
    assert_eq!(
        scene.store.groups(&[group_id]).await.unwrap(),
        [group.clone()]
    );
    scene.event(id, &unit("u"), true).await;
    scene
        .submit(command(Action::SetGroupEnabled {
            id: group_id,
            enabled: true,
        }))
        .await
        .unwrap();
    group.enabled = true;
    group.updated_at = after_start(4 * SECOND);
    group.active_from_seq = 1;
    assert_eq!(
        scene
            .store
            .groups(&[group_id, scene.group_id()])
            .await
            .unwrap(),
        [group]
    );
    assert_eq!(scene.store.groups(&[]).await.unwrap(), []);
}

/// Names, types and versions that overlap in every way.
const DEFINITIONS: &[(&str, &str, &str)] = &[
    ("scan", "sec.scan", "1"),
    ("scan", "sec.scan", "2"),
    ("scan", "sec.other", "1"),
    ("scanner", "sec.scan", "1"),
    ("build", "ci.build", "1"),
    ("Scan", "SEC.scan", "1"),
    ("sca", "sec", "10"),
    ("日本", "sec.日本", "1"),
];

fn filters(member: Option<ReceiverId>) -> Vec<DefinitionFilter> {
    let exact = |text: &str| TextMatch::Exact(text.to_owned());
    let prefix = |text: &str| TextMatch::Prefix(text.to_owned());
    let texts = [
        vec![],
        vec![exact("scan")],
        vec![prefix("sca")],
        vec![exact("sec.scan")],
        vec![prefix("sec.")],
        vec![exact("scan"), exact("build"), prefix("日")],
        vec![exact("nothing")],
    ];
    let mut filters = Vec::new();
    for name in &texts {
        for types in &texts {
            for version in [vec![], vec![exact("1")], vec![prefix("1"), exact("2")]] {
                let filter = DefinitionFilter {
                    name: name.clone(),
                    types: types.clone(),
                    version,
                    ..Default::default()
                };
                filters.push(filter.clone());
                if member.is_some() {
                    filters.push(DefinitionFilter {
                        receiver: member,
                        ..filter.clone()
                    });
                    filters.push(DefinitionFilter {
                        enabled: Some(false),
                        ..filter
                    });
                }
            }
        }
    }
    filters
}

fn any(values: &[TextMatch], text: &str) -> bool {
    values.is_empty() || values.iter().any(|value| value.fits(text))
}

/// Follows a list to its end in pages of two.
macro_rules! every_page {
    ($list:expr) => {{
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page: Page<_> = $list(after).await.unwrap();
            assert!(page.rows.len() <= 2);
            all.extend(page.rows.into_iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                break all;
            }
        }
    }};
}

pub(crate) async fn definitions_are_found_by_every_filter(scene: Scene) {
    let mut receivers: Vec<(ReceiverId, (&str, &str, &str))> = Vec::new();
    for definition in DEFINITIONS {
        let mut create = create_receiver(scene.receiver_id(), definition.0);
        let draft = receiver_draft(&mut create);
        (draft.kind, draft.version) = (definition.1.to_owned(), definition.2.to_owned());
        let Action::CreateReceiver { id, .. } = create.action else {
            panic!()
        };
        scene.submit(create).await.unwrap();
        receivers.push((id, *definition));
    }
    receivers.reverse();
    for filter in filters(None) {
        let fits = |(name, kind, version): (&str, &str, &str)| {
            any(&filter.name, name) && any(&filter.types, kind) && any(&filter.version, version)
        };
        let want: Vec<ReceiverId> = receivers
            .iter()
            .filter(|(_, d)| fits(*d))
            .map(|(id, _)| *id)
            .collect();
        let found = every_page!(|after| scene.store.find_receivers(&filter, after, 2));
        assert_eq!(found, want, "{filter:?}");
    }

    // The same for groups; every second one is disabled or has the second member.
    let members = [receivers[0].0, receivers[1].0];
    let mut groups: Vec<(GroupId, (&str, &str, &str), usize)> = Vec::new();
    for (n, definition) in DEFINITIONS.iter().enumerate() {
        let id = scene.group_id();
        let mut create = create_group(id, definition.0, &members[..=n % 2], n % 3 != 0);
        let Action::CreateGroup { draft, .. } = &mut create.action else {
            panic!()
        };
        (draft.kind, draft.version) = (definition.1.to_owned(), definition.2.to_owned());
        scene.submit(create).await.unwrap();
        groups.push((id, *definition, n));
    }
    groups.reverse();
    for filter in filters(Some(members[1])) {
        let want: Vec<GroupId> = groups
            .iter()
            .filter(|(_, (name, kind, version), n)| {
                any(&filter.name, name)
                    && any(&filter.types, kind)
                    && any(&filter.version, version)
                    && (filter.receiver.is_none() || n % 2 == 1)
                    && (filter.enabled.is_none() || n % 3 == 0)
            })
            .map(|(id, ..)| *id)
            .collect();
        let found = every_page!(|after| scene.store.find_groups(&filter, after, 2));
        assert_eq!(found, want, "{filter:?}");
    }
}

pub(crate) async fn groups_of_receivers_come_by_id_and_bounded(scene: Scene) {
    let (a, b, c) = (
        scene.receiver("a").await,
        scene.receiver("b").await,
        scene.receiver("c").await,
    );
    let first = scene.group("1", &[a]).await;
    let second = scene.group("2", &[b, a]).await;
    let third = scene.group("3", &[c]).await;
    let ids = |groups: Vec<Group>| groups.iter().map(|g| g.id).collect::<Vec<_>>();
    let of = |receivers: Vec<ReceiverId>, limit| {
        let store = scene.store.clone();
        async move { ids(store.groups_of(&receivers, limit).await.unwrap()) }
    };
    assert_eq!(of(vec![a], 10).await, [first, second]);
    assert_eq!(of(vec![c, b], 10).await, [second, third]);
    assert_eq!(
        of(vec![a, b, c], 10).await,
        [first, second, third],
        "each once"
    );
    assert_eq!(of(vec![a, b, c], 2).await, [first, second]);
    assert_eq!(of(vec![], 10).await, []);
    assert_eq!(of(vec![scene.receiver_id()], 10).await, []);
}

pub(crate) async fn audit_rows_come_newest_first(scene: Scene) {
    let id = scene.receiver("r").await;
    for n in 0..3 {
        let note = AuditNote {
            action: "create_group".to_owned(),
            target: format!("target {n}"),
            outcome: "forbidden".to_owned(),
            detail: "«é» no".to_owned(),
        };
        let mut audit = command(Action::Audit(note));
        let mut recorder = audit.recorder.as_ref().clone();
        recorder.client = "Client/1".to_owned();
        audit.recorder = recorder.into();
        scene.submit(audit).await.unwrap();
    }
    let all = scene.store.audit(None, 10).await.unwrap();
    let targets: Vec<&str> = all.iter().map(|row| row.note.target.as_str()).collect();
    assert_eq!(
        targets,
        ["target 2", "target 1", "target 0", &id.to_string()]
    );
    assert_eq!(all[0].note.detail, "«é» no");
    assert_eq!(
        (
            all[0].recorder.client.as_str(),
            all[3].recorder.client.as_str()
        ),
        ("Client/1", "")
    );
    assert_eq!(all[3].note.outcome, "done");
    assert_eq!(all[3].at, after_start(0));
    assert!(all.is_sorted_by(|a, b| a.seq > b.seq && a.at > b.at));
    let page = scene.store.audit(Some(all[1].seq), 1).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].note.target, "target 0");
}

pub(crate) async fn counters_count_everything(scene: Scene) {
    assert_eq!(scene.store.counters().await.unwrap(), Counters::default());
    let (a, b) = (scene.receiver("a").await, scene.receiver("b").await);
    scene.group("g", &[a, b]).await;
    for (receiver, name, success) in [
        (a, "u", true),
        (b, "u", true),
        (b, "v", false),
        (b, "u", true),
        (a, "u", false),
    ] {
        scene.event(receiver, &unit(name), success).await;
    }
    let counters = scene.store.counters().await.unwrap();
    assert_eq!(
        counters,
        Counters {
            last_message_seq: 10,
            succeeded: 3,
            failed: 2,
            receivers: 2,
            groups: 1,
            units: 2,
            // Three definitions, five events, two completions.
            messages: 10,
            messages_pruned_to: 0,
            last_event_seq: 5,
            runs: 0,
            reindexed_to: 0,
            unindexed_to: 0,
            first_event_at: Some(after_start(3 * SECOND)),
            last_event_at: Some(after_start(7 * SECOND)),
        }
    );
    assert_eq!(
        scene.database.open().await.counters().await.unwrap(),
        counters
    );
    assert_eq!(scene.store.check().await.unwrap(), Vec::<String>::new());
}

pub(crate) async fn receivers_are_found_by_the_beginning_of_their_texts(scene: Scene) {
    let mut ids = Vec::new();
    for name in ["b", "a", "ab", "b*", "ä"] {
        ids.push(scene.receiver(name).await);
    }
    let found = |by, value: TextMatch, limit| {
        let (store, ids) = (scene.store.clone(), ids.clone());
        async move {
            let found = store.receiver_ids(by, &value, limit).await.unwrap();
            let place = |id| ids.iter().position(|known| *known == id).unwrap();
            found.into_iter().map(place).collect::<Vec<_>>()
        }
    };
    let exact = |text: &str| TextMatch::Exact(text.to_owned());
    let prefix = |text: &str| TextMatch::Prefix(text.to_owned());
    let (name, kind) = (ReceiverText::Name, ReceiverText::Type);
    assert_eq!(found(name, exact("a"), 9).await, [1]);
    assert_eq!(found(name, prefix("a"), 9).await, [1, 2]);
    assert_eq!(found(name, prefix(""), 9).await, [1, 2, 0, 3, 4]);
    assert_eq!(found(name, prefix(""), 2).await, [1, 2]);
    assert_eq!(found(kind, prefix("type.b"), 9).await, [0, 3]);
    assert_eq!(found(kind, exact("type.b*"), 9).await, [3]);
    assert_eq!(found(kind, exact("b"), 9).await, [0; 0]);
}

pub(crate) async fn records_are_found_by_the_beginning_of_every_text_that_names_them(scene: Scene) {
    let mut receivers = Vec::new();
    for name in ["b", "a", "ab", "\u{10ffff}", "\u{10ffff}z", "a%"] {
        receivers.push(scene.receiver(name).await);
    }
    let mut groups = Vec::new();
    for name in ["g", "ga", "h"] {
        let id = scene.group_id();
        let group = create_group(id, name, &receivers[..1], true);
        scene.submit(group).await.unwrap();
        groups.push(id.to_string());
    }
    let mut events = Vec::new();
    for _ in 0..3 {
        let id = scene.event_id();
        let event = record_event(id, receivers[0], &unit("u"), true);
        scene.submit(event).await.unwrap();
        events.push(id.to_string());
    }
    let receivers: Vec<String> = receivers.iter().map(ToString::to_string).collect();
    let found = |of, beginning: &str, limit| {
        let (store, beginning) = (scene.store.clone(), beginning.to_owned());
        async move { store.texts(of, &beginning, limit).await.unwrap() }
    };
    let pairs = |texts: &[(&str, &String)]| -> Vec<(String, String)> {
        let pair = |(text, id): &(&str, &String)| ((*text).to_owned(), (*id).clone());
        texts.iter().map(pair).collect()
    };
    let a = [
        ("a", &receivers[1]),
        ("a%", &receivers[5]),
        ("ab", &receivers[2]),
    ];
    assert_eq!(found(RecordText::ReceiverName, "a", 9).await, pairs(&a));
    assert_eq!(
        found(RecordText::ReceiverName, "a", 2).await,
        pairs(&a[..2])
    );
    assert_eq!(found(RecordText::ReceiverName, "A", 9).await, []);
    assert_eq!(found(RecordText::ReceiverName, "a\0", 9).await, []);
    assert_eq!(found(RecordText::ReceiverName, "", 9).await.len(), 6);
    let last = [
        ("\u{10ffff}", &receivers[3]),
        ("\u{10ffff}z", &receivers[4]),
    ];
    assert_eq!(
        found(RecordText::ReceiverName, "\u{10ffff}", 9).await,
        pairs(&last)
    );
    let types = [("type.b", &receivers[0])];
    assert_eq!(
        found(RecordText::ReceiverType, "type.b", 9).await,
        pairs(&types)
    );
    let named = [("g", &groups[0]), ("ga", &groups[1])];
    assert_eq!(found(RecordText::GroupName, "g", 9).await, pairs(&named));
    let types = [("gate.h", &groups[2])];
    assert_eq!(
        found(RecordText::GroupType, "gate.h", 9).await,
        pairs(&types)
    );
    // Ids come from the greatest down; that is the newest first.
    for (of, ids) in [
        (RecordText::ReceiverId, &receivers),
        (RecordText::GroupId, &groups),
        (RecordText::EventId, &events),
    ] {
        let newest: Vec<_> = ids
            .iter()
            .rev()
            .map(|id| (id.clone(), id.clone()))
            .collect();
        assert_eq!(found(of, "", 9).await, newest);
        assert_eq!(found(of, "01", 2).await, newest[..2]);
        assert_eq!(found(of, &ids[0], 9).await, [newest[ids.len() - 1].clone()]);
        assert_eq!(found(of, "7", 9).await, []);
    }
}
