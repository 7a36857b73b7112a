use std::future::Future;
use std::time::Duration;

use futures::future::join_all;

use crate::budget::Budget;
use crate::error::{Class, RecordedError};
use crate::identity::{Digest, Key, RunId};
use crate::journal::{Fact, Journal, Outcome, Payload, Record};
use crate::step::Effect;

/// Checks that a store keeps the contract of [`Journal`].
///
/// `open` opens the *same* journal each time that it is called, as the next process would, and is
/// called several times; what it returned before has been dropped by then, so a store may hold a
/// lock. The journal is empty at first, and nobody else writes to it meanwhile. The rules:
///
/// - **empty**: a journal that was never written to loads no records.
/// - **order**: records are loaded in the order in which they were accepted, that of the calls of
///   `append`, whichever future is awaited first; also when many are in flight at once.
/// - **accepted**: what `append` has taken is loaded in this process, whether or not anybody has
///   waited for it.
/// - **dropped**: dropping the future of an append, before its first poll or after it, loses no
///   record, neither its own nor one behind it.
/// - **durable**: what an earlier process was told is durable is there when the journal is opened
///   again, before everything that is appended then. What it was not told of may be there too, in
///   its place.
/// - **whole**: a record is read back equal to what was written, byte for byte: every [`Fact`], keys
///   and text in any script, a payload of a megabyte. Only the space between the tokens of a payload
///   may come back as other space, which means the same, for stores that write lines.
/// - **open-ended**: appending goes on after a `load`, and after the journal was opened again.
///
/// That a store survives a crash or a full disk, and refuses what comes after a failure, is beyond a
/// test that cannot make it fail: a store tests that itself.
///
/// # Panics
/// Where a rule is broken, naming it; and where the store answers with an error.
///
/// # Cancel safety
/// Dropped, the journal holds some of the records.
///
/// ```
/// use maniple_core::{MemoryJournal, testkit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let journal = MemoryJournal::new();
/// testkit::check_journal(|| async { journal.clone() }).await;
/// # }
/// ```
pub async fn check_journal<J, F, Fut>(open: F)
where
    J: Journal,
    F: Fn() -> Fut,
    Fut: Future<Output = J>,
{
    let mut check = Check::of(open);
    check.nothing_is_in_it_at_first().await;
    check.every_record_is_whole().await;
    check.the_order_of_the_calls_is_kept().await;
    check.a_dropped_future_loses_nothing().await;
    check.appending_goes_on().await;
}

/// The parts of [`check_journal`], each of which needs an empty journal of its own: for a suite with a
/// test for each.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $part:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// It is a part of [`check_journal`], which says what `open` is.
        ///
        /// # Panics
        /// Where the rule is broken, naming it; and where the store answers with an error.
        ///
        /// # Cancel safety
        /// Dropped, the journal holds some of the records.
        pub async fn $name<J, F, Fut>(open: F)
        where
            J: Journal,
            F: Fn() -> Fut,
            Fut: Future<Output = J>,
        {
            Check::of(open).$part().await;
        }
    )*};
}

parts! {
    /// Checks the rule **empty**.
    check_empty: nothing_is_in_it_at_first;
    /// Checks the rule **whole**.
    check_whole: every_record_is_whole;
    /// Checks the rules **order** and **accepted**.
    check_order: the_order_of_the_calls_is_kept;
    /// Checks the rule **dropped**.
    check_dropped: a_dropped_future_loses_nothing;
    /// Checks the rules **durable** and **open-ended**.
    check_open_ended: appending_goes_on;
}

/// How many records are in flight at once.
const MANY: u64 = 64;

struct Check<F> {
    open: F,
    /// What the journal has said is durable.
    told: Vec<Record>,
}

