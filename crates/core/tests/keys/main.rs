//! Keys: stable from run to run, and never shared by two places.

#[path = "../common/mod.rs"]
mod common;
mod places;
mod program;

use std::collections::{BTreeMap, BTreeSet};

use common::{cases, hostile_name, open, paused, reopen};
use futures::FutureExt;
use maniple_core::{
    AgentError, ChildKey, Class, Effect, Fact, Key, MemoryJournal, Name, Run, RunContext,
};
use program::{Op, Trace, interpret, program};
use proptest::prelude::*;

/// Runs a program on the root of a run and gives back what it came by.
async fn trace(run: &Run, ops: &[Op]) -> Result<Trace, AgentError> {
    let trace = Trace::default();
    interpret(run, &run.context(), ops, &[], &trace).await?;
    Ok(trace)
}

fn keys(trace: &Trace) -> BTreeMap<usize, Key> {
    trace.keys.lock().expect("nothing panics while it is held").clone()
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn two_places_never_share_a_key_and_a_place_has_the_same_in_every_run(ops in program()) {
        paused().block_on(async {
            // Without a journal signals wait in process, so that the program can go on.
            let first = open(Run::builder("first")).await;
            let in_memory = trace(&first, &ops).await.map_err(|error| fail(&error))?;
            let expected = keys(&in_memory);

            let journal = MemoryJournal::new();
            let second = reopen(&journal).await;
            for (place, key) in &expected {
                if first.awaited_signals().contains(key) {
                    second.deliver(key, place).await.map_err(|error| fail(&error))?;
                }
            }
            // Here every signal is answered at once, if its key is what it was.
            trace(&second, &ops).await.map_err(|error| fail(&error))?;

            let mut receipts = BTreeSet::new();
            let mut decided = BTreeSet::new();
            for record in journal.records() {
                let fresh = match record.fact {
                    Fact::Receipt { .. } => receipts.insert(record.key.clone()),
                    Fact::Decided { .. } => decided.insert(record.key.clone()),
                    _ => true,
                };
                prop_assert!(fresh, "{} was written twice", record.key);
            }
            let steps: BTreeSet<_> = expected
                .values()
                .filter(|key| !first.awaited_signals().contains(key))
                .cloned()
                .collect();
            prop_assert_eq!(&receipts, &steps);
            prop_assert!(receipts.is_disjoint(&decided));
            let all: BTreeSet<_> = expected.values().collect();
            prop_assert_eq!(all.len(), expected.len(), "two places share a key");
            prop_assert!(decided.len() >= *in_memory.decisions.lock().unwrap());

            // And once more: a third run writes the same journal.
            let again = MemoryJournal::new();
            let third = reopen(&again).await;
            for (place, key) in &expected {
                if first.awaited_signals().contains(key) {
                    third.deliver(key, place).await.map_err(|error| fail(&error))?;
                }
            }
            trace(&third, &ops).await.map_err(|error| fail(&error))?;
            prop_assert_eq!(facts(&again), facts(&journal));
            Ok(())
        })?;
    }

    #[test]
    fn escaping_is_injective_and_leaves_nothing_that_separates(a in ".*|", b in ".*", c in hostile_name(), d in hostile_name()) {
        for (a, b) in [(&a, &b), (&c, &d), (&a, &c)] {
            prop_assert_eq!(a == b, Name::new(a) == Name::new(b));
            let name = Name::new(a);
            prop_assert!(!name.as_str().is_empty());
            prop_assert!(!name.as_str().contains(['/', '[', ']', '#', '!', '@', ':']));
            prop_assert!(!name.as_str().chars().any(char::is_control));
        }
    }

    #[test]
    fn is_inside_is_a_longer_path_with_the_same_beginning(
        a in prop::collection::vec(place(), 0..4),
        b in prop::collection::vec(place(), 0..4),
        common in 0..4_usize,
    ) {
        let b: Vec<_> = a.iter().take(common).cloned().chain(b).collect();
        paused().block_on(async {
            let run = open(Run::builder("inside")).await;
            let (one, two) = (walk(&run.context(), &a), walk(&run.context(), &b));
            prop_assert_eq!(two.is_inside(&one), b.len() > a.len() && b.starts_with(&a));
            prop_assert_eq!(one.is_inside(&two), a.len() > b.len() && a.starts_with(&b));
            Ok(())
        })?;
    }
}

fn fail(error: &AgentError) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// What a journal says, without the run's identity and times.
fn facts(journal: &MemoryJournal) -> Vec<(Key, Fact)> {
    let records = journal.records().into_iter().skip(1);
    records.map(|record| (record.key, record.fact)).collect()
}

/// One part of a path: the n-th child of a name, or a keyed one.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    Child(String, u32),
    At(ChildKey),
}

fn place() -> impl Strategy<Value = Place> {
    let name = || prop::sample::select(vec!["a", "ab", "a/b", "#2", ""]);
    prop_oneof![
        (name(), 1..3_u32).prop_map(|(name, nth)| Place::Child(name.to_owned(), nth)),
        (0..3_u64).prop_map(|index| Place::At(index.into())),
        name().prop_map(|name| Place::At(name.into())),
    ]
}

