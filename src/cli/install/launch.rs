//! What an entry says: the program, its arguments, its variables.
//!
//! What was given as a flag becomes an argument, what was set as a variable becomes a variable of the
//! entry. Paths become absolute, for a client starts its servers in any folder. Passwords are refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _};
use url::Url;

use super::trial;
use crate::cli::stdio::{FOREIGN_VARIABLES, StdioArgs};
use crate::cli::{Cli, database};
use crate::config::{self, Database, Options};
use crate::mcp::client_config::Launch;

/// Flags whose values are paths. `--db` is one too, unless it is a URL.
const PATHS: [&str; 4] = ["config", "db-password-file", "schema-dir", "allow-files"];

/// Variables of PostgreSQL's own programs that say where a database is and hold no secret.
const POSTGRES: [&str; 10] = [
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGPASSFILE",
    "PGAPPNAME",
];

/// Those of them that are paths.
const POSTGRES_PATHS: [&str; 4] = ["PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGPASSFILE"];

/// What a person asked for.
#[derive(Debug, Default)]
pub(in crate::cli) struct Given {
    /// Flags of every command that stood on the command line, with their values.
    pub(in crate::cli) flags: Vec<(String, OsString)>,
    /// What stood behind `--`.
    pub(in crate::cli) behind: Vec<OsString>,
    /// The environment.
    pub(in crate::cli) variables: BTreeMap<String, OsString>,
}

/// A start, and what a person should know of it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) launch: Launch,
    /// The file that it will keep the registry in, if it is one and that can be told.
    pub(super) file: Option<PathBuf>,
    pub(super) remarks: Vec<String>,
}

/// The flags of every command that stand on the command line of `install`.
pub(in crate::cli) fn flags(matches: &ArgMatches) -> Vec<(String, OsString)> {
    let mut given = Vec::new();
    for flag in shared() {
        let id = flag.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let values = matches.get_raw(id).into_iter().flatten();
        let long = flag.get_long().unwrap_or(id);
        given.extend(values.map(|value| (long.to_owned(), value.to_owned())));
    }
    given
}

/// Why there is no start.
#[derive(Debug)]
pub(super) enum Refused {
    /// The flags are not those of `epr-mcp stdio`.
    Flags(Box<clap::Error>),
    /// Something else.
    Said(anyhow::Error),
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        Self::Said(error)
    }
}

/// Puts it together.
pub(super) fn make(binary: &Path, given: &Given) -> Result<Made, Refused> {
    let mut args = vec!["stdio".to_owned()];
    for (long, value) in &given.flags {
        args.push(format!("--{long}"));
        args.push(text(value, long)?);
    }
    for (number, word) in given.behind.iter().enumerate() {
        let word = text(word, "what stands behind --")?;
        // Said or not, it is there already.
        if number > 0 || word != "stdio" {
            args.push(word);
        }
    }
    let matches = understood(&args)?;
    let options =
        Options::from_arg_matches(&matches).map_err(|error| Refused::Flags(Box::new(error)))?;
    // It never starts, and an address may hold a token.
    if matches.contains_id("url") {
        return Err(Refused::Said(anyhow::anyhow!(
            "--url names a server to talk to, and epr-mcp stdio does not start with it: it only opens a database \
             itself. Leave --url out, and name the database with --db"
        )));
    }
    let mut args = with_absolute_paths(args)?;
    if matches.value_source("db") == Some(ValueSource::CommandLine)
        && let Some(db) = &options.db
    {
        replace(&mut args, "db", &database_name(db, &options)?);
    }
    let command = binary
        .to_str()
        .with_context(|| {
            format!(
                "the path of this program, {}, is not UTF-8 text, which a configuration has to be: move it",
                binary.display()
            )
        })?
        .to_owned();
    let mut remarks = Vec::new();
    let env = variables(&matches, &options, given, &mut remarks)?;
    let launch = Launch { command, args, env };
    let file = if matches.get_flag("demo") {
        None
    } else {
        trial::file(options)
    };
    Ok(Made {
        launch,
        file,
        remarks,
    })
}

/// The arguments as the server would take them.
fn understood(args: &[String]) -> Result<ArgMatches, Refused> {
    let mut command = Cli::command().bin_name("epr-mcp");
    command.build();
    let words = std::iter::once("epr-mcp").chain(args.iter().map(String::as_str));
    let mut matches = command
        .try_get_matches_from_mut(words)
        .map_err(|error| Refused::Flags(Box::new(error)))?;
    matches
        .remove_subcommand()
        .map(|(_, matches)| matches)
        .context("the flags behind -- are not those of epr-mcp stdio")
        .map_err(Refused::Said)
}

