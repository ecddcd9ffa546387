//! Whether draws can be trusted, by fixed criteria, and if not, why and what to try.

use super::chains::{Chains, Statistic};
use super::diagnostics::{diagnose, e_bfmi};
use super::draws::{ParameterDiagnostics, Verdict};

/// Largest rank-normalised split R̂ that passes.
pub const WORST_R_HAT: f64 = 1.01;
/// Least bulk and tail effective sample size that passes.
pub const LEAST_ESS: f64 = 400.0;
/// Least E-BFMI of a chain that passes.
pub const LEAST_E_BFMI: f64 = 0.3;

impl Verdict {
    /// Judges draws (on the real line or as natural values: ranks are the same) of parameters with these names.
    ///
    /// Passes if and only if every R̂ ≤ 1.01, every bulk and tail effective sample size ≥ 400, no draw diverged and the
    /// E-BFMI of every chain is ≥ 0.3. A diagnostic that cannot be computed does not pass.
    pub fn of(draws: &(impl Chains + ?Sized), names: &[String]) -> Verdict {
        let [chains, length, dimension] = draws.shape();
        let (mut parameters, mut constant, mut finite) = (Vec::with_capacity(dimension), Vec::new(), true);
        for at in 0..dimension {
            let column = draws.column(at);
            parameters.push(diagnose(&column));
            finite &= column.iter().flatten().all(|value| value.is_finite());
            let first = column.iter().flatten().next().copied();
            // A parameter with one value in all draws.
            constant.extend(first.filter(|first| column.iter().flatten().all(|x| x == first)).map(|first| (at, first)));
        }
        let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| format!("parameter {}", at + 1));
        let mut reasons = Vec::new();
        if chains == 0 || length == 0 || dimension == 0 {
            reasons.push("There are no draws.".to_string());
        }
        if !finite {
            reasons.push("Some draws are not finite numbers: the target is broken there.".into());
        }
        for (at, constant) in constant {
            reasons.push(format!(
                "{} has the value {constant} in every draw: it was not sampled. Fix it in the model, or check the sampler.",
                name(at)
            ));
        }
        if chains == 1 {
            reasons
                .push("One chain cannot be compared with another, so R̂ cannot be computed: run at least two.".into());
        }
        if let Some((at, r_hat, failing)) = failing(&parameters, |p| p.r_hat - WORST_R_HAT) {
            reasons.push(format!(
                "The chains do not agree on {}{failing}: R̂ is {:.4}, and should be at most {WORST_R_HAT}. Run more \
                 warmup; if it stays, the posterior has several modes or hardly determines this parameter.",
                name(at),
                r_hat + WORST_R_HAT
            ));
        }
        type Get = fn(&ParameterDiagnostics) -> f64;
        let sizes: [(&str, Get); 2] = [("bulk", |p| p.ess_bulk), ("tail", |p| p.ess_tail)];
        for (what, get) in sizes {
            if let Some((at, lacking, failing)) = failing(&parameters, |p| LEAST_ESS - get(p)) {
                let size = LEAST_ESS - lacking;
                reasons.push(format!(
                    "The {what} effective sample size of {}{failing} is {size:.0}, and should be at least \
                     {LEAST_ESS:.0}. Take about {:.0} times as many draws.",
                    name(at),
                    (LEAST_ESS / size).ceil().max(2.0)
                ));
            }
        }
        let divergent = draws.statistic(Statistic::Divergent).unwrap_or_default();
        let divergences = divergent.iter().filter(|divergent| **divergent != 0.0).count();
        if divergences > 0 {
            reasons.push(format!(
                "{divergences} of {} draws diverged, so that part of the posterior may be missing. Raise the target \
                 acceptance (0.95, 0.99), or narrow a prior under which the model cannot be solved.",
                divergent.len()
            ));
        }
        let e_bfmis = e_bfmi(draws);
        let least_e_bfmi = least(e_bfmis.iter().copied());
        if !e_bfmis.is_empty() && (least_e_bfmi.is_nan() || least_e_bfmi < LEAST_E_BFMI) {
            let chain = e_bfmis.iter().position(|x| x.is_nan() || *x == least_e_bfmi).unwrap_or(0) + 1;
            reasons.push(format!(
                "The E-BFMI of chain {chain} is {least_e_bfmi:.2}, and should be at least {LEAST_E_BFMI}: the sampler moves \
                 too slowly through the tails. Take more draws, or replace heavy-tailed priors."
            ));
        }
        let unknown = parameters.iter().any(|p| p.r_hat.is_nan() || p.ess_bulk.is_nan() || p.ess_tail.is_nan());
        if reasons.is_empty() && unknown {
            reasons.push("Diagnostics cannot be computed from so few draws: take at least 100 a chain.".into());
        }
        Verdict {
            passed: reasons.is_empty(),
            reasons,
            worst_r_hat: -least(parameters.iter().map(|p| -p.r_hat)),
            least_ess_bulk: least(parameters.iter().map(|p| p.ess_bulk)),
            least_ess_tail: least(parameters.iter().map(|p| p.ess_tail)),
            divergences,
            at_depth_limit: draws.at_depth_limit(),
            least_e_bfmi,
            parameters,
        }
    }
}

/// Which parameter exceeds its limit most, by how much, and how many others do, as " (and 3 other parameters)".
fn failing(
    parameters: &[ParameterDiagnostics],
    excess: impl Fn(&ParameterDiagnostics) -> f64,
) -> Option<(usize, f64, String)> {
    let over: Vec<(usize, f64)> =
        parameters.iter().map(excess).enumerate().filter(|(_, excess)| *excess > 0.0).collect();
    let (at, excess) = over.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = match over.len() {
        1 => String::new(),
        2 => " (and one other parameter)".into(),
        more => format!(" (and {} other parameters)", more - 1),
    };
    Some((at, excess, others))
}

/// The least value, NaN if there is one or if there are none.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }).unwrap_or(f64::NAN)
}
