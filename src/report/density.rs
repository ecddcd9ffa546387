//! Prior against posterior: small multiples, one a parameter.

use super::axis::{Axis, Scale};
use super::fan::unit_in_brackets;
use super::figure::Figure;
use super::frame::{Frame, Key, MARGIN, SMALL, TEXT, legend};
use super::scene::{Anchor, Area, Face, Scene, Shape, Weight};
use super::style::{AXIS, BLUE, INK, Line, MUTED};
use super::text::{elide, width};
use crate::stats::Histogram;

/// Priors and posteriors of parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParameterChart {
    pub frame: Frame,
    pub parameters: Vec<ParameterPanel>,
}

/// One parameter before and after the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParameterPanel {
    pub name: String,
    pub unit: String,
    /// Points of the prior's density, `(value, density)`, values increasing.
    pub prior: Vec<(f64, f64)>,
    pub posterior: Histogram,
    /// 1 − variance of the posterior / variance of the prior: what the data taught.
    pub contraction: f64,
}

const WIDTH: f64 = 960.0;
const COLUMNS: usize = 4;
const GAP: f64 = 26.0;
const HEIGHT: f64 = 110.0;
const PRIOR: Line = Line { colour: INK, dashes: &[6.0, 3.0] };

/// Draws priors against posteriors.
pub fn parameter_chart(chart: &ParameterChart) -> Figure {
    let mut scene = Scene::new(WIDTH);
    let y = chart.frame.head(&mut scene);
    let keys = [
        Key::Line { name: "prior".into(), line: PRIOR },
        Key::Area { name: "posterior".into(), colour: BLUE.lighter(0.45) },
    ];
    let top = legend(&mut scene, &keys, y) + 4.0;
    let columns = chart.parameters.len().clamp(1, COLUMNS);
    let column = ((WIDTH - 2.0 * MARGIN - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64).floor();
    let row = HEIGHT + 92.0;
    for (number, parameter) in chart.parameters.iter().enumerate() {
        let left = MARGIN + (number % columns) as f64 * (column + GAP);
        let area = Area { left, top: top + (number / columns) as f64 * row + 44.0, width: column, height: HEIGHT };
        panel(&mut scene, parameter, area);
    }
    let rows = chart.parameters.len().div_ceil(columns);
    if chart.parameters.is_empty() {
        scene.text((MARGIN, top + 30.0), "no parameter to show", Face::regular(TEXT, MUTED));
    }
    chart.frame.foot(&mut scene, top + rows.max(1) as f64 * row - 10.0);
    Figure { scene, title: format!("{}. {}", chart.frame.title, chart.frame.subtitle) }
}

fn panel(scene: &mut Scene, parameter: &ParameterPanel, area: Area) {
    let posterior = &parameter.posterior;
    let name = elide(&parameter.name, area.width, TEXT, Weight::Bold);
    scene.text((area.left, area.top - 26.0), name, Face::bold(TEXT, INK));
    let taught = if parameter.contraction.is_finite() {
        format!("contraction {}", super::axis::fixed(parameter.contraction, 2))
    } else {
        "contraction unknown".into()
    };
    scene.text((area.left, area.top - 11.0), taught, Face::regular(SMALL, MUTED));

    let (low, high) = range(parameter);
    let axis = Axis::linear(low, high, 4);
    let highest = highest(parameter, low, high);
    let at = |value: f64, density: f64| {
        let share = (density / highest).clamp(0.0, 1.0);
        (area.left + axis.place(value) * area.width, area.bottom() - share * (area.height - 6.0))
    };
    let mut outline = Vec::new();
    for (bin, density) in posterior.densities.iter().enumerate() {
        let start = posterior.start + bin as f64 * posterior.width;
        outline.push(at(start, *density));
        outline.push(at(start + posterior.width, *density));
    }
    if posterior.width > 0.0 {
        let (first, last) = (posterior.start, posterior.start + posterior.densities.len() as f64 * posterior.width);
        let mut filled = vec![at(first, 0.0)];
        filled.extend(&outline);
        filled.push(at(last, 0.0));
        scene.push(Shape::Polygon { points: filled.clone(), colour: BLUE.lighter(0.45), alpha: 1.0 });
        scene.line(filled, BLUE, 1.0);
    } else if !posterior.densities.is_empty() {
        // All draws are the same.
        scene.line(vec![at(posterior.start, 0.0), at(posterior.start, highest)], BLUE, 2.0);
    }
    let prior: Vec<(f64, f64)> = parameter
        .prior
        .iter()
        .filter(|(value, density)| (low..=high).contains(value) && !density.is_nan())
        .map(|(value, density)| at(*value, *density))
        .collect();
    scene.dashed(&prior, PRIOR.colour, 1.4, PRIOR.dashes);
    scene.line(vec![(area.left, area.bottom()), (area.right(), area.bottom())], AXIS, 1.0);
    ticks(scene, &axis, &parameter.unit, area);
}

/// Labels under a small axis, as many as have room, and under them its unit.
pub(super) fn ticks(scene: &mut Scene, axis: &Axis, unit: &str, area: Area) {
    let mut free = f64::NEG_INFINITY;
    for (value, label) in &axis.ticks {
        let x = area.left + axis.place(*value) * area.width;
        let half = 0.5 * width(label, SMALL, Weight::Regular);
        scene.line(vec![(x, area.bottom()), (x, area.bottom() + 3.0)], AXIS, 1.0);
        if x - half > free + 6.0 && x + half < area.right() + 14.0 {
            let face = Face::regular(SMALL, MUTED).anchored(Anchor::Middle);
            scene.text((x, area.bottom() + 15.0), label.clone(), face);
            free = x + half;
        }
    }
    let unit = elide(unit_in_brackets(&axis.labelled(unit)).trim_start(), area.width, SMALL, Weight::Regular);
    let face = Face::regular(SMALL, MUTED).anchored(Anchor::Middle);
    scene.text((area.left + 0.5 * area.width, area.bottom() + 29.0), unit, face);
}

/// What is shown: the prior, but no more of it than leaves the posterior a shape.
fn range(parameter: &ParameterPanel) -> (f64, f64) {
    let posterior = &parameter.posterior;
    let finite = |values: &mut dyn Iterator<Item = f64>| {
        values.filter(|value| value.is_finite()).fold(None, |range: Option<(f64, f64)>, value| {
            Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        })
    };
    let prior = finite(&mut parameter.prior.iter().map(|(value, _)| *value));
    let drawn = (!posterior.densities.is_empty())
        .then_some((posterior.start, posterior.start + posterior.width * posterior.densities.len() as f64));
    let drawn = drawn.filter(|(low, high)| low.is_finite() && high.is_finite());
    let (low, high) = match (prior, drawn) {
        (Some(prior), Some(drawn)) => {
            let span = drawn.1 - drawn.0;
            let most = if span > 0.0 { 6.0 * span } else { f64::INFINITY };
            (prior.0.max(drawn.0 - most).min(drawn.0), prior.1.min(drawn.1 + most).max(drawn.1))
        }
        (Some(range), None) | (None, Some(range)) => range,
        (None, None) => (0.0, 1.0),
    };
    if high > low {
        (low, high)
    } else {
        let around = Axis::around([low], Scale::Linear, 4);
        (around.low, around.high)
    }
}

/// The density that reaches the top: the posterior's, or the prior's where that does not dwarf it.
fn highest(parameter: &ParameterPanel, low: f64, high: f64) -> f64 {
    let posterior = parameter.posterior.densities.iter().copied().fold(0.0, f64::max);
    let inside = parameter.prior.iter().filter(|(value, _)| (low..=high).contains(value));
    let prior = inside.map(|(_, density)| *density).filter(|density| density.is_finite()).fold(0.0, f64::max);
    let highest = if posterior > 0.0 { posterior.max(prior.min(1.5 * posterior)) } else { prior };
    if highest > 0.0 { highest } else { 1.0 }
}
