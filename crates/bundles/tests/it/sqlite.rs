//! What the SQLite store does besides what every store does.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use futures::executor::block_on;
use maniple_bundles::{
    Action, BundleError, BundleStore, ContextBundle, Durability, Meta, Sessions, SqliteStore,
    UnfitDatabase,
};
use rusqlite::Connection;

fn note(bundle: &ContextBundle, text: &str) -> Result<u64, BundleError> {
    block_on(bundle.append(Action::Note { text: text.into() }))
}

/// How a database is refused that something was done to.
fn refusal(act: impl FnOnce(&Path)) -> BundleError {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.db");
    act(&path);
    let before = std::fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), before, "it was written to");
    refused
}

fn unfit(error: &BundleError) -> Option<&UnfitDatabase> {
    let BundleError::Io { source, .. } = error else { return None };
    source.get_ref()?.downcast_ref()
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let refused = refusal(|path| {
        drop(SqliteStore::open(path).unwrap());
        Connection::open(path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    });
    assert!(matches!(refused, BundleError::NewerSchema { found: 2, known: 1, .. }), "{refused}");
}

#[test]
fn another_applications_database_is_refused() {
    let refused = refusal(|path| {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("CREATE TABLE session (id TEXT)").unwrap();
    });
    assert_eq!(unfit(&refused), Some(&UnfitDatabase::Foreign { application_id: 0 }));
    let refused = refusal(|path| {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "application_id", 7).unwrap();
    });
    assert_eq!(unfit(&refused), Some(&UnfitDatabase::Foreign { application_id: 7 }));
}

#[test]
fn what_is_no_database_is_refused() {
    let text = "a text that is long enough to be taken for the header of a database. ".repeat(20);
    let refused = refusal(|path| std::fs::write(path, text).unwrap());
    assert_eq!(unfit(&refused), Some(&UnfitDatabase::NotADatabase));
}

#[test]
fn a_database_in_no_directory_is_refused_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing").join("sessions.db");
    match SqliteStore::open(&path).unwrap_err() {
        BundleError::Io { path: named, source, .. } => {
            assert_eq!((named, source.kind()), (path, ErrorKind::NotFound));
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("sessions.db")).unwrap();
    let bundle = block_on(Sessions::new(store).create(Meta::new("a"))).unwrap();
    note(&bundle, "a secret").unwrap();
    let mut found = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", entry.path().display());
        found += 1;
    }
    assert!(found >= 4, "database, log, index and locks, not {found}");
}

#[test]
fn who_writes_waits_for_another_process_to_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.db");
    let sessions = Sessions::new(SqliteStore::open(&path).unwrap());
    let bundle = block_on(sessions.create(Meta::new("a"))).unwrap();
    note(&bundle, "before").unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let append = bundle.append(Action::Note { text: "meanwhile".into() });
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(block_on(append).unwrap(), 1);
    assert_eq!(note(&bundle, "after").unwrap(), 2);
}

#[test]
fn a_writer_whose_lock_was_taken_away_is_fenced_before_it_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.db");
    let sessions = Sessions::new(SqliteStore::open(&path).unwrap());
    let earlier = block_on(sessions.create(Meta::new("a"))).unwrap();
    note(&earlier, "before").unwrap();
    std::fs::remove_file(dir.path().join("sessions.db-locks").join(earlier.id().to_string()))
        .unwrap();

    let others = Sessions::new(SqliteStore::open(&path).unwrap());
    let later = block_on(others.remount(earlier.id())).unwrap();
    let refused = note(&earlier, "from the one that was fenced").unwrap_err();
    assert!(matches!(refused, BundleError::Fenced { .. }), "{refused}");
    assert_eq!(note(&later, "after").unwrap(), 1);
    assert_eq!(block_on(later.verify()).unwrap().actions, 2);
}

#[test]
fn a_log_that_is_read_keeps_nobody_from_writing() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("sessions.db")).unwrap();
    let sessions = Sessions::new(store.clone());
    let bundle = block_on(sessions.create(Meta::new("a"))).unwrap();
    for n in 0..3 {
        note(&bundle, &format!("note {n}")).unwrap();
    }
    let (mut shown, reader) = (0, store.read(bundle.id()).unwrap());
    reader
        .lines(0, &mut |_| {
            shown += 1;
            note(&bundle, "written by who reads")?;
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(shown, 3, "the lines of the moment in which it looked");
    assert_eq!(block_on(bundle.verify()).unwrap().actions, 6);
}

/// Where the next test tells the process that it runs what to do.
const CHILD: &str = "MANIPLE_SQLITE_CHILD";

#[test]
#[ignore = "it is no test, but the process that the next one kills"]
fn process_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let sessions =
        Sessions::new(SqliteStore::open(path).unwrap()).with_durability(Durability::Buffered);
    let bundle = block_on(sessions.open_or_create(Meta::new("killed"))).unwrap();
    for n in 0.. {
        note(&bundle, &format!("{n} {}", "x".repeat(6000))).unwrap();
        eprintln!("acknowledged {n}");
    }
}

#[test]
fn what_a_killed_process_was_told_is_found_by_the_next() {
    use std::io::{BufRead, BufReader};

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.db");
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::process_that_is_killed", "--ignored", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut told = lines.filter(|line| line.starts_with("acknowledged"));
        assert!(told.nth(10).is_some(), "the process has ended");

        // While it lives, nobody else gets the session.
        let sessions = Sessions::new(SqliteStore::open(&path).unwrap());
        let refused = block_on(sessions.open_or_create(Meta::new("killed"))).unwrap_err();
        assert!(matches!(refused, BundleError::OpenElsewhere { .. }), "{refused}");
        child.kill().unwrap();
        child.wait().unwrap();
        let told = 11 * round + u64::try_from(told.count()).unwrap();

        let bundle = block_on(sessions.open_or_create(Meta::new("killed"))).unwrap();
        let found = block_on(bundle.verify()).unwrap();
        assert!(found.actions >= told, "{} of {told} actions", found.actions);
        assert_eq!(bundle.recovered(), None);
    }
}

#[test]
fn who_reads_waits_for_no_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sessions.db");
    let store = SqliteStore::open(&path).unwrap();
    let bundle = block_on(Sessions::new(store.clone()).create(Meta::new("a"))).unwrap();
    note(&bundle, "before").unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let append = bundle.append(Action::Note { text: "waits".into() });
    assert_eq!(store.list().unwrap().len(), 1);
    let mut shown = 0;
    let reader = store.read(bundle.id()).unwrap();
    reader
        .lines(0, &mut |_| {
            shown += 1;
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(shown, 1);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(block_on(append).unwrap(), 1);
}

#[test]
fn many_make_one_database_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (path, begin) = (dir.path().join("sessions.db"), std::sync::Barrier::new(8));
    std::thread::scope(|threads| {
        for n in 0..8 {
            let (path, begin) = (&path, &begin);
            threads.spawn(move || {
                begin.wait();
                let sessions = Sessions::new(SqliteStore::open(path).unwrap());
                let bundle = block_on(sessions.create(Meta::new(format!("{n}")))).unwrap();
                for seq in 0..20 {
                    assert_eq!(note(&bundle, "one of many").unwrap(), seq);
                }
                block_on(bundle.close()).unwrap();
            });
        }
    });
    assert_eq!(SqliteStore::open(&path).unwrap().list().unwrap().len(), 8);
}
