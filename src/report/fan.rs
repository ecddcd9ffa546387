//! The fan chart: medians with 50 % and 90 % bands over time, one ribbon a scenario, over the measured values.

use jiff::ZonedDateTime;

use super::axis::{Axis, Scale};
use super::clock::{draw_time, time_axis};
use super::figure::Figure;
use super::frame::{Frame, Key, MARGIN, Mark, SMALL, TEXT, legend};
use super::ribbon::{self, clip};
use super::scene::{Anchor, Area, Face, Scene, Shape, Weight};
use super::strip::{Strip, draw_strips};
use super::style::{AXIS, GRID, INK, MUTED, TARGET, TARGET_EDGE, line};
use super::text::{elide, readable, width};

/// One fan chart: panels over a common axis of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FanChart {
    pub frame: Frame,
    pub panels: Vec<Panel>,
    /// What acted on the person, below the panels.
    pub strips: Vec<Strip>,
    /// What is shown [h since the epoch]; everything if absent.
    pub window_h: Option<(f64, f64)>,
    /// Time zero on the calendar; without it the axis counts hours.
    pub epoch: Option<ZonedDateTime>,
}

/// One quantity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    pub quantity: String,
    pub unit: String,
    /// One a scenario; the same name has the same look in every panel.
    pub ribbons: Vec<Ribbon>,
    /// One a device.
    pub readings: Vec<Readings>,
    /// A range to be in, in `unit`.
    pub target: Option<(f64, f64)>,
    pub scale: Scale,
}

/// Quantiles over draws at each time; all lists are `[time]`. A NaN is a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ribbon {
    pub name: String,
    /// Increasing [h since the epoch].
    pub times_h: Vec<f64>,
    pub q05: Vec<f64>,
    pub q25: Vec<f64>,
    pub q50: Vec<f64>,
    pub q75: Vec<f64>,
    pub q95: Vec<f64>,
}

/// Measured values; the lists are `[reading]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    pub name: String,
    pub times_h: Vec<f64>,
    pub values: Vec<f64>,
    /// −1 where the truth is at or below the value, 1 where it is at or above, 0 for a plain value.
    pub beyond: Vec<i8>,
}

const WIDTH: f64 = 960.0;
/// Readings that are drawn large and above the medians.
const FEW: usize = 80;

/// Draws a fan chart.
pub fn fan_chart(chart: &FanChart) -> Figure {
    let mut scene = Scene::new(WIDTH);
    let y = chart.frame.head(&mut scene);
    let names = names(chart);
    let mut y = legend(&mut scene, &keys(chart, &names), y);
    let (from, to) = chart.shown_h();
    let height = match chart.panels.len() {
        0 | 1 => 360.0,
        2 => 260.0,
        _ => 200.0,
    };
    let axes: Vec<Axis> =
        chart.panels.iter().map(|panel| value_axis(panel, from, to, (height / 48.0) as usize)).collect();
    let labels = axes.iter().flat_map(|axis| &axis.ticks);
    let gutter = labels.map(|(_, label)| width(label, TEXT, Weight::Regular)).fold(24.0, f64::max) + 9.0;
    let strip_gutter = chart.strips.iter().map(|strip| width(&strip.name, SMALL, Weight::Regular) + 9.0);
    let left = MARGIN + strip_gutter.fold(gutter, f64::max).min(150.0);
    let plot_width = WIDTH - MARGIN - left;
    let time = time_axis(from, to, chart.epoch.as_ref(), (plot_width / tick_room(chart)) as usize);
    let x = |hours: f64| left + (hours - from) / (to - from) * plot_width;
    for (number, (panel, axis)) in chart.panels.iter().zip(&axes).enumerate() {
        y += if number == 0 { 18.0 } else { 38.0 };
        let area = Area { left, top: y + 15.0, width: plot_width, height };
        panel_title(&mut scene, panel, axis, area, y);
        grid(&mut scene, panel, axis, area, &time.ticks, &x);
        let height_of = |value: f64| area.bottom() - axis.place(value) * area.height;
        let shown: Vec<(Ribbon, super::style::Line)> = panel
            .ribbons
            .iter()
            .map(|ribbon| {
                let index = names.iter().position(|name| *name == ribbon.name).unwrap_or(0);
                (clip(ribbon, from, to), line(index, names.len()))
            })
            .collect();
        ribbon::draw_bands(&mut scene, &shown, &x, &height_of);
        // Many readings hide a line, and a line hides few readings.
        let many = panel.readings.iter().any(|readings| readings.shown(from, to).count() > FEW);
        if many {
            draw_readings(&mut scene, panel, (from, to), &x, &height_of);
        }
        ribbon::draw_medians(&mut scene, &shown, &x, &height_of);
        if !many {
            draw_readings(&mut scene, panel, (from, to), &x, &height_of);
        }
        scene.line(vec![(left, area.bottom()), (area.right(), area.bottom())], AXIS, 1.0);
        let empty = shown.iter().all(|(ribbon, _)| !ribbon.q50.iter().any(|value| value.is_finite()))
            && !panel.readings.iter().any(|readings| readings.shown(from, to).next().is_some());
        if empty {
            let face = Face::regular(TEXT, MUTED).anchored(Anchor::Middle);
            scene.text((left + 0.5 * plot_width, area.top + 0.5 * height), "nothing to show in this window", face);
        }
        y = area.bottom();
    }
    y = draw_strips(&mut scene, &chart.strips, left, plot_width, (from, to), y);
    y = draw_time(&mut scene, &time, &x, (left, plot_width), y);
    chart.frame.foot(&mut scene, y);
    Figure { scene, title: format!("{}. {}", chart.frame.title, chart.frame.subtitle) }
}

