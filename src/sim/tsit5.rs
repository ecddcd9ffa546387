//! One step of the Tsitouras 5(4) method on blocks of lanes, with its interpolant.
//!
//! Source: Tsitouras 2011, doi:10.1016/j.camwa.2011.06.002 (coefficients, error weights, interpolant).

use pulp::{Simd, WithSimd};

use crate::model::{Block, TimesPlus, Vector, registers, times_plus};

pub(crate) const C: [f64; 7] = [0.0, 0.161, 0.327, 0.9, 0.980_025_540_904_509_7, 1.0, 1.0];

/// Row s: weights of stages 0..s in the argument of stage s; row 6 gives the solution of order 5.
const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [0.161, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-0.008_480_655_492_356_989, 0.335_480_655_492_357, 0.0, 0.0, 0.0, 0.0],
    [2.897_153_057_105_493_5, -6.359_448_489_975_075, 4.362_295_432_869_582, 0.0, 0.0, 0.0],
    [5.325_864_828_439_257, -11.748_883_564_062_828, 7.495_539_342_889_836_5, -0.092_495_066_361_755_25, 0.0, 0.0],
    [
        5.861_455_442_946_42,
        -12.920_969_317_847_11,
        8.159_367_898_576_159,
        -0.071_584_973_281_401,
        -0.028_269_050_394_068_383,
        0.0,
    ],
    [
        0.096_460_766_818_065_23,
        0.01,
        0.479_889_650_414_499_6,
        1.379_008_574_103_742,
        -3.290_069_515_436_081,
        2.324_710_524_099_774,
    ],
];

/// Weights of the stages in the difference of the two solutions.
const ERROR: [f64; 7] = [
    -0.001_780_011_052_225_77,
    -0.000_816_434_459_656_746_9,
    0.007_880_878_010_261_995,
    -0.144_711_007_173_262_9,
    0.582_357_165_452_555_2,
    -0.458_082_105_929_186_97,
    1.0 / 66.0,
];

/// `out = before + h Σ weight · stage` for every state; stages lie one after another, `states` blocks each.
pub(crate) struct Combine<'a, const W: usize> {
    pub before: &'a [Block<W>],
    pub stages: &'a [Block<W>],
    pub weights: &'a [f64],
    /// Groups of lanes of each state that are not zero; all where it is not said.
    pub groups: &'a [u8],
    pub h: f64,
    pub out: &'a mut [Block<W>],
}

impl<const W: usize> WithSimd for Combine<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Code of its own for each number of stages, so that sums stay in registers and weights are read once.
        match self.weights.len() {
            1 => self.of_stages::<S, 1>(simd),
            2 => self.of_stages::<S, 2>(simd),
            3 => self.of_stages::<S, 3>(simd),
            4 => self.of_stages::<S, 4>(simd),
            5 => self.of_stages::<S, 5>(simd),
            6 => self.of_stages::<S, 6>(simd),
            _ => self.of_stages::<S, 7>(simd),
        }
    }
}

impl<const W: usize> Combine<'_, W> {
    #[inline(always)]
    fn of_stages<S: Simd, const N: usize>(self, simd: S) {
        let states = self.before.len();
        let h = simd.splat_f64s(self.h);
        let weights: [f64; N] = std::array::from_fn(|stage| self.weights[stage]);
        let splats = weights.map(|weight| simd.splat_f64s(weight));
        let stages: [&[Block<W>]; N] = std::array::from_fn(|stage| &self.stages[stage * states..(stage + 1) * states]);
        for (state, (out, before)) in self.out.iter_mut().zip(self.before).enumerate() {
            let (outs, rest) = S::as_mut_simd_f64s(&mut out.0);
            let befores = S::as_simd_f64s(&before.0).0;
            let rates: [&[S::f64s]; N] = std::array::from_fn(|stage| S::as_simd_f64s(&stages[stage][state].0).0);
            let registers = registers::<S, W>(self.groups.get(state));
            for (vector, (out, before)) in outs.iter_mut().zip(befores).enumerate().take(registers) {
                let mut sum = simd.mul_f64s(splats[0], rates[0][vector]);
                for stage in 1..N {
                    sum = times_plus(simd, splats[stage], rates[stage][vector], sum);
                }
                *out = times_plus(simd, h, sum, *before);
            }
            let first = W - rest.len();
            for (lane, out) in rest.iter_mut().enumerate() {
                let mut sum = weights[0] * stages[0][state].0[first + lane];
                for stage in 1..N {
                    sum += weights[stage] * stages[stage][state].0[first + lane];
                }
                *out = before.0[first + lane] + self.h * sum;
            }
        }
    }
}