impl<J, F, Fut> Check<F>
where
    J: Journal,
    F: Fn() -> Fut,
    Fut: Future<Output = J>,
{
    fn of(open: F) -> Self {
        Self { open, told: Vec::new() }
    }

    async fn nothing_is_in_it_at_first(&self) {
        for opened in ["new", "opened again"] {
            let journal = (self.open)().await;
            let found = load(&journal).await;
            assert!(
                found.is_empty(),
                "empty: a journal that is {opened} loads {} records, though none was appended",
                found.len(),
            );
        }
    }

    async fn every_record_is_whole(&mut self) {
        let journal = (self.open)().await;
        for record in samples() {
            append(&journal, &record).await;
            self.told.push(record);
        }
        compare("whole", "in the process that wrote them", &self.told, &load(&journal).await);
        drop(journal);
        self.reopened("whole").await;
    }

    async fn the_order_of_the_calls_is_kept(&mut self) {
        let journal = (self.open)().await;
        let records: Vec<_> = (0..MANY).map(|n| numbered("order", n)).collect();
        let mut durable: Vec<_> =
            records.iter().map(|record| journal.append(record.clone())).collect();
        self.told.extend(records);
        compare("accepted", "before anybody has waited", &self.told, &load(&journal).await);
        // Against the order of the calls, so that one that follows the polls is found out.
        durable.reverse();
        for written in join_all(durable).await {
            written.unwrap_or_else(|error| panic!("order: an append failed: {error}"));
        }
        compare("order", "after concurrent appends", &self.told, &load(&journal).await);
        drop(journal);
        self.reopened("order").await;
    }

    async fn a_dropped_future_loses_nothing(&mut self) {
        let journal = (self.open)().await;
        for n in 0..MANY {
            let record = numbered("dropped", n);
            let mut written = journal.append(record.clone());
            self.told.push(record);
            if n % 2 == 1 {
                let _ = futures::poll!(&mut written);
            }
            drop(written);
        }
        compare("dropped", "in the process that wrote them", &self.told, &load(&journal).await);
        // What is durable is a prefix of what was accepted, so this makes those before it durable.
        let last = numbered("dropped", MANY);
        append(&journal, &last).await;
        self.told.push(last);
        drop(journal);
        self.reopened("dropped").await;
    }

    async fn appending_goes_on(&mut self) {
        for process in 0..3 {
            let journal = (self.open)().await;
            for n in 0..3 {
                let record = numbered(&format!("process-{process}"), n);
                append(&journal, &record).await;
                self.told.push(record);
                let after = format!("after a load in process {process}");
                compare("open-ended", &after, &self.told, &load(&journal).await);
            }
        }
        // One that nobody has waited for is there or not, but in its place.
        let journal = (self.open)().await;
        let untold = numbered("untold", 0);
        drop(journal.append(untold.clone()));
        drop(journal);
        let journal = (self.open)().await;
        if load(&journal).await.last() == Some(&untold) {
            self.told.push(untold);
        }
        compare(
            "durable",
            "behind an append that was not waited for",
            &self.told,
            &load(&journal).await,
        );
        drop(journal);
        self.reopened("durable").await;
    }

    /// Opens the journal as the next process does, which finds what this one was told is durable.
    async fn reopened(&self, rule: &str) {
        let journal = (self.open)().await;
        compare(rule, "after the journal was opened again", &self.told, &load(&journal).await);
    }
}

async fn append(journal: &impl Journal, record: &Record) {
    let written = journal.append(record.clone()).await;
    written.unwrap_or_else(|error| panic!("the append of {} failed: {error}", record.key));
}

async fn load(journal: &impl Journal) -> Vec<Record> {
    journal.load().await.unwrap_or_else(|error| panic!("the journal cannot be loaded: {error}"))
}

/// Says where two lists part, instead of printing them: a payload is large.
fn compare(rule: &str, when: &str, expected: &[Record], found: &[Record]) {
    let part = expected.iter().zip(found).position(|(expected, found)| !is_same(expected, found));
    if let Some(at) = part {
        let (expected, found) = (&expected[at], &found[at]);
        assert!(
            expected.key != found.key,
            "{rule}: {when}, record {at} of {} is not as it was written",
            expected.key
        );
        panic!("{rule}: {when}, record {at} is of {}, not of {}", found.key, expected.key);
    }
    assert!(
        expected.len() == found.len(),
        "{rule}: {when}, {} records are loaded of {} that were appended",
        found.len(),
        expected.len()
    );
}

