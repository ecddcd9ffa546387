//! The posterior density of one person's parameters: prior × likelihood terms, with its gradient.

use std::sync::Arc;

use crate::inference::{LogDensityGradient, Rejection};
use crate::model::{Program, Reading};
use crate::population::Prior;
use crate::sim::{Failure, Schedule, Settings, Solve, Used, Workspace};

use super::correlated::{Memory, Score};
use super::dual::{Dual, Number};
use super::family::Noise;
use super::matching::{Matched, Term, TermReading};
use super::personal::Personal;
use super::summaries::TermSummary;
use super::testing::{LnIntegral, PIECES, Testing, Tilted};

/// A person's posterior on the real line, up to a constant.
#[derive(Debug)]
pub struct Posterior {
    pub program: Arc<Program>,
    pub prior: Prior,
    pub covariates: Vec<f64>,
    pub schedule: Schedule,
    pub terms: Vec<Term>,
    pub settings: Settings,
    /// What the model holds for this person alone; the program has it already.
    pub personal: Personal,
    /// Terms whose times follow from the state.
    pub(super) testing: Vec<Testing>,
    /// For each time, its weight in integrals over the record; 0 where it is none of their nodes.
    pub(super) weights: Vec<f64>,
    /// Declared for each term, in place of means of neighbouring readings.
    pub(super) summaries: Vec<Vec<TermSummary>>,
    /// All times at which something was measured, increasing, each once, in the model's time unit.
    times: Vec<f64>,
    /// For each time, which reading of which term was taken then.
    taken: Vec<Vec<(usize, usize)>>,
    /// Calibrated parameters in the order of their tangents.
    order: Vec<usize>,
}

impl Posterior {
    pub fn new(program: Arc<Program>, prior: Prior, matched: Matched, settings: Settings) -> Self {
        let Matched { covariates, schedule, terms, summaries, personal, .. } = matched;
        let testing = testing(&program, &personal, &terms);
        // Nodes of the integrals, if there are any, belong to no term.
        let nodes = if testing.is_empty() { 0 } else { PIECES + 1 };
        let piece = (schedule.end - schedule.start) / PIECES as f64;
        let node = |node: usize| (schedule.start + piece * node as f64, usize::MAX, node);
        let mut all: Vec<(f64, usize, usize)> = (0..nodes).map(node).collect();
        for (index, term) in terms.iter().enumerate() {
            all.extend(term.readings.iter().enumerate().map(|(number, reading)| (reading.time, index, number)));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut times, mut taken): (Vec<f64>, Vec<Vec<(usize, usize)>>) = (Vec::new(), Vec::new());
        let mut weights: Vec<f64> = Vec::new();
        for (time, term, reading) in all {
            if times.last() != Some(&time) {
                times.push(time);
                taken.push(Vec::new());
                weights.push(0.0);
            }
            match (taken.last_mut(), weights.last_mut()) {
                (Some(last), _) if term < terms.len() => last.push((term, reading)),
                (_, Some(weight)) => *weight += if reading == 0 || reading == PIECES { 0.5 * piece } else { piece },
                _ => {}
            }
        }
        let parameters: Vec<usize> = prior.calibrated.iter().map(|c| c.parameter).collect();
        let order = program.tangent_order(&parameters);
        Self {
            program,
            prior,
            covariates,
            schedule,
            terms,
            settings,
            personal,
            testing,
            weights,
            summaries,
            times,
            taken,
            order,
        }
    }

    /// The posterior with other readings `[term][reading]` at the same times.
    pub fn with_readings(&self, readings: Vec<Vec<TermReading>>) -> Self {
        let terms = self.terms.iter().zip(readings).map(|(term, readings)| Term { readings, ..term.clone() });
        Self {
            program: self.program.clone(),
            prior: self.prior.clone(),
            covariates: self.covariates.clone(),
            schedule: self.schedule.clone(),
            terms: terms.collect(),
            settings: self.settings,
            personal: self.personal.clone(),
            testing: self.testing.clone(),
            weights: self.weights.clone(),
            summaries: self.summaries.clone(),
            times: self.times.clone(),
            taken: self.taken.clone(),
            order: self.order.clone(),
        }
    }