/// Copies blocks from their slots into a row of blocks, as many lanes of each as are not zero.
pub(crate) struct Gather<'a, const W: usize> {
    pub values: &'a [Block<W>],
    pub slots: &'a [usize],
    pub groups: &'a [u8],
    pub out: &'a mut [Block<W>],
}

impl<const W: usize> WithSimd for Gather<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (state, (out, slot)) in self.out.iter_mut().zip(self.slots).enumerate() {
            let from = &self.values[*slot];
            if W.is_multiple_of(S::F64_LANES) {
                let pairs = S::as_mut_simd_f64s(&mut out.0).0.iter_mut().zip(S::as_simd_f64s(&from.0).0);
                pairs.take(registers::<S, W>(self.groups.get(state))).for_each(|(out, from)| *out = *from);
            } else {
                *out = *from;
            }
        }
    }
}

/// Arguments of stage `s` (1 to 6): the last is the new state.
pub(crate) fn weights(s: usize) -> &'static [f64] {
    &A[s][..s]
}

/// Largest error over states and lanes, in units of the tolerance: the step is good if it is at most 1.
///
/// A state's tolerance is relative to its size now, or to a thousandth of the largest size it has had: small values
/// are followed to nine digits of the peak, and none has to be told a scale. Tangents are followed more loosely, and only
/// where they matter against the value: values decide, except where a step would be unstable and only the tangents
/// show it, because the values rest.
pub(crate) struct ErrorNorm<'a, const W: usize> {
    pub before: &'a [Block<W>],
    pub after: &'a [Block<W>],
    pub stages: &'a [Block<W>],
    pub largest: &'a [Block<W>],
    /// Groups of lanes of each state that are not zero; all where it is not said.
    pub groups: &'a [u8],
    pub h: f64,
    pub tolerance: f64,
    pub lanes: usize,
    /// For each tangent the size of what it is by.
    pub by: &'a [f64; W],
}

/// How much looser than values tangents are followed.
const TANGENTS: f64 = 100.0;

/// Share of a state's largest size below which its error is no longer relative.
pub(crate) const FLOOR: f64 = 1e-3;

