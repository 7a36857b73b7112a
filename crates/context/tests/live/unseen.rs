//! What no model has seen yet stays, and compactions wait for something to gain.

use maniple_context::{ContextError, Handle, Kind, LiveContext, Marker, Segment, TokenCounter};

use crate::transcripts::{Words, live, numbered, optimizer, tokens};

fn answered(live: &mut LiveContext, name: &str, text: &str) {
    live.push(Segment::tool_call(format!("c-{name}"), name, format!("find {name}"))).unwrap();
    live.push(Segment::tool_result(format!("r-{name}"), name, text)).unwrap();
}

/// A window of 2,000 tokens that is almost full of what was sent.
fn filled() -> LiveContext {
    let mut live = live(2_000);
    for n in 0..19 {
        answered(&mut live, &format!("old{n}"), &numbered(&format!("old{n}"), 10));
        live.turn(None).unwrap();
    }
    assert!(live.tokens() > 1_400 && live.tokens() <= 1_700, "{}", live.tokens());
    live
}

fn text<'l>(live: &'l LiveContext, id: &str) -> Option<&'l str> {
    live.segments().iter().find(|segment| segment.id().as_str() == id).map(|s| &**s.text())
}

#[test]
fn a_new_result_is_sent_as_it_is() {
    let mut live = filled();
    // Four of them are just below half of the low-water mark.
    for n in 0..4 {
        answered(&mut live, &format!("new{n}"), &numbered("new", 11));
    }
    assert!(live.turn(None).unwrap().compaction.is_some());
    for n in 0..4 {
        assert_eq!(text(&live, &format!("r-new{n}")), Some(&*numbered("new", 11)));
    }
    assert!(live.tokens() <= 900);
}

#[test]
fn a_giant_result_is_shortened_and_leaves_room_for_what_was_said() {
    let mut live = filled();
    let giant = numbered("giant", 5_000);
    answered(&mut live, "giant", &giant);
    answered(&mut live, "small", "found nothing\n");
    let optimizer = live.optimizer().clone();
    let turn = live.turn(None).unwrap();
    assert!(turn.tokens <= 900, "{}", turn.tokens);
    let report = turn.compaction.clone().unwrap();
    let short = report.shortened.iter().find(|short| short.id.as_str() == "r-giant").unwrap();
    assert_eq!(*optimizer.recall(&short.handle).unwrap(), *giant);
    let left = text(&live, "r-giant").unwrap();
    assert!((200..=450).contains(&Words.count(left)), "{left}");
    assert_eq!(text(&live, "r-small"), Some("found nothing\n"));
    assert!(text(&live, "c-giant").is_some() && text(&live, "r-old18").is_some());
}

#[test]
fn of_several_giants_none_vanishes() {
    let mut live = filled();
    for n in 0..5 {
        answered(&mut live, &format!("giant{n}"), &numbered(&format!("giant{n}"), 900));
    }
    let report = live.turn(None).unwrap().compaction.unwrap();
    assert!(live.tokens() <= 900);
    for n in 0..5 {
        assert!(text(&live, &format!("c-giant{n}")).is_some());
        assert!(text(&live, &format!("r-giant{n}")).is_some(), "{n}");
        let handle = Handle::of(&numbered(&format!("giant{n}"), 900));
        assert!(live.optimizer().recall(&handle).is_ok());
    }
    let lost: usize = report.shortened.iter().map(|short| short.before - short.after).sum();
    let dropped: usize = report.dropped.iter().map(|dropped| dropped.tokens).sum();
    let notes = live.segments().iter().filter(|s| s.id().as_str().starts_with("recall-"));
    let notes: usize = notes.map(|note| Words.count(note.text())).sum();
    assert_eq!(report.after + lost + dropped, report.before + notes);
}

