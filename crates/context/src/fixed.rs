//! Logarithms and powers in whole numbers, the same on every machine.

/// The bits after the point of the numbers here.
pub(crate) const FRACTION_BITS: u32 = 16;
/// One, in 2⁻¹⁶.
pub(crate) const ONE: u64 = 1 << FRACTION_BITS;

/// log₂ of a number given in 2⁻³², in 2⁻¹⁶; 0 for numbers below 1.
pub(crate) fn log2(number: u128) -> u64 {
    const POINT: u32 = 32;
    let Some(whole) = number.checked_ilog2().and_then(|bits| bits.checked_sub(POINT)) else {
        return 0;
    };
    let mut log = u64::from(whole);
    let mut mantissa = number >> whole;
    for _ in 0..FRACTION_BITS {
        // Squaring doubles the logarithm, whose next bit is whether the square reaches two.
        mantissa = (mantissa * mantissa) >> POINT;
        let bit = mantissa >> (POINT + 1);
        mantissa >>= bit;
        log = (log << 1) | u64::from(bit != 0);
    }
    log
}

/// 2 to a power given in 2⁻¹⁶, in 2⁻³², for powers between −16 and 16; beyond them, of those.
///
/// Between two whole powers it is a straight line, at most 7 % above the curve (J. N. Mitchell,
/// *Computer Multiplication and Division Using Binary Logarithms*, 1962), so a higher power never
/// gives less.
pub(crate) fn exp2(power: i64) -> u64 {
    const LIMIT: i64 = 16 << FRACTION_BITS;
    let raised = (power.clamp(-LIMIT, LIMIT) + LIMIT).cast_unsigned();
    let mantissa = ONE + raised % ONE;
    mantissa << (raised / ONE)
}

/// `part` of `whole` in 2⁻¹⁶, at most one; zero where there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> u64 {
    let scaled = u128::from(part.min(whole)) << FRACTION_BITS;
    scaled.checked_div(whole.into()).map_or(0, |share| u64::try_from(share).unwrap_or(ONE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn powers_are_monotone_and_near_the_curve(power in -1_048_576_i64..1_048_576, more in 0_i64..9) {
            #[expect(clippy::cast_precision_loss, reason = "compared to a tolerance")]
            let (found, exact) =
                (exp2(power) as f64 / 4_294_967_296.0, (power as f64 / 65_536.0).exp2());
            prop_assert!(found >= exact * 0.999 && found <= exact * 1.07, "{found} for {exact}");
            prop_assert!(exp2(power + more) >= exp2(power));
        }

        #[test]
        fn shares_lie_between_nothing_and_all(part: u64, whole: u64) {
            prop_assert!(share(part, whole) <= ONE);
            prop_assert_eq!(share(whole, whole), if whole == 0 { 0 } else { ONE });
            prop_assert_eq!(share(part, 0), 0);
        }
    }

    #[test]
    fn powers_beyond_the_range_are_those_of_its_ends() {
        assert_eq!(exp2(0), 1 << 32);
        assert_eq!(exp2(i64::MAX), 1 << 48);
        assert_eq!(exp2(i64::MIN), 1 << 16);
    }
}