fn variables(
    matches: &ArgMatches,
    options: &Options,
    given: &Given,
    remarks: &mut Vec<String>,
) -> anyhow::Result<Vec<(String, String)>> {
    let set = |name: &str| given.variables.get(name).filter(|value| !value.is_empty());
    let mut env = Vec::new();
    let mut known = Vec::new();
    for flag in shared().into_iter().chain(of_stdio()) {
        let Some(name) = flag.get_env().and_then(|name| name.to_str()) else {
            continue;
        };
        known.push(name.to_owned());
        let Some(value) = set(name) else { continue };
        // A flag beats its variable.
        if matches.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine) {
            continue;
        }
        let value = text(value, name)?;
        let value = match flag.get_long() {
            Some("db") => database_name(&value, options)?,
            Some(long) if PATHS.contains(&long) => absolute(&value)?,
            _ => value,
        };
        env.push((name.to_owned(), value));
    }
    let by_flag = matches.value_source("db") == Some(ValueSource::CommandLine);
    let db = match set("EPR_DB") {
        Some(db) if !by_flag => Some(text(db, "EPR_DB")?),
        _ => options.db.clone(),
    };
    let at = Options {
        db,
        ..Options::default()
    };
    if matches!(at.database(), Ok(Database::Postgres(_))) {
        for name in POSTGRES {
            let Some(value) = set(name) else { continue };
            let value = text(value, name)?;
            let path = POSTGRES_PATHS.contains(&name);
            env.push((
                name.to_owned(),
                if path { absolute(&value)? } else { value },
            ));
        }
        if set("PGPASSWORD").is_some() {
            remarks.push(
                "PGPASSWORD is set here and is not written into the file. A server that the client starts may be \
                 without it: put the password into ~/.pgpass, or into a file that EPR_DB_PASSWORD_FILE names."
                    .to_owned(),
            );
        }
    }
    if !env.is_empty() {
        let names: Vec<&str> = env.iter().map(|(name, _)| name.as_str()).collect();
        remarks.push(format!(
            "Set here and carried into the entry: {}.",
            names.join(", ")
        ));
    }
    for (name, value) in &given.variables {
        if !name.starts_with("EPR_") || value.is_empty() || known.contains(name) {
            continue;
        }
        let why = FOREIGN_VARIABLES
            .iter()
            .find(|(foreign, _)| foreign == name);
        let why = why.map_or("is no setting of this version", |(_, why)| why);
        remarks.push(format!("Not carried into the entry: {name}, which {why}."));
    }
    Ok(env)
}

/// A database as an entry names it.
fn database_name(db: &str, options: &Options) -> anyhow::Result<String> {
    let options = Options {
        db: Some(db.to_owned()),
        ..options.clone()
    };
    match options.database()? {
        Database::Sqlite(path) => absolute(&path.to_string_lossy()),
        Database::Postgres(url) => {
            no_password(&url)?;
            // It says what is wrong with the URL in words that repeat no secret.
            database::configured(&options)?;
            Ok(url)
        }
    }
}

fn no_password(url: &str) -> anyhow::Result<()> {
    let secret = match Url::parse(url) {
        Ok(url) => {
            url.password().is_some() || url.query_pairs().any(|(key, _)| key.contains("password"))
        }
        Err(_) => false,
    };
    if secret {
        bail!(
            "the database URL has a password, which must not stand in a client's configuration. Leave it out of the \
             URL, and put it into ~/.pgpass or into a file of its own that --db-password-file \
             (EPR_DB_PASSWORD_FILE) names"
        );
    }
    Ok(())
}

/// Makes the values of flags that name files absolute, wherever they stand.
fn with_absolute_paths(args: Vec<String>) -> anyhow::Result<Vec<String>> {
    let mut made = Vec::new();
    let mut value = false;
    for arg in args {
        let path_flag = |flag: &str| {
            flag.strip_prefix("--")
                .is_some_and(|flag| PATHS.contains(&flag))
        };
        if value {
            made.push(absolute(&arg)?);
            value = false;
        } else if let Some((flag, path)) = arg.split_once('=')
            && path_flag(flag)
        {
            made.push(format!("{flag}={}", absolute(path)?));
        } else {
            value = path_flag(&arg);
            made.push(arg);
        }
    }
    Ok(made)
}

/// Replaces the value of a flag.
pub(super) fn replace(args: &mut [String], flag: &str, new: &str) {
    let whole = format!("--{flag}");
    let begin = format!("--{flag}=");
    let mut value = false;
    for arg in args {
        if value {
            new.clone_into(arg);
            return;
        }
        if arg.starts_with(&begin) {
            *arg = format!("{begin}{new}");
            return;
        }
        value = *arg == whole;
    }
}

fn absolute(path: &str) -> anyhow::Result<String> {
    // An empty value says nothing.
    if path.is_empty() {
        return Ok(String::new());
    }
    text(config::absolute(Path::new(path)).as_os_str(), path)
}

fn text(value: &std::ffi::OsStr, what: &str) -> anyhow::Result<String> {
    value.to_str().map(str::to_owned).with_context(|| {
        format!("{what}: the value is not UTF-8 text, which a configuration has to be")
    })
}