    /// What makes the times of a term follow from the state.
    pub(super) fn tested(&self, term: usize) -> Option<(usize, Testing)> {
        self.testing.iter().copied().enumerate().find(|(_, testing)| testing.term == term)
    }

    /// Number of readings scored.
    pub fn readings(&self) -> usize {
        self.terms.iter().map(|term| term.readings.len()).sum()
    }

    /// All times at which something was measured, increasing, in the model's time unit.
    pub(super) fn times(&self) -> &[f64] {
        &self.times
    }

    /// (term, reading) of everything measured at time number `time`.
    pub(super) fn taken(&self, time: usize) -> &[(usize, usize)] {
        &self.taken[time]
    }

    /// ln likelihood of every reading (given those before it where errors are correlated), term after term.
    ///
    /// `natural` are values of the calibrated parameters in their units.
    pub fn pointwise(&self, workspace: &mut PosteriorWorkspace, natural: &[f64]) -> Result<Vec<Vec<f64>>, Failure> {
        let mut found: Vec<Vec<f64>> = self.terms.iter().map(|term| Vec::with_capacity(term.readings.len())).collect();
        workspace.with(&mut Pass {
            posterior: self,
            values: self.prior.complete(natural),
            first: self.prior.dimension(),
            gradient: &mut [],
            pointwise: Some(&mut found),
        })?;
        Ok(found)
    }
}

impl LogDensityGradient for Posterior {
    type Workspace = PosteriorWorkspace;

    fn dimension(&self) -> usize {
        self.prior.dimension()
    }

    fn workspace(&self) -> PosteriorWorkspace {
        PosteriorWorkspace::new(&self.program, self.prior.dimension())
    }

    fn ln_density_gradient(
        &self,
        workspace: &mut PosteriorWorkspace,
        at: &[f64],
        gradient: &mut [f64],
    ) -> Result<f64, Rejection> {
        gradient.fill(0.0);
        let values = self.prior.complete(&self.prior.natural(at));
        let mut ln_likelihood = 0.0;
        let width = workspace.tangents();
        let mut by_order = vec![0.0; at.len()];
        let mut first = 0;
        // More parameters than lanes: the same steps again with other tangents.
        while first < at.len().max(1) {
            let last = (first + width).min(at.len());
            ln_likelihood = workspace
                .with(&mut Pass {
                    posterior: self,
                    values: values.clone(),
                    first,
                    gradient: &mut by_order[first..last],
                    pointwise: None,
                })
                .map_err(|failure| Rejection::new(failure.to_string()))?;
            first += width;
        }
        self.order.iter().zip(by_order).for_each(|(index, slope)| gradient[*index] = slope);
        for (gradient, slope) in gradient.iter_mut().zip(self.prior.slopes(at)) {
            *gradient *= slope;
        }
        let density = ln_likelihood + self.prior.ln_density_gradient(at, gradient);
        if density.is_nan() || gradient.iter().any(|g| !g.is_finite()) {
            return Err(Rejection::new("the density or its gradient is not a number"));
        }
        Ok(density)
    }
}

/// The terms whose times follow from the state.
fn testing(program: &Program, personal: &Personal, terms: &[Term]) -> Vec<Testing> {
    let found = personal.tested.iter().flat_map(|tested| {
        let name = tested.parameter();
        let parameter = program.model.parameters.iter().position(|parameter| parameter.name == name);
        let of = terms.iter().enumerate().filter(|(_, term)| term.name == tested.observation);
        of.filter_map(move |(term, _)| Some(Testing { term, parameter: parameter?, per: tested.per }))
    });
    found.collect()
}