fn is_same(expected: &Record, found: &Record) -> bool {
    let spelled = |record| Payload::encode(record).map(|text| text.digest()).ok();
    expected == found || spelled(expected) == spelled(found)
}

fn numbered(rule: &str, n: u64) -> Record {
    let fact = Fact::Decided { value: payload(&n) };
    Record { key: Key::new(&format!("/{rule}:{n}")), worked: Duration::from_millis(n), fact }
}

fn payload<T: serde::Serialize + ?Sized>(value: &T) -> Payload {
    Payload::encode(value).expect("texts and numbers have a form in JSON")
}

/// Every fact, with what is awkward to write.
fn samples() -> Vec<Record> {
    let text = "quote \" backslash \\ newline \n nul \0 名 é \u{1F600} \u{2028} \u{7f}";
    let error = RecordedError { class: Class::Permanent, text: text.into() };
    let digest = Digest::of_bytes(text.as_bytes());
    let limit = Budget { tokens: u64::MAX, cost_micros: 1, calls: 0 };
    let failed = |spent| Fact::Failed { error: error.clone(), spent };
    let receipt = |outcome, spent| Fact::Receipt { digest, outcome, spent };
    let value = payload(text);
    let facts = [
        Fact::Started { run: RunId::new(text), name: text.into() },
        Fact::Intent { effect: Effect::Pure, digest, reserved: limit },
        Fact::Intent { effect: Effect::Idempotent, digest, reserved: Budget::ZERO },
        Fact::Intent { effect: Effect::Reversible, digest, reserved: Budget::ZERO },
        Fact::Intent { effect: Effect::Irreversible, digest, reserved: limit },
        Fact::Entered { digest },
        receipt(Outcome::Ok(value.clone()), limit),
        receipt(Outcome::Err(error.clone()), Budget::ZERO),
        receipt(Outcome::Withheld, limit),
        // The text of a payload is kept, not only its value.
        receipt(Outcome::Ok(raw("{ \"b\": 1.0,\n\t\"a\": 1e2, \"b\": -0 }")), Budget::ZERO),
        receipt(Outcome::Ok(payload(&megabyte())), Budget::ZERO),
        failed(limit),
        failed(Budget::ZERO),
        Fact::Abandoned,
        Fact::Decided { value: payload(&()) },
        Fact::Awaited,
        Fact::Delivered { value },
        Fact::Withdrawn,
        Fact::Finished { error: Some(error.clone()) },
        Fact::Finished { error: None },
    ];
    let places = ["", "/a#2", "/名[é]/\u{1F600}!\u{2028}", "/a b:\"\\\n%2F@1.2"];
    let worked = [0, 1, 1 << 52].map(Duration::from_millis);
    let facts = facts.into_iter().zip(places.iter().cycle()).zip(worked.iter().cycle());
    facts
        .map(|((fact, place), &worked)| Record {
            key: Key::new(&format!("{place}/{}", kind(&fact))),
            worked,
            fact,
        })
        .collect()
}

/// Does not compile where there is a fact that the samples may lack.
fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Started { .. } => "started",
        Fact::Intent { .. } => "intent",
        Fact::Entered { .. } => "entered",
        Fact::Receipt { .. } => "receipt",
        Fact::Failed { .. } => "failed",
        Fact::Abandoned => "abandoned",
        Fact::Decided { .. } => "decided",
        Fact::Awaited => "awaited",
        Fact::Delivered { .. } => "delivered",
        Fact::Withdrawn => "withdrawn",
        Fact::Finished { .. } => "finished",
    }
}

fn raw(text: &str) -> Payload {
    serde_json::from_str(text).expect("it is JSON")
}

/// A megabyte in which no part looks like another.
fn megabyte() -> String {
    let mut text = String::with_capacity(1 << 20);
    for n in 0_u32.. {
        if text.len() >= 1 << 20 {
            break;
        }
        text.push_str(&Digest::of_bytes(&n.to_le_bytes()).to_string());
    }
    text
}
