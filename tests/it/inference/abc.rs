//! ABC-SMC against posteriors that are known exactly; the same draws after a break.

use homeostat::inference::{
    AbcAdjustment, AbcKernel, AbcReport, AbcSettings, AbcState, Draws, RankCheck, Rejection, SampleError, Simulator,
    Target, abc, abc_from, mcse_between, thinned_rank,
};
use homeostat::stats::{Distribution, Seed, Stream, normal_cdf, normal_ln_density};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::targets::on_one_and_two_threads;

/// One parameter with a prior on the scale of its draws, mapped to and from the real line.
struct Case {
    name: &'static str,
    /// From the real line to the parameter.
    natural: fn(f64) -> f64,
    draw: fn(&mut Stream) -> f64,
    /// Of the point on the real line.
    ln_prior: fn(f64) -> f64,
    /// Summaries of data simulated with the natural parameter.
    simulate: fn(f64, &mut Stream) -> Vec<f64>,
    observed: Vec<f64>,
    /// Of the natural parameter's posterior.
    mean: f64,
    sd: f64,
}

impl Target for Case {
    type Workspace = ();

    fn dimension(&self) -> usize {
        1
    }

    fn workspace(&self) {}

    fn lanes(&self) -> usize {
        16
    }
}

impl Simulator for Case {
    fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        vec![(self.draw)(stream)]
    }

    fn ln_prior(&self, at: &[f64]) -> f64 {
        (self.ln_prior)(at[0])
    }

    fn simulate(&self, _: &mut (), points: &[Vec<f64>], streams: &mut [Stream]) -> Vec<Result<Vec<f64>, Rejection>> {
        let one = |(point, stream): (&Vec<f64>, &mut Stream)| {
            let natural = (self.natural)(point[0]);
            // As a model that cannot be solved there.
            if natural.abs() > 1e3 {
                return Err(Rejection::new("too far away"));
            }
            Ok((self.simulate)(natural, stream))
        };
        points.iter().zip(streams).map(one).collect()
    }

    fn observed(&self) -> Vec<f64> {
        self.observed.clone()
    }
}

/// Ten values x ~ N(θ, 2) with mean 1, θ ~ N(0, 5): posterior precision 1/25 + 10/4.
fn normal_mean() -> Case {
    let precision: f64 = 1.0 / 25.0 + 2.5;
    Case {
        name: "normal mean",
        natural: |x| x,
        draw: |stream| 5.0 * stream.sample::<f64, _>(StandardNormal),
        ln_prior: |x| -0.5 * (x / 5.0).powi(2),
        simulate: |mean, stream| {
            let data: Vec<f64> = (0..10).map(|_| mean + 2.0 * stream.sample::<f64, _>(StandardNormal)).collect();
            vec![data.iter().sum::<f64>() / 10.0]
        },
        observed: vec![1.0],
        mean: 2.5 / precision,
        sd: precision.sqrt().recip(),
    }
}

/// The same with each of the values for a summary, and noise beside them.
fn normal_values() -> Case {
    Case {
        name: "normal values",
        simulate: |mean, stream| {
            let mut data: Vec<f64> = (0..10).map(|_| mean + 2.0 * stream.sample::<f64, _>(StandardNormal)).collect();
            data.push(100.0 * stream.sample::<f64, _>(StandardNormal));
            data
        },
        observed: vec![1.0, -1.0, 3.0, 2.0, 0.0, 4.0, -2.0, 1.5, 0.5, 1.0, 50.0],
        ..normal_mean()
    }
}

/// 14 of 20 with a uniform prior: Beta(15, 7); logistic on the real line.
fn beta_binomial() -> Case {
    Case {
        name: "beta-binomial",
        natural: |x| 1.0 / (1.0 + (-x).exp()),
        draw: |stream| {
            let p: f64 = stream.random_range(1e-12..1.0);
            (p / (1.0 - p)).ln()
        },
        ln_prior: |x| -x - 2.0 * (-x).exp().ln_1p(),
        simulate: |p, stream| vec![(0..20).filter(|_| stream.random::<f64>() < p).count() as f64],
        observed: vec![14.0],
        mean: 15.0 / 22.0,
        sd: (15.0f64 * 7.0 / (22.0 * 22.0 * 23.0)).sqrt(),
    }
}

/// 25 waiting times with mean 0.8, rate ~ Gamma(2, 1): Gamma(27, 21); logarithm on the real line.
fn exponential() -> Case {
    Case {
        name: "exponential",
        natural: f64::exp,
        draw: |stream| Distribution::Gamma { shape: 2.0, rate: 1.0 }.draw(stream).ln(),
        ln_prior: |x| 2.0 * x - x.exp(),
        simulate: |rate, stream| {
            let sum: f64 = (0..25).map(|_| -stream.random_range(1e-300f64..1.0).ln() / rate).sum();
            vec![(sum / 25.0).ln()]
        },
        observed: vec![0.8f64.ln()],
        mean: 27.0 / 21.0,
        sd: 27f64.sqrt() / 21.0,
    }
}

fn settings() -> AbcSettings {
    AbcSettings { runs: 16, particles: 500, simulations: 40_000, ..AbcSettings::default() }
}

fn sample(case: &Case, settings: &AbcSettings, seed: u64) -> (Draws, AbcReport) {
    abc(case, settings, Seed(seed), &|_| (), &mut |_| ()).unwrap()
}

