//! What must hold in a registry at any time, told from its rows.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use epr_mcp::domain::group::Group;
use epr_mcp::domain::id::{GroupId, ReceiverId};
use epr_mcp::domain::message::{MessageRecord, MessageSubject};
use epr_mcp::domain::unit::Unit;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use super::engine::{self, Engine};

/// Each counts the rows that are not as they must be.
const FAULTS: &[(&str, &str)] = &[
    (
        "positions of events have gaps, or the running number is another",
        "SELECT count(*) FROM registry WHERE last_event_seq <> (SELECT count(*) FROM event) \
         OR last_event_seq <> (SELECT coalesce(max(seq), 0) FROM event)",
    ),
    (
        "positions of messages have gaps, or the running number is another",
        "SELECT count(*) FROM registry WHERE last_message_seq <> (SELECT count(*) FROM message) \
         OR last_message_seq <> (SELECT coalesce(max(seq), 0) FROM message)",
    ),
    (
        "running numbers of units and names",
        "SELECT count(*) FROM registry WHERE last_unit_id <> (SELECT count(*) FROM unit) \
         OR last_name_id <> (SELECT count(*) FROM name)",
    ),
    (
        "totals",
        "SELECT count(*) FROM registry \
         WHERE succeeded <> (SELECT count(*) FROM event WHERE success) \
         OR failed <> (SELECT count(*) FROM event WHERE NOT success) \
         OR receivers <> (SELECT count(*) FROM receiver) \
         OR groups <> (SELECT count(*) FROM receiver_group)",
    ),
    (
        "counters of names",
        "SELECT count(*) FROM name n WHERE \
         succeeded <> (SELECT count(*) FROM event e WHERE e.name_id = n.id AND success) \
         OR failed <> (SELECT count(*) FROM event e WHERE e.name_id = n.id AND NOT success)",
    ),
    (
        "counters of receivers",
        "SELECT count(*) FROM receiver r WHERE \
         succeeded <> (SELECT count(*) FROM event e WHERE e.receiver_num = r.num AND success) \
         OR failed <> (SELECT count(*) FROM event e WHERE e.receiver_num = r.num AND NOT success)",
    ),
    (
        "counters of units",
        "SELECT count(*) FROM unit u \
         WHERE events <> (SELECT count(*) FROM event e WHERE e.unit_id = u.id)",
    ),
    (
        "an event without exactly one message of its own",
        "SELECT count(*) FROM event e LEFT JOIN (SELECT event_seq, count(*) AS times FROM message \
         WHERE kind = 1 GROUP BY event_seq) m ON m.event_seq = e.seq WHERE coalesce(m.times, 0) <> 1",
    ),
    (
        "a message without its event",
        "SELECT count(*) FROM message m LEFT JOIN event e ON e.seq = m.event_seq \
         WHERE m.kind IN (1, 5) AND e.seq IS NULL",
    ),
    (
        "a definition without exactly one message of its own",
        "SELECT (SELECT count(*) FROM receiver r WHERE 1 <> (SELECT count(*) FROM message m \
         WHERE m.kind = 2 AND m.receiver_num = r.num)) + (SELECT count(*) FROM receiver_group g \
         WHERE 1 <> (SELECT count(*) FROM message m WHERE m.kind = 3 AND m.group_num = g.num))",
    ),
    (
        "a definition without exactly one audit row",
        "SELECT (SELECT count(*) FROM receiver r WHERE 1 <> (SELECT count(*) FROM audit a \
         WHERE a.action = 'create_receiver' AND a.target = r.id)) \
         + (SELECT count(*) FROM receiver_group g WHERE 1 <> (SELECT count(*) FROM audit a \
         WHERE a.action = 'create_group' AND a.target = g.id))",
    ),
    (
        "a payload that is missing, or stands twice",
        "SELECT count(*) FROM event e WHERE CASE WHEN e.payload IS NULL THEN 1 ELSE 0 END \
         <> (SELECT count(*) FROM payload p WHERE p.event_seq = e.seq)",
    ),
    (
        "a long payload that is not compressed, or a short one that is",
        "SELECT count(*) FROM event WHERE (payload IS NULL) <> (payload_size > 4096)",
    ),
    (
        "a newest event that is another",
        "SELECT count(*) FROM latest l WHERE seq <> (SELECT max(seq) FROM event e \
         WHERE e.unit_id = l.unit_id AND e.receiver_num = l.receiver_num) \
         OR success <> (SELECT success FROM event e WHERE e.seq = l.seq)",
    ),
    (
        "a newest event that is not kept",
        "SELECT count(*) FROM registry WHERE (SELECT count(*) FROM \
         (SELECT DISTINCT unit_id, receiver_num FROM event) t) <> (SELECT count(*) FROM latest)",
    ),
    (
        "facts, or a count of repeats, without their event",
        "SELECT (SELECT count(*) FROM facts f LEFT JOIN event e ON e.seq = f.seq WHERE e.seq IS NULL) \
         + (SELECT count(*) FROM event_repeat f LEFT JOIN event e ON e.seq = f.seq WHERE e.seq IS NULL)",
    ),
    (
        "a link of an event that says nothing, or a natural key of none",
        "SELECT (SELECT count(*) FROM link l LEFT JOIN facts f ON f.seq = l.seq WHERE f.seq IS NULL) \
         + (SELECT count(*) FROM natural_key n LEFT JOIN event e ON e.seq = n.seq WHERE e.seq IS NULL)",
    ),
    (
        "the number of runs, or their running number",
        "SELECT count(*) FROM registry WHERE runs <> (SELECT count(*) FROM run WHERE merged_into IS NULL) \
         OR last_run_num <> (SELECT count(*) FROM run) \
         OR last_run_num <> (SELECT coalesce(max(num), 0) FROM run)",
    ),
    (
        "another name of a run that leads nowhere, or is listed",
        "SELECT count(*) FROM run r LEFT JOIN run t ON t.num = r.merged_into \
         WHERE r.merged_into IS NOT NULL AND (t.num IS NULL OR r.standing <> 0)",
    ),
    (
        "a label of something that is no run",
        "SELECT count(*) FROM run_label l LEFT JOIN run r ON r.num = l.num AND r.at = l.at \
         AND r.merged_into IS NULL WHERE r.num IS NULL",
    ),
    (
        "a run whose labels are not those that it is listed by",
        "SELECT count(*) FROM run r WHERE octet_length(labels) <> 16 * (SELECT count(*) FROM run_label l WHERE l.num = r.num)",
    ),
    (
        "time that goes back",
        "SELECT count(*) FROM event e JOIN event f ON f.seq = e.seq + 1 \
         WHERE f.created_at < e.created_at",
    ),
];

