//! Errors: what each means, which of several stands, and what a journal keeps of one.

use std::fmt;
use std::io;
use std::sync::Arc;

use maniple_core::{
    AgentError, Budget, Class, Classify, Effect, Exhausted, JournalError, Key, MemoryJournal,
    RecordedError, ResultExt, Run, RunContext, Source, agent_fn,
};

use crate::common::{CLASSES, open, reopen};

fn key() -> Key {
    Key::new("/a/b")
}

/// An error with a cause that has a cause.
#[derive(Debug)]
struct Layer(&'static str, Option<Box<Layer>>);

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Layer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_ref().map(|layer| &**layer as _)
    }
}

fn layers() -> Layer {
    let bottom = Layer("the cable is cut", None);
    let middle = Layer("no connection", Some(Box::new(bottom)));
    Layer("cannot reach the model", Some(Box::new(middle)))
}

/// One of each variant that the run itself makes, and the class that it has.
fn variants() -> Vec<(AgentError, Class)> {
    let exhausted = Exhausted {
        asked: Budget::tokens(5),
        remaining: Budget::tokens(3),
        limit: Budget::tokens(9),
    };
    let source = || Source::new("the disk is full");
    let text = || Arc::<str>::from("text");
    let key = key();
    vec![
        (AgentError::Cancelled { key: key.clone() }, Class::Cancelled),
        (AgentError::DeadlineExceeded { key: key.clone() }, Class::DeadlineExceeded),
        (
            AgentError::BudgetExhausted { key: key.clone(), source: exhausted },
            Class::BudgetExhausted,
        ),
        (AgentError::Panicked { key: key.clone(), message: text() }, Class::Panicked),
        (AgentError::Suspended { signals: [key.clone()].into() }, Class::Suspended),
        (AgentError::Parked { step: key.clone(), reason: text() }, Class::Parked),
        (AgentError::Diverged { key: key.clone(), found: text() }, Class::Diverged),
        (AgentError::NestedStep { key: key.clone() }, Class::Permanent),
        (AgentError::ConcurrentStep { key: key.clone() }, Class::Permanent),
        (
            AgentError::NotPermitted { key: key.clone(), wanted: text(), allowed: text() },
            Class::Permanent,
        ),
        (AgentError::Codec { key: key.clone(), what: "input", source: source() }, Class::Permanent),
        (
            AgentError::Journal { key, source: JournalError::Stopped { source: source() } },
            Class::Parked,
        ),
    ]
}

#[test]
fn every_variant_has_its_class_and_names_its_place() {
    for (error, class) in variants() {
        assert_eq!(error.class(), class, "{error:?}");
        assert!(error.to_string().contains("/a/b"), "{error}");
    }
    for class in CLASSES {
        assert_eq!(AgentError::new(class, "text").class(), class);
        let recorded = RecordedError { class, text: "text".into() };
        assert_eq!(AgentError::Recorded(recorded).class(), class);
    }
    assert_eq!(AgentError::transient("text").class(), Class::Transient);
    assert_eq!(AgentError::permanent("text").class(), Class::Permanent);
}

#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error("overloaded")]
    Overloaded,
    #[error("the answer was lost")]
    Lost,
}

impl Classify for HostError {
    fn class(&self) -> Class {
        match self {
            Self::Overloaded => Class::Transient,
            Self::Lost => Class::Indeterminate,
        }
    }
}

#[test]
fn the_error_of_a_host_keeps_its_class_text_and_type() {
    fn call(error: HostError) -> Result<(), AgentError> {
        Err(error)?
    }
    for (error, class, text) in [
        (HostError::Overloaded, Class::Transient, "overloaded"),
        (HostError::Lost, Class::Indeterminate, "the answer was lost"),
    ] {
        let error = call(error).unwrap_err();
        assert_eq!((error.class(), error.to_string().as_str()), (class, text));
        let AgentError::Failed { source, .. } = error else { panic!("{error}") };
        assert!(source.downcast_ref::<HostError>().is_some());
    }
}