fn check(case: &Case, settings: &AbcSettings) -> AbcReport {
    let (draws, report) = sample(case, settings, 1);
    let chains: Vec<Vec<f64>> =
        draws.parameter(0).into_iter().map(|chain| chain.into_iter().map(case.natural).collect()).collect();
    let (all, error) = (chains.concat(), mcse_between(&chains));
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let sd = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
    assert!((mean - case.mean).abs() <= 4.0 * error, "{}: mean {mean} ± {error}, not {}", case.name, case.mean);
    assert!(error < 0.05 * case.sd, "{}: {error}", case.name);
    assert!((sd / case.sd - 1.0).abs() < 0.1, "{}: sd {sd}, not {}", case.name, case.sd);
    assert!(draws.values.iter().all(|x| x.is_finite()) && report.simulations <= settings.simulations * 16);
    report
}

#[test]
fn exact_posteriors() {
    for kernel in [AbcKernel::Global, AbcKernel::Local] {
        let settings = AbcSettings { kernel, ..settings() };
        check(&normal_mean(), &settings);
        check(&exponential(), &settings);
        // Counts can match exactly, and then nothing is approximate.
        let report = check(&beta_binomial(), &settings);
        assert!(report.generations.iter().all(|run| run.last().is_some_and(|last| last.tolerance == 0.0)));
    }
}

#[test]
fn tolerances_fall_without_the_regression_too() {
    let settings = AbcSettings { adjust: AbcAdjustment::None, adaptive: false, ..settings() };
    let report = check(&exponential(), &settings);
    for run in &report.generations {
        assert!(run.windows(2).all(|pair| pair[1].tolerance <= pair[0].tolerance && pair[1].scales == pair[0].scales));
        assert!(run.iter().all(|generation| generation.ess > 50.0 && generation.simulations > 0));
    }
}

#[test]
fn a_simulator_that_fails_for_half_of_the_prior() {
    // The posterior is cut at zero: λ = φ(α) / Φ(α) at α = mean / sd.
    let (mean, sd) = (normal_mean().mean, normal_mean().sd);
    let alpha = mean / sd;
    let lambda = normal_ln_density(alpha, 0.0, 1.0).exp() / normal_cdf(alpha);
    let case = Case {
        name: "normal above zero",
        natural: |x| if x < 0.0 { f64::NAN } else { x },
        mean: mean + sd * lambda,
        sd: sd * (1.0 - lambda * (alpha + lambda)).sqrt(),
        ..normal_mean()
    };
    // The adjustment knows nothing of the edge.
    check(&case, &AbcSettings { adjust: AbcAdjustment::None, ..settings() });
}

#[test]
fn summaries_from_a_pilot() {
    // Eleven summaries, one of them useless, become one.
    check(&normal_values(), &AbcSettings { pilot: 2000, ..settings() });
}

#[test]
fn draws_depend_on_neither_threads_nor_breaks() {
    let case = normal_values();
    let settings =
        AbcSettings { runs: 2, particles: 100, simulations: 4000, pilot: 500, kernel: AbcKernel::Local, ..settings() };
    let (one, two) = on_one_and_two_threads(|| sample(&case, &settings, 3));
    assert_eq!(one, two);
    assert_ne!(one.0.values, sample(&case, &settings, 4).0.values);
    let mut states = Vec::new();
    let mut keep = |state: &AbcState| states.push(serde_json::to_string(state).unwrap());
    assert_eq!(abc(&case, &settings, Seed(3), &|_| (), &mut keep).unwrap(), one);
    assert!(states.len() >= 3);
    for text in [&states[0], &states[1], &states[states.len() - 1]] {
        let state: AbcState = serde_json::from_str(text).unwrap();
        assert_eq!(abc_from(&case, state, &settings, Seed(3), &|_| (), &mut |_| ()).unwrap(), one);
    }
}

#[test]
fn what_cannot_be_simulated_is_an_error_with_its_reason() {
    let run = |case: &Case, settings: &AbcSettings| abc(case, settings, Seed(1), &|_| (), &mut |_| ());
    for wrong in [
        AbcSettings { runs: 0, ..settings() },
        AbcSettings { particles: 3, ..settings() },
        AbcSettings { keep: 1.0, ..settings() },
        AbcSettings { least_acceptance: 1.0, ..settings() },
        AbcSettings { tolerance: f64::NAN, ..settings() },
        AbcSettings { simulations: 700, ..settings() },
    ] {
        assert!(matches!(run(&normal_mean(), &wrong), Err(SampleError::Settings(_))), "{wrong:?}");
    }
    let far = Case { natural: |x| 1e6 + x, ..normal_mean() };
    let found = run(&far, &settings());
    assert!(matches!(&found, Err(SampleError::Start { reason, .. }) if reason.contains("too far")), "{found:?}");
    let unknown = Case { observed: vec![f64::NAN], ..normal_mean() };
    assert!(matches!(run(&unknown, &settings()), Err(SampleError::Settings(_))));
}

/// Simulation-based calibration: thousand means drawn from the prior, each found again from data simulated with it.
#[test]
#[ignore = "minutes; cargo test --release ranks_of_the_truth -- --ignored"]
fn ranks_of_the_truth_are_uniform() {
    let settings = AbcSettings { runs: 1, ..settings() };
    let ranks: Vec<usize> = (0..1000)
        .into_par_iter()
        .map(|number| {
            let mut stream = Seed(12).stream("truth", number);
            let case = normal_mean();
            let truth = (case.draw)(&mut stream);
            let case = Case { observed: (case.simulate)(truth, &mut stream), ..case };
            let (draws, _) = sample(&case, &settings, number);
            thinned_rank(truth, &draws.parameter(0), 99, &mut stream).rank
        })
        .collect();
    let check = RankCheck::of(&[ranks], 99);
    println!(
        "p = {}, mean {}, spread {}",
        check.quantities[0].p_value, check.quantities[0].mean, check.quantities[0].spread
    );
    assert!(check.quantities[0].within_band, "{:?}", check.quantities[0]);
}
