//! Correlated errors: an Ornstein–Uhlenbeck process, or a Matérn process of smoothness 3/2, for readings at any times.
//!
//! The first is a Markov process of the error e alone (Gillespie 1996, doi:10.1103/PhysRevE.54.2084): it goes on by
//! ρ = e^(−Δ / time) and comes from the stationary variance sd². The second is one of the error and its slope ė (Hartikainen
//! & Särkkä 2010, doi:10.1109/MLSP.2010.5589113): with λ = √3 / time and x = λΔ, (e, ė) goes on by
//! e^(−x) [[1 + x, Δ], [−λ²Δ, 1 − x]] and comes from the stationary covariance diag(sd², λ²sd²).
//!
//! A reading says e exactly, so that the slope is all that is uncertain after it. One that tells an error of its own says e + w, where w
//! is normal with that standard deviation and independent of all else: a Kalman filter (Kalman 1960, doi:10.1115/1.3662552) is
//! then exact. A censored reading says only on which side of its limit e (or e + w) lies: what is known after it is taken as
//! normal, with the mean and covariance of the normal distribution cut there (assumed-density filtering; Minka 2001,
//! <https://tminka.github.io/papers/ep/>).

use pulp::{Simd, WithSimd};

use super::dual::{Dual, Number};
use super::matching::TermReading;
use crate::model::ErrorFamily;
use crate::patient::Censoring;
use crate::stats::{normal_below, normal_ln_cdf};

/// ½ ln 2π
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// What is known of the error after a reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<N> {
    /// When the reading was taken, in the model's time unit.
    time: f64,
    error: N,
    /// Mean and variance of the error's slope.
    slope: N,
    slope_variance: N,
    /// Variance of the error and its covariance with the slope, where the reading does not say it exactly.
    unsure: Option<(N, N)>,
}

/// What is expected of the next reading.
pub(super) struct Expected<N> {
    centre: N,
    /// Mean and variance of the error, and the mean of its slope, as they will be before the reading is looked at.
    error: N,
    variance: N,
    slope: N,
    /// Covariance of error and slope, variance of the slope.
    covariance: N,
    slope_variance: N,
    time: f64,
}

/// How the process goes on over a gap: what it keeps, and the covariance that comes anew.
#[derive(Clone, Copy, Debug)]
struct Transition<N> {
    sd: N,
    /// The correlation time.
    correlation: N,
    /// Infinite before the first reading.
    gap: f64,
    /// Error and slope from the error before, and from the slope before.
    stays: N,
    arrives: N,
    turns: N,
    slows: N,
    variance: N,
    covariance: N,
    slope_variance: N,
}

impl<N: Number> Transition<N> {
    #[inline(always)]
    fn new(family: ErrorFamily, sd: N, correlation: N, gap: f64) -> Self {
        if family == ErrorFamily::Matern {
            Self::smooth(sd, correlation, gap)
        } else {
            Self::rough(sd, correlation, gap)
        }
    }

    /// What comes of nothing: the stationary covariance.
    #[inline(always)]
    fn stationary(sd: N, correlation: N, gap: f64, slope_variance: N) -> Self {
        let zero = N::constant(0.0);
        let (variance, covariance) = (sd * sd, zero);
        let (stays, arrives, turns, slows) = (zero, zero, zero, zero);
        Self { sd, correlation, gap, stays, arrives, turns, slows, variance, covariance, slope_variance }
    }

    /// Of an Ornstein–Uhlenbeck process.
    #[inline(always)]
    fn rough(sd: N, correlation: N, gap: f64) -> Self {
        let apart = Self::stationary(sd, correlation, gap, N::constant(0.0));
        if gap == f64::INFINITY {
            return apart;
        }
        let x = N::constant(gap) / correlation;
        let stays = (-x).through((-x.value()).exp(), (-x.value()).exp());
        // 1 − ρ² without cancellation for short gaps.
        let y = -(x + x);
        let share = y.through(-y.value().exp_m1(), -y.value().exp());
        Self { stays, variance: sd * sd * share, ..apart }
    }

