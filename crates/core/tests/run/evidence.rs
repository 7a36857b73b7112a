//! Claims: what is cited is in the journal, or the claim is unsupported.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maniple_core::{
    AgentError, Budget, Claim, Class, Digest, Effect, Fact, Key, MemoryJournal, Outcome, Payload,
    Receipt, Record, RecordedError, Run, RunContext, RunId, Support, Unsupported, agent_fn,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::{cases, open};

const RUNS: [&str; 2] = ["here", "elsewhere"];
const KEYS: [&str; 4] = ["/a", "/a/b", "/a/b#2", "/c[1]"];

fn record(key: &str, fact: Fact) -> Record {
    Record { key: Key::new(key), worked: Duration::ZERO, fact }
}

fn ended(key: &str, outcome: Outcome) -> Record {
    let digest = Digest::of_bytes(b"input");
    record(key, Fact::Receipt { digest, outcome, spent: Budget::ZERO })
}

fn output(n: u8) -> Payload {
    Payload::encode(&n).unwrap()
}

fn failure() -> RecordedError {
    RecordedError { class: Class::Permanent, text: "declined".into() }
}

fn started() -> Record {
    record("", Fact::Started { run: RunId::new(RUNS[0]), name: "test".into() })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => (0..4_u8).prop_map(|n| Outcome::Ok(output(n))),
        1 => Just(Outcome::Err(failure())),
        1 => Just(Outcome::Withheld),
    ]
}

/// The records of a run, with what is none of an outcome between them.
fn journal() -> impl Strategy<Value = Vec<Record>> {
    let other = prop_oneof![
        Just(Fact::Entered { digest: Digest::of_bytes(b"input") }),
        Just(Fact::Decided { value: output(1) }),
        Just(Fact::Failed { error: failure(), spent: Budget::ZERO }),
    ];
    let key = || prop::sample::select(KEYS.to_vec());
    let one = prop_oneof![
        3 => (key(), outcome()).prop_map(|(key, outcome)| ended(key, outcome)),
        1 => (key(), other).prop_map(|(key, fact)| record(key, fact)),
    ];
    let rest = prop::collection::vec(one, 0..12);
    rest.prop_map(|rest| std::iter::once(started()).chain(rest).collect())
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let run = prop_oneof![8 => Just(RUNS[0]), 1 => Just(RUNS[1])];
    let key = prop::sample::select(KEYS.to_vec());
    (run, key, 0..4_u8).prop_map(|(run, key, n)| Receipt {
        run: RunId::new(run),
        key: Key::new(key),
        output: output(n).digest(),
    })
}

/// Every success that the records know, as it is cited.
fn successes(records: &[Record]) -> Vec<Receipt> {
    let cited = records.iter().filter_map(|record| match &record.fact {
        Fact::Receipt { outcome: Outcome::Ok(output), .. } => Some(Receipt {
            run: RunId::new(RUNS[0]),
            key: record.key.clone(),
            output: output.digest(),
        }),
        _ => None,
    });
    cited.collect()
}

fn claim(receipts: Vec<Receipt>) -> Claim {
    Claim { text: "it is done".into(), receipts }
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn a_claim_is_verified_if_all_that_it_cites_is_in_the_journal(
        records in journal(),
        cited in prop::collection::vec(receipt(), 0..3),
    ) {
        let known = successes(&records);
        let is_supported = !cited.is_empty() && cited.iter().all(|receipt| known.contains(receipt));
        let support = claim(cited).check(&records);
        prop_assert_eq!(support == Support::Verified, is_supported, "{:?}", support);
    }

    #[test]
    fn a_claim_of_which_anything_is_changed_is_unsupported(
        records in journal(),
        which in prop::collection::vec(any::<Index>(), 1..4),
        changed in any::<Index>(),
        field in 0..3,
    ) {
        let known = successes(&records);
        prop_assume!(!known.is_empty());
        let cited: Vec<Receipt> = which.iter().map(|which| which.get(&known).clone()).collect();
        prop_assert_eq!(claim(cited.clone()).check(&records), Support::Verified);
        let mut forged = cited;
        let receipt = &mut forged[changed.index(which.len())];
        match field {
            0 => receipt.run = RunId::new(RUNS[1]),
            1 => receipt.key = Key::new("/nowhere"),
            _ => receipt.output = Digest::of_bytes(b"another output"),
        }
        prop_assert_ne!(claim(forged).check(&records), Support::Verified);
    }

    #[test]
    fn space_between_the_tokens_of_an_output_changes_no_digest(
        text in any::<String>(),
        numbers in any::<Vec<i32>>(),
    ) {
        let value = serde_json::json!({ "a \" b": text, "n": numbers, "\\": [" ", "\n\\\""] });
        let spaced: Payload =
            serde_json::from_str(&serde_json::to_string_pretty(&value).unwrap()).unwrap();
        prop_assert_eq!(spaced.digest(), Payload::encode(&value).unwrap().digest());
        prop_assert_eq!(
            Payload::encode(&value).unwrap().digest(),
            Digest::of_bytes(value.to_string().as_bytes())
        );
    }
}