#[test]
fn a_foreign_error_is_given_a_class() {
    for class in CLASSES {
        let failed: Result<(), _> = Err(io::Error::from(io::ErrorKind::NotFound));
        let error = failed.class(class).unwrap_err();
        assert_eq!(error.class(), class);
        let AgentError::Failed { source, .. } = error else { panic!("{error}") };
        let kind = source.downcast_ref::<io::Error>().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::NotFound));
    }
    assert_eq!(Ok::<_, io::Error>(3).class(Class::Permanent).unwrap(), 3);
    assert_eq!(Err::<(), _>("text").class(Class::Permanent).unwrap_err().to_string(), "text");
}

#[test]
fn what_an_operator_must_see_outranks_a_failure_and_that_outranks_waiting() {
    let rank = |class| match class {
        Class::Diverged => 0,
        Class::Parked => 1,
        Class::Suspended => 3,
        Class::Cancelled => 4,
        _ => 2,
    };
    for a in CLASSES {
        for b in CLASSES {
            let merged = AgentError::new(a, "a").merge(AgentError::new(b, "b"));
            // Of two that weigh the same the first stands.
            let expected = if rank(b) < rank(a) { (b, "b") } else { (a, "a") };
            assert_eq!((merged.class(), merged.to_string().as_str()), expected);
        }
    }
}

#[test]
fn branches_that_wait_become_one_that_names_every_signal_once_and_in_order() {
    let waits = |signals: &[&str]| {
        let signals = signals.iter().map(|signal| Key::new(signal)).collect();
        AgentError::Suspended { signals }
    };
    let merged = waits(&["/b!go", "/c!go"]).merge(waits(&["/a!go", "/c!go"]));
    let AgentError::Suspended { signals } = &merged else { panic!("{merged}") };
    let signals: Vec<_> = signals.iter().map(Key::as_str).collect();
    assert_eq!(signals, ["/a!go", "/b!go", "/c!go"]);
    assert_eq!(merged.to_string(), "waiting for the signals /a!go, /b!go, /c!go");
}

#[test]
fn what_is_recorded_of_an_error_has_the_texts_of_its_sources() {
    let text = "cannot reach the model: no connection: the cable is cut";
    let recorded = AgentError::transient(layers()).recorded();
    assert_eq!((recorded.class, &*recorded.text), (Class::Transient, text));
    for (error, class) in variants() {
        let recorded = error.recorded();
        assert_eq!((recorded.class, &*recorded.text), (class, error.to_string().as_str()));
    }
}

#[test]
fn what_is_recorded_of_a_recorded_error_is_itself() {
    for (error, _) in variants().into_iter().chain([(AgentError::permanent(layers()), CLASSES[1])])
    {
        let recorded = error.recorded();
        assert_eq!(AgentError::Recorded(recorded.clone()).recorded(), recorded);
        let json = serde_json::to_string(&recorded).unwrap();
        assert_eq!(serde_json::from_str::<RecordedError>(&json).unwrap(), recorded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replayed_failure_is_recorded_as_the_first_one_was() {
    let journal = MemoryJournal::new();
    let agent = || {
        agent_fn("agent", |(), cx: RunContext| async move {
            let fails = |(), _| async { Err::<(), _>(AgentError::permanent(layers())) };
            cx.step("fails", Effect::Idempotent, (), fails).await
        })
    };
    let first = reopen(&journal).await.execute(agent(), ()).await.unwrap_err();
    let again = reopen(&journal).await;
    let second = again.execute(agent(), ()).await.unwrap_err();
    assert_eq!(again.stats().steps_run, 0);
    assert!(matches!(first, AgentError::Failed { .. }));
    assert!(matches!(second, AgentError::Recorded(_)));
    assert_eq!(first.recorded(), second.recorded());
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_cloned_shares_its_source() {
    let run = open(Run::builder("clone")).await;
    let error = AgentError::permanent(layers());
    let copy = error.clone();
    let agent = agent_fn("fails", move |(): (), _| {
        let error = error.clone();
        async move { Err::<(), _>(error) }
    });
    let result = run.execute(agent, ()).await.unwrap_err();
    let address = |error: &AgentError| match error {
        AgentError::Failed { source, .. } => {
            std::ptr::from_ref(source.downcast_ref::<Layer>().unwrap()).addr()
        }
        _ => panic!("{error}"),
    };
    assert_eq!(address(&result), address(&copy));
}
