//! The folder that the releases are in.
//!
//! ```text
//! TARGET/current             a link to what is shown
//! TARGET/previous            a link to what was shown before
//! TARGET/releases/NNNN       the releases, whole
//! TARGET/.deploy/staged      a release that is being copied
//! TARGET/.deploy/retired     what is deleted when the release that retired it is committed
//! TARGET/.deploy/unfinished  the release that has begun and has not ended
//! ```

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::fault::{Fault, Shown};
use super::problem::Problem;
use super::release::{Number, Release};
use super::tree::{self, Content};
use super::worker::Hand;

/// Where what belongs to this program and not to a release is.
const STATE: &str = ".deploy";
const RELEASES: &str = "releases";

#[derive(Debug, Clone)]
pub(crate) struct Target {
    root: PathBuf,
}

/// Nobody else releases into a target meanwhile. The system takes it from a process that was killed.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Current,
    Previous,
}

impl Link {
    fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

impl Target {
    /// The target at this path, which may not be there yet.
    pub(crate) fn at(path: &Path) -> Result<Self, Problem> {
        Ok(Self { root: resolved(path)? })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.root.join(STATE).join(name)
    }

    pub(crate) fn unfinished(&self) -> PathBuf {
        self.state("unfinished")
    }

    pub(crate) fn release(&self, number: Number) -> PathBuf {
        self.root.join(RELEASES).join(number.to_string())
    }

    fn staged(&self) -> PathBuf {
        self.state("staged")
    }

    fn retired(&self) -> PathBuf {
        self.state("retired")
    }

