//! The tests' other process: this same binary, told by its environment what to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use maniple_bundles::{
    Action, BundleError, ContextBundle, Durability, Filter, History, Meta, Point, Sessions,
};
use maniple_core::{Fact, Journal, Key, Payload, Record};

use crate::place::note;

const ROLE: &str = "MANIPLE_TEST_ROLE";
const DIR: &str = "MANIPLE_TEST_DIR";

/// How many append at once.
pub(crate) const APPENDERS: u64 = 64;

/// How many actions each of them appends before it rests.
pub(crate) const TURNS: u64 = 4;

/// What a child does in the directory of sessions that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Many append notes to the session "child", each behind as many as it is told; says which were
    /// acknowledged.
    AppendSynced,
    AppendBuffered,
    /// Sets values and does this to the session "child", again and again.
    Snapshot,
    CompactKeep,
    CompactDrop,
    Fork,
    /// Deletes all sessions, one after the other.
    Delete,
    /// Exports the session "child" to the file `export` beside the directory, again and again.
    Export,
    /// Imports that file into one directory after the other beside it.
    Import,
    /// Appends to a new session under a limit on the size of files, and says what comes of it.
    Fill,
    /// Does what it is asked to.
    Obey,
    /// Takes turns with others in appending to the session "child".
    TakeTurns,
}

const ROLES: [Role; 12] = [
    Role::AppendSynced,
    Role::AppendBuffered,
    Role::Snapshot,
    Role::CompactKeep,
    Role::CompactDrop,
    Role::Fork,
    Role::Delete,
    Role::Export,
    Role::Import,
    Role::Fill,
    Role::Obey,
    Role::TakeTurns,
];

/// A command that runs this binary as a child.
pub(crate) fn command(role: Role, root: &Path) -> Command {
    as_child(Command::new(std::env::current_exe().unwrap()), role, root)
}

/// The same under a limit on the size of files, in blocks of the shell's choice, which is lifted by
/// whoever may.
pub(crate) fn limited_command(role: Role, root: &Path, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
    as_child(shell, role, root)
}