impl<const W: usize> WithSimd for ErrorNorm<'_, W> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let states = self.before.len();
        // A lane's size is `loose · max(own size, floor · size of lane 0)`.
        let (mut loose, mut floor) = ([1.0; W], [0.0; W]);
        for lane in self.lanes..W {
            (loose[lane], floor[lane]) = (TANGENTS, FLOOR / self.by[lane]);
        }
        // The worst error so far of each lane as a fraction: two are compared by products, and the division is made once.
        let (mut above, mut below) = ([0.0; W], [1.0; W]);
        // NaN must fail the step, and a comparison with it may keep the number: 0 · error is kept beside, which is not a
        // number once one error was none.
        let mut none = [0.0; W];
        let splat = |value| Vector::splat(simd, value);
        let (share, least) = (FLOOR, 1e-100);
        for state in 0..states {
            let (before, after, largest) = (&self.before[state].0, &self.after[state].0, &self.largest[state].0);
            let value = before[0].abs().max(after[0].abs()).max(largest[0]);
            let stages: [&[f64; W]; 7] = std::array::from_fn(|stage| &self.stages[stage * states + state].0);
            macro_rules! error_and_size {
                ($number:expr, $at:expr) => {{
                    let (number, at) = ($number, $at);
                    let first = number(ERROR[0]) * at(stages[0]);
                    let sum = (1..7).fold(first, |sum, stage| number(ERROR[stage]).times_plus(at(stages[stage]), sum));
                    let size =
                        at(before).abs().max(at(after).abs()).max(number(share) * at(largest)).max(number(least));
                    let size = at(&loose) * size.max(at(&floor) * number(value));
                    ((number(self.h) * sum).abs(), size)
                }};
            }
            let nones = S::as_mut_simd_f64s(&mut none).0.iter_mut();
            let worst = S::as_mut_simd_f64s(&mut above).0.iter_mut().zip(S::as_mut_simd_f64s(&mut below).0);
            for (vector, ((above, below), none)) in
                worst.zip(nones).enumerate().take(registers::<S, W>(self.groups.get(state)))
            {
                let at = |block: &[f64; W]| Vector::new(simd, S::as_simd_f64s(block).0[vector]);
                let (error, size) = error_and_size!(splat, at);
                let (of, by) = (Vector::new(simd, *above), Vector::new(simd, *below));
                let worse = simd.greater_than_f64s((error * by).of, (of * size).of);
                *above = simd.select_f64s(worse, error.of, of.of);
                *below = simd.select_f64s(worse, size.of, by.of);
                *none = (Vector::new(simd, *none) + error * splat(0.0)).of;
            }
            for lane in W - W % S::F64_LANES..W {
                let (error, size): (f64, f64) = error_and_size!(|value: f64| value, |block: &[f64; W]| block[lane]);
                if error * below[lane] > above[lane] * size {
                    (above[lane], below[lane]) = (error, size);
                }
                none[lane] += error * 0.0;
            }
        }
        let worst = above.iter().zip(below).map(|(above, below)| above / below).fold(0.0, f64::max);
        worst / self.tolerance + none.iter().sum::<f64>()
    }
}

/// The same for people in lanes, as one solves for alone: the mean square over the states, of the worst lane, in units of the
/// tolerance.
///
/// It is the norm that other solvers hold to their tolerance. Where derivatives are taken, and a sampler relies on them, the
/// largest error counts ([`ErrorNorm`]).
pub(crate) struct MeanSquareNorm<'a, const W: usize> {
    pub before: &'a [Block<W>],
    pub after: &'a [Block<W>],
    pub stages: &'a [Block<W>],
    pub largest: &'a [Block<W>],
    pub h: f64,
    pub tolerance: f64,
}

impl<const W: usize> WithSimd for MeanSquareNorm<'_, W> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let states = self.before.len();
        // Of each lane the sum of squares, and 0 · what must be a number: that is none once one was none.
        let (mut squares, mut none) = ([0.0; W], [0.0; W]);
        let splat = |value| Vector::splat(simd, value);
        // Two states share a division: a/b and c/d are a·d and c·b times 1/(b·d).
        for state in (0..states).step_by(2) {
            let (one, two) = (state, (state + 1).min(states - 1));
            // An odd state at the end is its own other, without an error.
            let counts = if two > one { 1.0 } else { 0.0 };
            let stages: [&[f64; W]; 7] = std::array::from_fn(|stage| &self.stages[stage * states + one].0);
            let others: [&[f64; W]; 7] = std::array::from_fn(|stage| &self.stages[stage * states + two].0);
            macro_rules! error_and_size {
                ($number:expr, $at:expr, $state:expr, $stages:expr) => {{
                    let mut sum = $number(ERROR[0]) * $at($stages[0]);
                    for stage in 1..7 {
                        sum = $number(ERROR[stage]).times_plus($at($stages[stage]), sum);
                    }
                    let size = $at(&self.before[$state].0).abs().max($at(&self.after[$state].0).abs());
                    let size = size.max($number(FLOOR) * $at(&self.largest[$state].0)).max($number(1e-100));
                    ($number(self.h) * sum, size)
                }};
            }
            macro_rules! squares_and_none {
                ($number:expr, $at:expr) => {{
                    let (number, at) = ($number, $at);
                    let (error, size) = error_and_size!(number, at, one, stages);
                    let (other, other_size) = error_and_size!(number, at, two, others);
                    let (other, sizes) = (number(counts) * other, size * other_size);
                    let inverse = number(1.0) / sizes;
                    let (first, second) = (error * other_size * inverse, other * size * inverse);
                    (first * first + second * second, (error + other + sizes) * number(0.0))
                }};
            }
            let sums = S::as_mut_simd_f64s(&mut squares).0.iter_mut().zip(S::as_mut_simd_f64s(&mut none).0);
            for (vector, (squares, none)) in sums.enumerate() {
                let at = |block: &[f64; W]| Vector::new(simd, S::as_simd_f64s(block).0[vector]);
                let (more, no) = squares_and_none!(splat, at);
                *squares = (Vector::new(simd, *squares) + more).of;
                *none = (Vector::new(simd, *none) + no).of;
            }
            for lane in W - W % S::F64_LANES..W {
                let (more, no) = squares_and_none!(|value: f64| value, |block: &[f64; W]| block[lane]);
                squares[lane] += more;
                none[lane] += no;
            }
        }
        let worst = squares.into_iter().fold(0.0, f64::max);
        (worst / states.max(1) as f64).sqrt() / self.tolerance + none.iter().sum::<f64>()
    }
}

