//! Folders with all that lies in them: read, copied and removed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::worker::Hand;

/// How much of a file is in memory.
const PIECE: usize = 1 << 20;
/// The permissions that are copied: whose are these is for the target to say.
const PERMISSIONS: u32 = 0o777;
/// What the owner of a copy may always do with a folder, so that it can be moved and removed.
const OWNER: u32 = 0o700;
/// While a file is written it is nobody else's.
const UNFINISHED: u32 = 0o600;

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// BLAKE3 of the names, permissions and contents.
    pub(crate) digest: String,
}

/// Something in a folder, by its path below it.
struct Entry {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    /// With its permissions.
    Folder(u32),
    File(Identity),
    Link(PathBuf),
}

/// By what it is seen that a file is another one, or was written to.
#[derive(PartialEq, Eq)]
struct Identity {
    place: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    permissions: u32,
}

impl Identity {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            permissions: metadata.mode() & PERMISSIONS,
        }
    }
}

/// Whether a folder can be released: what lies in it are files, folders, and links inside of it.
pub(crate) fn check(root: &Path) -> Result<(), Fault> {
    let entries = entries(root)?;
    if !entries.iter().any(|entry| matches!(entry.kind, Kind::File(_))) {
        return Err(Fault::Empty { folder: root.to_owned() });
    }
    check_links(root, &entries)
}

/// Reads all of it.
pub(crate) fn read(root: &Path, hand: &Hand) -> Result<Content, Fault> {
    let entries = entries(root)?;
    check_links(root, &entries)?;
    walk(root, &entries, hand, |_, _| Ok(()), |_| Ok(None))
}

/// Copies all of it into a folder that is not there yet, and returns when it is on the disk.
pub(crate) fn copy(root: &Path, to: &Path, hand: &Hand) -> Result<Content, Fault> {
    let entries = entries(root)?;
    check_links(root, &entries)?;
    fs::create_dir(to).map_err(Fault::io("make the folder", to))?;
    let make = |path: &Path, kind: &Kind| match kind {
        Kind::Folder(_) => {
            fs::create_dir(to.join(path)).map_err(Fault::io("make the folder", &to.join(path)))
        }
        Kind::Link(target) => {
            symlink(target, to.join(path)).map_err(Fault::io("make the link", &to.join(path)))
        }
        Kind::File(_) => Ok(()),
    };
    let open = |path: &Path| {
        let path = to.join(path);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(UNFINISHED).open(&path);
        Ok(Some((file.map_err(Fault::io("make the file", &path))?, path)))
    };
    let content = walk(root, &entries, hand, make, open)?;
    // From the inside, since a folder may be one that nobody writes to.
    for Entry { path, kind } in entries.iter().rev() {
        if let Kind::Folder(permissions) = kind {
            finish(&to.join(path), *permissions)?;
        }
    }
    finish(to, folder_permissions(&fs::metadata(root).map_err(Fault::io("look at", root))?))?;
    Ok(content)
}

/// Removes all of it, if it is there.
pub(crate) fn remove(root: &Path) -> Result<(), Fault> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => {
            removed.map_err(Fault::io("remove", root))?;
            sync_parent(root)
        }
    }
}

/// Renames a folder, and returns when that is on the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Fault> {
    fs::rename(from, to).map_err(Fault::io("rename", from))?;
    sync_parent(from)?;
    sync_parent(to)
}

/// Returns when the names in the folder that this is in are on the disk.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Fault> {
    sync(path.parent().expect("it lies in the target"))
}

fn folder_permissions(metadata: &fs::Metadata) -> u32 {
    metadata.mode() & PERMISSIONS | OWNER
}

fn finish(folder: &Path, permissions: u32) -> Result<(), Fault> {
    let permissions = fs::Permissions::from_mode(permissions);
    fs::set_permissions(folder, permissions).map_err(Fault::io("finish", folder))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), Fault> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Fault::io("sync", folder))
}

