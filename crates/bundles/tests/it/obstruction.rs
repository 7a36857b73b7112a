//! When something else stands where a file belongs, or what is there cannot be read: a typed error says
//! what and where, and nothing is lost.

use std::fs;
use std::path::Path;

use maniple_bundles::{BundleError, Filter, History, Meta, SessionId};
use maniple_core::{RunStore, RunStoreError};

use crate::place::{CHUNK, Place, content, files, frame, note, notes, origin};

/// Puts something else in the place of a file.
pub(crate) fn replace(path: &Path, with: &str) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
    match with {
        "nothing" => {}
        "an empty file" => fs::write(path, b"").unwrap(),
        "a directory" => fs::create_dir(path).unwrap(),
        #[cfg(unix)]
        "a link" => {
            let outside = path.ancestors().nth(3).unwrap().join("outside");
            fs::write(&outside, b"1\n").unwrap();
            std::os::unix::fs::symlink(outside, path).unwrap();
        }
        other => panic!("{other}?"),
    }
}

/// A closed session with two notes, one of them in a blob, and a snapshot. Gives the blob's name.
pub(crate) async fn session(place: &Place) -> (SessionId, String) {
    let bundle = place.create().await;
    bundle.append(note("one")).await.unwrap();
    bundle.append(note("x".repeat(5000))).await.unwrap();
    bundle.snapshot().await.unwrap();
    bundle.close().await.unwrap();
    let blob = files(&place.dir(bundle.id())).into_keys().find(|name| name.starts_with("blobs/"));
    (bundle.id(), blob.unwrap())
}

/// Opens, reads, lists, writes and closes; the first error is what comes of it.
#[cfg(target_os = "linux")]
async fn use_it(place: &Place, id: SessionId) -> Result<(), BundleError> {
    let sessions = place.sessions();
    let bundle = sessions.remount(id).await?;
    if let Some(error) = bundle.bad_snapshot() {
        return Err(error.clone());
    }
    bundle.verify().await?;
    sessions.list(&Filter::all()).await?;
    bundle.append(note("more")).await?;
    bundle.snapshot().await?;
    bundle.close().await
}

#[cfg(target_os = "linux")]
const NO_ERROR: &str = "no error";
#[cfg(target_os = "linux")]
const NOT_THERE: &str =
    "there is no session <id>: create it first, or look for it in another store";

/// What stands in the place of which file, and what is said of it.
#[cfg(target_os = "linux")]
const CASES: &[(&str, &str, &str)] = &[
    ("<root>", "an empty file", "cannot look for <dir>: Not a directory (os error 20)"),
    ("<dir>", "nothing", NOT_THERE),
    ("<dir>", "an empty file", "<dir> is not a directory: move it away"),
    ("<dir>", "a directory", NOT_THERE),
    (
        "bundle.json",
        "nothing",
        "<dir>/00000000000000000000.jsonl belongs to a session whose bundle.json is gone: restore that, or choose another directory",
    ),
    (
        "bundle.json",
        "an empty file",
        "<dir>/bundle.json is damaged at line 1, byte 0 (not a complete line of a log): restore it from a copy",
    ),
    ("bundle.json", "a directory", "<dir>/bundle.json is not a regular file: move it away"),
    ("bundle.json", "a link", "<dir>/bundle.json is not a regular file: move it away"),
    (
        CHUNK,
        "nothing",
        "<dir> is damaged at line 1, byte 0 (the file ends too early): restore it from a copy",
    ),
    (
        CHUNK,
        "an empty file",
        "<dir>/00000000000000000000.jsonl is damaged at line 1, byte 0 (not a complete line of a log): restore it from a copy",
    ),
    (CHUNK, "a directory", "<dir>/00000000000000000000.jsonl is not a regular file: move it away"),
    (CHUNK, "a link", "<dir>/00000000000000000000.jsonl is not a regular file: move it away"),
    ("blobs", "nothing", "the blob <hash> in <dir> is missing: restore it from a copy"),
    ("blobs", "an empty file", "<dir>/blobs is not a directory: move it away"),
    ("blobs", "a link", "<dir>/blobs is not a directory: move it away"),
    ("<blob>", "nothing", "the blob <hash> in <dir> is missing: restore it from a copy"),
    ("<blob>", "an empty file", "the blob <hash> in <dir> is damaged: restore it from a copy"),
    ("<blob>", "a directory", "<dir>/blobs/<hash> is not a regular file: move it away"),
    ("<blob>", "a link", "<dir>/blobs/<hash> is not a regular file: move it away"),
    ("snapshot.json", "nothing", NO_ERROR),
    (
        "snapshot.json",
        "an empty file",
        "<dir>/snapshot.json is damaged at line 1, byte 0 (not a complete line of a log): restore it from a copy",
    ),
    ("snapshot.json", "a directory", "<dir>/snapshot.json is not a regular file: move it away"),
    ("snapshot.json", "a link", "<dir>/snapshot.json is not a regular file: move it away"),
    ("card.json", "nothing", NO_ERROR),
    ("card.json", "an empty file", NO_ERROR),
    ("card.json", "a directory", "<dir>/card.json is not a regular file: move it away"),
    ("card.json", "a link", "<dir>/card.json is not a regular file: move it away"),
    ("lock", "nothing", NO_ERROR),
    ("lock", "a directory", "<dir>/lock is not a regular file: move it away"),
    ("lock", "a link", "<dir>/lock is not a regular file: move it away"),
    ("epoch", "nothing", NO_ERROR),
    ("epoch", "an empty file", NO_ERROR),
    ("epoch", "a directory", "<dir>/epoch is not a regular file: move it away"),
    ("epoch", "a link", "<dir>/epoch is not a regular file: move it away"),
    ("new", "an empty file", NO_ERROR),
    ("new", "a directory", "cannot remove <dir>/new: Is a directory (os error 21)"),
    ("new", "a link", NO_ERROR),
    ("deleted.json", "an empty file", "the session <id> was deleted"),
    ("deleted.json", "a directory", "the session <id> was deleted"),
];

