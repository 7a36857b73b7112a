//! What is left out comes back: stores, excerpts, markers and the tool.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod child;
mod contract;
mod damage;
mod excerpts;
mod files;
mod markers;
mod processes;
mod tool;

use maniple_context::{Handle, RecallStore};

fn put(store: &dyn RecallStore, text: &str) -> Handle {
    let handle = Handle::of(text);
    store.put(&handle, &text.into()).unwrap();
    handle
}

/// Texts one after the other.
fn written(texts: impl Iterator<Item = String>) -> String {
    texts.fold(String::new(), |all, text| all + &text)
}
