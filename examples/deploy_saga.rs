//! `deploy_saga FOLDER TARGET`: releases a folder as a new version, or leaves everything as it was.
//!
//! The folder is staged, its copy compared with what was read, what is shown backed up, the link that
//! shows a release switched, the release that is shown checked, and old ones are retired. These are the
//! steps of a [`Saga`](maniple::orchestration::Saga) with a journal on the disk: killed at any point, the
//! same call goes on; where a step fails, or the program is asked to stop, those before it are taken
//! back; and where that fails, the release is parked until a person decides. Whatever happens, what
//! `TARGET/current` shows is a whole release: the old one or the new one.
//!
//! ```console
//! $ cargo run --release -p examples --example deploy_saga -- site www --health 'test -s index.html'
//! $ cargo run --release -p examples --example deploy_saga -- site www --fail-at health
//! $ cargo run --release -p examples --example deploy_saga -- site www --status
//! ```

#[cfg(unix)]
#[path = "deploy_saga/mod.rs"]
mod program;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    program::main()
}

#[cfg(not(unix))]
fn main() -> std::process::ExitCode {
    eprintln!("deploy_saga: it needs links that are switched at once, as Unix has them");
    std::process::ExitCode::FAILURE
}
