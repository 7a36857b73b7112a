//! What the program is asked.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use maniple::bundles::Filter;

/// Look after the sessions in a folder.
#[derive(Debug, Parser)]
#[command(name = "sessions", version, about, max_term_width = 100)]
#[command(after_help = "\
An ID may be shortened to any part of it that only one session has.

Exit codes: 0 it is done, 1 it cannot be done, 2 the command is wrong.")]
pub(crate) struct Command {
    /// The folder that the sessions are in
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    pub(crate) root: PathBuf,
    /// Print one JSON value a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) what: Do,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Do {
    /// List sessions, the oldest first, without opening their logs
    List {
        #[command(flatten)]
        filter: Criteria,
        /// List those too that were deleted
        #[arg(long)]
        deleted: bool,
    },
    /// Show what a session has come to, and its actions
    Show {
        id: String,
        /// Begin with the action of this number
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        from: u64,
        /// Show the actions alone, and go on as new ones come, also from another process
        #[arg(long, short)]
        follow: bool,
    },
    /// Read the whole log and its blobs, and check every hash
    Verify { id: String },
    /// Make a session that shares the actions of this one
    Fork {
        id: String,
        /// How many actions they share; all, if it is not given
        #[arg(long, value_name = "SEQ")]
        at: Option<u64>,
        /// The name of the new one; that of the old one, if it is not given
        #[arg(long)]
        name: Option<String>,
    },
    /// Say what two sessions share, and what each has for itself
    Diff { left: String, right: String },
    /// Write a session to a file
    Export { id: String, file: PathBuf },
    /// Read a session from a file
    Import { file: PathBuf },
    /// Make a session small and quick to open
    Compact {
        id: String,
        /// Drop the history, but for what runs and forks need
        #[arg(long)]
        drop: bool,
    },
    /// Delete a session, and leave a tombstone
    Delete {
        id: String,
        /// Why, for whoever looks for it later
        #[arg(long, default_value = "deleted by hand")]
        reason: String,
    },
    /// Delete sessions whose time is over, and remove what nobody needs any more
    Gc,
}

/// Which sessions are listed.
#[derive(Debug, Args)]
pub(crate) struct Criteria {
    /// Only those of this name
    #[arg(long)]
    name: Option<String>,
    /// Only those with this tag; may be given more than once
    #[arg(long)]
    tag: Vec<String>,
    /// Only those with this label; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
}

impl From<Criteria> for Filter {
    fn from(criteria: Criteria) -> Self {
        let mut filter = Self::all();
        if let Some(name) = criteria.name {
            filter = filter.named(name);
        }
        for tag in criteria.tag {
            filter = filter.tagged(tag);
        }
        for (key, value) in criteria.label {
            filter = filter.labelled(key, value);
        }
        filter
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }
}