/// One solve of the program with tangents of some calibrated parameters.
struct Pass<'a> {
    posterior: &'a Posterior,
    /// Natural values of all parameters.
    values: Vec<f64>,
    /// Number in the order of tangents of the first calibrated parameter with one; as many as `gradient` is long.
    first: usize,
    /// Receives d ln likelihood / d natural value.
    gradient: &'a mut [f64],
    pointwise: Option<&'a mut Vec<Vec<f64>>>,
}

impl Pass<'_> {
    fn run<const W: usize>(&mut self, workspace: &mut Workspace<W>) -> Result<f64, Failure> {
        let posterior = self.posterior;
        let program = &*posterior.program;
        for (index, value) in self.values.iter().enumerate() {
            workspace.set_tangent(index, *value, None);
        }
        let order = posterior.order.iter().skip(self.first).take(self.gradient.len());
        for (tangent, index) in order.enumerate() {
            let parameter = posterior.prior.calibrated[*index].parameter;
            workspace.set_tangent(parameter, self.values[parameter], Some(tangent));
        }
        for (index, value) in posterior.covariates.iter().enumerate() {
            workspace.set_covariate(program, index, *value);
        }
        let mut sum = 0.0;
        let mut total = [0.0; W];
        // What is known of each term's correlated errors.
        let mut memories: Vec<Memory<Dual<W>>> = posterior.terms.iter().map(|_| Memory::default()).collect();
        let solve = Solve { program, schedule: &posterior.schedule, settings: posterior.settings };
        let pointwise = &mut self.pointwise;
        let mut integrals: Vec<LnIntegral<W>> = vec![LnIntegral::default(); posterior.testing.len()];
        let calibrated = &posterior.prior.calibrated;
        let shown: Vec<usize> = posterior.order.iter().skip(self.first).take(self.gradient.len()).copied().collect();
        let lane_of = |parameter: usize| shown.iter().position(|index| calibrated[*index].parameter == parameter);
        let values = &self.values;
        // The slope s of the ln rate of testing, and the lane of its tangent.
        let rate = |testing: &Testing| {
            (values[testing.parameter] / testing.per, lane_of(testing.parameter).map(|lane| lane + 1))
        };
        solve.run(workspace, &posterior.times, &mut |time, workspace| {
            let weight = posterior.weights[time];
            for (integral, testing) in integrals.iter_mut().zip(&posterior.testing).filter(|_| weight > 0.0) {
                let term = &posterior.terms[testing.term];
                workspace.observation(program, term.observation);
                let [first, second] = [0, 1].map(|index| workspace.argument(program, term.observation, index).0);
                let (s, lane) = rate(testing);
                let noise = Noise { family: term.family, arguments: [first[0], second[0], 0.0] };
                let Tilted { ln_rate, rate_by, .. } = Tilted::new(noise, s);
                let mut slopes = [0.0; W];
                for l in 1..W {
                    slopes[l] = rate_by[0] * first[l] + rate_by[1] * second[l];
                }
                if let Some(lane) = lane {
                    slopes[lane] += rate_by[2] / testing.per;
                }
                integral.add(weight, ln_rate, &slopes);
            }
            for (index, number) in &posterior.taken[time] {
                let (term, reading) = (&posterior.terms[*index], posterior.terms[*index].readings[*number]);
                workspace.observation(program, term.observation);
                if term.family.correlated() {
                    let argument = |index| Dual(workspace.argument(program, term.observation, index).0);
                    let arguments = [argument(0), argument(1), argument(2)];
                    let (family, memory) = (term.family, &mut memories[*index]);
                    let ln_density = workspace.vectorised(Score { family, arguments, memory, reading });
                    sum += ln_density.value();
                    total.iter_mut().zip(ln_density.0).for_each(|(total, tangent)| *total += tangent);
                    if let Some(pointwise) = pointwise {
                        pointwise[*index].push(ln_density.value());
                    }
                    continue;
                }
                let arity = Noise::arity(term.family);
                let mut noise = Noise { family: term.family, arguments: [0.0; 3] };
                for argument in 0..arity {
                    noise.arguments[argument] = workspace.argument(program, term.observation, argument).0[0];
                }
                let (noise, narrower) = noise.widened(reading.sd, reading.value);
                let tested = posterior.tested(*index);
                let (s, lane) = tested.map_or((0.0, None), |(_, testing)| rate(&testing));
                let tilted = Tilted::new(noise, s);
                let scored = tilted.noise.score(reading.value, reading.censoring);
                let ln_density = scored.ln_density + tilted.ln_rate;
                sum += ln_density;
                let mut by_argument = scored.by_argument;
                if let Some((_, testing)) = tested {
                    let [by_first, by_spread, by_s] = tilted.first_by.map(|by| by * scored.by_argument[0]);
                    by_argument[0] = by_first + tilted.rate_by[0];
                    by_argument[1] += by_spread + tilted.rate_by[1];
                    if let Some(lane) = lane {
                        total[lane] += (by_s + tilted.rate_by[2]) / testing.per;
                    }
                }
                for argument in 0..arity {
                    let by = by_argument[argument] * if argument + 1 == arity { narrower } else { 1.0 };
                    let tangents = &workspace.argument(program, term.observation, argument).0;
                    for l in 1..W {
                        total[l] += by * tangents[l];
                    }
                }
                if let Some(pointwise) = pointwise {
                    pointwise[*index].push(ln_density);
                }
            }
        })?;
        for (integral, testing) in integrals.iter().zip(&posterior.testing) {
            let tests = posterior.terms[testing.term].readings.len() as f64;
            sum -= tests * integral.value();
            for (l, total) in total.iter_mut().enumerate().skip(1) {
                *total -= tests * integral.slope(l);
            }
            if let Some(pointwise) = pointwise {
                pointwise[testing.term].iter_mut().for_each(|ln_density| *ln_density -= integral.value());
            }
        }
        self.gradient.copy_from_slice(&total[1..=self.gradient.len()]);
        Ok(sum)
    }
}

