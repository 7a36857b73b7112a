//! A session against a vector of actions: whatever is appended, closed, dropped, torn and opened
//! again, the two say the same.

use maniple_bundles::{Action, ContextBundle, Durability, Meta};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{Place, note};

#[derive(Debug, Clone)]
enum Op {
    /// Appends, waiting for each.
    Append(Vec<String>),
    /// Appends, waiting for none.
    Burst(Vec<String>),
    Read,
    Verify,
    Close,
    Drop,
    /// The process dies in the middle of a write that leaves these bytes.
    Tear(Vec<u8>),
    /// The process dies, and the last line loses so many bytes.
    Cut(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let text = || prop_oneof!["[a-z\"\\\\\n\u{fc}]{0,20}", Just("x".repeat(5000))];
    let op = prop_oneof![
        3 => vec(text(), 1..4).prop_map(Op::Append),
        3 => vec(text(), 1..20).prop_map(Op::Burst),
        2 => Just(Op::Read),
        1 => Just(Op::Verify),
        2 => Just(Op::Close),
        2 => Just(Op::Drop),
        1 => vec(any::<u8>(), 1..300).prop_map(Op::Tear),
        1 => (1_usize..100).prop_map(Op::Cut),
    ];
    vec(op, 0..20)
}

/// The session, what it should say, and how many bytes it should have erased when it was opened.
struct Subject {
    place: Place,
    durability: Durability,
    bundle: Option<ContextBundle>,
    model: Vec<Action>,
    torn: u64,
}

impl Subject {
    async fn bundle(&mut self) -> &ContextBundle {
        if self.bundle.is_none() {
            let meta = Meta::new("model");
            let bundle = ContextBundle::open_or_create(self.place.dir(), meta, self.durability);
            let bundle = bundle.await.unwrap();
            assert_eq!(bundle.recovered().map_or(0, |r| r.erased_bytes), self.torn);
            self.torn = 0;
            self.bundle = Some(bundle);
        }
        self.bundle.as_ref().unwrap()
    }

    async fn apply(&mut self, op: Op) {
        match op {
            Op::Append(texts) => {
                for text in texts {
                    let expected = u64::try_from(self.model.len()).unwrap();
                    let seq = self.bundle().await.append(note(&text)).await.unwrap();
                    assert_eq!(seq, expected);
                    self.model.push(note(text));
                }
            }
            Op::Burst(texts) => {
                for text in texts {
                    drop(self.bundle().await.append(note(&text)));
                    self.model.push(note(text));
                }
            }
            Op::Read => self.compare().await,
            Op::Verify => {
                let actions = self.bundle().await.verify().await.unwrap().actions;
                assert_eq!(actions, u64::try_from(self.model.len()).unwrap());
            }
            Op::Close => {
                self.bundle().await.close().await.unwrap();
                self.bundle = None;
                if self.model.last() != Some(&Action::Closed) {
                    self.model.push(Action::Closed);
                }
            }
            Op::Drop => self.bundle = None,
            Op::Tear(bytes) => {
                self.bundle().await;
                self.bundle = None;
                let mut log = std::fs::read(self.place.log()).unwrap();
                log.extend_from_slice(&bytes);
                self.torn = u64::try_from(bytes.len()).unwrap();
                std::fs::write(self.place.log(), log).unwrap();
                self.compare().await;
            }
            Op::Cut(bytes) => {
                self.bundle().await;
                self.bundle = None;
                let mut log = std::fs::read(self.place.log()).unwrap();
                if self.model.pop().is_some() {
                    let begin = log[..log.len() - 1].iter().rposition(|byte| *byte == b'\n');
                    log.truncate(log.len() - bytes);
                    let left = log.len() - begin.map_or(0, |at| at + 1);
                    self.torn = u64::try_from(left).unwrap();
                }
                std::fs::write(self.place.log(), log).unwrap();
                self.compare().await;
            }
        }
    }

    async fn compare(&mut self) {
        let entries = self.bundle().await.actions().await.unwrap();
        assert!(entries.iter().map(|entry| entry.seq).eq((0..).take(entries.len())));
        let actions: Vec<Action> = entries.into_iter().map(|entry| entry.action).collect();
        assert_eq!(actions, self.model);
    }
}

fn run(ops: Vec<Op>, durability: Durability, spoil: impl FnOnce(&mut Vec<Action>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let place = Place::in_memory();
        let mut subject = Subject { place, durability, bundle: None, model: Vec::new(), torn: 0 };
        for op in ops {
            subject.apply(op).await;
        }
        subject.bundle = None;
        spoil(&mut subject.model);
        subject.compare().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_session_is_a_vector_that_lasts(ops in ops(), synced: bool) {
        let durability = if synced { Durability::Synced } else { Durability::Buffered };
        run(ops, durability, |_| {});
    }
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn the_comparison_sees_a_lost_action() {
    run(vec![Op::Burst(vec!["a".into(), "b".into()])], Durability::Synced, |model| {
        model.push(note("never appended"));
    });
}
