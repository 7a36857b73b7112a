//! What is left out comes back: stores, excerpts, markers and the tool.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod excerpts;
mod markers;

use maniple_context::{Handle, RecallStore};

fn put(store: &dyn RecallStore, text: &str) -> Handle {
    let handle = Handle::of(text);
    store.put(&handle, &text.into()).unwrap();
    handle
}
