//! Every flip of a bit, and every end that a file can be cut at, of small sessions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::action::Action;
use crate::disk::sim::Machine;
use crate::disk::{Access, Disk, write_all_at};
use crate::durability::Durability;
use crate::error::{BundleError, Damage};
use crate::log::Log;
use crate::session::{Header, Meta, SessionId};
use crate::store::file::broken::Rule;
use crate::store::{BundleStore, Document, FileStore};
use crate::writer::{Driven, Opening, Worker};

const ROOT: &str = "/sessions";
const ID: &str = "0198a6c0-5a00-7abc-8def-000000000001";

/// A session as it lies on a disk.
struct Session {
    files: BTreeMap<PathBuf, Vec<u8>>,
    actions: Vec<Action>,
    is_closed: bool,
    /// How many of its actions its last lines say are durable.
    synced: usize,
}

/// What is done to one file.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip { byte: usize, bit: u32 },
    Cut { at: usize },
}

/// What was found of a harmed session.
struct Found {
    actions: Vec<Action>,
    is_reported: bool,
    /// It was only read, so that nothing says how long the log was.
    is_reader: bool,
}

impl Session {
    /// Two groups of actions, with a snapshot between them.
    fn live(durability: Durability, is_closed: bool) -> Self {
        let machine = Machine::new(1);
        let header = Header::new(id(), 1, Meta::new("harmed"));
        let mut session =
            Driven::open(store(&machine), Opening::Create(header), durability).unwrap();
        let note = |text: &str| Action::Note { text: text.to_owned() };
        let actions =
            [note("one"), note(&"long".repeat(1100)), note("three"), note("four"), note("five")];
        for answer in session.append(&actions[..3]) {
            answer.unwrap();
        }
        session.act(Worker::snapshot).unwrap();
        for answer in session.append(&actions[3..]) {
            answer.unwrap();
        }
        if is_closed {
            session.close().unwrap();
        }
        machine.kill();
        let dir = Path::new(ROOT).join(ID);
        let mut files = BTreeMap::new();
        for dir in [dir.join("blobs"), dir] {
            let paths = machine.names(&dir).into_iter().map(|name| dir.join(name));
            files.extend(paths.filter_map(|path| Some((path.clone(), machine.content(&path)?))));
        }
        Self { files, actions: actions.to_vec(), is_closed, synced: 3 }
    }

    /// A machine that has it, with one file harmed.
    fn harmed(&self, path: &Path, harm: Harm) -> Machine {
        let machine = Machine::new(1);
        let disk = machine.disk();
        for dir in
            [Path::new(ROOT), &Path::new(ROOT).join(ID), &Path::new(ROOT).join(ID).join("blobs")]
        {
            disk.make_dir(dir).unwrap();
        }
        for (at, content) in &self.files {
            let mut file = disk.open(at, Access::CreateNew).unwrap();
            let content = if at == path { harm.done_to(content) } else { content.clone() };
            write_all_at(&mut *file, 0, &content).unwrap();
        }
        machine
    }

    fn harms(&self, path: &Path) -> Vec<Harm> {
        let bytes = self.files[path].len();
        let flips = (0..bytes).flat_map(|byte| (0..8).map(move |bit| Harm::Flip { byte, bit }));
        flips.chain((0..bytes).map(|at| Harm::Cut { at })).collect()
    }

    /// Says what is wrong with what came of a harm.
    fn judge(
        &self,
        path: &Path,
        harm: Harm,
        found: Result<Found, BundleError>,
    ) -> Result<(), String> {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = match found {
            Err(error) if error.to_string().contains(name) => return Ok(()),
            // A whole log that is shorter than it was: there is no place but its end.
            Err(BundleError::Damaged { found: Damage::Missing, .. }) => return Ok(()),
            Err(error) => return Err(format!("an error without the place: {error}")),
            Ok(found) => found,
        };
        if found.is_reader && matches!(harm, Harm::Cut { .. }) {
            // Somebody may be writing there now.
            let is_prefix = self.actions.starts_with(&found.actions);
            return if is_prefix { Ok(()) } else { Err("something else found".into()) };
        }
        let least = if self.is_closed { self.actions.len() } else { self.synced };
        if !self.actions.starts_with(&found.actions) || found.actions.len() < least {
            return Err(format!("{} actions found", found.actions.len()));
        }
        let is_whole = found.actions.len() == self.actions.len();
        // What was not synced may have ended there.
        let is_shorter = !self.is_closed && self.ends_with_a_line(path, harm);
        if is_whole || found.is_reported || is_shorter {
            Ok(())
        } else {
            Err(format!("{} actions found, and nothing said", found.actions.len()))
        }
    }

