use std::cmp::Reverse;

use crate::error::ContextError;

/// What a part takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// What it cannot do without.
    pub(super) least: usize,
    /// What it takes to be given whole.
    pub(super) whole: usize,
}

/// Shares out a budget: what each needs, where there is enough; or else, beside what none can do
/// without, in proportion to the rest of what it needs.
///
/// Tokens that are left by rounding go to the largest remainders, of equals to the first (the method of
/// Hamilton), so that all of a budget that is too small is shared out, and none twice.
pub(super) fn shares(needs: &[Need], budget: Option<usize>) -> Result<Vec<usize>, ContextError> {
    let all = |of: fn(&Need) -> usize| needs.iter().map(of).sum::<usize>();
    let (least, whole) = (all(|need| need.least), all(|need| need.whole));
    let budget = budget.unwrap_or(whole);
    if budget >= whole {
        return Ok(needs.iter().map(|need| need.whole).collect());
    }
    let Some(more) = budget.checked_sub(least) else {
        let (parts, excess) = (needs.len(), least - budget);
        return Err(ContextError::PartsExceedBudget { parts, least, budget, excess });
    };
    let wanted = (whole - least) as u128;
    let exact = |need: &Need| more as u128 * (need.whole - need.least) as u128;
    let floor = |need: &Need| usize::try_from(exact(need) / wanted).unwrap_or(usize::MAX);
    let mut shares: Vec<usize> = needs.iter().map(|need| need.least + floor(need)).collect();
    let left = budget - shares.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..needs.len()).collect();
    by_remainder.sort_by_key(|part| Reverse(exact(&needs[*part]) % wanted));
    by_remainder.into_iter().take(left).for_each(|part| shares[part] += 1);
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_rounding_leaves_goes_to_the_largest_remainders() {
        let need = |more: usize| Need { least: 10, whole: 10 + more };
        let of = |budget| shares(&[need(10), need(10), need(40)], Some(budget)).unwrap();
        assert_eq!(of(30), [10, 10, 10]);
        assert_eq!(of(30 + 6), [11, 11, 14]);
        assert_eq!(of(30 + 7), [11, 11, 15]);
        assert_eq!(of(30 + 8), [12, 11, 15], "1⅓, 1⅓, 5⅓: of equals the first has it");
    }

    proptest! {
        #[test]
        fn shares_add_up(
            needs in proptest::collection::vec((0..50_usize, 1..5_000_usize), 0..20),
            budget in 0..60_000_usize,
        ) {
            let needs: Vec<Need> = needs
                .into_iter()
                .map(|(least, more)| Need { least, whole: least + more })
                .collect();
            let least: usize = needs.iter().map(|need| need.least).sum();
            let whole: usize = needs.iter().map(|need| need.whole).sum();
            match shares(&needs, Some(budget)) {
                Ok(shares) => {
                    prop_assert_eq!(shares.iter().sum::<usize>(), budget.min(whole));
                    for (need, share) in needs.iter().zip(&shares) {
                        prop_assert!(need.least <= *share && *share <= need.whole);
                        // In proportion, but for the one token of rounding.
                        let exact = budget.min(whole).saturating_sub(least) as u128
                            * (need.whole - need.least) as u128;
                        let given = (share - need.least) as u128 * (whole - least) as u128;
                        prop_assert!(given.abs_diff(exact) < (whole - least) as u128);
                    }
                }
                Err(ContextError::PartsExceedBudget { parts, least: said, excess, .. }) => {
                    prop_assert_eq!((parts, said, excess), (needs.len(), least, least - budget));
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
