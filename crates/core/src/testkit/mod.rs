//! The contracts of [`Journal`](crate::Journal) and [`RunStore`](crate::RunStore), for the tests of
//! whoever implements them.

mod journal;
mod run_store;

pub use journal::{
    check_dropped, check_empty, check_journal, check_open_ended, check_order, check_whole,
};
pub use run_store::check_run_store;
