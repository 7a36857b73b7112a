//! The contract of [`RecallStore`], for the tests of whoever implements it.

use std::fmt;
use std::sync::Arc;
use std::thread;

use crate::recall::{Handle, RecallError, RecallStore};

/// Two texts whose handles begin with the same 12 digits.
const ALIKE: [&str; 2] = ["text 3292886", "text 7244893"];

/// Checks that a store keeps the contract of [`RecallStore`].
///
/// `open` opens the *same* store each time that it is called, as the next process would; what it
/// returned before has been dropped by then. The store is empty at first, and nobody else uses it
/// meanwhile. The rules:
///
/// - **unknown**: what was never kept is [`Unknown`](RecallError::Unknown), and
///   [`UnknownShort`](RecallError::UnknownShort) by its first digits, whatever else is kept.
/// - **whole**: a text comes back byte for byte, by the store that was given it and by the next: the
///   empty one, one of a mebibyte, any characters, and any line ends.
/// - **again**: what is kept twice is kept once.
/// - **together**: texts that are put together are all kept, also where some of them are the same or
///   are kept already; none is nothing to do.
/// - **short**: a text is found by the first 12 digits of its handle.
/// - **alike**: where two handles begin with the same 12 digits, these are
///   [`Ambiguous`](RecallError::Ambiguous), with both handles in order, and each text is had by its
///   whole handle.
/// - **at once**: threads that put and get at the same time do not disturb each other.
///
/// # Panics
/// Where a rule is broken, naming it; and where the store answers with another error.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{MemoryRecall, testkit};
///
/// let store = Arc::new(MemoryRecall::new());
/// testkit::check_recall_store(|| Arc::clone(&store));
/// ```
pub fn check_recall_store<S: RecallStore>(open: impl Fn() -> S) {
    has_not("unknown", &open(), "never kept");
    each_is_whole(&open);
    once_is_enough(&open());
    all_are_kept_together(&open);
    of_two_alike_none_is_lost(&open);
    nobody_disturbs_another(&open());
    for text in samples() {
        has("whole", "at the end", &open(), &text);
    }
    has_not("unknown", &open(), "never kept");
    has_not("unknown", &open(), "never kept\n");
}

fn samples() -> Vec<Arc<str>> {
    let every: String = (0..=0x0010_FFFF).step_by(97).filter_map(char::from_u32).collect();
    let long: String = (0..).map(|n: u32| format!("{n} ")).take(170_000).collect();
    let short = [
        "",
        "\n",
        "a",
        "a\n",
        "a\r\n",
        " a ",
        "\u{feff}a",
        "\0",
        "caf\u{e9}",
        "cafe\u{301}",
        "]\n[",
    ];
    let mut samples: Vec<_> = short.into_iter().map(Arc::from).collect();
    samples.extend([every.into(), long.into()]);
    samples
}

fn each_is_whole<S: RecallStore>(open: &impl Fn() -> S) {
    let store = open();
    for text in samples() {
        has_not("unknown", &store, &text);
        put("whole", &store, &text);
        has("whole", "in the process that put it", &store, &text);
    }
    drop(store);
    let store = open();
    for text in samples() {
        has("whole", "after the store was opened again", &store, &text);
    }
}

fn once_is_enough(store: &impl RecallStore) {
    for text in samples() {
        put("again", store, &text);
        has("again", "put twice", store, &text);
    }
}

fn all_are_kept_together<S: RecallStore>(open: &impl Fn() -> S) {
    let texts: Vec<Arc<str>> = (0..2000).map(|n| format!("together {n}\n").into()).collect();
    let with_handle = |text: &Arc<str>| (Handle::of(text), Arc::clone(text));
    let store = open();
    let mut batch: Vec<_> = texts.iter().map(with_handle).collect();
    batch.extend(texts.iter().take(10).map(with_handle));
    batch.extend(samples().iter().map(with_handle));
    answered("together", store.put_all(&[]));
    answered("together", store.put_all(&batch[..1500]));
    answered("together", store.put_all(&batch));
    for text in &texts {
        has("together", "in the process that put it", &store, text);
    }
    drop(store);
    let store = open();
    for text in &texts {
        has("together", "after the store was opened again", &store, text);
    }
}

