//! When the system refuses: the append fails with a typed error, the log stays a valid prefix, and
//! opening it again goes on when the cause is gone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use maniple_bundles::{BundleError, ContextBundle, Durability, Meta};

use crate::child::{Role, Running, limited_command, text_of};
use crate::support::{Place, note, notes};

fn io_kind(error: &BundleError) -> Option<ErrorKind> {
    match error {
        BundleError::Io { source, .. } => Some(source.kind()),
        _ => None,
    }
}

/// A small disk of its own, unmounted when it is dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// `None`, loudly, where it cannot be had.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], at);
        if !mounted {
            eprintln!("SKIPPED: a small disk cannot be mounted here (it needs root on Linux)");
        }
        mounted.then(|| Self { at: at.to_owned() })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.at).status();
    }
}

fn mount(options: &[&str], at: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(options).arg(at).stderr(std::process::Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_full_disk_fails_the_append_and_loses_nothing() {
    let place = Place::on_disk();
    let Some(disk) = SmallDisk::mount(&place.parent().join("disk")) else {
        return;
    };
    let dir = disk.at.join("session");
    let ballast = disk.at.join("ballast");
    std::fs::write(&ballast, vec![0; 128 * 1024]).unwrap();

    let bundle = ContextBundle::create(&dir, Meta::new("full"), Durability::Synced).await.unwrap();
    let mut acknowledged = Vec::new();
    let error = loop {
        let text = text_of(u64::try_from(acknowledged.len()).unwrap());
        match bundle.append(note(&text)).await {
            Ok(_) => acknowledged.push(text),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 1000, "the disk never fills");
    };
    assert_eq!(io_kind(&error), Some(ErrorKind::StorageFull), "{error}");

    // The stopped bundle has let go of the session, and reading needs no room.
    let again = ContextBundle::remount(&dir, Durability::Synced).await.unwrap();
    let late = bundle.append(note("late")).await.unwrap_err();
    assert!(matches!(late, BundleError::Stopped { .. }), "{late}");
    assert!(matches!(bundle.close().await, Err(BundleError::Stopped { .. })));
    assert_eq!(again.recovered(), None, "what was torn is cut off while the disk is full");
    assert_eq!(notes(&again).await, acknowledged);
    std::fs::remove_file(&ballast).unwrap();
    again.append(note("there is room")).await.unwrap();
    acknowledged.push("there is room".into());
    assert_eq!(notes(&again).await, acknowledged);
}

#[tokio::test]
async fn a_session_on_a_read_only_disk_is_an_error_until_it_is_writable() {
    let place = Place::on_disk();
    let Some(disk) = SmallDisk::mount(&place.parent().join("disk")) else {
        return;
    };
    let dir = disk.at.join("session");
    let bundle = ContextBundle::create(&dir, Meta::new("ro"), Durability::Synced).await.unwrap();
    bundle.append(note("one")).await.unwrap();
    bundle.close().await.unwrap();
    assert!(mount(&["-o", "remount,ro"], &disk.at));
    let error = ContextBundle::remount(&dir, Durability::Synced).await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ErrorKind::ReadOnlyFilesystem), "{error}");
    let new = disk.at.join("new");
    let error = ContextBundle::create(new, Meta::new("ro"), Durability::Synced).await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ErrorKind::ReadOnlyFilesystem), "{error}");
    assert!(mount(&["-o", "remount,rw"], &disk.at));
    let bundle = ContextBundle::remount(&dir, Durability::Synced).await.unwrap();
    bundle.append(note("two")).await.unwrap();
    assert_eq!(notes(&bundle).await, ["one", "two"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_limit_on_the_size_of_files_fails_the_append_and_loses_nothing() {
    let place = Place::on_disk();
    let child = Running::start(limited_command(Role::Fill, &place.dir(), 64));
    let mut said = child.rest("acknowledged");
    assert!(!said.is_empty(), "the limit comes too early");
    let bundle = place.remount().await.unwrap();
    let found = notes(&bundle).await;
    let whole: Vec<String> = (0..).take(found.len()).map(text_of).collect();
    assert_eq!(found, whole);
    assert_eq!(found.len(), said.len(), "one appender: what failed was cut off");
    assert_eq!(bundle.recovered(), None);
    said.push("once more".into());
    bundle.append(note("once more")).await.unwrap();
    assert_eq!(notes(&bundle).await.len(), said.len());

    let again = Running::start(limited_command(Role::Fill, &place.parent().join("other"), 64));
    let failed = again.rest("failed");
    assert!(failed.len() == 1 && failed[0].starts_with("cannot append to"), "{failed:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_without_permission_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::on_disk();
    let locked = place.parent().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(locked.join("probe"), b"").is_ok() {
        eprintln!("SKIPPED: permissions do not bind whoever runs this test (root)");
        return;
    }
    let dir = locked.join("session");
    let error = ContextBundle::create(dir, Meta::new("no"), Durability::Synced).await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ErrorKind::PermissionDenied), "{error}");
}

#[tokio::test]
async fn what_is_no_session_is_named() {
    let place = Place::on_disk();
    let missing = place.remount().await.unwrap_err();
    assert!(matches!(missing, BundleError::NotFound { .. }), "{missing}");
    assert!(!place.dir().exists(), "looking for a session makes no directory");

    std::fs::create_dir(place.dir()).unwrap();
    let empty = place.remount().await.unwrap_err();
    assert!(matches!(empty, BundleError::NotFound { .. }), "{empty}");
    assert_eq!(std::fs::read_dir(place.dir()).unwrap().count(), 0, "nor a lock");

    std::fs::write(place.log(), b"something\n").unwrap();
    let meta = || Meta::new("test");
    let orphan = ContextBundle::create(place.dir(), meta(), Durability::Synced).await.unwrap_err();
    assert!(matches!(orphan, BundleError::Orphaned { .. }), "{orphan}");
    assert_eq!(std::fs::read(place.log()).unwrap(), b"something\n");

    let file = place.parent().join("file");
    std::fs::write(&file, b"").unwrap();
    for dir in [file.clone(), file.join("below")] {
        let error = ContextBundle::create(dir, meta(), Durability::Synced).await.unwrap_err();
        assert!(io_kind(&error).is_some(), "{error}");
    }
    let error = ContextBundle::remount(&file, Durability::Synced).await.unwrap_err();
    assert!(matches!(error, BundleError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_session_whose_log_is_gone_is_an_error() {
    let place = Place::on_disk().with_notes(&["one"]).await;
    std::fs::remove_file(place.log()).unwrap();
    let error = place.remount().await.unwrap_err();
    assert_eq!(io_kind(&error), Some(ErrorKind::NotFound), "{error}");
    assert!(error.to_string().contains("log.jsonl"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn no_link_is_followed_out_of_the_directory() {
    for name in ["log.jsonl", "bundle.json", "lock"] {
        let place = Place::on_disk().with_notes(&["one"]).await;
        let outside = place.parent().join("outside");
        std::fs::rename(place.dir().join(name), &outside).unwrap();
        std::os::unix::fs::symlink(&outside, place.dir().join(name)).unwrap();
        let error = place.remount().await.unwrap_err();
        assert!(matches!(error, BundleError::NotAFile { .. }), "{name}: {error}");
    }
    // What a killed creator left is replaced, not written through.
    let place = Place::on_disk();
    let outside = place.parent().join("outside");
    std::fs::create_dir(place.dir()).unwrap();
    std::fs::write(&outside, b"precious").unwrap();
    std::os::unix::fs::symlink(&outside, place.dir().join("bundle.json.new")).unwrap();
    drop(place.create().await);
    assert_eq!(std::fs::read(&outside).unwrap(), b"precious");
    assert!(place.remount().await.is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_a_session() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::on_disk().with_notes(&["one"]).await;
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.dir()), 0o700);
    for file in std::fs::read_dir(place.dir()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
    }
}