    /// Of a Matérn process.
    #[inline(always)]
    fn smooth(sd: N, correlation: N, gap: f64) -> Self {
        let rate = N::constant(3f64.sqrt()) / correlation;
        let (square, rate2) = (sd * sd, rate * rate);
        if gap == f64::INFINITY {
            return Self::stationary(sd, correlation, gap, rate2 * square);
        }
        let (one, elapsed) = (N::constant(1.0), N::constant(gap));
        let x = rate * elapsed;
        let decay = (-x).through((-x.value()).exp(), (-x.value()).exp());
        // Stationary covariance less what the step carries over, without cancellation for short steps: with y = 2x,
        // 1 − e^(−y)(1 + y + y²/2) = P(3, y) and 1 − e^(−y)(1 − y + y²/2) = P(3, y) + 2y e^(−y).
        let y = x + x;
        let (gamma, slope) = gamma_3(y.value());
        let gamma = y.through(gamma, slope);
        let decay2 = decay * decay;
        Self {
            sd,
            correlation,
            gap,
            stays: decay * (one + x),
            arrives: decay * elapsed,
            turns: -(decay * rate * x),
            slows: decay * (one - x),
            variance: square * gamma,
            covariance: square * rate * N::constant(0.5) * y * y * decay2,
            slope_variance: square * rate2 * (gamma + N::constant(2.0) * y * decay2),
        }
    }
}

/// What the readings so far say of the error of one series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory<N> {
    past: Option<Past<N>>,
    /// The last step: devices measure at even times, so that the next is mostly the same.
    step: Option<Transition<N>>,
}

impl<N> Default for Memory<N> {
    fn default() -> Self {
        Self { past: None, step: None }
    }
}

impl<N: Number> Memory<N> {
    /// `[mean, sd, time]` are the arguments of the family.
    #[inline(always)]
    pub fn foresee(&mut self, family: ErrorFamily, [centre, sd, correlation]: [N; 3], time: f64) -> Expected<N> {
        let gap = self.past.map_or(f64::INFINITY, |past| time - past.time);
        let same = |step: &Transition<N>| step.gap == gap && step.sd.same(&sd) && step.correlation.same(&correlation);
        let step = match self.step {
            Some(step) if same(&step) => step,
            _ => *self.step.insert(Transition::new(family, sd, correlation, gap)),
        };
        Expected::new(centre, &step, self.past.as_ref(), time)
    }

    /// ln density of a reading (ln probability of a censored one), which is then known.
    #[inline(always)]
    pub fn score(&mut self, family: ErrorFamily, arguments: [N; 3], reading: TermReading) -> N {
        let (ln_density, past) = self.foresee(family, arguments, reading.time).score(&reading);
        self.past = Some(past);
        ln_density
    }
}

impl Memory<f64> {
    /// A reading at the time of another, with as much error of its own, drawn by a standard normal number; it is then known.
    pub fn draw(&mut self, family: ErrorFamily, arguments: [f64; 3], like: TermReading, normal: f64) -> f64 {
        let expected = self.foresee(family, arguments, like.time);
        let seen = expected.error + expected.total(like.sd).sqrt() * normal;
        self.past = Some(expected.after(like.sd, seen, None));
        expected.centre + seen
    }
}

impl<N: Number> Expected<N> {
    #[inline(always)]
    fn new(centre: N, step: &Transition<N>, past: Option<&Past<N>>, time: f64) -> Self {
        let Transition { stays, arrives, turns, slows, variance, covariance, slope_variance, .. } = *step;
        let Some(past) = past else {
            let zero = N::constant(0.0);
            return Self { centre, error: zero, variance, slope: zero, covariance, slope_variance, time };
        };
        let mut next = Self {
            centre,
            error: stays * past.error + arrives * past.slope,
            variance: arrives * arrives * past.slope_variance + variance,
            slope: turns * past.error + slows * past.slope,
            covariance: arrives * slows * past.slope_variance + covariance,
            slope_variance: slows * slows * past.slope_variance + slope_variance,
            time,
        };
        if let Some((variance, covariance)) = past.unsure {
            let two = N::constant(2.0);
            next.variance = next.variance + stays * (stays * variance + two * arrives * covariance);
            next.covariance =
                next.covariance + stays * turns * variance + (stays * slows + arrives * turns) * covariance;
            next.slope_variance = next.slope_variance + turns * (turns * variance + two * slows * covariance);
        }
        next
    }

    /// Variance of a reading with this standard deviation of its own.
    #[inline(always)]
    fn total(&self, own: f64) -> N {
        if own > 0.0 { self.variance + N::constant(own * own) } else { self.variance }
    }

