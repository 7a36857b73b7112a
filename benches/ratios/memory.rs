//! Memory per child and of a reduction, by a program of its own: counting every allocation would slow all that is timed.

use std::process::Command;

use benches::table::Failed;

pub(crate) fn rows() -> Result<(), Failed> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["bench", "--quiet", "-p", "benches", "--bench", "memory"])
        .status()?;
    if status.success() { Ok(()) } else { Err("the bench memory failed".into()) }
}