/// The key at the end of a path whose parts are made in a context of their own each time.
fn walk(root: &RunContext, path: &[Place]) -> Key {
    let mut cx = root.child_at("walk");
    let root = cx.path();
    for part in path {
        cx = match part {
            Place::Child(name, nth) => {
                for _ in 1..*nth {
                    drop(cx.child(name));
                }
                cx.child(name)
            }
            Place::At(key) => cx.child_at(key.clone()),
        };
    }
    // Everything stands inside the place that the walk began at.
    assert!(path.is_empty() || cx.path().is_inside(&root));
    cx.path()
}

#[tokio::test]
async fn the_kinds_of_places_are_inside_their_context_and_not_inside_its_namesakes() {
    for inner in ["/a/b", "/a[0]", "/a!b", "/a@b", "/a:b", "/a/b:c@1.2"] {
        assert!(Key::new(inner).is_inside(&Key::new("/a")), "{inner}");
        assert!(Key::new(inner).is_inside(&Key::new("/")), "{inner}");
    }
    for other in ["/a", "/a#2", "/a#2/b", "/ab", "/", "[0]"] {
        assert!(!Key::new(other).is_inside(&Key::new("/a")), "{other}");
    }
    assert!(!Key::new("/").is_inside(&Key::new("/")));
}

#[tokio::test]
async fn the_second_step_of_a_name_in_flight_is_a_concurrent_step() {
    let run = open(Run::builder("concurrent")).await;
    let cx = run.context();
    let narrow = cx.clone().with_extension(1);
    let first = cx.step("ask", Effect::Pure, (), |(), _| async { Ok(1) });
    for second in [&cx, &narrow] {
        let error =
            second.step("ask", Effect::Pure, (), |(), _| async { Ok(2) }).await.unwrap_err();
        assert!(matches!(error, AgentError::ConcurrentStep { .. }), "{error}");
        assert_eq!(error.class(), Class::Permanent);
    }
    // Another name, the same name in a child and a signal of that name are not in its way.
    let ok = |n| async move { Ok(n) };
    assert_eq!(cx.step("other", Effect::Pure, 2, |n, _| ok(n)).await.unwrap(), 2);
    assert_eq!(cx.child("x").step("ask", Effect::Pure, 3, |n, _| ok(n)).await.unwrap(), 3);
    assert!(cx.signal::<u8>("ask").now_or_never().is_none());
    assert_eq!(first.await.unwrap(), 1);
}

#[tokio::test]
async fn one_key_reached_over_two_contexts_is_a_concurrent_step_too() {
    let run = open(Run::builder("concurrent")).await;
    let (one, two) = (run.context().child_at(7), run.context().child_at(7));
    let first = one.step("ask", Effect::Pure, (), |(), _| std::future::pending::<Result<u8, _>>());
    let mut first = std::pin::pin!(first);
    assert!(first.as_mut().now_or_never().is_none());
    let second = two.step("ask", Effect::Pure, (), |(), _| async { Ok(2) }).await;
    assert!(matches!(second, Err(AgentError::ConcurrentStep { .. })));
}

#[tokio::test]
async fn a_dropped_step_frees_its_name() {
    let run = open(Run::builder("dropped")).await;
    let cx = run.context();
    drop(cx.step("ask", Effect::Pure, (), |(), _| async { Ok(1) }));
    let begun = cx.step("ask", Effect::Pure, (), |(), _| std::future::pending::<Result<u8, _>>());
    assert!(begun.now_or_never().is_none());
    let key = |(), step: maniple_core::StepContext| async move { Ok(step.key().clone()) };
    let third = cx.step("ask", Effect::Pure, (), key).await.unwrap();
    // Each call has taken its place, so that later ones keep theirs.
    assert_eq!(third, Key::new("/ask#3"));
}

#[tokio::test]
async fn a_step_inside_a_step_is_refused() {
    let run = open(Run::builder("nested")).await;
    assert!(matches!(nested(&run).await, Err(AgentError::NestedStep { .. })));
}

/// Opens a step in the body of one, and gives back the inner one's result.
async fn nested(run: &Run) -> Result<Key, AgentError> {
    let cx = run.context();
    let inner = cx.clone();
    let inner = |(), _| async move {
        let key = |(), step: maniple_core::StepContext| async move { Ok(step.key().clone()) };
        inner.step("inner", Effect::Pure, (), key).await
    };
    cx.step("outer", Effect::Pure, (), inner).await
}

#[cfg(feature = "broken")]
mod broken {
    use maniple_core::Rule;

    use super::*;

    #[tokio::test]
    async fn unescaped_names_are_caught() {
        let run = open(Run::builder("broken").breaking(Rule::NamesAreEscaped)).await;
        let ops = [Op::Step(0, "a/b".into()), Op::Child("a".into(), vec![Op::Step(1, "b".into())])];
        assert!(trace(&run, &ops).await.is_err());
    }

    #[tokio::test]
    async fn a_step_inside_a_step_is_caught() {
        let run = open(Run::builder("broken").breaking(Rule::NoStepInsideStep)).await;
        assert!(nested(&run).await.is_ok());
    }
}
