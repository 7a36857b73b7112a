//! What every disk does while nothing fails. What is left of it after a loss of power, only the
//! simulated one can show.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use super::sim::Machine;
use super::{Access, Disk, DiskFile, OsDisk, write_all_at};

/// Runs it with an empty directory on each disk.
pub(super) fn on_each_disk(law: impl Fn(&dyn Disk, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    law(&OsDisk, dir.path());
    law(&Machine::new(1).disk(), Path::new("/"));
}

fn create(disk: &dyn Disk, path: &Path, content: &str) -> Box<dyn DiskFile> {
    let mut file = disk.open(path, Access::CreateNew).unwrap();
    write_all_at(&mut *file, 0, content.as_bytes()).unwrap();
    file
}

fn content(disk: &dyn Disk, path: &Path) -> Result<String, ErrorKind> {
    let mut file = disk.open(path, Access::Read).map_err(|error| error.kind())?;
    Ok(rest(&mut *file, 0))
}

fn rest(file: &mut dyn DiskFile, offset: u64) -> String {
    let mut bytes = [0; 64];
    let read = file.read_at(offset, &mut bytes).unwrap();
    String::from_utf8(bytes[..read].to_vec()).unwrap()
}

fn names(disk: &dyn Disk, dir: &Path) -> BTreeSet<String> {
    disk.list(dir).unwrap().into_iter().collect()
}

#[test]
fn a_list_has_the_name_of_each_entry() {
    on_each_disk(|disk, root| {
        assert_eq!(names(disk, root), BTreeSet::new());
        disk.make_dir(&root.join("dir")).unwrap();
        drop(create(disk, &root.join("file"), ""));
        drop(create(disk, &root.join("dir/below"), ""));
        assert_eq!(names(disk, root), ["dir", "file"].map(String::from).into());
        let missing = disk.list(&root.join("missing")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let file = disk.list(&root.join("file")).unwrap_err();
        assert_eq!(file.kind(), ErrorKind::NotADirectory);
    });
}

/// On Unix, where a file that is open can be removed.
#[cfg(unix)]
#[test]
fn an_open_file_knows_whether_a_name_leads_to_it() {
    on_each_disk(|disk, root| {
        let [path, moved] = ["file", "moved"].map(|name| root.join(name));
        let mut file = create(disk, &path, "one");
        assert!(file.is_linked().unwrap());
        disk.rename(&path, &moved).unwrap();
        assert!(file.is_linked().unwrap());
        let mut next = create(disk, &path, "two");
        disk.rename(&path, &moved).unwrap();
        assert!(!file.is_linked().unwrap(), "another has its name");
        disk.remove(&moved).unwrap();
        assert!(!next.is_linked().unwrap());
    });
}

#[test]
fn a_directory_is_removed_when_it_is_empty() {
    on_each_disk(|disk, root| {
        let (dir, file) = (root.join("dir"), root.join("dir/file"));
        disk.make_dir(&dir).unwrap();
        drop(create(disk, &file, ""));
        assert_eq!(disk.remove_dir(&dir).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        assert!(disk.remove_dir(&file).is_err() && disk.remove(&dir).is_err());
        disk.remove(&file).unwrap();
        disk.remove_dir(&dir).unwrap();
        assert!(!disk.is_dir(&dir));
        assert_eq!(disk.remove_dir(&dir).unwrap_err().kind(), ErrorKind::NotFound);
        disk.make_dir(&dir).unwrap();
    });
}

#[test]
fn a_directory_is_told_from_a_file() {
    on_each_disk(|disk, root| {
        let (dir, file) = (root.join("dir"), root.join("file"));
        assert_eq!(disk.is_own_dir(&dir).unwrap_err().kind(), ErrorKind::NotFound);
        disk.make_dir(&dir).unwrap();
        drop(create(disk, &file, ""));
        assert!(disk.is_own_dir(&dir).unwrap() && !disk.is_own_dir(&file).unwrap());
    });
}

#[test]
fn a_rename_takes_the_place_of_a_file_in_any_directory() {
    on_each_disk(|disk, root| {
        let (old, new) = (root.join("old"), root.join("new"));
        let (dir, below) = (root.join("dir"), root.join("dir/below"));
        disk.make_dir(&dir).unwrap();
        drop(create(disk, &old, "renamed"));
        drop(create(disk, &new, "replaced"));
        disk.rename(&old, &new).unwrap();
        assert_eq!(content(disk, &new), Ok("renamed".into()));
        assert_eq!(content(disk, &old), Err(ErrorKind::NotFound));
        drop(create(disk, &below, "replaced"));
        disk.rename(&new, &below).unwrap();
        assert_eq!(content(disk, &below), Ok("renamed".into()));
        assert_eq!(names(disk, root), ["dir".to_owned()].into());
        disk.rename(&below, &below).unwrap();
        assert_eq!(content(disk, &below), Ok("renamed".into()));
        assert!(disk.rename(&below, &dir).is_err(), "a directory is not replaced");
        let nowhere = disk.rename(&below, &root.join("missing/file")).unwrap_err();
        assert_eq!(nowhere.kind(), ErrorKind::NotFound);
        assert_eq!(content(disk, &below), Ok("renamed".into()));
    });
}

#[cfg(unix)]
#[test]
fn an_open_file_keeps_its_content_when_its_name_is_gone() {
    on_each_disk(|disk, root| {
        let (path, other) = (root.join("file"), root.join("other"));
        let mut removed = create(disk, &path, "removed");
        disk.remove(&path).unwrap();
        let mut replaced = create(disk, &path, "replaced");
        drop(create(disk, &other, "other"));
        disk.rename(&other, &path).unwrap();
        assert_eq!(rest(&mut *removed, 0), "removed");
        assert_eq!(rest(&mut *replaced, 0), "replaced");
        write_all_at(&mut *removed, 0, b"written").unwrap();
        removed.sync_all().unwrap();
        assert_eq!(rest(&mut *removed, 0), "written");
        assert_eq!(content(disk, &path), Ok("other".into()));
    });
}

#[test]
fn behind_the_end_there_is_nothing_to_read_and_a_gap_is_zeros() {
    on_each_disk(|disk, root| {
        let mut file = create(disk, &root.join("file"), "abc");
        assert_eq!([rest(&mut *file, 3), rest(&mut *file, 4)], ["", ""]);
        file.set_len(1).unwrap();
        write_all_at(&mut *file, 3, b"d").unwrap();
        assert_eq!(rest(&mut *file, 0), "a\0\0d");
    });
}
