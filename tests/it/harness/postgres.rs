//! A PostgreSQL server for the tests, started once by each test process when it is first needed, and a
//! database of its own for each test.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use epr_mcp::store::postgres::{PostgresOptions, PostgresSettings};
use sqlx::{Connection as _, PgConnection};

/// A running server.
pub(crate) struct Cluster {
    /// Its end of the pipe keeps the server running.
    _process: Child,
    /// The URL of its first database.
    pub(crate) url: String,
    /// Its folder: `server.crt` is in it.
    pub(crate) folder: PathBuf,
}

/// The script that starts servers.
pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres")
}

/// The server of this test process; `None` where there are no programs of one.
pub(crate) fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref()
}

fn start() -> Option<Cluster> {
    let found = Command::new(script()).arg("where").output().unwrap();
    if !found.status.success() {
        return None;
    }
    let mut process = Command::new(script())
        .arg("run")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut line = || lines.next().expect("the server starts").unwrap();
    let (url, folder) = (line(), PathBuf::from(line()));
    Some(Cluster {
        _process: process,
        url,
        folder,
    })
}

/// Says that a test is left out for want of a server.
pub(crate) fn left_out() {
    println!("left out: tests on PostgreSQL, whose server is not installed (make test-deps)");
}

/// A new database, which goes when this does.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    name: String,
}

impl TestDatabase {
    /// `None` where there is no server; that is said.
    pub(crate) fn new() -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let Some(cluster) = cluster() else {
            left_out();
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{number}", std::process::id());
        administer(format!("CREATE DATABASE {name}"));
        let base = cluster.url.strip_suffix("/postgres").unwrap();
        Some(Self {
            url: format!("{base}/{name}"),
            name,
        })
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::parse(&self.url, &PostgresSettings::default()).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        administer(format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement in the server's first database, from wherever this is called.
pub(crate) fn administer(sql: String) {
    let url = cluster().expect("there is a server").url.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
        });
    };
    std::thread::spawn(run).join().unwrap();
}
