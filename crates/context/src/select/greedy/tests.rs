use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Case {
    costs: Vec<(u64, u64)>,
    covers: Vec<Vec<Cover>>,
    weights: Vec<u64>,
    kept: Vec<bool>,
    room: u64,
}

impl Case {
    fn candidates(&self) -> Vec<Candidate<'_>> {
        let pairs = self.costs.iter().zip(&self.covers);
        pairs.map(|(&(cost, value), covers)| Candidate { cost, value, covers }).collect()
    }

    fn choose(&self) -> Vec<bool> {
        Greedy::new(self.room).with_features(&self.weights).choose(&self.candidates(), &self.kept)
    }

    /// What the candidates of a choice are worth beside those that are kept anyway.
    fn worth(&self, chosen: &[bool]) -> u64 {
        let mut choice = Choice { left: self.weights.clone(), room: u64::MAX };
        let candidates = self.candidates();
        let of = |wanted: &dyn Fn(usize) -> bool, choice: &mut Choice| -> u64 {
            let indices = (0..candidates.len()).filter(|&index| wanted(index));
            indices
                .map(|index| {
                    let gain = choice.gain(&candidates[index]);
                    choice.cover(&candidates[index]);
                    gain
                })
                .sum()
        };
        of(&|index| self.kept[index], &mut choice);
        of(&|index| chosen[index] && !self.kept[index], &mut choice)
    }

    fn cost(&self, chosen: &[bool]) -> u64 {
        let indices = (0..chosen.len()).filter(|&index| chosen[index] && !self.kept[index]);
        indices.map(|index| self.costs[index].0).sum()
    }

    fn best(&self) -> u64 {
        let count = self.costs.len();
        let choices = (0_u32..1 << count)
            .map(|bits| (0..count).map(|index| bits >> index & 1 == 1).collect::<Vec<_>>());
        choices
            .filter(|chosen| self.cost(chosen) <= self.room)
            .map(|chosen| self.worth(&chosen))
            .max()
            .unwrap_or(0)
    }
}

fn covers() -> impl Strategy<Value = Vec<Cover>> {
    proptest::collection::btree_map(0_u32..6, prop_oneof![Just(1_u32), Just(2), Just(64)], 0..4)
        .prop_map(|covers| {
            let covers = covers.into_iter();
            covers.map(|(feature, halvings)| Cover { feature, halvings }).collect()
        })
}

fn cases() -> impl Strategy<Value = Case> {
    (1_usize..9).prop_flat_map(|count| {
        (
            vec((0_u64..20, prop_oneof![Just(0), 0_u64..50]), count),
            vec(covers(), count),
            vec(0_u64..200, 5),
            vec(prop::bool::weighted(0.1), count),
            0_u64..60,
        )
            .prop_map(|(costs, covers, weights, kept, room)| Case {
                costs,
                covers,
                weights,
                kept,
                room,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_choice_fits_and_is_worth_a_fair_part_of_the_best(case in cases()) {
        let chosen = case.choose();
        prop_assert!(case.cost(&chosen) <= case.room);
        // (1 − 1/e) / 2 is a little more than 0.316.
        prop_assert!(case.worth(&chosen) * 1_000 >= case.best() * 316);
        prop_assert_eq!(&case.choose(), &chosen);
    }

    #[test]
    fn all_that_is_kept_stays_and_nothing_left_out_would_fit(case in cases()) {
        let chosen = case.choose();
        let room = case.room - case.cost(&chosen);
        for (index, chosen) in chosen.iter().enumerate() {
            prop_assert!(*chosen || !case.kept[index]);
            prop_assert!(*chosen || case.costs[index].0 > room);
        }
    }

    #[test]
    fn what_a_candidate_adds_never_grows(case in cases(), order in 0_usize..9) {
        let candidates = case.candidates();
        let mut choice = Choice { left: case.weights.clone(), room: 0 };
        let mut before = vec![u64::MAX; candidates.len()];
        for step in 0..candidates.len() {
            for (candidate, before) in candidates.iter().zip(&mut before) {
                let gain = choice.gain(candidate);
                prop_assert!(gain <= *before);
                *before = gain;
            }
            let index = (order + step) % candidates.len();
            choice.cover(&candidates[index]);
        }
    }

    #[test]
    fn lazy_evaluation_chooses_as_eager_evaluation_does(case in cases()) {
        let candidates = case.candidates();
        let greedy = Greedy::new(case.room).with_features(&case.weights);
        let mut choice = Choice { left: case.weights.clone(), room: case.room };
        let mut eager = vec![false; candidates.len()];
        while let Some(next) = (0..candidates.len())
            .filter(|&index| !eager[index] && candidates[index].cost <= choice.room)
            .map(|index| greedy.entry(&choice, &candidates[index], index))
            .max()
        {
            eager[next.index.0] = true;
            choice.take(&candidates[next.index.0]);
        }
        let start = Choice { left: case.weights.clone(), room: case.room };
        let (lazy, _) = greedy.fill(&candidates, vec![false; candidates.len()], start);
        prop_assert_eq!(lazy, eager);
    }

    #[test]
    fn no_numbers_overflow(
        numbers in vec((any::<u64>(), any::<u64>()), 0..6), room: u64, exponent: u8,
    ) {
        let candidates: Vec<_> = numbers
            .iter()
            .map(|&(cost, value)| Candidate { cost, value, covers: &[] })
            .collect();
        let greedy = Greedy::new(room).with_cost_exponent(exponent);
        prop_assert_eq!(greedy.choose(&candidates, &[]).len(), candidates.len());
    }
}

#[test]
fn one_large_candidate_beats_small_ones_that_would_keep_it_out() {
    let small = Candidate { cost: 1, value: 2, covers: &[] };
    let large = Candidate { cost: 100, value: 100, covers: &[] };
    assert_eq!(Greedy::new(100).choose(&[small, large], &[]), [false, true]);
}

#[test]
fn what_is_covered_already_is_not_taken_again() {
    let [first, second] = [[Cover::whole(0)], [Cover::once(1)]];
    let candidates = [
        Candidate { cost: 1, value: 0, covers: &first },
        Candidate { cost: 1, value: 0, covers: &first },
        Candidate { cost: 1, value: 0, covers: &second },
    ];
    let greedy = Greedy::new(1).with_features(&[100, 2]);
    assert_eq!(greedy.choose(&candidates, &[true]), [true, false, true]);
    assert_eq!(greedy.choose(&candidates, &[]), [true, false, false]);
}

#[test]
fn a_smaller_exponent_favours_larger_candidates() {
    let small = Candidate { cost: 1, value: 2, covers: &[] };
    let large = Candidate { cost: 9, value: 9, covers: &[] };
    let candidates = [small, large, large];
    let per_cost = Greedy::new(18);
    assert_eq!(per_cost.choose(&candidates, &[]), [true, true, false]);
    assert_eq!(per_cost.with_cost_exponent(8).choose(&candidates, &[]), [false, true, true]);
}