/// Memory of one chain, with as many lanes as the parameters need.
#[derive(Debug)]
pub struct PosteriorWorkspace(Width);

#[derive(Debug)]
enum Width {
    Eight(Workspace<8>),
    Sixteen(Workspace<16>),
    TwentyFour(Workspace<24>),
    ThirtyTwo(Workspace<32>),
}

impl PosteriorWorkspace {
    fn new(program: &Program, dimension: usize) -> Self {
        let reading = Reading::Tangents;
        Self(match dimension {
            ..8 => Width::Eight(Workspace::new(program, reading)),
            8..16 => Width::Sixteen(Workspace::new(program, reading)),
            16..24 => Width::TwentyFour(Workspace::new(program, reading)),
            _ => Width::ThirtyTwo(Workspace::new(program, reading)),
        })
    }

    /// The method by which the last point was solved.
    pub fn used(&self) -> Used {
        match &self.0 {
            Width::Eight(workspace) => workspace.used(),
            Width::Sixteen(workspace) => workspace.used(),
            Width::TwentyFour(workspace) => workspace.used(),
            Width::ThirtyTwo(workspace) => workspace.used(),
        }
    }

    fn tangents(&self) -> usize {
        match self.0 {
            Width::Eight(_) => 7,
            Width::Sixteen(_) => 15,
            Width::TwentyFour(_) => 23,
            Width::ThirtyTwo(_) => 31,
        }
    }

    fn with(&mut self, pass: &mut Pass) -> Result<f64, Failure> {
        match &mut self.0 {
            Width::Eight(workspace) => pass.run(workspace),
            Width::Sixteen(workspace) => pass.run(workspace),
            Width::TwentyFour(workspace) => pass.run(workspace),
            Width::ThirtyTwo(workspace) => pass.run(workspace),
        }
    }
}