    /// Whether it was made by this program, and can be used.
    ///
    /// # Errors
    /// Where something else is there.
    pub(crate) fn check(&self) -> Result<bool, Problem> {
        let others = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            others => others.map_err(Fault::io("read the folder", &self.root))?,
        };
        let mut other = None;
        for entry in others {
            let entry = entry.map_err(Fault::io("read the folder", &self.root))?;
            if entry.file_name() == STATE {
                other = None;
                break;
            }
            other = Some(entry.path());
        }
        if let Some(other) = other {
            return Err(Problem::NotOurs { target: self.root.clone(), other });
        }
        let mut is_made = false;
        for path in [self.root.join(STATE), self.root.join(RELEASES), self.staged(), self.retired()]
        {
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // Through a link it would leave the target.
                Ok(metadata) if !metadata.is_dir() => return Err(Problem::NoRealFolder { path }),
                metadata => {
                    metadata.map_err(Fault::io("look at", &path))?;
                    is_made = true;
                }
            }
        }
        Ok(is_made)
    }

    /// Makes it, if it is not there.
    pub(crate) fn make(&self) -> Result<(), Problem> {
        for (folder, permissions) in [(STATE, 0o700), (RELEASES, 0o777)] {
            let folder = self.root.join(folder);
            let make = |root: &Path| {
                fs::create_dir_all(root)?;
                fs::DirBuilder::new().recursive(true).mode(permissions).create(&folder)
            };
            make(&self.root).map_err(Fault::io("make the folder", &folder))?;
        }
        Ok(())
    }

    pub(crate) fn lock(&self) -> Result<Lock, Problem> {
        let path = self.state("lock");
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).open(&path);
        let file = file.map_err(Fault::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Problem::Busy { target: self.root.clone() }),
            Err(TryLockError::Error(source)) => Err(Fault::io("lock", &path)(source).into()),
        }
    }

    /// Which release a link shows.
    pub(crate) fn shown(&self, link: Link) -> Result<Option<Number>, Fault> {
        let path = self.root.join(link.name());
        let to = match fs::read_link(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // It is something, and no link.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Err(Fault::Foreign { path });
            }
            to => to.map_err(Fault::io("read the link", &path))?,
        };
        let number = to.strip_prefix(RELEASES).ok().and_then(Path::to_str);
        let number = number.and_then(|number| number.parse().ok());
        number.map(Some).ok_or(Fault::Foreign { path })
    }

    /// Lets a link show another release, at once.
    fn show(&self, link: Link, number: Option<Number>) -> Result<(), Fault> {
        let path = self.root.join(link.name());
        if let Some(number) = number {
            let new = self.state("link");
            remove_file(&new)?;
            let to = Path::new(RELEASES).join(number.to_string());
            symlink(to, &new).map_err(Fault::io("make the link", &new))?;
            fs::rename(&new, &path).map_err(Fault::io("switch the link", &path))?;
        } else {
            remove_file(&path)?;
        }
        tree::sync_parent(&path)
    }

    /// The releases that are there, the oldest first.
    pub(crate) fn releases(&self) -> Result<Vec<Number>, Fault> {
        numbers(&self.root.join(RELEASES))
    }

    /// Copies the folder. What an earlier try has left is thrown away: nothing shows it yet.
    pub(crate) fn stage(&self, release: &Release, hand: &Hand) -> Result<Content, Fault> {
        let (staged, to) = (self.staged(), self.release(release.number));
        self.unstage(release)?;
        let content = tree::copy(Path::new(&release.folder), &staged, hand)?;
        hand.goes_on()?;
        tree::rename(&staged, &to)?;
        Ok(content)
    }

    pub(crate) fn unstage(&self, release: &Release) -> Result<(), Fault> {
        // It is taken back before what shows it only if somebody has said so.
        if self.shown(Link::Current)? == Some(release.number) {
            return Err(Fault::IsShown { number: release.number });
        }
        tree::remove(&self.staged())?;
        // So that it is seen as a whole, or not at all.
        match fs::rename(self.release(release.number), self.staged()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            renamed => {
                renamed.map_err(Fault::io("remove", &self.release(release.number)))?;
                tree::remove(&self.staged())
            }
        }
    }

    /// Reads the release again.
    pub(crate) fn compare(
        &self,
        release: &Release,
        staged: &Content,
        hand: &Hand,
    ) -> Result<(), Fault> {
        let path = self.release(release.number);
        let found = tree::read(&path, hand)?;
        if found == *staged {
            return Ok(());
        }
        let (expected, found) = (staged.digest.clone(), found.digest);
        Err(Fault::Differs { release: path, expected, found })
    }

    /// Lets `previous` show what `current` does.
    pub(crate) fn back_up(&self, release: &Release, hand: &Hand) -> Result<(), Fault> {
        self.check_unmoved(release)?;
        hand.goes_on()?;
        match release.from {
            Some(from) => self.show(Link::Previous, Some(from)),
            None => Ok(()),
        }
    }

    pub(crate) fn undo_back_up(&self, release: &Release) -> Result<(), Fault> {
        // What somebody else has put there is not ours to take back.
        if release.from.is_some() && self.shown(Link::Previous)? == release.from {
            return self.show(Link::Previous, release.previous);
        }
        Ok(())
    }

    pub(crate) fn switch(&self, release: &Release, hand: &Hand) -> Result<(), Fault> {
        self.check_unmoved(release)?;
        hand.goes_on()?;
        self.show(Link::Current, Some(release.number))
    }

    pub(crate) fn switch_back(&self, release: &Release) -> Result<(), Fault> {
        if self.shown(Link::Current)? == Some(release.number) {
            return self.show(Link::Current, release.from);
        }
        Ok(())
    }

    /// That `current` shows this release, as it was staged.
    pub(crate) fn check_health(
        &self,
        release: &Release,
        staged: &Content,
        hand: &Hand,
    ) -> Result<(), Fault> {
        let found = self.shown(Link::Current)?;
        if found != Some(release.number) {
            let (found, from, to) = (Shown(found), Shown(release.from), release.number);
            return Err(Fault::Moved { found, from, to });
        }
        self.compare(release, staged, hand)
    }

    /// Puts releases that are not kept aside, and says how many these are.
    pub(crate) fn retire(&self, release: &Release, hand: &Hand) -> Result<usize, Fault> {
        let retired = self.retired();
        fs::create_dir_all(&retired).map_err(Fault::io("make the folder", &retired))?;
        let releases = self.releases()?;
        let old = releases.iter().rev().skip(release.keep.get());
        for number in old.filter(|n| **n != release.number && Some(**n) != release.from) {
            hand.goes_on()?;
            tree::rename(&self.release(*number), &retired.join(number.to_string()))?;
        }
        Ok(numbers(&retired)?.len())
    }

    pub(crate) fn unretire(&self, _: &Release) -> Result<(), Fault> {
        for number in numbers(&self.retired())? {
            tree::rename(&self.retired().join(number.to_string()), &self.release(number))?;
        }
        Ok(())
    }

    /// Removes what no release needs any more.
    pub(crate) fn sweep(&self) -> Result<(), Fault> {
        tree::remove(&self.staged())?;
        tree::remove(&self.retired())
    }

    /// The release has ended, and is not the unfinished one any more.
    pub(crate) fn end(&self) -> Result<(), Fault> {
        self.sweep()?;
        remove_file(&self.unfinished())?;
        tree::sync_parent(&self.unfinished())
    }

    fn check_unmoved(&self, release: &Release) -> Result<(), Fault> {
        let found = self.shown(Link::Current)?;
        if found == release.from || found == Some(release.number) {
            return Ok(());
        }
        let (found, from, to) = (Shown(found), Shown(release.from), release.number);
        Err(Fault::Moved { found, from, to })
    }
}

/// The numbers that are names in a folder, if there is one.
fn numbers(folder: &Path) -> Result<Vec<Number>, Fault> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Fault::io("read the folder", folder))?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(Fault::io("read the folder", folder))?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<Number>().ok()));
    }
    numbers.sort();
    Ok(numbers)
}

fn remove_file(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Fault::io("remove", path)),
    }
}

/// The one path of what is at this path, or will be, when it is made.
pub(crate) fn resolved(path: &Path) -> Result<PathBuf, Fault> {
    let absolute = std::path::absolute(path).map_err(Fault::io("find", path))?;
    for above in absolute.ancestors() {
        let Ok(found) = above.canonicalize() else { continue };
        let rest = absolute.strip_prefix(above).expect("it is above");
        if rest.components().any(|part| part == Component::ParentDir) {
            break;
        }
        return Ok(if rest.as_os_str().is_empty() { found } else { found.join(rest) });
    }
    Err(Fault::io("find", path)(ErrorKind::NotFound.into()))
}