#[test]
fn what_is_wrong_with_a_claim_is_said() {
    let records = [
        started(),
        ended("/a", Outcome::Ok(output(1))),
        ended("/failed", Outcome::Err(failure())),
        ended("/withheld", Outcome::Withheld),
        // It ran again, and that was kept.
        ended("/again", Outcome::Withheld),
        ended("/again", Outcome::Ok(output(1))),
    ];
    let cite = |run: &str, key: &str, n: u8| Receipt {
        run: RunId::new(run),
        key: Key::new(key),
        output: output(n).digest(),
    };
    let check = |receipt: &Receipt| {
        // Behind one that is in order.
        claim(vec![cite("here", "/a", 1), receipt.clone()]).check(&records)
    };
    assert_eq!(check(&cite("here", "/again", 1)), Support::Verified);
    let unsupported = |reason| Support::Unsupported { reason };
    assert_eq!(claim(vec![]).check(&records), unsupported(Unsupported::CitesNothing));
    let receipt = cite("elsewhere", "/a", 1);
    assert_eq!(check(&receipt), unsupported(Unsupported::NoRun { receipt: receipt.clone() }));
    assert_eq!(
        claim(vec![cite("here", "/a", 1)]).check(&[]),
        unsupported(Unsupported::NoRun { receipt: cite("here", "/a", 1) })
    );
    let receipt = cite("here", "/nowhere", 1);
    assert_eq!(check(&receipt), unsupported(Unsupported::NoOutcome { receipt: receipt.clone() }));
    let receipt = cite("here", "/a", 2);
    let found = output(1).digest();
    assert_eq!(
        check(&receipt),
        unsupported(Unsupported::Differs { receipt: receipt.clone(), found })
    );
    let (receipt, error) = (cite("here", "/failed", 1), failure());
    assert_eq!(
        check(&receipt),
        unsupported(Unsupported::Failed { receipt: receipt.clone(), error })
    );
    let receipt = cite("here", "/withheld", 1);
    assert_eq!(check(&receipt), unsupported(Unsupported::Withheld { receipt: receipt.clone() }));
}