/// Elsewhere the system says the same in other words.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_stands_in_the_place_of_a_file_is_named() {
    let mut wrong = Vec::new();
    for (name, with, expected) in CASES {
        let place = Place::in_memory();
        let (id, blob) = session(&place).await;
        let dir = place.dir(id);
        let path = match *name {
            "<root>" => place.root(),
            "<dir>" => dir.clone(),
            "<blob>" => dir.join(&blob),
            name => dir.join(name),
        };
        replace(&path, with);
        let said =
            use_it(&place, id).await.err().map_or(NO_ERROR.into(), |error| error.to_string());
        let said = said.replace(dir.to_str().unwrap(), "<dir>");
        let said = said.replace(place.root().to_str().unwrap(), "<root>");
        let said = said.replace(&id.to_string(), "<id>");
        let said = said.replace(blob.strip_prefix("blobs/").unwrap(), "<hash>");
        if said != *expected {
            wrong.push(format!("    (\"{name}\", \"{with}\", {said:?}),"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What lies outside is neither read, nor written to, nor removed.
#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_directory_outside_is_not_followed() {
    let is_refused = |error: BundleError, path: &Path| {
        let is_it = matches!(&error, BundleError::NotADirectory { path: named } if named == path);
        assert!(is_it, "{error}");
    };
    for name in ["blobs", ""] {
        let place = Place::on_disk();
        let (id, _) = session(&place).await;
        let (inside, outside) = (place.dir(id).join(name), place.beside("outside"));
        let inside = inside.components().collect::<std::path::PathBuf>();
        fs::rename(&inside, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
        let before = files(&outside);
        let sessions = place.sessions();
        match sessions.remount(id).await {
            Ok(bundle) => {
                is_refused(bundle.verify().await.unwrap_err(), &inside);
                is_refused(bundle.append(note("y".repeat(5000))).await.unwrap_err(), &inside);
                bundle.append(note("short")).await.unwrap();
                is_refused(bundle.compact(History::Drop).await.unwrap_err(), &inside);
            }
            Err(error) => is_refused(error, &inside),
        }
        is_refused(sessions.delete(id, "no").await.unwrap_err(), &inside);
        assert_eq!(files(&outside), before, "what is outside stays, and nothing comes");
    }
}

#[tokio::test]
async fn a_damaged_neighbour_is_named_by_whoever_needs_it() {
    let place = Place::on_disk();
    let (good, bad) = (place.closed(&["one"]).await, place.closed(&["two"]).await);
    fs::write(place.dir(bad).join("bundle.json"), b"").unwrap();
    let bundle = place.sessions().remount(good).await.unwrap();
    let named = format!("{bad}/bundle.json is damaged at line 1");
    let listed = place.sessions().list(&Filter::all()).await.unwrap_err();
    let compacted = bundle.compact(History::Drop).await.unwrap_err();
    for error in [listed, compacted] {
        assert!(error.to_string().contains(&named), "{error}");
    }
    assert_eq!(notes(&bundle).await, ["one"]);
    assert_eq!(bundle.append(note("more")).await.unwrap(), 1);

    // It may share what is to be deleted.
    drop(bundle);
    let before = content(&place.root());
    let deleted = place.sessions().delete(good, "not yet").await.unwrap_err();
    assert!(deleted.to_string().contains(&named), "{deleted}");
    assert_eq!(content(&place.root()), before, "nothing is written");
    assert_eq!(notes(&place.sessions().remount(good).await.unwrap()).await, ["one", "more"]);
    // What it says itself is not needed.
    place.sessions().delete(bad, "damaged").await.unwrap();
    assert_eq!(place.sessions().list(&Filter::all()).await.unwrap().len(), 1);
    place.sessions().delete(good, "now").await.unwrap();
    assert_eq!(place.sessions().deleted().await.unwrap().len(), 2);
}

/// In a new session, a run would do again what it has finished.
#[tokio::test]
async fn a_session_that_cannot_be_read_may_be_the_one_that_is_looked_for() {
    let place = Place::on_disk();
    let sessions = place.sessions();
    let old = sessions.create(Meta::new("old")).await.unwrap().id();
    let run = sessions.create(Meta::new("run")).await.unwrap().id();
    let header = place.dir(run).join("bundle.json");
    let whole = fs::read(&header).unwrap();
    fs::write(&header, &whole[..whole.len() - 2]).unwrap();
    let named = format!("{run}/bundle.json is damaged at line 1");
    for name in ["run", "new"] {
        let error = sessions.open_or_create(Meta::new(name)).await.unwrap_err();
        assert!(error.to_string().contains(&named), "{error}");
        let error = RunStore::open(&sessions, name).await.unwrap_err();
        assert!(matches!(error, RunStoreError::Unopened { .. }), "{error}");
    }
    // What is found needs no other.
    assert_eq!(sessions.open_or_create(Meta::new("old")).await.unwrap().id(), old);

    // One of a later version says what it is about.
    let text = String::from_utf8(whole.clone()).unwrap();
    let body = text.split_once(",\"b\":").unwrap().1.strip_suffix("}\n").unwrap();
    let newer = body.replacen("\"schema\":1", "\"schema\":9,\"more\":true", 1);
    assert_ne!(newer, body);
    fs::write(&header, frame(origin("maniple bundle"), &newer).0).unwrap();
    let error = sessions.open_or_create(Meta::new("run")).await.unwrap_err();
    assert!(matches!(error, BundleError::NewerSchema { .. }), "{error}");
    drop(sessions.open_or_create(Meta::new("new")).await.unwrap());

    fs::write(&header, &whole).unwrap();
    assert_eq!(sessions.open_or_create(Meta::new("run")).await.unwrap().id(), run);
}

#[tokio::test]
async fn a_file_that_is_not_ours_keeps_nothing_else_from_being_removed() {
    let place = Place::on_disk();
    let (id, blob) = session(&place).await;
    let cut_short = SessionId::generate();
    fs::create_dir_all(place.dir(cut_short)).unwrap();
    let strange = [place.dir(id).join("blobs/.hidden"), place.dir(cut_short).join(".hidden")];
    for path in &strange {
        fs::write(path, b"kept").unwrap();
    }
    place.sessions().delete(id, "done").await.unwrap();
    let left = files(&place.dir(id));
    assert!(!left.contains_key(&blob) && !left.contains_key(CHUNK), "{left:?}");
    for _ in 0..2 {
        place.sessions().collect_garbage().await.unwrap();
    }
    for path in &strange {
        assert_eq!(fs::read(path).unwrap(), b"kept");
    }
}
