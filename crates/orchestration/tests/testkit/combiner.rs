use maniple_orchestration::testkit::{BrokenLaw, Law, check_combiner};
use maniple_orchestration::{Collect, Combiner, combiner, per_key};

/// Which laws are broken over these values, which are items too.
fn broken<C>(combiner: &C, values: &[C::Value]) -> Vec<Law>
where
    C: Combiner<Item = <C as Combiner>::Value>,
    C::Value: Clone + PartialEq + std::fmt::Debug,
{
    check_combiner(combiner, values, values).iter().map(BrokenLaw::law).collect()
}

#[test]
fn a_sum_keeps_every_law() {
    let sum = combiner(|| 0_i64, |a, b| a + b).commutative();
    assert_eq!(broken(&sum, &[-3, 0, 1, 7]), []);
}

#[test]
fn subtraction_keeps_only_its_right_identity() {
    let minus = combiner(|| 0_i64, |a, b| a - b);
    assert_eq!(
        broken(&minus, &[1, 2, 3]),
        [Law::LeftIdentity, Law::Associativity, Law::Commutativity]
    );
}

#[test]
fn rounding_makes_a_sum_of_floats_depend_on_brackets() {
    let sum = combiner(|| 0.0_f64, |a, b| a + b).commutative();
    assert_eq!(broken(&sum, &[0.1, 0.2, 0.3]), [Law::Associativity]);
    assert_eq!(broken(&sum, &[1.0, 2.0, 4.0]), [], "nothing is rounded");
}

#[test]
fn text_may_be_bracketed_and_not_reordered() {
    let join = combiner(String::new, |a: String, b: String| a + &b).associative();
    assert_eq!(broken(&join, &["a".into(), "b".into()]), [Law::Commutativity]);
}

#[test]
fn a_maximum_above_zero_is_no_maximum_of_negatives() {
    let max = combiner(|| 0_i64, |a: i64, b: i64| a.max(b)).commutative();
    assert_eq!(broken(&max, &[1, 2]), []);
    assert_eq!(broken(&max, &[-1, 2]), [Law::LeftIdentity, Law::RightIdentity]);
}

/// Counts, and forgets to where it adds.
struct Count;

impl Combiner for Count {
    type Item = &'static str;
    type Value = usize;

    fn identity(&self) -> usize {
        0
    }

    fn lift(&self, _: &'static str) -> usize {
        1
    }

    fn combine(&self, left: usize, right: usize) -> usize {
        left + right
    }

    fn add(&self, value: usize, item: &'static str) -> usize {
        if item.is_empty() { value } else { value + 1 }
    }
}

#[test]
fn adding_must_be_combining() {
    let broken = check_combiner(&Count, &[], &["a", ""]);
    let expected = BrokenLaw::Add { value: 1, item: "", added: 1, combined: 2 };
    assert_eq!(broken, [expected]);
    assert_eq!(broken[0].to_string(), "adding \"\" to 1 gives 1, combining them gives 2");
}

#[test]
fn the_first_values_that_show_it_are_named() {
    let minus = combiner(|| 0_i64, |a, b| a - b);
    let broken = check_combiner(&minus, &[0, 1], &[]);
    let texts: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["the identity before 1 makes it -1", "(0 0) 1 is -1, 0 (0 1) is 1", "0 1 is -1, 1 0 is 1",]
    );
}

#[test]
fn our_own_combiners_keep_what_they_claim() {
    let items = [vec![("a", 1), ("b", 2)], vec![], vec![("a", 3), ("a", 4)]];
    let sum = || combiner(|| 0, |a: i32, b| a + b).commutative();
    assert_eq!(check_combiner(&per_key(sum()), &[], &items), []);
    let lists = check_combiner(&Collect::default(), &[vec![1, 2]], &[3, 4]);
    let laws: Vec<Law> = lists.iter().map(BrokenLaw::law).collect();
    assert_eq!(laws, [Law::Commutativity], "a list is in the order of the inputs");
}