/// Keeps the largest size of every state and lane.
pub(crate) struct Grow<'a, const W: usize> {
    pub largest: &'a mut [Block<W>],
    pub before: &'a [Block<W>],
    pub groups: &'a [u8],
}

impl<const W: usize> WithSimd for Grow<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (state, (largest, before)) in self.largest.iter_mut().zip(self.before).enumerate() {
            let (sizes, rest) = S::as_mut_simd_f64s(&mut largest.0);
            let (values, others) = S::as_simd_f64s(&before.0);
            for (size, value) in sizes.iter_mut().zip(values).take(registers::<S, W>(self.groups.get(state))) {
                *size = simd.max_f64s(*size, simd.abs_f64s(*value));
            }
            rest.iter_mut().zip(others).for_each(|(size, value)| *size = size.max(value.abs()));
        }
    }
}

/// Length of the method's stability interval on the negative real axis.
const STABLE: f64 = 3.5068;

/// The step, in units of the longest that would be stable, for the worst lane: the largest eigenvalue is estimated from
/// the last two stages, which stand at the same time (Hairer and Wanner 1996, IV.2).
pub(crate) struct StabilityShare<'a, const W: usize> {
    pub before: &'a [Block<W>],
    pub after: &'a [Block<W>],
    pub stages: &'a [Block<W>],
    pub lanes: usize,
}

impl<const W: usize> WithSimd for StabilityShare<'_, W> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let states = self.before.len();
        let (mut rates, mut values) = ([0.0f64; W], [0.0f64; W]);
        for state in 0..states {
            let stage = |s: usize| &self.stages[s * states + state].0;
            for l in 0..self.lanes {
                let size = self.before[state].0[l].abs().max(self.after[state].0[l].abs()).max(1e-100);
                let value: f64 = (0..6).map(|s| (A[6][s] - A[5][s]) * stage(s)[l]).sum::<f64>() / size;
                let rate = (stage(6)[l] - stage(5)[l]) / size;
                rates[l] += rate * rate;
                values[l] += value * value;
            }
        }
        (0..self.lanes).filter(|l| values[*l] > 0.0).map(|l| (rates[l] / values[l]).sqrt() / STABLE).fold(0.0, f64::max)
    }
}

