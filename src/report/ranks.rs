//! Whether ranks of true values are uniform: the difference of their ECDFs from the uniform one, within bands; small multiples.

use super::axis::Axis;
use super::figure::Figure;
use super::frame::{Frame, Key, MARGIN, SMALL, TEXT, legend};
use super::scene::{Anchor, Area, Face, Scene, Shape, Weight};
use super::style::{ALARM, AXIS, GRID, INK, Line, MUTED};
use super::text::{elide, width};
use crate::twin::CalibrationCheck;

/// Differences of ECDFs of ranks from the uniform one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankChart {
    pub frame: Frame,
    pub quantities: Vec<RankPanel>,
    /// `(low, high)` of the differences of one quantity at k / (n + 1), k = 1 to n.
    pub band: Vec<(f64, f64)>,
    /// … of all quantities at once.
    pub joint_band: Vec<(f64, f64)>,
}

/// One quantity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankPanel {
    pub name: String,
    /// At k / (n + 1), k = 1 to n.
    pub differences: Vec<f64>,
    pub p_value: f64,
    /// What is wrong, if the quantity failed.
    pub verdict: Option<String>,
}

/// The chart of a check of calibration.
pub fn ranks_of(check: &CalibrationCheck, frame: Frame) -> RankChart {
    let quantities = check.quantities.iter().zip(&check.ranks.quantities).map(|(quantity, result)| RankPanel {
        name: quantity.name.clone(),
        differences: result.differences.clone(),
        p_value: result.p_value,
        verdict: (!result.passed).then(|| {
            let words: Vec<&str> = result.departures.iter().map(|departure| departure.words()).collect();
            words.join(", ")
        }),
    });
    RankChart {
        frame,
        quantities: quantities.collect(),
        band: check.ranks.band.differences(),
        joint_band: check.ranks.joint_band.differences(),
    }
}

const WIDTH: f64 = 960.0;
const COLUMNS: usize = 3;
const GAP: f64 = 24.0;
const GUTTER: f64 = 44.0;
const HEIGHT: f64 = 128.0;
const ROW: f64 = HEIGHT + 66.0;
const EDGE: Line = Line { colour: MUTED, dashes: &[5.0, 3.0] };

