//! From nothing to very much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maniple_context::relevance::Query;
use maniple_context::{ContextError, ContextOptimizer, Kind, Segment, TokenCounter};

/// A token for each byte, so that large contexts cost no time, and a count of its calls.
#[derive(Debug, Default)]
struct Bytes {
    calls: AtomicUsize,
}

impl TokenCounter for Bytes {
    fn count(&self, text: &str) -> usize {
        self.calls.fetch_add(1, Ordering::Relaxed);
        text.len()
    }

    fn encoding(&self) -> &'static str {
        "bytes"
    }

    fn is_cut_safe(&self, _: &str, _: &str) -> bool {
        true
    }
}

#[derive(Debug)]
struct Halves;
impl TokenCounter for Halves {
    fn count(&self, text: &str) -> usize {
        text.len() / 2
    }
    fn encoding(&self) -> &'static str {
        "halves"
    }
}

fn optimizer(counter: &Arc<Bytes>, budget: usize) -> ContextOptimizer {
    let counter: Arc<dyn TokenCounter> = Arc::<Bytes>::clone(counter);
    ContextOptimizer::builder(counter, budget).without_markers().build().unwrap()
}

#[test]
fn nothing() {
    let reduced = optimizer(&Arc::default(), 1).optimize(&[], Some(&Query::new("what?"))).unwrap();
    assert!(reduced.segments.is_empty());
    assert_eq!((reduced.report.before, reduced.report.after), (0, 0));
}

#[test]
fn one_giant_segment_is_shortened_and_comes_back_or_is_refused() {
    let giant = Segment::new("giant", Kind::User, "retry 🦀 ".repeat(1 << 17));
    let optimizer = optimizer(&Arc::default(), 1 << 17);
    let reduced =
        optimizer.optimize(std::slice::from_ref(&giant), Some(&Query::new("retry"))).unwrap();
    assert!(reduced.report.after <= 1 << 17 && reduced.report.after > 1 << 16);
    assert_eq!(optimizer.recall(&reduced.report.shortened[0].handle).unwrap(), *giant.text());

    let excess_expected = giant.text().len() - (1 << 17);
    let error = optimizer.optimize(&[giant.pinned()], None).unwrap_err();
    assert!(matches!(
        error,
        ContextError::PinnedExceedsBudget { excess, .. } if excess == excess_expected
    ));
}

#[test]
fn many_tiny_segments_of_which_the_relevant_stay() {
    let segments: Vec<_> = (0..100_000)
        .map(|at| {
            let text = if at % 1_000 == 7 { format!("retry{at} retry") } else { format!("x{at}") };
            Segment::new(at.to_string(), Kind::Note, text)
        })
        .collect();
    let relevant = |segments: &[Segment]| {
        segments.iter().filter(|segment| segment.text().contains("retry")).count()
    };
    let reduced = optimizer(&Arc::default(), 5_000)
        .optimize(&segments, Some(&Query::new("retries")))
        .unwrap();
    assert_eq!(relevant(&reduced.segments), relevant(&segments));
    assert!(reduced.report.after <= 5_000 && reduced.report.after > 4_990);
}

#[test]
fn all_texts_the_same() {
    let segments: Vec<_> =
        (0..20_000).map(|at| Segment::new(at.to_string(), Kind::File, "the same")).collect();
    let reduced = optimizer(&Arc::default(), 100).optimize(&segments, None).unwrap();
    assert_eq!(reduced.segments, segments[19_999..]);
    assert_eq!(reduced.report.dropped.len(), 19_999);
}

#[test]
fn a_text_is_counted_once_for_one_encoding() {
    let counter = Arc::<Bytes>::default();
    let segments: Vec<_> =
        (1..51).map(|at| Segment::new(at.to_string(), Kind::File, "x".repeat(at))).collect();
    let reduced = optimizer(&counter, 100).optimize(&segments, None).unwrap();
    optimizer(&counter, 50).optimize(&reduced.segments, None).unwrap();
    assert_eq!(counter.calls.load(Ordering::Relaxed), 50);

    assert_eq!(segments[39].tokens(&Halves), 20);
    assert_eq!(segments[39].tokens(&*counter), 40);
}