/// Weights of the seven stages in the solution at share θ of the step, of order 4.
pub(crate) fn interpolant(theta: f64) -> [f64; 7] {
    let t = theta;
    let t2 = t * t;
    [
        -1.053_088_497_729_021_6
            * t
            * (t - 1.329_989_018_975_141)
            * (t2 - 1.436_402_854_171_635_1 * t + 0.713_981_691_707_420_9),
        0.1017 * t2 * (t2 - 2.196_656_833_824_975_4 * t + 1.294_985_250_737_463),
        2.490_627_285_651_253 * t2 * (t2 - 2.385_356_454_720_616_5 * t + 1.578_034_682_080_924_8),
        -16.548_102_889_244_902 * (t - 1.217_129_272_955_332_5) * (t - 0.616_204_060_378_000_9) * t2,
        47.379_521_962_819_28 * (t - 1.203_071_208_372_362_7) * (t - 0.658_047_292_653_547_3) * t2,
        -34.870_657_861_496_61 * (t - 1.2) * (t - 0.666_666_666_666_666_6) * t2,
        2.5 * (t - 1.0) * (t - 0.6) * t2,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors of a step in which one stage of one state and lane has this value: the largest, and the mean square.
    fn errors_with<const W: usize>(state: usize, lane: usize, value: f64) -> [f64; 2] {
        let ones = vec![Block::splat(1.0); 3];
        let mut stages = vec![Block::splat(0.1); 21];
        stages[3 + state].0[lane] = value;
        let (by, lanes) = ([1.0; W], W);
        let norm = ErrorNorm {
            before: &ones,
            after: &ones,
            stages: &stages,
            largest: &ones,
            groups: &[],
            h: 0.1,
            tolerance: 1e-3,
            lanes,
            by: &by,
        };
        let mean =
            MeanSquareNorm { before: &ones, after: &ones, stages: &stages, largest: &ones, h: 0.1, tolerance: 1e-3 };
        let arch = pulp::Arch::new();
        [arch.dispatch(norm), arch.dispatch(mean)]
    }

    #[test]
    fn what_is_no_number_fails_the_step_wherever_it_stands() {
        for state in 0..3 {
            for lane in 0..16 {
                assert!(errors_with::<16>(state, lane, 0.1).iter().all(|error| error.is_finite()));
                for value in [f64::NAN, f64::INFINITY] {
                    let found = errors_with::<16>(state, lane, value);
                    assert!(!found.iter().any(|f| f.is_finite()), "{value} in state {state}, lane {lane}: {found:?}");
                    assert!(!errors_with::<3>(state, lane % 3, value).iter().any(|found| found.is_finite()));
                }
            }
        }
        // A hundredfold stage: h · weight · 9.9 / tolerance, whichever state and lane.
        let expected = 0.1 * 0.000_816_434_459_656_746_9 * 9.9 / 1e-3;
        for (state, lane) in [(0, 0), (1, 9), (2, 15)] {
            let [largest, mean] = errors_with::<16>(state, lane, 10.0);
            assert!((largest / expected - 1.0).abs() < 1e-10);
            // One of three states.
            assert!((mean * 3f64.sqrt() / expected - 1.0).abs() < 1e-10);
            assert!((errors_with::<3>(state, lane % 3, 10.0)[1] / mean - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn coefficients_meet_the_order_conditions() {
        for s in 1..7 {
            let sum: f64 = weights(s).iter().sum();
            assert!((sum - C[s]).abs() < 1e-14, "row {s}: {sum}");
        }
        let b = weights(6);
        for (power, expected) in [(0, 1.0), (1, 0.5), (2, 1.0 / 3.0), (3, 0.25), (4, 0.2)] {
            let sum: f64 = b.iter().zip(C).map(|(b, c)| b * c.powi(power)).sum();
            assert!((sum - expected).abs() < 1e-13, "order {power}: {sum}");
        }
        assert!(ERROR.iter().sum::<f64>().abs() < 1e-15);
        for (power, theta) in [(0, 0.3f64), (1, 0.3), (2, 0.7), (3, 0.9)] {
            let sum: f64 = interpolant(theta).iter().zip(C).map(|(b, c)| b * c.powi(power)).sum();
            assert!((sum - theta.powi(power + 1) / f64::from(power + 1)).abs() < 1e-12, "interpolant {power}");
        }
        let end = interpolant(1.0);
        assert!(b.iter().zip(end).all(|(b, e)| (b - e).abs() < 1e-13) && end[6].abs() < 1e-14);
    }
}
