//! For the tests of hosts: the contract of a recall store, and strategies that make conversations.

mod conversations;
mod recall;

pub use conversations::{anthropic_transcripts, openai_transcripts, segments};
pub use recall::check_recall_store;
