//! Traces of the chains beside the histograms of their ranks: whether the chains agree.

use super::axis::{Axis, Scale, fixed};
use super::fan::unit_in_brackets;
use super::figure::Figure;
use super::frame::{Frame, Key, MARGIN, SMALL, TEXT, legend};
use super::scene::{Anchor, Area, Face, Scene, Weight};
use super::style::{AXIS, GRID, INK, Line, MUTED, chain};
use super::text::{elide, width};

/// Traces and ranks of parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceChart {
    pub frame: Frame,
    pub parameters: Vec<TracePanel>,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TracePanel {
    pub name: String,
    pub unit: String,
    /// `[chain][draw]`
    pub chains: Vec<Vec<f64>>,
    /// How often each chain's draws have ranks in each bin, `[chain][bin]` (Vehtari et al. 2021).
    pub ranks: Vec<Vec<usize>>,
    pub r_hat: f64,
    pub ess_bulk: f64,
    pub ess_tail: f64,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 82.0;
const ROW: f64 = HEIGHT + 46.0;
/// Share of the width that the traces take.
const TRACES: f64 = 0.58;
const GUTTER: f64 = 46.0;

/// Draws traces and rank histograms.
pub fn trace_chart(chart: &TraceChart) -> Figure {
    let mut scene = Scene::new(WIDTH);
    let y = chart.frame.head(&mut scene);
    let chains = chart.parameters.iter().map(|parameter| parameter.chains.len()).max().unwrap_or(0);
    let keys: Vec<Key> = (0..chains)
        .map(|index| Key::Line {
            name: format!("chain {}", index + 1),
            line: Line { colour: chain(index), dashes: &[] },
        })
        .collect();
    let top = legend(&mut scene, &keys, y) + 2.0;
    let left = MARGIN + GUTTER;
    let traces = ((WIDTH - MARGIN - left) * TRACES).floor();
    let ranks = WIDTH - MARGIN - left - traces - 28.0;
    for (number, parameter) in chart.parameters.iter().enumerate() {
        let area = Area { left, top: top + 26.0 + number as f64 * ROW, width: traces, height: HEIGHT };
        let axis = Axis::around(parameter.chains.iter().flatten().copied(), Scale::Linear, 3);
        title(&mut scene, parameter, &axis, area.top - 9.0);
        draw_traces(&mut scene, parameter, &axis, area, number + 1 == chart.parameters.len());
        let beside = Area { left: left + traces + 28.0, width: ranks, ..area };
        draw_ranks(&mut scene, parameter, beside, number + 1 == chart.parameters.len());
    }
    if chart.parameters.is_empty() {
        scene.text((MARGIN, top + 30.0), "no parameter to show", Face::regular(TEXT, MUTED));
    }
    chart.frame.foot(&mut scene, top + chart.parameters.len().max(1) as f64 * ROW + 4.0);
    Figure { scene, title: format!("{}. {}", chart.frame.title, chart.frame.subtitle) }
}

fn title(scene: &mut Scene, parameter: &TracePanel, axis: &Axis, y: f64) {
    let numbers = format!(
        "R-hat {} · ESS bulk {}, tail {}",
        if parameter.r_hat.is_finite() { fixed(parameter.r_hat, 3) } else { "–".into() },
        whole(parameter.ess_bulk),
        whole(parameter.ess_tail)
    );
    let room = WIDTH - 2.0 * MARGIN - width(&numbers, TEXT, Weight::Regular) - 16.0;
    let unit = unit_in_brackets(&axis.labelled(&parameter.unit));
    let name = elide(&parameter.name, room - width(&unit, TEXT, Weight::Regular), TEXT, Weight::Bold);
    let after_name = MARGIN + width(&name, TEXT, Weight::Bold);
    scene.text((MARGIN, y), name, Face::bold(TEXT, INK));
    scene.text((after_name, y), unit, Face::regular(TEXT, MUTED));
    scene.text((WIDTH - MARGIN, y), numbers, Face::regular(TEXT, MUTED).anchored(Anchor::End));
}

fn whole(value: f64) -> String {
    if value.is_finite() { fixed(value, 0) } else { "–".into() }
}

fn draw_traces(scene: &mut Scene, parameter: &TracePanel, axis: &Axis, area: Area, last: bool) {
    for (value, label) in &axis.ticks {
        let y = area.bottom() - axis.place(*value) * area.height;
        scene.line(vec![(area.left, y), (area.right(), y)], GRID, 0.8);
        let face = Face::regular(SMALL, MUTED).anchored(Anchor::End);
        scene.text((area.left - 6.0, y + 3.8), elide(label, GUTTER + 14.0, SMALL, Weight::Regular), face);
    }
    let draws = parameter.chains.iter().map(Vec::len).max().unwrap_or(0);
    let x = |draw: f64| area.left + draw / (draws.max(2) - 1) as f64 * area.width;
    for (index, chain_draws) in parameter.chains.iter().enumerate() {
        // More draws than half pixels: the extremes of each half pixel look the same and take less room.
        let every = (chain_draws.len() as f64 / (2.0 * area.width)).ceil().max(1.0) as usize;
        let mut points = Vec::new();
        for (number, group) in chain_draws.chunks(every).enumerate() {
            let known = group.iter().copied().filter(|value| value.is_finite());
            let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
            let ends = if every == 1 { vec![low] } else { vec![low, high] };
            for value in ends.into_iter().filter(|value| value.is_finite()) {
                points.push((x((number * every) as f64), area.bottom() - axis.place(value) * area.height));
            }
        }
        if let [only] = points[..] {
            scene.circle(only, 2.0, chain(index));
        }
        scene.line(points, chain(index), 0.7);
    }
    scene.line(vec![(area.left, area.bottom()), (area.right(), area.bottom())], AXIS, 1.0);
    if last {
        let words = format!("draw 1 to {draws}");
        scene.text((area.left, area.bottom() + 16.0), words, Face::regular(SMALL, MUTED));
    }
}

fn draw_ranks(scene: &mut Scene, parameter: &TracePanel, area: Area, last: bool) {
    let chains = parameter.ranks.len();
    if chains == 0 {
        return;
    }
    let gap = 10.0;
    let width = (area.width - gap * (chains - 1) as f64) / chains as f64;
    let most = parameter.ranks.iter().flatten().copied().max().unwrap_or(0);
    // Twice the even share is the height, unless a bin has more.
    let even = |counts: &[usize]| counts.iter().sum::<usize>() as f64 / counts.len().max(1) as f64;
    let scale = parameter.ranks.iter().map(|counts| 2.0 * even(counts)).fold(most as f64, f64::max).max(1.0);
    for (index, counts) in parameter.ranks.iter().enumerate() {
        let left = area.left + index as f64 * (width + gap);
        let bin = width / counts.len().max(1) as f64;
        let y = |count: f64| area.bottom() - count / scale * (area.height - 4.0);
        for (number, count) in counts.iter().enumerate() {
            let top = y(*count as f64);
            let bar = Area { left: left + number as f64 * bin, top, width: bin - 0.8, height: area.bottom() - top };
            scene.fill(bar, chain(index).lighter(0.75), 1.0);
        }
        let expected = y(even(counts));
        scene.dashed(&[(left, expected), (left + width, expected)], INK, 0.9, &[3.0, 2.5]);
        scene.line(vec![(left, area.bottom()), (left + width, area.bottom())], AXIS, 1.0);
    }
    if last {
        let words = "ranks among all draws, a chain each · dashed: even";
        let words = elide(words, area.width, SMALL, Weight::Regular);
        scene.text((area.left, area.bottom() + 16.0), words, Face::regular(SMALL, MUTED));
    }
}
