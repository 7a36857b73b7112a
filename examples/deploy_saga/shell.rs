//! Commands of whoever releases.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::fault::Fault;
use super::release::Number;
use super::worker::Hand;

/// How often it is looked whether a command has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Runs a command in a release, and kills it where nobody waits for it any more. What it says goes to
/// the standard error.
pub(crate) fn run(command: &str, release: &Path, number: Number, hand: &Hand) -> Result<(), Fault> {
    let failed = || Fault::io("run a command in", release);
    let mut running = Command::new("sh")
        .args(["-c", command])
        .current_dir(release)
        .env("RELEASE", number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::from(io::stderr()))
        .spawn()
        .map_err(|source| Fault::NotStarted { command: command.to_owned(), source })?;
    loop {
        if let Some(status) = running.try_wait().map_err(failed())? {
            let command = command.to_owned();
            return if status.success() { Ok(()) } else { Err(Fault::Command { command, status }) };
        }
        if let Err(stopped) = hand.goes_on() {
            running.kill().and_then(|()| running.wait()).map_err(failed())?;
            return Err(stopped);
        }
        std::thread::sleep(LOOK);
    }
}