    /// ln density of a reading (ln probability of a censored one), and what is known after it.
    #[inline(always)]
    fn score(&self, reading: &TermReading) -> (N, Past<N>) {
        let seen = N::constant(reading.value) - self.centre;
        let total = self.total(reading.sd);
        let variance = total.value();
        if variance.is_nan() || variance <= 0.0 {
            return (N::constant(f64::NEG_INFINITY), self.after(reading.sd, seen, None));
        }
        let sd = total.through(variance.sqrt(), 0.5 / variance.sqrt());
        let z = (seen - self.error) / sd;
        match reading.censoring {
            Censoring::None => {
                let ln_sd = sd.through(sd.value().ln(), 1.0 / sd.value());
                let ln_density = -(N::constant(0.5) * z * z) - ln_sd - N::constant(HALF_LN_TAU);
                (ln_density, self.after(reading.sd, seen, None))
            }
            Censoring::Below => self.beyond(reading.sd, z, sd),
            Censoring::Above => self.beyond(reading.sd, -z, -sd),
        }
    }

    /// ln probability that a standard normal number is below `z`, and what is known after it is; `sd` is negative where the
    /// error lies above its limit.
    #[inline(always)]
    fn beyond(&self, own: f64, z: N, sd: N) -> (N, Past<N>) {
        let (ln_mass, slope) = normal_ln_cdf(z.value());
        let cut = normal_below(z.value());
        let mean = z.through(cut.mean, cut.mean_slope);
        let share = z.through(cut.variance, cut.variance_slope);
        let past = self.after(own, self.error + sd * mean, Some(self.total(own) * share));
        (z.through(ln_mass, slope), past)
    }

    /// What is known after a reading, which has this standard deviation of its own and says its mean, and its variance if not exactly.
    #[inline(always)]
    fn after(&self, own: f64, seen: N, variance: Option<N>) -> Past<N> {
        let total = self.total(own);
        let gain = self.covariance / total;
        let mut slope_variance = self.slope_variance - gain * self.covariance;
        if let Some(variance) = variance {
            slope_variance = slope_variance + gain * gain * variance;
        }
        let (slope, time) = (self.slope + gain * (seen - self.error), self.time);
        if own <= 0.0 {
            let unsure = variance.map(|variance| (variance, gain * variance));
            return Past { time, error: seen, slope, slope_variance, unsure };
        }
        // The reading is the error and more: it tells the error's share of what it was off.
        let (share, noise) = (self.variance / total, N::constant(own * own));
        let (mut left, mut covariance) = (share * noise, gain * noise);
        if let Some(variance) = variance {
            left = left + share * share * variance;
            covariance = covariance + share * gain * variance;
        }
        let error = self.error + share * (seen - self.error);
        Past { time, error, slope, slope_variance, unsure: Some((left, covariance)) }
    }
}

/// The score of one reading, compiled for the processor's widest registers.
pub(super) struct Score<'a, const W: usize> {
    pub family: ErrorFamily,
    pub arguments: [Dual<W>; 3],
    pub memory: &'a mut Memory<Dual<W>>,
    pub reading: TermReading,
}

impl<const W: usize> WithSimd for Score<'_, W> {
    type Output = Dual<W>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        self.memory.score(self.family, self.arguments, self.reading)
    }
}

