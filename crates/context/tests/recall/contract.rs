//! The contract of `RecallStore`: the crate's own stores keep it, and stores that do not are found
//! out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use maniple_context::testkit::check_recall_store;
use maniple_context::{FileRecall, Handle, MemoryRecall, RecallError, RecallStore, ShortHandle};
use maniple_core::Class;

#[test]
fn the_store_in_memory_keeps_the_contract() {
    let store = Arc::new(MemoryRecall::new());
    check_recall_store(|| Arc::clone(&store));
}

#[test]
fn the_store_in_files_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    check_recall_store(|| FileRecall::open(root.path().join("a/b")).unwrap());
}

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    ForgetsOnOpening,
    ForgetsTheEmpty,
    TrimsTheEnd,
    UnifiesLineEnds,
    CutsLongTexts,
    AnswersByShortHandle,
    KeepsTheFirstOfTwoAlike,
    FindsTheFirstOfTwoAlike,
    ListsTwoAlikeBackwards,
    ListsTwice,
    FindsNothingByShortHandle,
    KeepsTheFirstOfABatch,
    RefusesTheKnown,
    FindsAnything,
    KeepsForOneThread,
}

thread_local! {
    /// What a store keeps for the thread alone that put it.
    static OWN: RefCell<Texts> = RefCell::default();
}

type Texts = BTreeMap<Handle, Arc<str>>;

/// A store in memory that does one thing wrong.
#[derive(Debug)]
struct Broken {
    wrong: Wrong,
    opener: ThreadId,
    texts: Arc<Mutex<Texts>>,
}

impl Broken {
    fn kept(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap()
    }

    fn as_kept(&self, text: &Arc<str>) -> Arc<str> {
        match self.wrong {
            Wrong::TrimsTheEnd => text.trim_end().into(),
            Wrong::UnifiesLineEnds => text.replace("\r\n", "\n").into(),
            Wrong::CutsLongTexts => text.chars().take(60_000).collect::<String>().into(),
            _ => Arc::clone(text),
        }
    }
}

impl RecallStore for Broken {
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError> {
        let mut kept = self.kept();
        match self.wrong {
            Wrong::RefusesTheKnown if kept.contains_key(handle) => {
                let (class, source) = (Class::Permanent, "it is there".into());
                return Err(RecallError::Store { handle: *handle, class, source });
            }
            Wrong::KeepsTheFirstOfTwoAlike
                if kept.range(handle.short().range()).any(|(known, _)| known != handle) => {}
            Wrong::ForgetsTheEmpty if text.is_empty() => {}
            Wrong::KeepsForOneThread if thread::current().id() != self.opener => {
                OWN.with_borrow_mut(|own| own.insert(*handle, Arc::clone(text)));
            }
            _ => {
                kept.insert(*handle, self.as_kept(text));
            }
        }
        Ok(())
    }

    fn put_all(&self, texts: &[(Handle, Arc<str>)]) -> Result<(), RecallError> {
        let many = if self.wrong == Wrong::KeepsTheFirstOfABatch { 1 } else { usize::MAX };
        texts.iter().take(many).try_for_each(|(handle, text)| self.put(handle, text))
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        if self.wrong == Wrong::KeepsForOneThread
            && let Some(own) = OWN.with_borrow(|own| own.get(handle).cloned())
        {
            return Ok(own);
        }
        let kept = self.kept();
        let found = match self.wrong {
            Wrong::AnswersByShortHandle => {
                kept.range(handle.short().range()).next().map(|(_, text)| text)
            }
            _ => kept.get(handle),
        };
        found.cloned().ok_or(RecallError::Unknown { handle: *handle })
    }

    fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        let kept = self.kept();
        let mut found: Vec<_> = kept.range(short.range()).map(|(handle, _)| *handle).collect();
        if self.wrong == Wrong::KeepsForOneThread {
            OWN.with_borrow(|own| found.extend(own.range(short.range()).map(|(h, _)| *h)));
        }
        match self.wrong {
            Wrong::FindsNothingByShortHandle => found.clear(),
            Wrong::FindsAnything if found.is_empty() => found.extend(kept.keys().next()),
            Wrong::ListsTwoAlikeBackwards => found.reverse(),
            Wrong::ListsTwice => found.extend(found.clone()),
            _ => {}
        }
        Ok(found)
    }

    fn find(&self, short: ShortHandle) -> Result<Handle, RecallError> {
        let candidates = self.candidates(short)?;
        match *candidates {
            [] => Err(RecallError::UnknownShort { short }),
            [first, ..] if self.wrong == Wrong::FindsTheFirstOfTwoAlike => Ok(first),
            [only] => Ok(only),
            [..] => Err(RecallError::Ambiguous { short, candidates }),
        }
    }
}

/// The message with which the check of a store ends, if it does not pass.
fn found_out(wrong: Wrong) -> Option<String> {
    let kept = Arc::new(Mutex::default());
    let open = || {
        let texts =
            if wrong == Wrong::ForgetsOnOpening { Arc::default() } else { Arc::clone(&kept) };
        Broken { wrong, opener: thread::current().id(), texts }
    };
    let panic = catch_unwind(AssertUnwindSafe(|| check_recall_store(open))).err()?;
    Some(panic.downcast_ref::<String>().expect("the check says what is wrong").clone())
}

#[test]
fn a_store_that_does_nothing_wrong_passes() {
    assert_eq!(found_out(Wrong::Nothing), None);
}

#[test]
fn each_broken_store_is_found_out_by_the_rule_that_it_breaks() {
    for (wrong, rule) in [
        (Wrong::ForgetsOnOpening, "whole"),
        (Wrong::ForgetsTheEmpty, "whole"),
        (Wrong::TrimsTheEnd, "whole"),
        (Wrong::UnifiesLineEnds, "whole"),
        (Wrong::CutsLongTexts, "whole"),
        (Wrong::AnswersByShortHandle, "alike"),
        (Wrong::KeepsTheFirstOfTwoAlike, "alike"),
        (Wrong::FindsTheFirstOfTwoAlike, "alike"),
        (Wrong::ListsTwoAlikeBackwards, "alike"),
        (Wrong::ListsTwice, "short"),
        (Wrong::FindsNothingByShortHandle, "short"),
        (Wrong::KeepsTheFirstOfABatch, "together"),
        (Wrong::RefusesTheKnown, "again"),
        (Wrong::FindsAnything, "unknown"),
        (Wrong::KeepsForOneThread, "at once"),
    ] {
        let message = found_out(wrong).unwrap_or_else(|| panic!("{wrong:?} passes"));
        assert!(message.starts_with(&format!("{rule}: ")), "{wrong:?}: {message}");
    }
}