/// All that lies in a folder, those above before those below. Links are not followed.
fn entries(root: &Path) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let here = root.join(&folder);
        for found in fs::read_dir(&here).map_err(Fault::io("read the folder", &here))? {
            let found = found.map_err(Fault::io("read the folder", &here))?;
            let (path, full) = (folder.join(found.file_name()), found.path());
            let metadata = found.metadata().map_err(Fault::io("look at", &full))?;
            let kind = if metadata.is_dir() {
                folders.push(path.clone());
                Kind::Folder(folder_permissions(&metadata))
            } else if metadata.is_file() {
                Kind::File(Identity::of(&metadata))
            } else if metadata.is_symlink() {
                Kind::Link(fs::read_link(&full).map_err(Fault::io("read the link", &full))?)
            } else {
                return Err(Fault::Special { path: full });
            };
            entries.push(Entry { path, kind });
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// A link is read as one, so that it must lead to the same in the copy.
fn check_links(root: &Path, entries: &[Entry]) -> Result<(), Fault> {
    let inside = root.canonicalize().map_err(Fault::io("find", root))?;
    for Entry { path, kind } in entries {
        let Kind::Link(to) = kind else { continue };
        let path = root.join(path);
        let leads_inside =
            to.is_relative() && path.canonicalize().is_ok_and(|end| end.starts_with(&inside));
        if !leads_inside {
            return Err(Fault::LeadsOut { path, to: to.clone() });
        }
    }
    Ok(())
}

/// Reads all files, and lets each thing be made elsewhere too, if it is to be.
fn walk(
    root: &Path,
    entries: &[Entry],
    hand: &Hand,
    make: impl Fn(&Path, &Kind) -> Result<(), Fault>,
    open: impl Fn(&Path) -> Result<Option<(File, PathBuf)>, Fault>,
) -> Result<Content, Fault> {
    let (mut files, mut bytes) = (0, 0);
    let mut hasher = blake3::Hasher::new();
    for Entry { path, kind } in entries {
        hand.goes_on()?;
        make(path, kind)?;
        put(&mut hasher, path.as_os_str().as_bytes());
        match kind {
            Kind::Folder(permissions) => {
                put(&mut hasher, b"folder");
                hasher.update(&permissions.to_le_bytes());
            }
            Kind::Link(to) => {
                put(&mut hasher, b"link");
                put(&mut hasher, to.as_os_str().as_bytes());
            }
            Kind::File(identity) => {
                let content = pass(&root.join(path), identity, open(path)?, hand)?;
                put(&mut hasher, b"file");
                hasher.update(&identity.permissions.to_le_bytes());
                hasher.update(content.as_bytes());
                files += 1;
                bytes += identity.bytes;
            }
        }
    }
    Ok(Content { files, bytes, digest: hasher.finalize().to_hex().to_string() })
}

/// With its length, so that two of them are never those of another pair.
fn put(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Reads a file, and writes it to another one, if there is one.
fn pass(
    path: &Path,
    identity: &Identity,
    mut to: Option<(File, PathBuf)>,
    hand: &Hand,
) -> Result<blake3::Hash, Fault> {
    let read = || Fault::io("read", path);
    let mut from = File::open(path).map_err(read())?;
    // It may be another one by now, or one to which somebody writes.
    let check = |file: &File| {
        let found = file.metadata().map_err(read())?;
        let is_same = found.is_file() && Identity::of(&found) == *identity;
        is_same.then_some(()).ok_or_else(|| Fault::Changed { path: path.to_owned() })
    };
    check(&from)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = match from.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count.map_err(read())?,
        };
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        if let Some((file, path)) = &mut to {
            file.write_all(&piece[..count]).map_err(Fault::io("write", path))?;
        }
        hand.goes_on()?;
    }
    check(&from)?;
    if let Some((file, path)) = &to {
        let permissions = fs::Permissions::from_mode(identity.permissions);
        let kept = file.set_permissions(permissions).and_then(|()| file.sync_all());
        kept.map_err(Fault::io("write", path))?;
    }
    Ok(hasher.finalize())
}