/// Room for a label of the time axis and the space beside it [px].
fn tick_room(chart: &FanChart) -> f64 {
    if chart.epoch.is_some() { 66.0 } else { 58.0 }
}

/// Names of the scenarios, in order of appearance.
fn names(chart: &FanChart) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for ribbon in chart.panels.iter().flat_map(|panel| &panel.ribbons) {
        if !names.contains(&ribbon.name) {
            names.push(ribbon.name.clone());
        }
    }
    names
}

fn keys(chart: &FanChart, names: &[String]) -> Vec<Key> {
    let mut keys: Vec<Key> = names
        .iter()
        .enumerate()
        .map(|(index, name)| Key::Ribbon { name: name.clone(), line: line(index, names.len()) })
        .collect();
    let mut devices: Vec<(&str, Mark)> = Vec::new();
    for panel in &chart.panels {
        for (index, readings) in panel.readings.iter().enumerate() {
            let device = (readings.name.as_str(), Mark::of(index));
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
    }
    keys.extend(devices.iter().map(|(name, mark)| Key::Point { name: (*name).to_string(), mark: *mark }));
    if chart.panels.iter().any(|panel| panel.target.is_some()) {
        keys.push(Key::Area { name: "target range".into(), colour: TARGET });
    }
    keys
}

fn value_axis(panel: &Panel, from: f64, to: f64, wanted: usize) -> Axis {
    let mut values: Vec<f64> = panel.target.map_or(Vec::new(), |(low, high)| vec![low, high]);
    for ribbon in &panel.ribbons {
        let shown = clip(ribbon, from, to);
        for list in [&shown.q05, &shown.q50, &shown.q95] {
            values.extend(list);
        }
    }
    for readings in &panel.readings {
        values.extend(readings.shown(from, to).map(|(_, value, _)| value));
    }
    Axis::around(values, panel.scale, wanted)
}

impl FanChart {
    /// The time that is shown [h since the epoch]: the window asked for, else all that there is.
    pub fn shown_h(&self) -> (f64, f64) {
        let (mut from, mut to) = self.window_h.unwrap_or_else(|| {
            let ribbons = self.panels.iter().flat_map(|panel| &panel.ribbons).flat_map(|ribbon| &ribbon.times_h);
            let readings = self.panels.iter().flat_map(|panel| &panel.readings).flat_map(|readings| &readings.times_h);
            // Readings outside of what was simulated do not widen the picture.
            let times: Vec<f64> =
                if ribbons.clone().next().is_some() { ribbons.copied().collect() } else { readings.copied().collect() };
            let times = times.into_iter().filter(|time| time.is_finite());
            times.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), time| (from.min(time), to.max(time)))
        });
        if !(from.is_finite() && to.is_finite()) {
            (from, to) = (0.0, 24.0);
        }
        if to - from < 1e-6 {
            (from, to) = (from - 0.5, from + 0.5);
        }
        (from, to)
    }
}

