//! How the tests of the examples find what they run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The example of this name, built as the test was.
pub(crate) fn program(name: &'static str) -> PathBuf {
    static PROGRAMS: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let build = || {
        let this = std::env::current_exe().unwrap();
        let profile = this.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "examples", "--example", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{name} does not build");
        profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    };
    PROGRAMS.lock().unwrap().entry(name).or_insert_with(build).clone()
}

/// Kills a process with SIGKILL so long after something is so. Says whether it was alive then.
pub(crate) fn kill_once(
    running: &mut Child,
    after: Duration,
    mut is_so: impl FnMut() -> bool,
) -> bool {
    let began = Instant::now();
    while !is_so() {
        if running.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "neither ended nor got that far");
        std::thread::sleep(Duration::from_micros(50));
    }
    std::thread::sleep(after);
    let alive = running.try_wait().unwrap().is_none();
    running.kill().unwrap();
    let status = running.wait().unwrap();
    // It may have ended by itself in between.
    alive && status.code().is_none()
}

/// The files of the logs of all sessions in a folder, in their order.
pub(crate) fn chunks(sessions: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let mut chunks: Vec<PathBuf> = list(sessions)
        .iter()
        .flat_map(|session| list(session))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    chunks.sort();
    chunks
}

/// What the logs of all sessions in a folder say, without the room behind it.
pub(crate) fn log(sessions: &Path) -> String {
    let chunks = chunks(sessions);
    // One may have been put in place of another meanwhile.
    let read = |path: &PathBuf| std::fs::read(path).unwrap_or_default();
    let log: Vec<u8> = chunks.iter().flat_map(read).filter(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&log).into_owned()
}

/// Damages the one log in a folder by putting other text in the place of some.
pub(crate) fn damage(sessions: &Path, text: &str, other: &str) {
    let [chunk] = &chunks(sessions)[..] else { panic!("there is not one chunk") };
    let log = std::fs::read_to_string(chunk).unwrap();
    assert!(log.contains(text));
    std::fs::write(chunk, log.replacen(text, other, 1)).unwrap();
}

/// Checks that a program has refused what it was asked: with this exit code, saying this and printing
/// nothing.
pub(crate) fn check_refused(output: &Output, code: i32, says: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{says}: {said}");
    assert!(said.contains(says) && !said.contains("panicked"), "{says}: {said}");
    assert!(output.stdout.is_empty(), "{says}: something was printed");
}
