//! What an operator should know of a server, for `doctor`.

use std::time::Instant;

use super::options::PostgresOptions;
use super::session::Line;
use crate::store::sql::{Columns as _, Session as _};
use crate::store::{Remark, Result};

const DOING: &str = "look at the server";

/// The connections of the server: those it takes, those in use, and those of this program.
const CONNECTIONS: &str = "SELECT current_setting('max_connections')::bigint, (SELECT count(*) FROM pg_stat_activity \
    WHERE backend_type = 'client backend'), (SELECT count(*) FROM pg_stat_activity \
    WHERE application_name = current_setting('application_name') AND datname = current_database())";
/// How this connection is encrypted.
const ENCRYPTION: &str =
    "SELECT ssl, coalesce(version, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
/// What this user may not do of what a server does; tables that it may not read or not write.
const RIGHTS: &str = "SELECT \
    (SELECT string_agg(t, ', ' ORDER BY t) FROM unnest(ARRAY['registry', 'receiver', 'receiver_schema', 'receiver_group', \
     'group_member', 'name', 'unit', 'recorder', 'event', 'payload', 'latest', 'message', 'idempotency', 'audit', \
     'schema_version']) t WHERE NOT has_table_privilege('epr_mcp.' || t, 'SELECT')), \
    (SELECT string_agg(p[1] || ' ' || p[2], ', ' ORDER BY p[2], p[1]) FROM (VALUES \
     (ARRAY['INSERT', 'receiver']), (ARRAY['INSERT', 'receiver_schema']), (ARRAY['INSERT', 'receiver_group']), \
     (ARRAY['INSERT', 'group_member']), (ARRAY['INSERT', 'name']), (ARRAY['INSERT', 'unit']), \
     (ARRAY['INSERT', 'recorder']), (ARRAY['INSERT', 'event']), (ARRAY['INSERT', 'payload']), \
     (ARRAY['INSERT', 'latest']), (ARRAY['INSERT', 'message']), (ARRAY['INSERT', 'idempotency']), \
     (ARRAY['INSERT', 'audit']), (ARRAY['UPDATE', 'registry']), (ARRAY['UPDATE', 'receiver']), \
     (ARRAY['UPDATE', 'receiver_group']), (ARRAY['UPDATE', 'name']), (ARRAY['UPDATE', 'unit']), \
     (ARRAY['UPDATE', 'latest']), (ARRAY['DELETE', 'message']), (ARRAY['DELETE', 'idempotency']), \
     (ARRAY['DELETE', 'audit'])) v (p) WHERE NOT CASE p[1] WHEN 'DELETE' \
     THEN has_table_privilege('epr_mcp.' || p[2], p[1]) ELSE has_any_column_privilege('epr_mcp.' || p[2], p[1]) END)";
/// Who holds the write lock, and for how many seconds its transaction has run.
const WRITER: &str = "SELECT a.pid::bigint, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'), \
    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::bigint FROM pg_locks l \
    JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND (l.classid::bigint << 32 | l.objid::bigint) = 28552608120398704";
/// Sessions of this program that wait for others, and who those are.
const BLOCKED: &str = "SELECT b.pid::bigint, coalesce(b.application_name, ''), coalesce(host(b.client_addr), 'local'), \
    coalesce(b.state, ''), count(*) FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) p (pid) \
    JOIN pg_stat_activity b ON b.pid = p.pid WHERE w.datname = current_database() \
    AND w.application_name = current_setting('application_name') \
    AND b.application_name <> current_setting('application_name') GROUP BY 1, 2, 3, 4 ORDER BY 1 LIMIT 5";
/// The oldest open transaction in this database, in seconds: dead rows that it might see cannot be
/// removed.
const OLDEST: &str = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::bigint \
    FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' \
    AND pid <> pg_backend_pid()";
/// Whether dead rows are removed, and how large the registry is.
const ROOM: &str = "SELECT current_setting('autovacuum') = 'on', \
    (SELECT sum(relpages)::bigint * current_setting('block_size')::bigint FROM pg_class \
    WHERE relnamespace = 'epr_mcp'::regnamespace)";

/// Seconds after which an open transaction is worth a word.
const LONG_TRANSACTION: i64 = 60;
/// Share of the server's connections above which there is hardly one left.
const NEARLY_ALL: i64 = 90;

pub(super) async fn look(line: &mut Line, options: &PostgresOptions) -> Result<Vec<Remark>> {
    let mut remarks = Vec::new();
    let mut say = |about, bad, text: String| remarks.push(Remark { about, text, bad });

    let asked = Instant::now();
    let row = line.one(DOING, ENCRYPTION, Vec::new()).await?;
    let answered = asked.elapsed().as_secs_f64() * 1000.0;
    let encrypted = row.bool(0)?;
    say(
        "connection",
        !encrypted && !options.is_local(),
        if encrypted {
            let checked = if options.verifies() {
                "the certificate is checked"
            } else {
                "the certificate is not checked (sslmode=verify-full does)"
            };
            format!("{}, {checked}; answers in {answered:.1} ms", row.text(1)?)
        } else {
            format!("not encrypted; answers in {answered:.1} ms")
        },
    );

    let row = line.one(DOING, CONNECTIONS, Vec::new()).await?;
    let (most, used, own) = (row.int(0)?, row.int(1)?, row.int(2)?);
    say(
        "connections",
        used * 100 > most * NEARLY_ALL,
        format!(
            "{used} of {most} in use, {own} of them by epr-mcp; this process takes up to {} when it serves",
            options.connections()
        ),
    );

    let row = line.one(DOING, RIGHTS, Vec::new()).await?;
    match (row.text_or_null(0)?, row.text_or_null(1)?) {
        (None, None) => say("rights", false, "this user may read and write".to_owned()),
        (Some(tables), _) => say(
            "rights",
            true,
            format!("this user may not read {tables}: see docs/POSTGRESQL.md"),
        ),
        (None, Some(missing)) => say(
            "rights",
            true,
            format!(
                "this user may read, but a server needs more to write ({missing}): serve with --read-only, or see \
                 docs/POSTGRESQL.md"
            ),
        ),
    }

    for row in line.rows(DOING, BLOCKED, Vec::new()).await? {
        say(
            "blocked",
            true,
            format!(
                "{} sessions of epr-mcp wait for process {} ({}, {}, {}): end its transaction",
                row.int(4)?,
                row.int(0)?,
                row.text(1)?,
                row.text(2)?,
                row.text(3)?
            ),
        );
    }

    let writer = line.optional(DOING, WRITER, Vec::new()).await?;
    match writer {
        Some(row) => say(
            "write lock",
            row.int(3)? > 5,
            format!(
                "held for {} s by process {} ({}, {}); a server ends a writer that does nothing",
                row.int(3)?,
                row.int(0)?,
                row.text(1)?,
                row.text(2)?
            ),
        ),
        None => say("write lock", false, "free".to_owned()),
    }

    let row = line.one(DOING, OLDEST, Vec::new()).await?;
    if row.int(0)? > LONG_TRANSACTION {
        say(
            "transactions",
            true,
            format!(
                "one has been open for {} s: dead rows cannot be removed meanwhile, and the registry slows down",
                row.int(0)?
            ),
        );
    }

    let row = line.one(DOING, ROOM, Vec::new()).await?;
    say(
        "room",
        !row.bool(0)?,
        if row.bool(0)? {
            format!("{} MB; autovacuum is on", row.int(1)? / 1_000_000)
        } else {
            "autovacuum is off: dead rows are never removed, and the registry slows down".to_owned()
        },
    );
    Ok(remarks)
}