impl Readings {
    /// Time, value and side of what lies in a window.
    fn shown(&self, from: f64, to: f64) -> impl Iterator<Item = (f64, f64, i8)> {
        let sides = self.beyond.iter().copied().chain(std::iter::repeat(0));
        let all = self.times_h.iter().copied().zip(self.values.iter().copied()).zip(sides);
        all.map(|((time, value), side)| (time, value, side))
            .filter(move |(time, value, _)| *time >= from && *time <= to && value.is_finite())
    }
}

/// A quantity and its unit as a title: `plasma glucose [mg/dL]`.
pub(super) fn titled(quantity: &str, unit: &str) -> String {
    format!("{}{}", quantity.replace('_', " "), unit_in_brackets(unit))
}

/// ` [mg/dL]`; nothing for a plain number.
pub(super) fn unit_in_brackets(unit: &str) -> String {
    if unit.is_empty() || unit == "1" { String::new() } else { format!(" [{}]", readable(unit)) }
}

fn panel_title(scene: &mut Scene, panel: &Panel, axis: &Axis, area: Area, y: f64) {
    let title = titled(&panel.quantity, &axis.labelled(&panel.unit));
    let title = elide(&title, 0.7 * area.width, TEXT, Weight::Bold);
    scene.text((MARGIN, y), title, Face::bold(TEXT, INK));
    if !panel.ribbons.is_empty() {
        let words = "line: median · bands: 50 % and 90 % of draws";
        scene.text((area.right(), y), words, Face::regular(SMALL, MUTED).anchored(Anchor::End));
    }
}

fn grid(scene: &mut Scene, panel: &Panel, axis: &Axis, area: Area, times: &[(f64, String)], x: &impl Fn(f64) -> f64) {
    let height_of = |value: f64| area.bottom() - axis.place(value) * area.height;
    if let Some((low, high)) = panel.target {
        let (bottom, top) = (height_of(low).min(area.bottom()), height_of(high).max(area.top));
        scene.fill(Area { left: area.left, top, width: area.width, height: bottom - top }, TARGET, 1.0);
        for height in [top, bottom] {
            scene.line(vec![(area.left, height), (area.right(), height)], TARGET_EDGE, 0.8);
        }
    }
    for (value, label) in &axis.ticks {
        let height = height_of(*value);
        scene.line(vec![(area.left, height), (area.right(), height)], GRID, 0.8);
        let face = Face::regular(TEXT, MUTED).anchored(Anchor::End);
        scene.text((area.left - 8.0, height + 4.2), label.clone(), face);
    }
    for (time, _) in times {
        scene.line(vec![(x(*time), area.top), (x(*time), area.bottom())], GRID, 0.8);
    }
}

fn draw_readings(
    scene: &mut Scene,
    panel: &Panel,
    (from, to): (f64, f64),
    x: &impl Fn(f64) -> f64,
    height_of: &impl Fn(f64) -> f64,
) {
    for (index, readings) in panel.readings.iter().enumerate() {
        let shown: Vec<(f64, f64, i8)> = readings.shown(from, to).collect();
        let radius = match shown.len() {
            0..=FEW => 3.0,
            81..=300 => 2.0,
            301..=700 => 1.5,
            _ => 1.1,
        };
        for (time, value, beyond) in shown {
            let at = (x(time), height_of(value));
            if beyond == 0 {
                Mark::of(index).draw(scene, at, radius, INK, radius >= 2.0);
            } else {
                // An arrow from the limit to the side where the truth is.
                let tip = 7.0 * -f64::from(beyond);
                scene.line(vec![(at.0 - 3.5, at.1), (at.0 + 3.5, at.1)], INK, 1.3);
                let points = vec![(at.0 - 3.0, at.1 + 0.4 * tip), (at.0 + 3.0, at.1 + 0.4 * tip), (at.0, at.1 + tip)];
                scene.push(Shape::Polygon { points, colour: INK, alpha: 1.0 });
            }
        }
    }
}
