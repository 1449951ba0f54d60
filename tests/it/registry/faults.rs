//! A database that cannot be used: each time a clear refusal, nothing written by half, and work
//! goes on when the cause is gone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use epr_mcp::domain::refusal::Refusal;
use epr_mcp::registry::{Error, OpeningState, WriteOptions};
use epr_mcp::store::sqlite::{Journal, SqliteOptions, SqliteStore};
use sqlx::{Connection, Row, SqliteConnection};

use crate::harness::invariants::assert_whole;
use crate::harness::{Bench, ada, all_messages, event_input, ids, process, unit};

/// The words of a refusal for want of a database; anything else fails the test.
fn unavailable<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Refused(refusal @ Refusal::Unavailable { .. })) => {
            assert!(refusal.retryable());
            assert!(
                refusal.next().contains("nothing was written"),
                "{}",
                refusal.next()
            );
            format!("{refusal} {}", refusal.next())
        }
        other => panic!("not refused for want of a database: {other:?}"),
    }
}

async fn events(bench: &Bench) -> u64 {
    bench.store().await.counters().await.unwrap().succeeded
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(path.to_str().unwrap())
        .await
        .unwrap()
}

/// A file with one receiver and one event that nobody has open.
async fn closed_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("epr.db");
    let bench = Bench::at(&path, 0);
    bench.receiver("r").await;
    bench.event("r", "web", true).await;
    bench.registry.close().await;
    drop(bench);
    // Without a log beside it, as after an orderly end.
    let mut raw = raw(&path).await;
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    (folder, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_has_locked_can_be_read_and_then_written_again() {
    let bench = Bench::new();
    bench.receiver("r").await;
    bench.event("r", "web", true).await;
    let mut other = raw(&bench.path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();

    let why = unavailable(bench.try_event("r", "web", true).await);
    assert!(
        why.contains("another process holds its write lock"),
        "{why}"
    );
    assert_eq!(events(&bench).await, 1);
    // Another server can even be started on it.
    let late = Bench::at(&bench.path, 1);
    assert_eq!(events(&late).await, 1);

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    bench.event("r", "web", true).await;
    late.event("r", "web", true).await;
    assert_eq!(events(&bench).await, 3);
    // A fault of the database is nobody's doing: the audit trail has the definition alone.
    assert_eq!(
        bench.registry.audit(&ada(), None, 9).await.unwrap().len(),
        1
    );
    assert_whole(&bench.path).await;
}

/// As with a quota: the log can take the payloads of some events, and then no more.
#[tokio::test]
async fn a_file_that_cannot_grow_refuses_and_keeps_what_it_has() {
    const TEST: &str = "registry::faults::a_file_that_cannot_grow_refuses_and_keeps_what_it_has";
    if process::done_with_small_files(TEST, 1_024) {
        return;
    }
    let bench = Bench::new();
    bench.receiver("r").await;
    bench.group("g", &["r"], true).await;
    let record = async |bytes: u32| {
        // Letters that do not compress to nothing.
        let mut state = bytes;
        let letter = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'0' + (state >> 24) as u8 % 75)
        };
        let payload = serde_json::to_string(&(0..bytes).map(letter).collect::<String>()).unwrap();
        let input = event_input("r", unit("web"), true, &payload);
        bench
            .registry
            .create_event(&ada(), input, &WriteOptions::default())
            .await
    };
    let mut written = 0;
    let why = loop {
        match record(100_000 + written).await {
            Ok(_) => written += 1,
            refused => break unavailable(refused),
        }
        assert!(written < 50, "five megabytes fit");
    };
    assert!(why.contains("the disk failed"), "{why}");
    assert!(written > 3, "only {written} fit");
    assert_eq!(events(&bench).await, u64::from(written));
    let messages = all_messages(bench.store().await.as_ref()).await;
    assert_eq!(
        messages.len(),
        2 + 2 * written as usize,
        "none of the refused one"
    );
    assert_whole(&bench.path).await;

    // A checkpoint makes room in the log, up to the size of the file itself.
    let mut raw = raw(&bench.path).await;
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut raw)
        .await
        .unwrap();
    let again = record(10).await;
    assert!(again.is_ok(), "what fits is written again: {again:?}");
    assert_whole(&bench.path).await;
}

