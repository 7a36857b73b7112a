//! The tests' other process: this same binary, told by its environment what to do.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use maniple_context::{FileRecall, Handle, RecallError, RecallStore};

const ROLE: &str = "MANIPLE_TEST_ROLE";
const DIR: &str = "MANIPLE_TEST_DIR";

/// How many texts a writer puts together.
pub(crate) const BATCH: usize = 20;

/// What a child does with the store in the directory that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Puts batch after batch until it is killed, and says which are kept.
    Write,
    /// Puts the first ten batches.
    WriteTen,
    /// Reads "kept", puts "new", and says what comes of both.
    ReadAndPut,
    /// Puts a text of a mebibyte and a small one, and says what comes of them.
    PutLarge,
}

const ROLES: [Role; 4] = [Role::Write, Role::WriteTen, Role::ReadAndPut, Role::PutLarge];

/// A text of a batch; some of them are long.
pub(crate) fn text(batch: usize, n: usize) -> Arc<str> {
    let times = if n == 0 { 20_000 } else { n };
    format!("text {n} of batch {batch}\n").repeat(times).into()
}

pub(crate) fn batch(number: usize) -> Vec<(Handle, Arc<str>)> {
    let texts = (0..BATCH).map(|n| text(number, n));
    texts.map(|text| (Handle::of(&text), text)).collect()
}

/// A command that runs this binary as a child.
pub(crate) fn command(role: Role, root: &Path) -> Command {
    as_child(Command::new(exe()), role, root)
}

/// The same under a limit on the size of files, in blocks of the shell's choice.
pub(crate) fn limited_command(role: Role, root: &Path, blocks: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
    shell.arg("-c").arg(script).arg(exe());
    as_child(shell, role, root)
}

pub(crate) fn exe() -> PathBuf {
    std::env::current_exe().unwrap()
}

pub(crate) fn as_child(mut command: Command, role: Role, root: &Path) -> Command {
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
    output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The rest of the next line that begins with `word`; `None` if the child ends without one.
    pub(crate) fn wait_for(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = rest_of(&line, word) {
                return Some(rest);
            }
            line.clear();
        }
        None
    }

    /// Kills the child as `kill -9` does, and gives what it said since.
    pub(crate) fn kill(mut self, word: &str) -> Vec<String> {
        self.child.kill().unwrap();
        self.rest(word)
    }

    /// Waits for the child to end, and gives what it said since.
    pub(crate) fn rest(&mut self, word: &str) -> Vec<String> {
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        // The last line may be cut; it says nothing then.
        said.split_inclusive('\n').filter_map(|line| rest_of(line, word)).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest_of(line: &str, word: &str) -> Option<String> {
    Some(line.strip_suffix('\n')?.strip_prefix(word)?.strip_prefix(' ')?.to_owned())
}

#[test]
#[ignore = "other tests start it in a process of its own"]
fn role() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else {
        return;
    };
    let role = ROLES.into_iter().find(|known| format!("{known:?}") == role).unwrap();
    // The harness has begun a line.
    println!();
    let store = FileRecall::open(dir).unwrap();
    match role {
        Role::Write => write(&store, usize::MAX),
        Role::WriteTen => write(&store, 10),
        Role::ReadAndPut => {
            say("read", store.get(&Handle::of("kept")).map(|text| text.to_string()));
            say("put", put(&store, "new"));
        }
        Role::PutLarge => {
            say("large", put(&store, &"x".repeat(1 << 20)));
            say("small", put(&store, "small"));
        }
    }
}

fn write(store: &FileRecall, batches: usize) {
    // Those that an earlier child has kept are put again, which is quick.
    for number in 0..batches {
        println!("begin {number}");
        store.put_all(&batch(number)).unwrap();
        println!("kept {number}");
    }
}

fn put(store: &FileRecall, text: &str) -> Result<String, RecallError> {
    store.put(&Handle::of(text), &text.into()).map(|()| "kept".to_owned())
}

fn say(what: &str, answer: Result<String, RecallError>) {
    match answer {
        Ok(text) => println!("{what} {text}"),
        Err(error) => println!("{what} {error}: {}", error.source().unwrap()),
    }
}