fn of_two_alike_none_is_lost<S: RecallStore>(open: &impl Fn() -> S) {
    let [a, b] = ALIKE.map(Arc::<str>::from);
    let short = Handle::of(&a).short();
    let store = open();
    put("alike", &store, &a);
    has("alike", "alone", &store, &a);
    match store.get(&Handle::of(&b)) {
        Err(RecallError::Unknown { .. }) => {}
        other => panic!(
            "alike: a text that was never kept, but begins like one that was, is {}",
            Told(&other)
        ),
    }
    put("alike", &store, &b);
    let mut both = [Handle::of(&a), Handle::of(&b)];
    both.sort_unstable();
    for (when, store) in [("at once", store), ("after the store was opened again", open())] {
        let candidates = answered("alike", store.candidates(short));
        assert!(
            candidates == both,
            "alike: {candidates:?} and not {both:?} begin with {short}, {when}"
        );
        match store.find(short) {
            Err(RecallError::Ambiguous { candidates, .. }) => {
                assert!(
                    candidates == both,
                    "alike: {short} is ambiguous between {candidates:?} and not {both:?}, {when}"
                );
            }
            Ok(found) => panic!("alike: {short} is short for two handles, and {found} was found"),
            Err(other) => panic!("alike: {short} is short for two handles: {other}"),
        }
        for text in [&a, &b] {
            let kept = answered("alike", store.get(&Handle::of(text)));
            assert!(kept == *text, "alike: {text:?} came back as {kept:?}, {when}");
        }
    }
}

fn nobody_disturbs_another(store: &impl RecallStore) {
    let text = |thread: usize, n: usize| Arc::<str>::from(format!("at once {} {n}", thread / 2));
    let first_wrong = thread::scope(|scope| {
        let work = |thread: usize| {
            move || {
                for n in 0..50 {
                    let text = text(thread, n);
                    put("at once", store, &text);
                    has("at once", "right after it was put", store, &text);
                }
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(work(thread))).collect();
        let ended: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ended.into_iter().find_map(Result::err)
    });
    if let Some(panic) = first_wrong {
        std::panic::resume_unwind(panic);
    }
    for (thread, n) in (0..8).flat_map(|thread| (0..50).map(move |n| (thread, n))) {
        has("at once", "when all threads have ended", store, &text(thread, n));
    }
}

fn put(rule: &str, store: &impl RecallStore, text: &Arc<str>) {
    answered(rule, store.put(&Handle::of(text), text));
}

fn answered<T>(rule: &str, answer: Result<T, RecallError>) -> T {
    answer.unwrap_or_else(|error| panic!("{rule}: the store answers with an error: {error}"))
}

/// The text is kept, and found by its first digits, which no other text that is checked so has.
fn has(rule: &str, when: &str, store: &impl RecallStore, text: &Arc<str>) {
    let handle = Handle::of(text);
    let kept = answered(rule, store.get(&handle));
    assert!(kept == *text, "{rule}: {} came back as {}, {when}", Shown(text), Shown(&kept));
    let candidates = answered("short", store.candidates(handle.short()));
    assert!(
        candidates == [handle],
        "short: {candidates:?} and not {handle} are the candidates for {}, {when}",
        Shown(text)
    );
    let found = answered("short", store.find(handle.short()));
    assert!(found == handle, "short: {found} and not {handle} is found, {when}");
}

fn has_not(rule: &str, store: &impl RecallStore, text: &str) {
    let handle = Handle::of(text);
    match store.get(&handle) {
        Err(RecallError::Unknown { handle: asked }) if asked == handle => {}
        other => panic!("{rule}: {}, which was never kept, is {}", Shown(text), Told(&other)),
    }
    let candidates = answered(rule, store.candidates(handle.short()));
    assert!(
        candidates.is_empty(),
        "{rule}: {} was never kept, and {candidates:?} are the candidates",
        Shown(text)
    );
    match store.find(handle.short()) {
        Err(RecallError::UnknownShort { short }) if short == handle.short() => {}
        Ok(found) => panic!("{rule}: {} was never kept, and {found} was found", Shown(text)),
        Err(other) => panic!("{rule}: {} was never kept: {other}", Shown(text)),
    }
}

/// A text that may be long.
struct Shown<'t>(&'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin: String = self.0.chars().take(40).collect();
        write!(f, "{begin:?} of {} bytes", self.0.len())
    }
}

struct Told<'a>(&'a Result<Arc<str>, RecallError>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(text) => Shown(text).fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}
