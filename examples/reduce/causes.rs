//! What an error says, with what is behind it.

use std::error::Error;

/// The error and its causes in one line, each said once.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_says = cause.to_string();
        if !said.contains(&cause_says) {
            said.push_str(": ");
            said.push_str(&cause_says);
        }
        next = cause.source();
    }
    said
}