fn as_child(mut command: Command, role: Role, root: &Path) -> Command {
    command
        .args(["--exact", "child::role", "--ignored", "--nocapture"])
        .env(ROLE, format!("{role:?}"))
        .env(DIR, root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A running child; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Everything that it said so far.
    said: Vec<String>,
}

impl Running {
    pub(crate) fn start(role: Role, root: &Path) -> Self {
        Self::run(command(role, root))
    }

    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take();
        Self { child, input, output, said: Vec::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The rest of the next line that begins with `word`; `None` if the child ends without one.
    pub(crate) fn wait_for(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            let rest = rest_of(&line, word);
            self.said.push(std::mem::take(&mut line));
            if rest.is_some() {
                return rest;
            }
        }
        None
    }

    /// Asks a child that obeys, and gives its answer.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        self.tell(question);
        self.wait_for("answer").unwrap()
    }

    /// Asks without waiting for the answer.
    pub(crate) fn tell(&mut self, question: &str) {
        writeln!(self.input.as_mut().unwrap(), "{question}").unwrap();
    }

    /// Kills the child as `kill -9` does, and gives what it said.
    pub(crate) fn kill(mut self) -> Said {
        self.child.kill().unwrap();
        self.rest()
    }

    /// Asks nothing more, waits for the child to end, and gives what it said.
    pub(crate) fn rest(mut self) -> Said {
        drop(self.input.take());
        let mut output = Vec::new();
        self.output.read_to_end(&mut output).unwrap();
        self.child.wait().unwrap();
        let output = String::from_utf8(output).unwrap();
        // The last line may be cut; it says nothing then.
        self.said.extend(output.split_inclusive('\n').map(str::to_owned));
        Said(std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a child said.
pub(crate) struct Said(Vec<String>);

impl Said {
    /// The rest of every line that begins with `word`.
    pub(crate) fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = String> + 'a {
        self.0.iter().filter_map(move |line| rest_of(line, word))
    }
}

fn rest_of(line: &str, word: &str) -> Option<String> {
    let rest = line.strip_suffix('\n')?.strip_prefix(word)?.strip_prefix(' ')?;
    Some(rest.to_owned())
}

/// The text of an appender's note; one in sixteen is so long that it is kept as a blob.
pub(crate) fn text_of(appender: u64, number: u64) -> String {
    let mixed = appender * 31 + number * 17;
    let length = if mixed.is_multiple_of(16) { 5000 + mixed } else { mixed % 300 };
    format!("{appender} {number} {}", "x".repeat(usize::try_from(length).unwrap()))
}

/// A record of a run, with this number.
pub(crate) fn record(number: u64) -> Record {
    let value = Payload::encode(&number).unwrap();
    Record { key: Key::new("/n"), worked: Duration::ZERO, fact: Fact::Decided { value } }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "other tests start it in a process of its own"]
async fn role() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else {
        return;
    };
    let role = ROLES.into_iter().find(|known| format!("{known:?}") == role).unwrap();
    let root = Path::new(&dir);
    let sessions = Sessions::in_dir(root);
    // The harness has begun a line.
    println!();
    match role {
        Role::AppendSynced => append(&sessions).await,
        Role::AppendBuffered => append(&sessions.with_durability(Durability::Buffered)).await,
        Role::Snapshot | Role::CompactKeep | Role::CompactDrop => rework(&sessions, role).await,
        Role::Fork => fork(&sessions).await,
        Role::Delete => delete(&sessions).await,
        Role::Export => export(&sessions, &root.with_file_name("export")).await,
        Role::Import => import(&root.with_file_name("export")).await,
        Role::Fill => fill(&sessions).await,
        Role::Obey => obey(&sessions).await,
        Role::TakeTurns => take_turns(&sessions, root).await,
    }
}

async fn open(sessions: &Sessions) -> ContextBundle {
    sessions.open_or_create(Meta::new("child")).await.unwrap()
}

/// Waits to be killed, or for the parent to be gone.
fn rest() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Says when something begins and when it is done, with the time it took in microseconds.
async fn said<T>(what: &str, act: impl Future<Output = T>) -> T {
    println!("begin {what}");
    let begun = Instant::now();
    let done = act.await;
    println!("done {} {what}", begun.elapsed().as_micros());
    done
}

async fn append(sessions: &Sessions) {
    let mut counts = String::new();
    std::io::stdin().read_line(&mut counts).unwrap();
    let next: Vec<u64> = counts.split_whitespace().map(|count| count.parse().unwrap()).collect();
    let bundle = open(sessions).await;
    println!("open now");
    let bundle = Arc::new(bundle);
    let appenders = (0..).zip(next).map(|(appender, first)| {
        let bundle = Arc::clone(&bundle);
        tokio::spawn(async move {
            for number in first..first + TURNS {
                let seq =
                    ContextBundle::append(&bundle, note(text_of(appender, number))).await.unwrap();
                println!("acknowledged {appender} {number} {seq}");
            }
        })
    });
    let appenders: Vec<_> = appenders.collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    rest();
}

async fn rework(sessions: &Sessions, role: Role) {
    let bundle = open(sessions).await;
    let first = Journal::load(&bundle).await.unwrap().len();
    for number in u64::try_from(first).unwrap().. {
        bundle.append(Action::from(record(number))).await.unwrap();
        bundle.append(note(format!("{number} {}", "y".repeat(5000)))).await.unwrap();
        bundle.set("n", &number).await.unwrap();
        println!("acknowledged {number}");
        let reworked = async {
            match role {
                Role::CompactKeep => bundle.compact(History::Keep).await.map(drop),
                Role::CompactDrop => bundle.compact(History::Drop).await.map(drop),
                _ => bundle.snapshot().await,
            }
        };
        said("it", reworked).await.unwrap();
    }
}

async fn fork(sessions: &Sessions) {
    let bundle = open(sessions).await;
    for number in 0.. {
        let seq = bundle.append(note(format!("parent {number}"))).await.unwrap();
        println!("acknowledged {seq}");
        let fork = said("it", bundle.fork(Point::End, Meta::new("fork"))).await.unwrap();
        fork.append(note("of the fork")).await.unwrap();
        println!("forked {}", fork.id());
        fork.close().await.unwrap();
    }
}

async fn delete(sessions: &Sessions) {
    for summary in sessions.list(&Filter::all()).await.unwrap() {
        let id = summary.id;
        said(&id.to_string(), sessions.delete(id, "a test")).await.unwrap();
    }
    rest();
}

async fn export(sessions: &Sessions, to: &Path) {
    let bundle = open(sessions).await;
    loop {
        let file = std::fs::File::create(to).unwrap();
        let exported = said("it", bundle.view().export(file)).await.unwrap();
        println!("exported {}", exported.actions);
    }
}

async fn import(from: &Path) {
    for number in 0.. {
        let root = from.with_file_name(format!("import-{number}"));
        if root.exists() {
            continue;
        }
        let file = std::fs::File::open(from).unwrap();
        let into = Sessions::in_dir(root);
        said(&number.to_string(), into.import(file)).await.unwrap();
    }
}

async fn fill(sessions: &Sessions) {
    let bundle = open(sessions).await;
    let mut commands = std::io::stdin().lines();
    for number in 0.. {
        match bundle.append(note(text_of(1, number))).await {
            Ok(_) => println!("acknowledged {number}"),
            Err(error) => {
                println!("failed {error}");
                break;
            }
        }
    }
    // Nobody else is hurt by what one of them does not get.
    while let Some(Ok(command)) = commands.next() {
        match bundle.append(note(command)).await {
            Ok(seq) => println!("answer {seq}"),
            Err(error) => println!("answer {error}"),
        }
    }
}

/// How it is going with a session that was asked for.
fn opened(opened: Result<ContextBundle, BundleError>, held: &mut Option<ContextBundle>) {
    match opened {
        Ok(bundle) => {
            println!("answer open {}", bundle.id());
            *held = Some(bundle);
        }
        Err(BundleError::OpenElsewhere { .. }) => println!("answer elsewhere"),
        Err(error) => println!("answer {error}"),
    }
}

async fn obey(sessions: &Sessions) {
    let mut held: Option<ContextBundle> = None;
    for command in std::io::stdin().lines() {
        let command = command.unwrap();
        match command.split_once(' ').unwrap_or((&command, "")) {
            ("remount", id) => {
                opened(sessions.remount(id.parse().unwrap()).await, &mut held);
            }
            ("find", name) => {
                opened(sessions.open_or_create(Meta::new(name)).await, &mut held);
            }
            ("append", text) => match held.as_ref().unwrap().append(note(text)).await {
                Ok(seq) => println!("answer {seq}"),
                Err(error) => println!("answer {error}"),
            },
            ("close", _) => match held.take().unwrap().close().await {
                Ok(()) => println!("answer closed"),
                Err(error) => println!("answer {error}"),
            },
            ("drop", _) => {
                drop(held.take());
                println!("answer dropped");
            }
            (other, _) => panic!("{other}?"),
        }
    }
}

async fn take_turns(sessions: &Sessions, root: &Path) {
    let name = std::process::id().to_string();
    let marker = root.with_file_name("marker");
    loop {
        let bundle = match sessions.open_or_create(Meta::new("child")).await {
            Err(BundleError::OpenElsewhere { .. }) => {
                std::thread::yield_now();
                continue;
            }
            opened => opened.unwrap(),
        };
        // Two who hold the session at once would both make this.
        std::fs::File::create_new(&marker).unwrap();
        let turns = crate::place::notes(&bundle).await;
        let is_over = turns.len() >= 100;
        if !is_over && turns.last() != Some(&name) {
            let seq = bundle.append(note(&name)).await.unwrap();
            assert_eq!(seq, u64::try_from(turns.len()).unwrap());
            println!("acknowledged {seq}");
        }
        std::fs::remove_file(&marker).unwrap();
        bundle.close().await.unwrap();
        if is_over {
            break;
        }
    }
}