/// These SQLite tells itself.
const SQLITE_FAULTS: &[(&str, &str)] = &[
    (
        "a foreign key that leads nowhere",
        "SELECT count(*) FROM pragma_foreign_key_check",
    ),
    (
        "damage",
        "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    ),
];

/// Fails unless the database that a test names by this path is whole and its rows agree with each
/// other.
pub(crate) async fn assert_whole(path: &Path) {
    let database = engine::database(path);
    match engine::engine() {
        Engine::Sqlite => assert_file_whole(&database).await,
        Engine::Postgres => assert_postgres_whole(&database).await,
    }
}

async fn assert_file_whole(path: &str) {
    let mut raw = SqliteConnection::connect(path).await.unwrap();
    for (fault, count) in FAULTS.iter().chain(SQLITE_FAULTS) {
        let row = sqlx::query(*count).fetch_one(&mut raw).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 0, "{fault}");
    }
    raw.close().await.unwrap();
}

/// The same of a PostgreSQL database.
pub(crate) async fn assert_postgres_whole(url: &str) {
    let mut raw = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("SET search_path = epr_mcp")
        .execute(&mut raw)
        .await
        .unwrap();
    for (fault, count) in FAULTS {
        let row = sqlx::query(*count).fetch_one(&mut raw).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), 0, "{fault}");
    }
    raw.close().await.unwrap();
}

