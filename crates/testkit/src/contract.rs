use std::future::Future;

use tokio::runtime::Builder;

/// Writes the contract suite of journals into a test file: a test for each rule.
///
/// It is given the name of a function without arguments, which makes a new, empty store, and gives back
/// what opens that store, again and again, as each next process would; see
/// [`check_journal`](crate::journal::check_journal) for what that must do. The tests are in a module of
/// the function's name. Attributes before the name are given to every test, for example `#[ignore]` for
/// a store that needs a server.
///
/// The tests run on a current-thread tokio runtime. The crate that uses it needs nothing but
/// `maniple-testkit`.
///
/// ```
/// use std::future::{Ready, ready};
///
/// use maniple_core::MemoryJournal;
///
/// fn in_memory() -> impl Fn() -> Ready<MemoryJournal> {
///     let store = MemoryJournal::new();
///     move || ready(store.clone())
/// }
///
/// maniple_testkit::journal_contract!(in_memory);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! journal_contract {
    ($(#[$attribute:meta])* $open:ident) => {
        mod $open {
            $crate::journal_contract! {
                @tests [$(#[$attribute])*] $open
                a_new_journal_is_empty: check_empty,
                every_record_is_read_back_whole: check_whole,
                records_are_in_the_order_of_the_calls: check_order,
                a_dropped_future_loses_no_record: check_dropped,
                appending_goes_on_and_what_is_durable_stays: check_open_ended,
            }
        }
    };
    (@tests $attributes:tt $open:ident $($test:ident: $check:ident,)*) => {$(
        $crate::journal_contract!(@test $attributes $open $test $check);
    )*};
    (@test [$($attribute:tt)*] $open:ident $test:ident $check:ident) => {
        #[test]
        $($attribute)*
        fn $test() {
            $crate::__private::block_on($crate::journal::$check(super::$open()));
        }
    };
}

/// Writes the contract suite of stores of sessions into a test file: a test for each rule.
///
/// It is given the name of a function without arguments, which makes a new, empty store, and gives back
/// what opens that store, again and again, as each next process would; see
/// [`check_store`](crate::bundles::check_store) for what that must do, and for the rules. The tests are
/// in a module of the function's name. Attributes before the name are given to every test, for example
/// `#[ignore]` for a store that needs a server.
///
/// The tests run on no runtime, so a store may wait on one of its own. One that several processes use at
/// once is given to [`check_processes`](crate::bundles::check_processes) too, in a test beside these.
///
/// ```
/// use maniple_bundles::MemoryStore;
///
/// fn in_memory() -> impl Fn() -> MemoryStore {
///     let store = MemoryStore::new();
///     move || store.clone()
/// }
///
/// maniple_testkit::store_contract!(in_memory);
/// # fn main() {}
/// ```
#[cfg(feature = "bundles")]
#[macro_export]
macro_rules! store_contract {
    ($(#[$attribute:meta])* $open:ident) => {
        mod $open {
            $crate::store_contract! {
                @tests [$(#[$attribute])*] $open
                a_session_is_created_once_with_its_header: check_created,
                of_many_who_look_one_creates: check_once,
                a_session_is_open_once: check_alone,
                what_nobody_has_open_can_be_opened: check_free,
                sessions_are_listed_in_order: check_listed,
                lines_are_shown_in_order_from_anywhere: check_lines,
                blobs_say_what_they_were_told: check_blobs,
                documents_are_replaced_whole: check_documents,
                who_reads_beside_a_writer_sees_a_moment: check_beside,
                the_next_process_finds_what_was_written: check_durable,
                a_rewrite_replaces_lines_and_keeps_what_is_shared: check_rewritten,
                tidying_changes_no_line: check_tidy,
                what_a_fork_shares_outlives_its_parent: check_deleted,
                a_whole_bundle_lives_on_it: check_life,
            }
        }
    };
    (@tests $attributes:tt $open:ident $($test:ident: $check:ident,)*) => {$(
        $crate::store_contract!(@test $attributes $open $test $check);
    )*};
    (@test [$($attribute:tt)*] $open:ident $test:ident $check:ident) => {
        #[test]
        $($attribute)*
        fn $test() {
            $crate::bundles::$check(super::$open());
        }
    };
}

/// What the tests of [`journal_contract`] run on.
///
/// # Panics
/// When the system gives no runtime.
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs no more than a thread").block_on(test)
}
