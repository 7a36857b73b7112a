//! A store that fails changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maniple_context::{
    ContextError, ContextOptimizer, Handle, LiveContext, MemoryRecall, RecallError, RecallStore,
    ShortHandle,
};
use maniple_core::Class;

use crate::restored::same;
use crate::transcripts::{Words, live, transcript};

/// Fails each time that it is asked for the n-th time.
#[derive(Debug)]
pub(crate) struct Failing {
    store: MemoryRecall,
    calls: AtomicUsize,
    every: usize,
}

impl Failing {
    pub(crate) fn new(every: usize) -> Self {
        Self { store: MemoryRecall::new(), calls: 0.into(), every }
    }

    fn call(&self) -> Result<(), RecallError> {
        if (self.calls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.every) {
            let source = Box::new(std::io::Error::other("the disk is full"));
            return Err(RecallError::Store {
                handle: Handle::of(""),
                class: Class::Transient,
                source,
            });
        }
        Ok(())
    }
}

impl RecallStore for Failing {
    fn put(&self, handle: &Handle, text: &Arc<str>) -> Result<(), RecallError> {
        self.call()?;
        self.store.put(handle, text)
    }

    fn put_all(&self, texts: &[(Handle, Arc<str>)]) -> Result<(), RecallError> {
        self.call()?;
        self.store.put_all(texts)
    }

    fn get(&self, handle: &Handle) -> Result<Arc<str>, RecallError> {
        self.store.get(handle)
    }

    fn candidates(&self, short: ShortHandle) -> Result<Vec<Handle>, RecallError> {
        self.call()?;
        self.store.candidates(short)
    }
}

#[test]
fn a_turn_that_failed_is_asked_for_again() {
    let window = 1_200;
    let mut failures = 0;
    for every in [9, 13, 40] {
        let store = Failing::new(every);
        let optimizer = ContextOptimizer::builder(Arc::new(Words), window);
        let optimizer = optimizer.with_recall_store(Arc::new(store)).build().unwrap();
        let mut failing = LiveContext::new(Arc::new(optimizer));
        let mut sound = live(window);
        for batch in transcript(21, 120, window) {
            for segment in batch {
                failing.push(segment.clone()).unwrap();
                sound.push(segment).unwrap();
            }
            let before = failing.snapshot();
            let expected = sound.turn(None).unwrap();
            for _ in 0..60 {
                match failing.turn(None) {
                    Ok(turn) => {
                        same(&turn, &expected);
                        break;
                    }
                    Err(ContextError::Recall { .. }) => failures += 1,
                    Err(other) => panic!("{other}"),
                }
                assert_eq!(failing.snapshot(), before);
            }
            assert_eq!(failing.turns(), sound.turns(), "it never came through");
        }
    }
    assert!(failures > 10, "{failures}");
}
