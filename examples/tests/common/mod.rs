//! How the tests of the examples find what they run.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The example of this name, built as the test was. A test has one.
pub(crate) fn program(name: &str) -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        let profile = this.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "examples", "--example", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "{name} does not build");
        profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    })
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