fn shared() -> Vec<Arg> {
    let command = Options::augment_args(clap::Command::new("epr-mcp"));
    command.get_arguments().cloned().collect()
}

fn of_stdio() -> Vec<Arg> {
    let command = StdioArgs::augment_args(clap::Command::new("stdio"));
    command.get_arguments().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(flags: &[(&str, &str)], behind: &[&str], variables: &[(&str, &str)]) -> Made {
        tried(flags, behind, variables).unwrap_or_else(|why| panic!("{why}"))
    }

    fn tried(
        flags: &[(&str, &str)],
        behind: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Made, String> {
        let given = Given {
            flags: flags
                .iter()
                .map(|(flag, value)| ((*flag).to_owned(), value.into()))
                .collect(),
            behind: behind.iter().map(OsString::from).collect(),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.into()))
                .collect(),
        };
        make(Path::new("/bin/epr-mcp"), &given).map_err(|why| match why {
            Refused::Flags(error) => error.to_string(),
            Refused::Said(error) => format!("{error:#}"),
        })
    }

    fn here(path: &str) -> String {
        config::absolute(Path::new(path)).display().to_string()
    }

    #[test]
    fn flags_become_arguments_and_paths_absolute() {
        assert_eq!(made(&[], &[], &[]).launch.args, ["stdio"]);
        let launch = made(
            &[("db", "x/a.db")],
            &[
                "stdio",
                "--read-only",
                "--allow-files",
                "in",
                "--schema-dir=s",
            ],
            &[],
        )
        .launch;
        assert_eq!(
            launch.args,
            [
                "stdio",
                "--db",
                &here("x/a.db"),
                "--read-only",
                "--allow-files",
                &here("in"),
                &format!("--schema-dir={}", here("s")),
            ]
        );
        let launch = made(&[], &["--db=sqlite://y.db"], &[]).launch;
        assert_eq!(launch.args, ["stdio", &format!("--db={}", here("y.db"))]);
        let url = "postgres://ci@db.example:5432/epr?sslmode=verify-full";
        assert_eq!(
            made(&[("db", url)], &[], &[]).launch.args,
            ["stdio", "--db", url]
        );
    }

    #[test]
    fn variables_become_variables_and_that_is_said() {
        let made = made(
            &[],
            &["--principal", "ada"],
            &[
                ("EPR_DB", "a.db"),
                ("EPR_TOOLS", ""),
                ("EPR_PRINCIPAL", "beaten by the flag"),
                ("EPR_URL", "https://epr"),
                ("EPR_ODD", "1"),
                ("HOME", "/home/ada"),
                ("PGHOST", "only for PostgreSQL"),
            ],
        );
        assert_eq!(made.launch.env, [("EPR_DB".to_owned(), here("a.db"))]);
        let said = made.remarks.join("\n");
        for word in ["carried into the entry: EPR_DB.", "EPR_URL", "EPR_ODD"] {
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_leads_to_a_server_is_carried_but_no_secret() {
        let made = made(
            &[],
            &[],
            &[
                ("EPR_DB", "postgres://db.example/epr"),
                ("PGUSER", "ci"),
                ("PGPASSWORD", "hush"),
                ("EPR_DB_PASSWORD_FILE", "/run/secret"),
            ],
        );
        let names: Vec<&str> = made
            .launch
            .env
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["EPR_DB", "EPR_DB_PASSWORD_FILE", "PGUSER"]);
        assert!(
            made.remarks
                .iter()
                .any(|said| said.starts_with("PGPASSWORD"))
        );
        assert!(!format!("{made:?}").contains("hush"));
    }

    #[test]
    fn a_password_is_never_written() {
        for url in [
            "postgres://ci:hush@db.example/epr",
            "postgres://db.example/epr?password=hush",
        ] {
            for tried in [
                tried(&[("db", url)], &[], &[]),
                tried(&[], &["--db", url], &[]),
                tried(&[], &[], &[("EPR_DB", url)]),
            ] {
                let why = tried.unwrap_err();
                assert!(
                    why.contains("EPR_DB_PASSWORD_FILE") && why.contains("~/.pgpass"),
                    "{why}"
                );
                assert!(!why.contains("hush"), "{why}");
            }
        }
    }

    #[test]
    fn flags_that_the_server_would_refuse_are_refused_now() {
        for (behind, why) in [
            (&["--read-onyl"][..], "--read-onyl"),
            (&["doctor"], "doctor"),
            (&["--db", "mysql://x"], "mysql"),
            (&["--url", "https://h"], "--url"),
            (&["--db", "postgres://h/d?nonsense=1"], "nonsense"),
        ] {
            let told = tried(&[], behind, &[]).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        let twice = tried(&[("db", "/a")], &["--db", "/b"], &[]).unwrap_err();
        assert!(twice.contains("multiple times"), "{twice}");
    }
}