#[tokio::test]
async fn a_read_only_file_can_be_read_and_then_written_again() {
    const TEST: &str = "registry::faults::a_read_only_file_can_be_read_and_then_written_again";
    if process::done_without_root(TEST) {
        return;
    }
    let (_folder, path) = closed_file().await;
    set_mode(&path, 0o444);
    let bench = Bench::at(&path, 1);
    assert_eq!(events(&bench).await, 1);
    assert_eq!(
        bench
            .registry
            .fetch_receiver(&ada(), "r")
            .await
            .unwrap()
            .receiver
            .name,
        "r"
    );
    let why = unavailable(bench.try_event("r", "web", true).await);
    assert!(why.contains("it is read-only"), "{why}");
    assert_eq!(events(&bench).await, 1);

    // SQLite makes the files beside it with the mode that the file had then.
    for end in ["", "-wal", "-shm"] {
        let beside = std::path::PathBuf::from(format!("{}{end}", path.display()));
        if beside.exists() {
            set_mode(&beside, 0o644);
        }
    }
    bench.event("r", "web", true).await;
    assert_eq!(events(&bench).await, 2);
    assert_whole(&path).await;
}

#[tokio::test]
async fn a_foreign_folder_is_told_with_its_owner_and_who_this_process_is() {
    const TEST: &str =
        "registry::faults::a_foreign_folder_is_told_with_its_owner_and_who_this_process_is";
    if process::done_without_root(TEST) {
        return;
    }
    let bench = Bench::at(Path::new("/epr-mcp-is-not-there/epr.db"), 0);
    let why = unavailable(bench.try_receiver("r").await);
    for part in [
        "/epr-mcp-is-not-there/epr.db cannot be made",
        "the folder / belongs to uid 0 ",
        "this process runs as uid ",
        "--db",
    ] {
        assert!(why.contains(part), "{why}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_and_tried_again() {
    const TEST: &str = "registry::faults::a_folder_that_cannot_be_written_is_told_and_tried_again";
    if process::done_without_root(TEST) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/epr.db");
    set_mode(folder.path(), 0o555);
    let bench = Bench::at(&path, 0);
    let why = unavailable(bench.try_receiver("r").await);
    assert!(
        why.contains("cannot be made") && why.contains("--db"),
        "{why}"
    );
    assert!(matches!(
        bench.registry.opening_state(),
        OpeningState::Failed(_)
    ));

    // The folder is there, but no file can be made in it.
    set_mode(folder.path(), 0o755);
    fs::create_dir(folder.path().join("data")).unwrap();
    set_mode(path.parent().unwrap(), 0o555);
    let why = unavailable(bench.try_receiver("r").await);
    assert!(
        why.contains("cannot be opened") && why.contains(path.to_str().unwrap()),
        "{why}"
    );

    set_mode(path.parent().unwrap(), 0o755);
    bench.receiver("r").await;
    bench.event("r", "web", true).await;
    assert_eq!(bench.registry.opening_state(), OpeningState::Open);
    assert_whole(&path).await;
}

#[tokio::test]
async fn a_path_that_names_no_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let why = unavailable(Bench::at(folder.path(), 0).try_receiver("r").await);
    assert!(why.contains("cannot be opened"), "a folder: {why}");
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let why = unavailable(Bench::at(&file.join("epr.db"), 0).try_receiver("r").await);
    assert!(why.contains("cannot be made"), "a file for a folder: {why}");
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let garbage = "these are my notes\n".repeat(1_000);
    fs::write(&path, &garbage).unwrap();
    let bench = Bench::at(&path, 0);
    let why = unavailable(bench.try_receiver("r").await);
    assert!(why.contains("not a SQLite database"), "{why}");
    assert_eq!(fs::read(&path).unwrap(), garbage.as_bytes());

    fs::remove_file(&path).unwrap();
    bench.receiver("r").await;
    assert_whole(&path).await;
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE bookmark (url TEXT)")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let before = fs::read(&path).unwrap();
    let why = unavailable(Bench::at(&path, 0).try_receiver("r").await);
    assert!(why.contains("another program"), "{why}");
    assert!(fs::read(&path).unwrap() == before, "it was changed");
}

#[tokio::test]
async fn a_file_in_use_keeps_its_journal_whatever_another_process_asks_for() {
    let bench = Bench::new();
    bench.receiver("r").await;
    let mut options = SqliteOptions::new(&bench.path);
    options.journal = Journal::Rollback;
    let other = SqliteStore::open_shared(&options, &ids(1)).await.unwrap();
    let mut raw = raw(&bench.path).await;
    let row = sqlx::query("PRAGMA journal_mode")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(row.get::<String, _>(0), "wal");
    bench.event("r", "web", true).await;
    assert_eq!(other.counters().await.unwrap().succeeded, 1);
}

#[tokio::test]
async fn a_damaged_file_is_told_by_the_check_and_by_whoever_meets_the_damage() {
    let (_folder, path) = closed_file().await;
    let mut bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 4_096;
    for page in 2..pages {
        bytes[page * 4_096..page * 4_096 + 64].fill(0xFF);
    }
    fs::write(&path, bytes).unwrap();
    let bench = Bench::at(&path, 1);
    let why = unavailable(bench.try_event("r", "web", true).await);
    assert!(why.contains("damaged") && why.contains("backup"), "{why}");
}

/// What a later version of this program would leave.
async fn migrate_to(path: &Path, version: i64, readable_from: i64) {
    let insert = "INSERT INTO schema_version (version, name, readable_from, applied_by) \
                  VALUES ($1, 'later', $2, '99.0.0')";
    let mut raw = raw(path).await;
    let query = sqlx::query(insert).bind(version).bind(readable_from);
    query.execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
}

#[tokio::test]
async fn a_file_from_a_newer_version_is_refused_only_if_this_one_cannot_keep_it() {
    let own = epr_mcp::store::sqlite::built_for();
    let (_folder, path) = closed_file().await;
    migrate_to(&path, own + 1, own).await;
    let bench = Bench::at(&path, 1);
    bench.event("r", "web", true).await;
    assert_eq!(bench.store().await.info().schema_version, own + 1);

    migrate_to(&path, own + 2, own + 2).await;
    let late = Bench::at(&path, 2);
    let why = unavailable(late.try_event("r", "web", true).await);
    assert!(
        why.contains("newer epr-mcp") && why.contains("Update epr-mcp"),
        "{why}"
    );
    let mut raw = raw(&path).await;
    let row = sqlx::query("SELECT max(version) FROM schema_version")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(row.get::<i64, _>(0), own + 2, "it did not take it back");
    // Nor does a server that had it open before go on writing.
    let why = unavailable(bench.try_event("r", "web", true).await);
    assert!(why.contains("newer epr-mcp"), "{why}");
    assert_whole(&path).await;

    sqlx::query("DELETE FROM schema_version WHERE version > $1")
        .bind(own)
        .execute(&mut raw)
        .await
        .unwrap();
    bench.event("r", "web", true).await;
    late.event("r", "web", true).await;
}

#[tokio::test]
async fn a_file_that_is_removed_or_replaced_takes_no_more_events() {
    let bench = Bench::new();
    bench.receiver("r").await;
    bench.event("r", "web", true).await;
    let away = bench.path.with_file_name("away.db");
    fs::rename(&bench.path, &away).unwrap();
    for result in [
        bench.try_event("r", "web", true).await.map(|_| ()),
        bench.registry.overview(&ada()).await.map(|_| ()),
    ] {
        let why = unavailable(result);
        assert!(why.contains("removed or replaced"), "{why}");
    }
    // Another file in its place is not it.
    fs::write(&bench.path, "").unwrap();
    let why = unavailable(bench.try_event("r", "web", true).await);
    assert!(why.contains("removed or replaced"), "{why}");
    assert_eq!(fs::metadata(&bench.path).unwrap().len(), 0);

    fs::rename(&away, &bench.path).unwrap();
    bench.event("r", "web", true).await;
    assert_eq!(events(&bench).await, 2);
    assert_whole(&bench.path).await;
}
