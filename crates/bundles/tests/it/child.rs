//! The tests' other process: this same binary, told by its environment what to do.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use maniple_bundles::{BundleError, ContextBundle, Durability, Meta};

use crate::support::note;

const ROLE: &str = "MANIPLE_TEST_ROLE";
const DIR: &str = "MANIPLE_TEST_DIR";

/// What a child does to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Appends notes until it is killed, and says which were acknowledged.
    AppendSynced,
    AppendBuffered,
    /// Appends until it fails, and says why.
    Fill,
    /// Opens and closes the session ten times, appending each time, against others who do the same.
    Contend,
    /// Keeps the session open.
    Hold,
}

impl Role {
    const ALL: [Self; 5] =
        [Self::AppendSynced, Self::AppendBuffered, Self::Fill, Self::Contend, Self::Hold];
}

/// A command that runs this binary as a child.
pub(crate) fn command(role: Role, dir: &Path) -> Command {
    as_child(Command::new(std::env::current_exe().unwrap()), role, dir)
}

/// The same under a limit on the size of files, in blocks of the shell's choice.
pub(crate) fn limited_command(role: Role, dir: &Path, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(std::env::current_exe().unwrap());
    as_child(shell, role, dir)
}

fn as_child(mut command: Command, role: Role, dir: &Path) -> Command {
    command
        .args(["--exact", "child::role", "--ignored", "--nocapture"])
        .env(ROLE, format!("{role:?}"))
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A running child; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The rest of the next line that begins with `word`.
    pub(crate) fn wait_for(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = said(&line, word) {
                return Some(rest);
            }
            line.clear();
        }
        None
    }

    /// Kills the child as `kill -9` does, and gives the rest of every line that begins with `word`.
    pub(crate) fn kill(mut self, word: &str) -> Vec<String> {
        self.child.kill().unwrap();
        self.rest(word)
    }

    /// Waits for the child to end, and gives the rest of every line that begins with `word`.
    pub(crate) fn rest(mut self, word: &str) -> Vec<String> {
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        self.child.wait().unwrap();
        // The last line may be cut; it says nothing then.
        output.split_inclusive('\n').filter_map(|line| said(line, word)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(line: &str, word: &str) -> Option<String> {
    let rest = line.strip_suffix('\n')?.strip_prefix(word)?.strip_prefix(' ')?;
    Some(rest.to_owned())
}

/// The text of the note with this number; long enough for a write to be torn.
pub(crate) fn text_of(seq: u64) -> String {
    format!("{seq} {}", "x".repeat(usize::try_from(seq * 7919 % 40_000).unwrap()))
}

#[tokio::test]
#[ignore = "other tests start it in a process of its own"]
async fn role() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else {
        return;
    };
    let role = Role::ALL.into_iter().find(|known| format!("{known:?}") == role).unwrap();
    let dir = Path::new(&dir);
    match role {
        Role::AppendSynced => append(dir, Durability::Synced).await,
        Role::AppendBuffered => append(dir, Durability::Buffered).await,
        Role::Fill => fill(dir).await,
        Role::Contend => contend(dir).await,
        Role::Hold => {
            let _bundle = open(dir, Durability::Synced).await.unwrap();
            println!("\nopen now");
            // Until it is killed, or its parent is gone.
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            std::thread::park();
        }
    }
}

async fn open(dir: &Path, durability: Durability) -> Result<ContextBundle, BundleError> {
    ContextBundle::open_or_create(dir, Meta::new("child"), durability).await
}

async fn append(dir: &Path, durability: Durability) {
    let bundle = open(dir, durability).await.unwrap();
    let mut next = u64::try_from(bundle.actions().await.unwrap().len()).unwrap();
    println!("\nopen now");
    let mut waiting = VecDeque::new();
    loop {
        waiting.push_back(bundle.append(note(text_of(next))));
        next += 1;
        if waiting.len() > 32 {
            println!("acknowledged {}", waiting.pop_front().unwrap().await.unwrap());
        }
    }
}

async fn fill(dir: &Path) {
    let bundle = open(dir, Durability::Synced).await.unwrap();
    println!();
    for next in 0.. {
        match bundle.append(note(text_of(next))).await {
            Ok(seq) => println!("acknowledged {seq}"),
            Err(error) => {
                println!("failed {error}");
                break;
            }
        }
    }
    println!("then {}", bundle.append(note("late")).await.unwrap_err());
}

async fn contend(dir: &Path) {
    println!();
    for round in 0..10 {
        let bundle = loop {
            match open(dir, Durability::Synced).await {
                Ok(bundle) => break bundle,
                Err(BundleError::OpenElsewhere { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        let text = format!("{}:{round}", std::process::id());
        bundle.append(note(&text)).await.unwrap();
        println!("acknowledged {text}");
        bundle.close().await.unwrap();
    }
}