/// The regularised lower incomplete gamma function P(3, y) = 1 − e^(−y)(1 + y + y²/2), and its slope y² e^(−y) / 2.
fn gamma_3(y: f64) -> (f64, f64) {
    let decay = (-y).exp();
    let value = if y < 1.0 {
        // The same as e^(−y) Σ y^k / k! from k = 3 on.
        let (mut term, mut sum) = (y * y * y / 6.0, 0.0);
        for k in 4..24 {
            sum += term;
            term *= y / f64::from(k);
        }
        decay * sum
    } else {
        1.0 - decay * (1.0 + y + 0.5 * y * y)
    };
    (value, 0.5 * y * y * decay)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::stats::Seed;

    const BOTH: [ErrorFamily; 2] = [ErrorFamily::OrnsteinUhlenbeck, ErrorFamily::Matern];

    /// ln density of a series by the steps above; errors of the readings' own are repeated, or none.
    fn by_steps<N: Number>(
        family: ErrorFamily,
        arguments: [N; 3],
        readings: &[(f64, f64, Censoring)],
        own: &[f64],
    ) -> N {
        let mut memory = Memory::default();
        let sds = own.iter().copied().cycle().chain(std::iter::repeat(0.0));
        readings.iter().zip(sds).fold(N::constant(0.0), |sum, ((time, value, censoring), sd)| {
            let reading = TermReading { time: *time, value: *value, censoring: *censoring, sd };
            sum + memory.score(family, arguments, reading)
        })
    }

    /// Errors of readings' own: some have none.
    const OWN: [f64; 5] = [0.6, 0.0, 0.3, 2.0, 0.9];

    const READINGS: [(f64, f64, Censoring); 5] = [
        (0.0, 5.5, Censoring::None),
        (0.02, 5.51, Censoring::None),
        (2.0, 4.8, Censoring::None),
        (5.0, 6.1, Censoring::None),
        (25.0, 5.2, Censoring::None),
    ];

    /// Autocovariance over a gap.
    fn covariance(family: ErrorFamily, sd: f64, time: f64, gap: f64) -> f64 {
        let x = gap.abs() / time;
        let root = 3f64.sqrt() * x;
        sd * sd * if family == ErrorFamily::Matern { (1.0 + root) * (-root).exp() } else { (-x).exp() }
    }

    /// ln density of a joint normal distribution of errors, with those of the readings' own on the diagonal.
    fn joint(family: ErrorFamily, [mean, sd, time]: [f64; 3], times: &[f64], values: &[f64], own: &[f64]) -> f64 {
        let n = times.len();
        let mut kernel = nalgebra::DMatrix::from_fn(n, n, |i, j| covariance(family, sd, time, times[i] - times[j]));
        own.iter().enumerate().for_each(|(i, own)| kernel[(i, i)] += own * own);
        let e = nalgebra::DVector::from_iterator(n, values.iter().map(|value| value - mean));
        let cholesky = kernel.cholesky().unwrap();
        let ln_det = 2.0 * cholesky.l().diagonal().iter().map(|d: &f64| d.ln()).sum::<f64>();
        -0.5 * e.dot(&cholesky.solve(&e)) - 0.5 * ln_det - n as f64 * HALF_LN_TAU
    }

    #[test]
    fn a_series_has_the_density_of_its_joint_normal() {
        let arguments = [5.0, 1.4, 6.0];
        let (times, values) = (READINGS.map(|reading| reading.0), READINGS.map(|reading| reading.1));
        for family in BOTH {
            for own in [&[][..], &OWN] {
                let joint = joint(family, arguments, &times, &values, own);
                let sum = by_steps(family, arguments, &READINGS, own);
                assert!((sum - joint).abs() < 1e-8 * joint.abs(), "{family:?} {sum} {joint}");
            }
        }
    }

    #[test]
    fn tangents_follow_differences() {
        let at = [5.0, 1.4, 6.0];
        let duals: [Dual<4>; 3] = std::array::from_fn(|i| {
            let mut dual = Dual::constant(at[i]);
            dual.0[i + 1] = 1.0;
            dual
        });
        let mut censored = READINGS;
        censored[1].2 = Censoring::Above;
        censored[2].2 = Censoring::Above;
        censored[3].2 = Censoring::Below;
        for family in BOTH {
            for (readings, own) in [(READINGS, &[][..]), (censored, &[]), (READINGS, &OWN), (censored, &OWN)] {
                let found = by_steps(family, duals, &readings, own);
                for i in 0..3 {
                    let moved = |by: f64| {
                        let mut moved = at;
                        moved[i] += by;
                        by_steps(family, moved, &readings, own)
                    };
                    let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    let ours = found.0[i + 1];
                    assert!((ours - slope).abs() < 1e-6 * slope.abs().max(1.0), "{family:?} {i}: {ours} {slope}");
                }
            }
        }
    }

    #[test]
    fn censored_readings_have_the_probability_of_the_tail() {
        for family in BOTH {
            let score = |censoring| by_steps(family, [5.0, 2.0, 6.0], &[(0.0, 3.0, censoring)], &[]);
            let (below, above) = (score(Censoring::Below), score(Censoring::Above));
            assert!((below.exp() + above.exp() - 1.0).abs() < 1e-12);
            assert!((below.exp() - 0.158_655_253_931_457).abs() < 1e-12);
        }
    }

    /// ln density of two readings with three between them that lie above `limit`, by Simpson's rule in three dimensions.
    fn by_quadrature(
        family: ErrorFamily,
        arguments: [f64; 3],
        (times, own): (&[f64; 5], &[f64]),
        ends: [f64; 2],
        limit: f64,
    ) -> f64 {
        let n = 60;
        let spread = own.iter().fold(0.0f64, |most, own| most.max(*own)).hypot(arguments[1]);
        let step = 7.0 * spread / f64::from(n);
        let node = |i: i32| {
            let weight = if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
            (limit + step * f64::from(i), weight * step / 3.0)
        };
        let mut sum = 0.0;
        for i in 0..=n {
            for j in 0..=n {
                for k in 0..=n {
                    let [(x, a), (y, b), (z, c)] = [node(i), node(j), node(k)];
                    sum += a * b * c * joint(family, arguments, times, &[ends[0], x, y, z, ends[1]], own).exp();
                }
            }
        }
        sum.ln()
    }

    #[test]
    fn readings_between_censored_ones_have_nearly_the_density_of_the_cut_joint_normal() {
        let (arguments, times) = ([0.0, 1.0, 3.0], [0.0, 1.0, 2.0, 3.0, 4.0]);
        for family in BOTH {
            for (ends, limit) in [([0.0, 0.0], 0.3), ([-0.5, 1.5], 0.0), ([1.0, 1.2], 1.3), ([0.5, -0.5], -1.0)] {
                let readings = [0, 1, 2, 3, 4].map(|i| match i {
                    0 | 4 => (times[i], ends[i / 4], Censoring::None),
                    _ => (times[i], limit, Censoring::Above),
                });
                for own in [&[][..], &[0.5, 0.4, 0.8, 0.3, 0.6]] {
                    let exact = by_quadrature(family, arguments, (&times, own), ends, limit);
                    let ours = by_steps(family, arguments, &readings, own);
                    assert!((ours - exact).abs() < 0.2, "{family:?} {ends:?} {limit}: {ours} {exact}");
                }
            }
        }
    }

    #[test]
    fn drawn_series_score_as_their_entropy() {
        let arguments = [0.0, 2.0, 15.0];
        for (family, own) in BOTH.into_iter().flat_map(|family| [(family, 0.0), (family, 1.5)]) {
            let mut stream = Seed(3).stream("correlated", 0);
            let n = 4000;
            let (mut memory, mut total, mut entropy) = (Memory::default(), 0.0, 0.0);
            for i in 0..n {
                let like = TermReading { time: 5.0 * f64::from(i), value: 0.0, censoring: Censoring::None, sd: own };
                let expected = memory.foresee(family, arguments, like.time);
                let value = memory.draw(family, arguments, like, stream.sample(StandardNormal));
                total += expected.score(&TermReading { value, ..like }).0;
                entropy += -0.5 * (expected.total(own).ln() + 1.0) - HALF_LN_TAU;
            }
            // The sum of z²/2 over n has a standard deviation of √(n/2).
            assert!((total - entropy).abs() < 4.0 * f64::from(n / 2).sqrt(), "{family:?} {total} {entropy}");
        }
    }

    #[test]
    fn drawn_series_have_the_covariance_of_the_process_and_their_own_error() {
        let (arguments, times, n) = ([3.0, 2.0, 15.0], [0.0, 4.0, 20.0], 40_000);
        for family in BOTH {
            let mut stream = Seed(11).stream("covariance", 0);
            let mut sums = [[0.0; 3]; 3];
            for _ in 0..n {
                let mut memory = Memory::default();
                let drawn = [0, 1, 2].map(|i| {
                    let like = TermReading { time: times[i], value: 0.0, censoring: Censoring::None, sd: OWN[i] };
                    memory.draw(family, arguments, like, stream.sample(StandardNormal)) - arguments[0]
                });
                (0..9).for_each(|k| sums[k / 3][k % 3] += drawn[k / 3] * drawn[k % 3] / f64::from(n));
            }
            for (i, j) in (0..9).map(|k| (k / 3, k % 3)) {
                let own = if i == j { OWN[i] * OWN[i] } else { 0.0 };
                let expected = covariance(family, arguments[1], arguments[2], times[i] - times[j]) + own;
                // Five standard errors of a product of two numbers with variances of up to 4.4.
                assert!((sums[i][j] - expected).abs() < 5.0 * 4.4 * (2.0 / f64::from(n)).sqrt(), "{i} {j} {sums:?}");
            }
        }
    }
}