    fn ends_with_a_line(&self, path: &Path, harm: Harm) -> bool {
        matches!(harm, Harm::Cut { .. }) && harm.done_to(&self.files[path]).ends_with(b"}\n")
    }
}

impl Harm {
    fn done_to(self, content: &[u8]) -> Vec<u8> {
        let mut content = content.to_vec();
        match self {
            Self::Flip { byte, bit } => content[byte] ^= 1 << bit,
            Self::Cut { at } => content.truncate(at),
        }
        content
    }
}

fn id() -> SessionId {
    ID.parse().unwrap()
}

fn store(machine: &Machine) -> Arc<FileStore> {
    Arc::new(FileStore::on(Arc::new(machine.disk()), ROOT.into()))
}

/// Opens a session to write it.
fn open(machine: &Machine) -> Result<Found, BundleError> {
    let mut session = Driven::open(store(machine), Opening::Remount(id()), Durability::Synced)?;
    let actions = session.entries()?.into_iter().map(|entry| entry.action).collect();
    let is_reported = session.remounted.recovery.is_some();
    Ok(Found { actions, is_reported, is_reader: false })
}

/// Only reads it.
fn read(machine: &Machine) -> Result<Found, BundleError> {
    let store = store(machine);
    let reader = store.read(id())?;
    let header = reader.document(Document::Header)?.unwrap();
    let header = Header::from_bytes(&header, &reader.location().join("bundle.json"))?;
    let log = Log::open(&*store, &header, &*reader)?;
    let mut actions = Vec::new();
    log.entries(0, &mut |entry| {
        actions.push(entry.action);
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    // A reader erases nothing, and has nobody to tell that it left something out.
    Ok(Found { actions, is_reported: true, is_reader: true })
}

/// Harms some files of a session in every way, on all cores. `Err` is what goes wrong.
fn harm(
    session: &Session,
    broken: Option<Rule>,
    is_meant: impl Fn(&Path) -> bool,
) -> Result<(), String> {
    let paths = session.files.keys().filter(|path| is_meant(path));
    let harms =
        paths.flat_map(|path| session.harms(path).into_iter().map(move |harm| (path, harm)));
    let harms: Vec<_> = harms.collect();
    assert!(harms.len() > 1000, "{} harms", harms.len());
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Ok(()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                Rule::break_only(broken);
                while let Some((path, harm)) = harms.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let machine = session.harmed(path, *harm);
                    let mut found = vec![read(&machine)];
                    // To open it reads a blob as a reader does.
                    if !path.starts_with(Path::new(ROOT).join(ID).join("blobs")) {
                        found.push(open(&machine));
                    }
                    for found in found {
                        if let Err(how) = session.judge(path, *harm, found) {
                            let how = format!("{harm:?} of {}: {how}", path.display());
                            *wrong.lock().unwrap() = Err(how);
                            return;
                        }
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

fn is_chunk(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "jsonl")
}

#[test]
fn no_harm_to_a_closed_session_goes_unseen() {
    // What the lock and the epoch say counts while the session is open.
    let (synced, buffered) = [Durability::Synced, Durability::Buffered]
        .map(|durability| Session::live(durability, true))
        .into();
    harm(&synced, None, |path| !path.ends_with("lock") && !path.ends_with("epoch")).unwrap();
    harm(&buffered, None, is_chunk).unwrap();
    let wrong = harm(&synced, Some(Rule::HashIsCompared), is_chunk).unwrap_err();
    println!("where no hash is compared: {wrong}");
}

#[test]
fn harm_to_a_session_that_was_killed_costs_no_more_than_the_last_group() {
    let (synced, buffered) = [Durability::Synced, Durability::Buffered]
        .map(|durability| Session::live(durability, false))
        .into();
    harm(&synced, None, is_chunk).unwrap();
    harm(&buffered, None, is_chunk).unwrap();
    let wrong = harm(&buffered, Some(Rule::HashIsCompared), is_chunk).unwrap_err();
    println!("where no hash is compared: {wrong}");
}