#[test]
fn of_giants_for_whose_lines_there_is_no_room_none_vanishes() {
    let mut live = live(2_000);
    live.push(Segment::new("rules", Kind::Instruction, numbered("a rule", 90)).pinned()).unwrap();
    live.turn(None).unwrap();
    for n in 0..6 {
        // Lines of some 100 tokens, of which half of the low-water mark takes three.
        let row = |k: u32| format!("{}\n", format!("giant{n} has {k}, ").repeat(25));
        let text: Vec<String> = (0..20).map(row).collect();
        let pattern = format!("giant{n} or ").repeat(12);
        let call = format!(r#"find {{"pattern":"{pattern}"}}"#);
        let pair = format!("giant{n}");
        live.push(Segment::tool_call(format!("c-giant{n}"), pair.as_str(), call)).unwrap();
        live.push(Segment::tool_result(format!("r-giant{n}"), pair, text.concat())).unwrap();
    }
    assert!(live.turn(None).unwrap().compaction.is_some());
    for n in 0..6 {
        assert!(text(&live, &format!("c-giant{n}")).is_some(), "{n}");
        assert!(text(&live, &format!("r-giant{n}")).is_some(), "{n}");
    }
}

#[test]
fn a_result_of_which_no_line_stays_says_where_it_is() {
    for window in [1_000, 2_000, 4_000] {
        let mut live = live(window);
        for n in 0..40 {
            // One line, of which nothing fits.
            let giant = format!("giant{n} has a row and ").repeat(window) + "\n";
            answered(&mut live, &format!("giant{n}"), &giant);
            let optimizer = live.optimizer().clone();
            assert!(live.turn(None).unwrap().compaction.is_some());
            let left = text(&live, &format!("r-giant{n}")).unwrap();
            let marker = Marker::all_in(left).last();
            let (_, marker) = marker.unwrap_or_else(|| panic!("{window}: {left:?}"));
            let handle = optimizer.recall_store().candidates(marker.handle()).unwrap()[0];
            assert!(giant.contains(&*optimizer.recall(&handle).unwrap()));
            let all = live.segments().iter().flat_map(|segment| Marker::all_in(segment.text()));
            let all = all.map(|(_, marker)| Words.count(&marker.to_string())).sum::<usize>();
            assert!(all <= window / 50, "{window}: {all} tokens of markers");
        }
    }
}

#[test]
fn the_answer_to_a_call_that_was_sent_is_sent_too() {
    let mut live = filled();
    live.push(Segment::tool_call("c", "late", "find late")).unwrap();
    live.turn(None).unwrap();
    live.push(Segment::tool_result("r1", "late", numbered("late", 25))).unwrap();
    live.push(Segment::tool_result("r2", "late", "and no more\n")).unwrap();
    assert!(live.turn(None).unwrap().compaction.is_some());
    assert_eq!(text(&live, "c"), Some("find late"));
    assert_eq!(text(&live, "r1"), Some(&*numbered("late", 25)));
    assert_eq!(text(&live, "r2"), Some("and no more\n"));
}

#[test]
fn what_was_sent_once_may_go() {
    let mut live = filled();
    answered(&mut live, "seen", &numbered("seen", 40));
    live.turn(None).unwrap();
    for n in 0..60 {
        answered(&mut live, &format!("next{n}"), &numbered(&format!("next{n}"), 10));
        live.turn(None).unwrap();
    }
    assert_ne!(text(&live, "r-seen"), Some(&*numbered("seen", 40)));
}

#[test]
fn a_whole_history_at_once_is_reduced_from_its_beginning() {
    let mut live = live(2_000);
    for n in 0..300 {
        answered(&mut live, &format!("p{n}"), &numbered(&format!("p{n}"), 10));
    }
    live.push(Segment::new("question", Kind::User, "And now?")).unwrap();
    assert!(live.turn(None).unwrap().tokens <= 900);
    assert_eq!(text(&live, "question"), Some("And now?"));
    assert_eq!(text(&live, "r-p299"), Some(&*numbered("p299", 10)));
}

#[test]
fn what_must_stay_above_the_low_mark_is_not_compacted_every_turn() {
    let mut live = live(2_000);
    live.push(Segment::new("rules", Kind::Instruction, numbered("rule", 180)).pinned()).unwrap();
    assert!((1_200..1_500).contains(&live.tokens()), "{}", live.tokens());
    let mut compactions = 0;
    for n in 0..100 {
        live.push(Segment::new(format!("m{n}"), Kind::Assistant, numbered("m", 2))).unwrap();
        let turn = live.turn(None).unwrap();
        assert!(turn.tokens <= 2_000);
        compactions += usize::from(turn.compaction.is_some());
    }
    // Some 500 tokens are free, and 100 turns push 1,600.
    assert!((2..=5).contains(&compactions), "{compactions}");
    assert_eq!(text(&live, "rules"), Some(&*numbered("rule", 180)));
}

#[test]
fn what_must_stay_above_the_high_mark_is_compacted_once_and_then_where_the_window_is_full() {
    let mut live = live(1_000);
    live.push(Segment::new("rules", Kind::Instruction, numbered("rule", 110)).pinned()).unwrap();
    assert!((850..1_000).contains(&live.tokens()), "{}", live.tokens());
    let mut compactions = 0;
    for n in 0..12 {
        live.push(Segment::new(format!("m{n}"), Kind::Assistant, "Read on.")).unwrap();
        compactions += usize::from(live.turn(None).unwrap().compaction.is_some());
    }
    assert_eq!(compactions, 1);
}

#[test]
fn more_than_the_window_is_an_error_that_changes_nothing() {
    let mut live = live(1_000);
    live.push(Segment::new("rules", Kind::Instruction, numbered("rule", 100)).pinned()).unwrap();
    live.turn(None).unwrap();
    live.push(Segment::new("more", Kind::Instruction, numbered("more", 100)).pinned()).unwrap();
    let (before, all) = (live.snapshot(), tokens(live.segments()));
    match live.turn(None) {
        Err(ContextError::PinnedExceedsBudget { pinned, budget, excess }) => {
            assert_eq!((pinned, budget, excess), (all, 1_000, all - 1_000));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(live.snapshot(), before);
    // With a larger window it goes on.
    let mut larger = LiveContext::restore(optimizer(2_000), before).unwrap();
    assert_eq!(larger.turn(None).unwrap().tokens, all);
}

#[test]
fn a_new_result_goes_before_the_window_is_exceeded() {
    let mut live = live(1_000);
    live.push(Segment::new("rules", Kind::Instruction, numbered("rule", 110)).pinned()).unwrap();
    live.turn(None).unwrap();
    answered(&mut live, "late", &numbered("late", 40));
    let turn = live.turn(None).unwrap();
    assert!(turn.tokens <= 1_000, "{}", turn.tokens);
    assert!(text(&live, "r-late").is_some());
}

#[test]
fn what_loses_nothing_goes_as_low_as_it_can() {
    let words = std::sync::Arc::new(Words);
    let lossless = maniple_context::ContextOptimizer::builder(words, 1_000)
        .with_most_loss(maniple_context::reducers::Loss::Lossless)
        .build()
        .unwrap();
    let mut live = LiveContext::new(std::sync::Arc::new(lossless));
    let file = numbered("copy", 60);
    live.push(Segment::new("a", Kind::File, &*file)).unwrap();
    live.push(Segment::new("b", Kind::File, &*file)).unwrap();
    let turn = live.turn(None).unwrap();
    assert!(turn.segments.last().is_some_and(|last| **last.text() == *file));
    assert!(turn.tokens < Words.count(&file) + 20, "{}", turn.tokens);
    live.push(Segment::new("c", Kind::File, numbered("other", 90))).unwrap();
    let excess = tokens(live.segments()) - 1_000;
    match live.turn(None) {
        Err(ContextError::BudgetNotMet { excess: found, reached }) => {
            assert_eq!((found, reached.report.budget), (excess, 1_000));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_an_optimizer_has_reduced_to_the_window_is_compacted_all_the_same() {
    let optimizer = maniple_context::ContextOptimizer::builder(std::sync::Arc::new(Words), 1_000)
        .with_min_reduction(0.1)
        .build()
        .unwrap();
    let history: Vec<Segment> = (0..30)
        .map(|n| Segment::new(format!("m{n}"), Kind::User, numbered(&format!("m{n}"), 6)))
        .collect();
    let reduced = optimizer.optimize(&history, None).unwrap();
    assert!(reduced.report.after > 850, "{}", reduced.report.after);
    let mut live = LiveContext::new(std::sync::Arc::new(optimizer));
    reduced.segments.into_iter().try_for_each(|segment| live.push(segment)).unwrap();
    let turn = live.turn(None).unwrap();
    assert!(turn.compaction.is_some() && turn.tokens <= 450, "{}", turn.tokens);
}
