//! What is refused, and how that is told.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::common;
use crate::world::*;

fn call(arguments: &[&Path]) -> Output {
    Command::new(common::program("deploy_saga")).args(arguments).output().unwrap()
}

/// That it is refused with this code, and says so, and nothing was done.
fn refused(arguments: &[&Path], code: i32, says: &str) {
    let output = call(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{says}: {said}");
    assert!(said.contains(says), "{says}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(output.stdout.is_empty(), "{says}: something was printed of nothing");
}

#[test]
fn bad_arguments_are_told() {
    let world = World::new();
    let (folder, target) = (world.folder(), world.target());
    let cases: [(&[&str], &str); 12] = [
        (&["--fail-at", "notify"], "with --notify only"),
        (&["--panic-at", "notify"], "with --notify only"),
        (&["--fail-undo-at", "health"], "nothing takes that step back"),
        (&["--fail-at", "start"], "possible values: stage, checksum, backup, switch"),
        (&["--panic-at", "start"], "--panic-at"),
        (&["--fail-undo-at", "start"], "--fail-undo-at"),
        (&["--keep", "0"], "--keep"),
        (&["--status", "--retry", "stage"], "cannot be used with"),
        (&["--retry", "start"], "--retry"),
        (&["--resolve", "start"], "--resolve start"),
        (&["--resolve", "stage", "{"], "--resolve stage {"),
        (&["--more"], "--more"),
    ];
    for (more, says) in cases {
        let more = more.iter().map(Path::new);
        let arguments: Vec<&Path> = [&*folder, &*target].into_iter().chain(more).collect();
        refused(&arguments, WRONG, says);
    }
    refused(&[&folder], WRONG, "<TARGET>");
    refused(&[], WRONG, "<FOLDER>");
    for asked in ["--status", "--retry"] {
        let more: &[&str] = if asked == "--retry" { &[asked, "stage"] } else { &[asked] };
        assert!(world.ends(more, WRONG).contains("nothing was released there"));
    }
    assert!(!target.exists());
    let help = String::from_utf8(call(&[Path::new("--help")]).stdout).unwrap();
    assert!(help.contains("Exit codes: 0 committed") && !help.contains("--pause"), "{help}");
}

#[test]
fn a_folder_that_cannot_be_released_is_refused_before_anything_is_made() {
    let world = World::new();
    let (target, folder) = (world.target(), world.path("bad"));
    let refused = |says: &str| refused(&[&folder, &target], WRONG, says);
    refused("is no folder");
    fs::write(&folder, "text").unwrap();
    refused("is no folder");
    fs::remove_file(&folder).unwrap();
    fs::create_dir_all(folder.join("sub")).unwrap();
    refused("holds no file");

    fs::write(folder.join("file"), "text").unwrap();
    fs::write(world.path("outside"), "text").unwrap();
    let absolute = folder.join("file");
    let links = ["../outside", "nothing", "link", "../bad/../outside", absolute.to_str().unwrap()];
    for to in links {
        symlink(to, folder.join("link")).unwrap();
        refused("is a link to");
        fs::remove_file(folder.join("link")).unwrap();
    }
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    refused("is neither a file nor a folder nor a link");
    assert!(!target.exists());
}

#[test]
fn a_link_that_leads_out_and_in_again_leads_nowhere_in_the_copy() {
    let world = World::released();
    let before = world.visible();
    symlink("../site/index.html", world.folder().join("link")).unwrap();
    let said = world.ends(&[], COMPENSATED);
    assert!(said.contains("releases/0002/link is a link to ../site/index.html"), "{said}");
    assert_eq!(world.visible(), before);
}

#[test]
fn a_release_does_not_hold_itself() {
    let world = World::new();
    let (folder, inner) = (world.folder(), world.folder().join("www"));
    refused(&[&folder, &folder], WRONG, "they have to lie apart");
    refused(&[&folder, &inner], WRONG, "they have to lie apart");
    refused(&[&folder, &folder.join("sub/../www")], WRONG, "they have to lie apart");
    refused(&[&folder.join("sub"), &folder], WRONG, "they have to lie apart");
    let (option, session) = (Path::new("--session"), folder.join("session"));
    refused(&[&folder, &world.target(), option, &session], WRONG, "they have to lie apart");
    let within = world.target().join(".deploy/retired");
    refused(&[&folder, &world.target(), option, &within], WRONG, "they have to lie apart");
    assert!(!inner.exists() && !session.exists() && !world.target().exists());
}

#[test]
fn a_target_of_somebody_else_is_left_alone() {
    let world = World::new();
    let (folder, target) = (world.folder(), world.target());
    fs::create_dir(&target).unwrap();
    fs::write(target.join("thesis"), "text").unwrap();
    refused(&[&folder, &target], WRONG, "which is not of this program");
    fs::remove_file(target.join("thesis")).unwrap();

    // An empty one is taken.
    world.ends(&[], COMMITTED);
    fs::create_dir(target.join("releases/4294967295")).unwrap();
    assert!(world.ends(&[], FAILED).contains("no number comes after that of release 4294967295"));
    fs::remove_dir(target.join("releases/4294967295")).unwrap();
    let file = world.path("file");
    fs::write(&file, "text").unwrap();
    refused(&[&folder, &file], FAILED, "cannot read the folder");
    refused(&[&folder, &file.join("www")], FAILED, "cannot");

    for name in ["current", "previous"] {
        let link = target.join(name);
        let before = fs::read_link(&link).ok();
        for to in ["../elsewhere", "releases/../../elsewhere", "releases/1"] {
            let _ = fs::remove_file(&link);
            symlink(to, &link).unwrap();
            assert!(world.ends(&[], FAILED).contains("is no link to a release"));
        }
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        assert!(world.ends(&[], FAILED).contains("is no link to a release"));
        fs::remove_dir(&link).unwrap();
        if let Some(before) = before {
            symlink(before, &link).unwrap();
        }
    }
    world.ends(&[], COMMITTED);
    let elsewhere = world.path("elsewhere");
    fs::rename(target.join("releases"), &elsewhere).unwrap();
    symlink(&elsewhere, target.join("releases")).unwrap();
    let before = tree(&elsewhere);
    assert!(world.ends(&[], FAILED).contains("is not a folder of its own"));
    assert_eq!(tree(&elsewhere), before);
}

#[test]
#[cfg(target_os = "linux")]
fn a_target_that_cannot_be_written_is_told() {
    let world = World::new();
    // Not even root makes a folder there.
    let arguments = [&*world.folder(), Path::new("/proc/deploy_saga")];
    refused(&arguments, FAILED, "cannot make the folder /proc/deploy_saga");
}

#[test]
fn what_somebody_else_has_switched_is_not_switched_back() {
    let world = World::released();
    // The program is killed when it has staged, and a person goes back to another release by hand.
    world.ends(&[], COMMITTED);
    world.write(3);
    let staged = world.target().join("releases/0003");
    let mut running = world.start(&["--pause", "10"]);
    assert!(common::kill_once(&mut running, std::time::Duration::ZERO, || staged.exists()));
    let current = world.target().join("current");
    fs::remove_file(&current).unwrap();
    symlink("releases/0001", &current).unwrap();
    let said = world.ends(&[], COMPENSATED);
    assert!(said.contains("current shows 0001, and neither 0002 nor 0003"), "{said}");
    assert_eq!(world.link("current").unwrap(), "releases/0001");
}

#[test]
fn a_session_elsewhere_leaves_nothing_in_the_target_and_is_asked_for_again() {
    let world = World::released();
    let session = world.path("elsewhere");
    let more = ["--session", session.to_str().unwrap()];
    world.ends(&[&more[..], &["--fail-at", "health", "--fail-undo-at", "switch"]].concat(), PARKED);
    assert!(session.is_dir());
    let said = world.ends(&[], WRONG);
    assert!(said.contains("--session") && said.contains("elsewhere"), "{said}");
    for other in [["--session", "www"], ["--health", "true"], ["--keep", "9"]] {
        let said = world.ends(&[&other[..], &["--retry", "switch"]].concat(), WRONG);
        assert!(said.contains("begun with other arguments"), "{said}");
    }
    // The release knows where its session is.
    assert!(world.ends(&["--status"], PARKED).contains("switch is not taken back"));
    world.ends(&["--retry", "switch"], COMPENSATED);
    world.ends(&more, COMMITTED);
}

#[test]
fn a_damaged_account_of_a_release_is_told() {
    let world = World::released();
    world.ends(&["--fail-at", "health", "--fail-undo-at", "switch"], PARKED);
    let account = world.target().join(".deploy/unfinished");
    let text = fs::read_to_string(&account).unwrap();
    fs::write(&account, &text[..20]).unwrap();
    for more in [&[][..], &["--status"], &["--retry", "switch"], &["--graph"]] {
        assert!(world.ends(more, FAILED).contains("is no account of a release"));
    }
    fs::write(&account, text).unwrap();
    world.ends(&["--retry", "switch"], COMPENSATED);
}

#[test]
fn a_folder_that_nobody_writes_to_and_names_of_any_bytes_are_released() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    let world = World::released();
    let (folder, locked) = (world.folder(), world.folder().join("locked"));
    fs::create_dir(&locked).unwrap();
    // Some systems have names of characters only.
    let name: &[u8] = if cfg!(target_os = "linux") { b"line\n\xff" } else { b"line\n" };
    fs::write(locked.join(OsStr::from_bytes(name)), "text").unwrap();
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&locked, 0o555);
    set(&folder, 0o555);
    world.ends(&["--fail-at", "retire"], COMPENSATED);
    world.ends(&[], COMMITTED);
    set(&folder, 0o755);
    set(&locked, 0o755);
    // The owner of a copy can always remove it.
    assert_eq!(world.shown(), tree(&folder));
}