/// The completions that the events of a log lead to at one group of these receivers, enabled
/// before the first event: the unit's name, and whether it is a transition. Told by the rule in
/// its plainest form.
pub(crate) fn expected_completions(
    messages: &[MessageRecord],
    members: &[&str],
) -> Vec<(String, bool)> {
    let mut newest: HashMap<(String, String), bool> = HashMap::new();
    let mut expected = Vec::new();
    for message in messages {
        let MessageSubject::Event {
            event, receiver, ..
        } = &message.subject
        else {
            continue;
        };
        let receiver = &receiver.receiver.name;
        if !members.contains(&receiver.as_str()) {
            continue;
        }
        let name = &event.unit.name;
        let passes = |newest: &HashMap<_, _>| {
            members
                .iter()
                .all(|member| newest.get(&(name.clone(), (*member).to_owned())) == Some(&true))
        };
        let before = passes(&newest);
        newest.insert((name.clone(), receiver.clone()), event.success);
        if passes(&newest) {
            expected.push((name.clone(), !before));
        }
    }
    expected
}

/// Fails unless the completions of a whole log are exactly those that its events and its groups lead
/// to, each behind its event, marked as a transition where it is one. Told by the rule in its plainest
/// form, from the log alone.
pub(crate) fn assert_completions_follow(messages: &[MessageRecord]) {
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    let mut newest: HashMap<(Unit, ReceiverId), (i64, bool)> = HashMap::new();
    // With the newest event at the time when it was made or enabled.
    let mut groups: BTreeMap<GroupId, (Group, i64)> = BTreeMap::new();
    let mut events = 0;
    for message in messages {
        match &message.subject {
            MessageSubject::ReceiverCreated(_) => {}
            MessageSubject::GroupCreated(group) | MessageSubject::GroupModified(group) => {
                groups.insert(group.id, (group.as_ref().clone(), events));
            }
            MessageSubject::GroupComplete { event, group, .. } => {
                found.push((event.seq, group.id, message.transition));
            }
            MessageSubject::Event { event, .. } => {
                events += 1;
                assert_eq!(event.seq, events, "events are told in order, each once");
                let before = newest.clone_of(&event.unit, &groups);
                newest.insert(
                    (event.unit.clone(), event.receiver_id),
                    (event.seq, event.success),
                );
                let after = newest.clone_of(&event.unit, &groups);
                for (id, (group, since)) in &groups {
                    let members = &group.event_receiver_ids;
                    if !group.enabled
                        || !members.contains(&event.receiver_id)
                        || !passes(&after, members)
                    {
                        continue;
                    }
                    let announced = passes(&before, members)
                        && members.iter().any(|member| before[member].0 > *since);
                    expected.push((event.seq, *id, !announced));
                }
            }
        }
    }
    assert_eq!(found, expected);
}

type Newest = HashMap<ReceiverId, (i64, bool)>;

trait OfUnit {
    /// The newest events of one unit, of the members of any group.
    fn clone_of(&self, unit: &Unit, groups: &BTreeMap<GroupId, (Group, i64)>) -> Newest;
}

impl OfUnit for HashMap<(Unit, ReceiverId), (i64, bool)> {
    fn clone_of(&self, unit: &Unit, groups: &BTreeMap<GroupId, (Group, i64)>) -> Newest {
        let members = groups
            .values()
            .flat_map(|(group, _)| &group.event_receiver_ids);
        members
            .filter_map(|id| Some((*id, *self.get(&(unit.clone(), *id))?)))
            .collect()
    }
}

fn passes(newest: &Newest, members: &[ReceiverId]) -> bool {
    members
        .iter()
        .all(|member| newest.get(member).is_some_and(|(_, success)| *success))
}
