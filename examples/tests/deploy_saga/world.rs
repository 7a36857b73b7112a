//! A folder to release, and a target to release it into.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::common;

pub(crate) const STEPS: [&str; 6] = ["stage", "checksum", "backup", "switch", "health", "retire"];

pub(crate) const COMMITTED: i32 = 0;
pub(crate) const FAILED: i32 = 1;
pub(crate) const WRONG: i32 = 2;
pub(crate) const PARKED: i32 = 3;
pub(crate) const COMPENSATED: i32 = 4;
pub(crate) const UNFINISHED: i32 = 5;

pub(crate) struct World {
    dir: tempfile::TempDir,
}

/// What lies in a folder, by path: the content of a file with its permissions, where a link leads.
pub(crate) type Tree = BTreeMap<PathBuf, String>;

impl World {
    /// With a folder of version 1, and nothing released.
    pub(crate) fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        world.write(1);
        world
    }

    /// One in which version 1 is released, and version 2 is in the folder.
    pub(crate) fn released() -> Self {
        let world = Self::new();
        world.ends(&[], COMMITTED);
        world.write(2);
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.path("site")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.path("www")
    }

    /// Puts another version into the folder, of which every file differs and one is new.
    pub(crate) fn write(&self, version: u32) {
        let folder = self.folder();
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sub/empty")).unwrap();
        for name in ["index.html", "sub/a", "sub/b", "run", &format!("only-{version}")] {
            fs::write(folder.join(name), format!("{name} of {version}\n").repeat(50)).unwrap();
        }
        let permissions = [("run", 0o755), ("sub/a", 0o400), ("sub", 0o711), ("sub/empty", 0o700)];
        for (name, mode) in permissions {
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("../index.html", folder.join("sub/link")).unwrap();
    }

    /// A command that does not end before this world does, or is killed.
    pub(crate) fn endless(&self) -> String {
        format!("while test -e {}; do sleep 0.05; done", self.folder().to_str().unwrap())
    }

    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(common::program("deploy_saga"));
        command.arg(self.folder()).arg(self.target()).args(more);
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// Runs it, and says what it has printed, where it ends with that code.
    pub(crate) fn ends(&self, more: &[&str], code: i32) -> String {
        let output = self.run(more);
        let said = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}{error}");
        if code == WRONG || code == FAILED { error } else { said }
    }

    pub(crate) fn start(&self, more: &[&str]) -> Child {
        self.command(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What `current` shows.
    pub(crate) fn shown(&self) -> Tree {
        tree(&self.target().join("current"))
    }

    /// Where a link leads.
    pub(crate) fn link(&self, name: &str) -> Option<String> {
        let to = fs::read_link(self.target().join(name)).ok()?;
        Some(to.to_str().unwrap().to_owned())
    }

    /// Everything in the target but what the program keeps for itself.
    pub(crate) fn visible(&self) -> Tree {
        let mut all = tree(&self.target());
        all.retain(|path, _| !path.starts_with(".deploy"));
        all
    }

    /// Nothing is left that only a release needs that is under way.
    pub(crate) fn assert_clean(&self) {
        let state = self.target().join(".deploy");
        let names = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["lock", "session"]);
    }
}

pub(crate) fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let what = if metadata.is_dir() {
                folders.push(path.clone());
                format!("folder {:o}", metadata.permissions().mode() & 0o777)
            } else if metadata.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else {
                let text = fs::read_to_string(&path).unwrap();
                format!("{:o} {text}", metadata.permissions().mode() & 0o777)
            };
            tree.insert(path.strip_prefix(root).unwrap().to_owned(), what);
        }
    }
    tree
}