/// Draws the differences, a panel each.
pub fn rank_chart(chart: &RankChart) -> Figure {
    let mut scene = Scene::new(WIDTH);
    let y = chart.frame.head(&mut scene);
    let several = chart.quantities.len() > 1;
    let mut keys = vec![
        Key::Line {
            name: "difference of the ECDF of ranks from uniform".into(),
            line: Line { colour: INK, dashes: &[] },
        },
        Key::Area { name: "95 % band, this quantity".into(), colour: MUTED.lighter(0.3) },
    ];
    if several {
        keys.push(Key::Line { name: "95 % band, all quantities at once".into(), line: EDGE });
    }
    let top = legend(&mut scene, &keys, y) + 6.0;
    let column = ((WIDTH - 2.0 * MARGIN - GUTTER - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64).floor();
    let bands = chart.joint_band.iter().chain(&chart.band).flat_map(|(low, high)| [*low, *high]);
    let all = bands.chain(chart.quantities.iter().flat_map(|quantity| quantity.differences.iter().copied()));
    let largest = all.map(f64::abs).filter(|value| value.is_finite()).fold(0.01, f64::max);
    let axis = Axis::linear(-1.06 * largest, 1.06 * largest, 5);
    for (number, quantity) in chart.quantities.iter().enumerate() {
        let left = MARGIN + GUTTER + (number % COLUMNS) as f64 * (column + GAP);
        let area = Area { left, top: top + (number / COLUMNS) as f64 * ROW + 40.0, width: column, height: HEIGHT };
        let below = number + COLUMNS >= chart.quantities.len();
        grid(&mut scene, &axis, area, number % COLUMNS == 0, below);
        curves(&mut scene, chart, quantity, &axis, area, several);
        title(&mut scene, quantity, area);
    }
    if chart.quantities.is_empty() {
        scene.text((MARGIN, top + 30.0), "nothing to show", Face::regular(TEXT, MUTED));
    }
    let bottom = top + chart.quantities.len().div_ceil(COLUMNS).max(1) as f64 * ROW + 16.0;
    let words = [
        "Across: rank of the truth among the draws, from lowest (0) to highest (1). Up: share of simulations with a lower rank, less \
         that of uniform ranks.",
        "A curve that leaves the bands above: draws too high; below: too low; above and then below: draws too narrow; below and \
         then above: too wide.",
    ];
    for (number, words) in words.into_iter().enumerate() {
        scene.text((MARGIN, bottom + 15.0 * number as f64), words, Face::regular(SMALL, MUTED));
    }
    chart.frame.foot(&mut scene, bottom + 15.0);
    Figure { scene, title: format!("{}. {}", chart.frame.title, chart.frame.subtitle) }
}

fn title(scene: &mut Scene, quantity: &RankPanel, area: Area) {
    let p = if quantity.p_value < 0.001 { "p < 0.001".to_string() } else { format!("p = {:.3}", quantity.p_value) };
    let room = area.width - width(&p, TEXT, Weight::Regular) - 10.0;
    scene.text((area.left, area.top - 22.0), elide(&quantity.name, room, TEXT, Weight::Bold), Face::bold(TEXT, INK));
    scene.text((area.right(), area.top - 22.0), p, Face::regular(TEXT, MUTED).anchored(Anchor::End));
    let (words, colour) = match &quantity.verdict {
        Some(wrong) => (format!("draws {wrong}"), ALARM),
        None => ("no sign of a fault".into(), MUTED),
    };
    let words = elide(&words, area.width, SMALL, Weight::Regular);
    scene.text((area.left, area.top - 7.0), words, Face::regular(SMALL, colour));
}

fn grid(scene: &mut Scene, axis: &Axis, area: Area, labelled: bool, below: bool) {
    for (value, label) in &axis.ticks {
        let y = area.bottom() - axis.place(*value) * area.height;
        scene.line(vec![(area.left, y), (area.right(), y)], GRID, 0.8);
        if labelled {
            let face = Face::regular(SMALL, MUTED).anchored(Anchor::End);
            scene.text((area.left - 6.0, y + 3.8), label.clone(), face);
        }
    }
    scene.line(vec![(area.left, area.bottom()), (area.right(), area.bottom())], AXIS, 1.0);
    for (share, label) in [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")] {
        let x = area.left + share * area.width;
        scene.line(vec![(x, area.bottom()), (x, area.bottom() + 3.5)], AXIS, 1.0);
        if below {
            let anchor = if share == 1.0 { Anchor::End } else { Anchor::Middle };
            scene.text((x, area.bottom() + 15.0), label, Face::regular(SMALL, MUTED).anchored(anchor));
        }
    }
}

fn curves(scene: &mut Scene, chart: &RankChart, quantity: &RankPanel, axis: &Axis, area: Area, several: bool) {
    // Both ends are known: 0 there.
    let place = |values: Vec<f64>| -> Vec<(f64, f64)> {
        let last = values.len() as f64 + 1.0;
        let ends = std::iter::once(0.0).chain(values).chain([0.0]).enumerate();
        let x = |k: usize| area.left + k as f64 / last * area.width;
        ends.map(|(k, value)| (x(k), area.bottom() - axis.place(value) * area.height)).collect()
    };
    let sides = |band: &[(f64, f64)]| {
        (place(band.iter().map(|(low, _)| *low).collect()), place(band.iter().map(|(_, high)| *high).collect()))
    };
    let (mut points, upper) = sides(&chart.band);
    points.extend(upper.into_iter().rev());
    scene.push(Shape::Polygon { points, colour: MUTED, alpha: 0.3 });
    if several {
        let (lower, upper) = sides(&chart.joint_band);
        scene.dashed(&lower, EDGE.colour, 0.9, EDGE.dashes);
        scene.dashed(&upper, EDGE.colour, 0.9, EDGE.dashes);
    }
    let (colour, thick) = if quantity.verdict.is_some() { (ALARM, 2.2) } else { (INK, 1.4) };
    scene.line(place(quantity.differences.clone()), colour, thick);
}
