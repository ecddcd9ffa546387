//! The mode of a target by L-BFGS from many starts (Nocedal & Wright 2006, chapter 7).

use std::collections::VecDeque;

use rayon::prelude::*;

use super::target::{LogDensityGradient, Rejection};

/// Settings of [`maximise`].
#[derive(Clone, Debug, PartialEq)]
pub struct ModeSettings {
    pub iterations: usize,
    /// Steps that the approximation of the curvature remembers.
    pub memory: usize,
    /// Gain in ln density that a further step promises, below which the search has arrived.
    pub tolerance: f64,
}

impl Default for ModeSettings {
    fn default() -> Self {
        Self { iterations: 500, memory: 12, tolerance: 1e-10 }
    }
}

/// The highest point that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Mode {
    pub position: Vec<f64>,
    pub ln_density: f64,
    /// Euclidean norm.
    pub gradient_norm: f64,
    /// Gradients it took.
    pub evaluations: u64,
    /// Whether no further step promises a gain.
    pub converged: bool,
}

/// The highest of the modes that are reached from the starts, each searched on its own and in parallel.
///
/// # Errors
/// The rejection of the first start, if the target has no density at any.
pub fn maximise<T: LogDensityGradient>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &ModeSettings,
) -> Result<Mode, Rejection> {
    let mut best: Result<Mode, Rejection> = Err(Rejection::new("there is no start"));
    let mut evaluations = 0;
    for (index, found) in modes(target, starts, settings).into_iter().enumerate() {
        evaluations += found.as_ref().map_or(1, |mode| mode.evaluations);
        let better = match (&best, &found) {
            (Err(_), _) => found.is_ok() || index == 0,
            (Ok(best), Ok(found)) => found.ln_density > best.ln_density,
            (Ok(_), Err(_)) => false,
        };
        if better {
            best = found;
        }
    }
    best.map(|mode| Mode { evaluations, ..mode })
}

/// The mode that is reached from each start, in the order of the starts.
pub fn modes<T: LogDensityGradient>(
    target: &T,
    starts: &[Vec<f64>],
    settings: &ModeSettings,
) -> Vec<Result<Mode, Rejection>> {
    starts.par_iter().map(|start| climb(target, start, settings, &mut |_| ())).collect()
}

/// A point with its density and gradient.
#[derive(Clone)]
pub(super) struct Point {
    pub at: Vec<f64>,
    pub ln_density: f64,
    pub gradient: Vec<f64>,
}

/// A step and the change of the (downhill) gradient over it.
struct Step {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change)
    rho: f64,
}

/// Line searches: sufficient increase and curvature (Wolfe), and how many points one may look at.
const INCREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const SEARCHES: usize = 40;
/// Promised gain of ln density below which a line search that finds nothing better has met the target's own rounding.
const ROUNDING: f64 = 1e-3;

/// The mode that is reached from a start; `watch` sees every point on the way, the start first.
pub(super) fn climb<T: LogDensityGradient>(
    target: &T,
    start: &[f64],
    settings: &ModeSettings,
    watch: &mut dyn FnMut(&Point),
) -> Result<Mode, Rejection> {
    let mut workspace = target.workspace();
    let mut evaluations = 0;
    let mut evaluate = |at: Vec<f64>| {
        evaluations += 1;
        let mut gradient = vec![0.0; at.len()];
        let ln_density = target.ln_density_gradient(&mut workspace, &at, &mut gradient)?;
        if !ln_density.is_finite() || gradient.iter().any(|slope| !slope.is_finite()) {
            return Err(Rejection::new("the density or its gradient is not a finite number"));
        }
        Ok(Point { at, ln_density, gradient })
    };
    let mut point = evaluate(start.to_vec())?;
    watch(&point);
    let mut memory: VecDeque<Step> = VecDeque::new();
    let mut converged = false;
    for _ in 0..settings.iterations {
        let direction = direction(&point.gradient, &memory);
        let slope = dot(&direction, &point.gradient);
        // Without a memory the scale of the step, and so the promise, means nothing.
        if norm(&point.gradient) == 0.0 || !memory.is_empty() && slope <= settings.tolerance {
            converged = true;
            break;
        }
        let Some(next) = line_search(&point, &direction, slope, &mut evaluate) else {
            if memory.is_empty() || slope <= ROUNDING {
                converged = !memory.is_empty();
                break;
            }
            memory.clear();
            continue;
        };
        let step: Vec<f64> = next.at.iter().zip(&point.at).map(|(new, old)| new - old).collect();
        let change: Vec<f64> = point.gradient.iter().zip(&next.gradient).map(|(old, new)| old - new).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * norm(&step) * norm(&change) {
            if memory.len() == settings.memory.max(1) {
                memory.pop_front();
            }
            memory.push_back(Step { step, change, rho: 1.0 / curvature });
        }
        point = next;
        watch(&point);
    }
    let gradient_norm = norm(&point.gradient);
    let Point { at: position, ln_density, .. } = point;
    Ok(Mode { position, ln_density, gradient_norm, evaluations, converged })
}

/// Uphill direction: the gradient times the inverse curvature that the memory suggests (two-loop recursion).
fn direction(gradient: &[f64], memory: &VecDeque<Step>) -> Vec<f64> {
    let mut direction = gradient.to_vec();
    let Some(last) = memory.back() else {
        // The first step is at most one unit long.
        let scale = 1.0 / norm(gradient).max(1.0);
        direction.iter_mut().for_each(|x| *x *= scale);
        return direction;
    };
    let mut weights = Vec::with_capacity(memory.len());
    for Step { step, change, rho } in memory.iter().rev() {
        let weight = rho * dot(step, &direction);
        direction.iter_mut().zip(change).for_each(|(d, y)| *d -= weight * y);
        weights.push(weight);
    }
    let scale = 1.0 / (last.rho * dot(&last.change, &last.change));
    direction.iter_mut().for_each(|d| *d *= scale);
    for (Step { step, change, rho }, weight) in memory.iter().zip(weights.into_iter().rev()) {
        let back = rho * dot(change, &direction);
        direction.iter_mut().zip(step).for_each(|(d, s)| *d += (weight - back) * s);
    }
    direction
}

/// A point along the direction that satisfies the weak Wolfe conditions, by bisection, so that rejected points are
/// simply too far; or the highest of those looked at; or nothing, if none is higher than the start.
fn line_search(
    from: &Point,
    direction: &[f64],
    slope: f64,
    evaluate: &mut impl FnMut(Vec<f64>) -> Result<Point, Rejection>,
) -> Option<Point> {
    let (mut near, mut far, mut length) = (0.0, f64::INFINITY, 1.0);
    let mut best: Option<Point> = None;
    for _ in 0..SEARCHES {
        let at: Vec<f64> = from.at.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        match evaluate(at) {
            Ok(point) if point.ln_density >= from.ln_density + INCREASE * length * slope => {
                let flat_enough = dot(&point.gradient, direction) <= CURVATURE * slope;
                if best.as_ref().is_none_or(|best| point.ln_density > best.ln_density) {
                    best = Some(point);
                }
                if flat_enough {
                    break;
                }
                near = length;
            }
            _ => far = length,
        }
        length = if far.is_finite() { 0.5 * (near + far) } else { 2.0 * near };
        if far - near <= 1e-12 * far {
            break;
        }
    }
    best.filter(|best| best.ln_density > from.ln_density)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
