//! All sessions of two stores against plain vectors: whatever is appended, forked, merged, compacted,
//! deleted, exported, closed, dropped and found again after a crash, the two say the same.

mod op;
mod reference;
mod stores;
mod subject;

use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use self::op::{Did, Op};
use self::reference::World;
use self::subject::{InFiles, InMemory};

/// `PROPTEST_CASES` makes it more.
pub(crate) fn config(cases: u32) -> Config {
    let given = std::env::var_os("PROPTEST_CASES").is_some();
    let default = Config::default();
    Config { cases: if given { default.cases } else { cases }, ..default }
}

prop_state_machine! {
    #![proptest_config(config(16))]

    #[test]
    fn sessions_in_memory_are_vectors_that_last(sequential 1..40 => InMemory);

    #[test]
    fn sessions_in_files_are_vectors_that_last(sequential 1..40 => InFiles);
}

#[test]
#[should_panic(expected = "assertion `left == right` failed")]
fn the_comparison_sees_a_lost_action() {
    let created = <World as ReferenceStateMachine>::apply(World::default(), &Op::Create);
    let subject = InMemory::apply(InMemory::init_test(&created), &created, Op::Create);
    let lost = Op::Append(0, vec![Did::Note("never appended".into())], true);
    let expected = <World as ReferenceStateMachine>::apply(created, &lost);
    InMemory::apply(subject, &expected, Op::Sync(0));
}