/// They are written into documents that outlive the code.
#[test]
fn evidence_keeps_its_form() {
    let output = output(1).digest();
    let receipt = Receipt { run: RunId::new("r"), key: Key::new("/a#2"), output };
    let receipt_text = format!(r#"{{"run":"r","key":"/a#2","output":"{output}"}}"#);
    let claim = claim(vec![receipt.clone()]);
    let text = serde_json::to_string(&claim).unwrap();
    assert_eq!(text, format!(r#"{{"text":"it is done","receipts":[{receipt_text}]}}"#));
    assert_eq!(serde_json::from_str::<Claim>(&text).unwrap(), claim);
    let error = failure();
    let cases = [
        (Unsupported::CitesNothing, r#""cites_nothing""#.to_owned()),
        (
            Unsupported::NoRun { receipt: receipt.clone() },
            format!(r#"{{"no_run":{{"receipt":{receipt_text}}}}}"#),
        ),
        (
            Unsupported::NoOutcome { receipt: receipt.clone() },
            format!(r#"{{"no_outcome":{{"receipt":{receipt_text}}}}}"#),
        ),
        (
            Unsupported::Differs { receipt: receipt.clone(), found: output },
            format!(r#"{{"differs":{{"receipt":{receipt_text},"found":"{output}"}}}}"#),
        ),
        (
            Unsupported::Failed { receipt: receipt.clone(), error },
            format!(
                r#"{{"failed":{{"receipt":{receipt_text},"error":{{"class":"permanent","text":"declined"}}}}}}"#
            ),
        ),
        (
            Unsupported::Withheld { receipt },
            format!(r#"{{"withheld":{{"receipt":{receipt_text}}}}}"#),
        ),
    ];
    let supports = cases.map(|(reason, text)| {
        (Support::Unsupported { reason }, format!(r#"{{"unsupported":{{"reason":{text}}}}}"#))
    });
    for (support, text) in supports.into_iter().chain([(Support::Verified, r#""verified""#.into())])
    {
        assert_eq!(serde_json::to_string(&support).unwrap(), text);
        assert_eq!(serde_json::from_str::<Support>(&text).unwrap(), support);
    }
}

async fn step(cx: &RunContext, name: &str, n: u8) -> Result<u8, AgentError> {
    cx.step(name, Effect::Pure, n, |n, _| async move { Ok(n) }).await
}

fn keys(receipts: &[Receipt]) -> Vec<&str> {
    receipts.iter().map(|receipt| receipt.key.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_agent_cites_what_it_has_finished() {
    let works = || {
        agent_fn("a", |(): (), cx: RunContext| async move {
            step(&cx.child("beside"), "s", 0).await?;
            let cx = cx.child("here");
            step(&cx, "second", 2).await?;
            step(&cx, "first", 1).await?;
            let fails = |(), _| async { Err::<(), _>(AgentError::permanent("declined")) };
            cx.step("fails", Effect::Pure, (), fails).await.expect_err("it fails");
            let inner = cx.child("inner");
            inner.branch(3, |n| step(&inner, "inside", n)).await?;
            let receipts = cx.receipts();
            step(&cx, "later", 4).await?;
            Ok(Claim { text: "all of it".into(), receipts })
        })
    };
    let here = ["/a/here/first", "/a/here/inner", "/a/here/second"];
    let journal = MemoryJournal::new();
    let mut claims = Vec::new();
    // A later process knows what comes later, and cites the same.
    for _ in 0..2 {
        let run = open(Run::builder("test").with_journal(journal.clone())).await;
        let claim = run.execute(works(), ()).await.unwrap();
        assert_eq!(keys(&claim.receipts), here);
        assert_eq!(claim.check(&journal.records()), Support::Verified);
        let all = run.receipts();
        assert_eq!(keys(&all), ["/a/beside/s", here[0], here[1], "/a/here/later", here[2]]);
        claims.push(claim);
    }
    assert_eq!(claims[0], claims[1]);
    // Without a journal it remembers them too.
    let run = open(Run::builder("test")).await;
    let claim = run.execute(works(), ()).await.unwrap();
    assert_eq!(keys(&claim.receipts), here);
    assert_eq!(run.receipts().len(), 5);
    assert!(run.receipts().iter().all(|receipt| receipt.run == *run.id()));
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_cites_of_the_one_before_is_decided_once() {
    let (journal, made) = (MemoryJournal::new(), AtomicUsize::new(0));
    let mut cited = Vec::new();
    // The next process does not make the first attempt again, and does not come by its step.
    for _ in 0..2 {
        let run = open(Run::builder("test").with_journal(journal.clone())).await;
        let attempt = async |cx: RunContext| {
            if made.fetch_add(1, Ordering::Relaxed) == 0 {
                step(&cx, "tried", 1).await?;
                return Err(AgentError::transient("once"));
            }
            let cited = cx.decide("cited", || cx.receipts()).await?;
            step(&cx, "told", u8::try_from(cited.len()).unwrap()).await?;
            Ok(cited)
        };
        let cx = run.context().child("a");
        let attempts = cx.attempts("tries", NonZeroU32::new(2).unwrap(), attempt);
        cited.push(attempts.await.unwrap());
    }
    assert_eq!(made.into_inner(), 3);
    assert_eq!(keys(&cited[0]), ["/a/tries/tried"]);
    assert_eq!(cited[0], cited[1]);
}
