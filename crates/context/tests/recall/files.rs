//! What the store in files does with its directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use maniple_context::excerpt::{line_count, lines};
use maniple_context::{FileRecall, Handle, LineRange, RecallError, RecallStore};
use proptest::prelude::*;

use crate::child::{Role, Running, as_child, exe, limited_command};
use crate::{put, written};

pub(crate) fn packs(root: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "pack")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_texts_come_back_byte_for_byte(
        texts in prop::collection::vec(r"(?s).{0,40}|\PC{0,2000}", 0..20),
        split in 0_usize..20,
    ) {
        let root = tempfile::tempdir().unwrap();
        let store = FileRecall::open(root.path()).unwrap();
        let all: Vec<_> =
            texts.iter().map(|text| (Handle::of(text), Arc::from(text.as_str()))).collect();
        let (first, second) = all.split_at(split.min(all.len()));
        store.put_all(first).unwrap();
        second.iter().try_for_each(|(handle, text)| store.put(handle, text)).unwrap();
        for store in [store, FileRecall::open(root.path()).unwrap()] {
            for (handle, text) in &all {
                prop_assert_eq!(&store.get(handle).unwrap(), text);
                prop_assert_eq!(store.find(handle.short()).unwrap(), *handle);
            }
        }
    }
}

#[test]
fn fifty_megabytes_come_back_whole_and_in_lines() {
    let text: String = written((0..1_600_000).map(|n| format!("line {n:>9} of a long text…\n")));
    assert!(text.len() > 50_000_000);
    let root = tempfile::tempdir().unwrap();
    let handle = put(&FileRecall::open(root.path()).unwrap(), &text);
    let found = FileRecall::open(root.path()).unwrap().get(&handle).unwrap();
    assert!(*found == *text);
    assert_eq!(line_count(&found), 1_600_000);
    let last = LineRange::new(1_600_000, 1_600_000).unwrap();
    assert_eq!(lines(&found, last).unwrap(), "line   1599999 of a long text…\n");
}

#[test]
fn texts_that_are_kept_are_not_written_again() {
    let root = tempfile::tempdir().unwrap();
    let store = FileRecall::open(root.path()).unwrap();
    let texts = ["a", "b", "a"].map(|text| (Handle::of(text), Arc::<str>::from(text)));
    store.put_all(&texts).unwrap();
    store.put_all(&texts).unwrap();
    put(&FileRecall::open(root.path()).unwrap(), "b");
    assert_eq!(packs(root.path()).len(), 1);
}

#[test]
fn what_the_dead_left_is_removed_unless_somebody_writes() {
    let root = tempfile::tempdir().unwrap();
    let handle = put(&FileRecall::open(root.path()).unwrap(), "kept");
    let left = root.path().join("new-1-0");
    fs::write(&left, "half a te").unwrap();
    let foreign = root.path().join("notes.txt");
    fs::write(&foreign, "somebody else's").unwrap();

    let writing = File::open(root.path().join("lock")).unwrap();
    writing.lock_shared().unwrap();
    let store = FileRecall::open(root.path()).unwrap();
    assert!(left.exists(), "it may be what is being written");
    assert_eq!(*store.get(&handle).unwrap(), *"kept");

    drop(writing);
    FileRecall::open(root.path()).unwrap();
    assert!(!left.exists());
    assert!(foreign.exists(), "it is not ours");
}

#[test]
fn what_another_writes_is_found_in_a_directory_that_was_long_at_rest() {
    let root = tempfile::tempdir().unwrap();
    put(&FileRecall::open(root.path()).unwrap(), "old");
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::open(root.path()).unwrap().set_modified(hour_ago).unwrap();

    let store = FileRecall::open(root.path()).unwrap();
    let handle = Handle::of("new");
    assert!(matches!(store.get(&handle), Err(RecallError::Unknown { .. })));
    put(&FileRecall::open(root.path()).unwrap(), "new");
    assert_eq!(*store.get(&handle).unwrap(), *"new");
}

#[test]
fn a_file_that_was_removed_is_unknown_and_can_be_put_again() {
    let root = tempfile::tempdir().unwrap();
    let store = FileRecall::open(root.path()).unwrap();
    let handle = put(&store, "gone");
    fs::remove_file(&packs(root.path())[0]).unwrap();
    assert!(matches!(store.get(&handle), Err(RecallError::Unknown { .. })));
    assert_eq!(store.candidates(handle.short()).unwrap(), []);
    put(&store, "gone");
    assert_eq!(*store.get(&handle).unwrap(), *"gone");
}

/// The format is one that later versions read.
#[test]
fn the_golden_file_is_what_is_written_and_what_is_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recall/golden");
    let texts = ["", "a line\nand another", "…é\r\n"];
    let root = tempfile::tempdir().unwrap();
    let store = FileRecall::open(root.path()).unwrap();
    store.put_all(&texts.map(|text| (Handle::of(text), text.into()))).unwrap();

    let (written, expected) = (packs(root.path()), packs(&golden));
    assert_eq!(written[0].file_name(), expected[0].file_name());
    assert_eq!(fs::read(&written[0]).unwrap(), fs::read(&expected[0]).unwrap());

    let store = FileRecall::open(&golden).unwrap();
    for text in texts {
        assert_eq!(*store.get(&Handle::of(text)).unwrap(), *text);
    }
}

#[test]
fn a_root_that_is_a_file_is_an_error_that_names_it() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = FileRecall::open(&path).unwrap_err().to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_disk_that_is_full_is_an_error_that_names_the_file_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("store");
    let mut child = Running::start(limited_command(Role::PutLarge, &root, 64));
    let large = child.wait_for("large").unwrap();
    assert!(large.contains("cannot write") && large.contains("store/new-"), "{large}");
    assert_eq!(child.rest("small"), ["kept"], "a smaller one has room");
    assert!(fs::read_dir(&root).unwrap().count() == 2, "a lock and a pack");
    let store = FileRecall::open(&root).unwrap();
    let unknown = store.get(&Handle::of(&"x".repeat(1 << 20)));
    assert!(matches!(unknown, Err(RecallError::Unknown { .. })));
}

/// A child of a user who is not the one whom permissions do not bind.
#[cfg(unix)]
fn as_nobody(place: &Path, root: &Path) -> Command {
    use std::os::unix::process::CommandExt;

    let copy = place.join("child");
    fs::copy(exe(), &copy).unwrap();
    let mut command = Command::new(copy);
    command.uid(65534).gid(65534).current_dir(place);
    as_child(command, Role::ReadAndPut, root)
}

#[test]
#[cfg(unix)]
fn a_directory_that_can_only_be_read_is_read_and_refuses_by_path() {
    use std::os::unix::fs::PermissionsExt;

    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("store");
    put(&FileRecall::open(&root).unwrap(), "kept");
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(place.path(), 0o755);
    allow(&packs(&root)[0], 0o444);
    allow(&root.join("lock"), 0o444);
    allow(&root, 0o555);
    let is_bound = File::create(root.join("probe")).is_err();
    let command = if is_bound {
        crate::child::command(Role::ReadAndPut, &root)
    } else {
        fs::remove_file(root.join("probe")).unwrap();
        as_nobody(place.path(), &root)
    };
    let mut child = Running::start(command);
    let read = child.wait_for("read").unwrap();
    let put = child.wait_for("put").unwrap();
    child.rest("");
    allow(&root, 0o755);
    assert_eq!(read, "kept");
    let lock = root.join("lock");
    assert!(put.contains(&format!("cannot open {}", lock.display())), "{put}");
}
