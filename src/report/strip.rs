//! Strips under a fan chart: when what acted on the person, and how much.

use super::axis::number;
use super::scene::{Anchor, Area, Face, Scene, Weight};
use super::style::{AXIS, GRID, INK, MUTED};
use super::text::{elide, readable, width};

/// One thing that acts on the person: meals, boluses, a rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strip {
    pub name: String,
    /// Unit of the values.
    pub unit: String,
    pub events: Vec<Event>,
    /// Each value holds until the next: drawn as steps and not as ticks.
    pub held: bool,
}

/// An amount at a time, or the start of a level that holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    pub time_h: f64,
    pub value: f64,
}

const HEIGHT: f64 = 30.0;
const SMALL: f64 = super::frame::SMALL;

/// Draws the strips from a height down; returns the height below them.
pub(super) fn draw_strips(
    scene: &mut Scene,
    strips: &[Strip],
    left: f64,
    plot_width: f64,
    (from, to): (f64, f64),
    mut y: f64,
) -> f64 {
    if strips.is_empty() {
        return y;
    }
    // A scenario may give other things at other times: these are of the record.
    let face = Face::regular(SMALL, MUTED).anchored(Anchor::End);
    scene.text((left + plot_width, y + 15.0), "as recorded", face);
    y += 8.0;
    for strip in strips {
        let area = Area { left, top: y + 12.0, width: plot_width, height: HEIGHT - 12.0 };
        scene.line(vec![(left, area.bottom()), (area.right(), area.bottom())], GRID, 0.8);
        let name = elide(&strip.name.replace('_', " "), left - super::frame::MARGIN - 9.0, SMALL, Weight::Regular);
        let face = Face::regular(SMALL, MUTED).anchored(Anchor::End);
        scene.text((left - 8.0, area.bottom() - 1.0), name, face);
        let x = |hours: f64| left + (hours - from) / (to - from) * plot_width;
        if strip.held {
            steps(scene, strip, area, (from, to), &x)
        } else {
            ticks(scene, strip, area, (from, to), &x)
        }
        y = area.bottom() + 2.0;
    }
    scene.line(vec![(left, y), (left + plot_width, y)], AXIS, 1.0);
    y
}

fn values(events: &[Event]) -> impl Iterator<Item = f64> {
    events.iter().map(|event| event.value)
}

/// The largest of some values, 0 if none is above it.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|value| value.is_finite()).fold(0.0, f64::max)
}

/// The unit as it stands behind a number; plain numbers have none.
fn unit(strip: &Strip) -> String {
    if strip.unit == "1" { String::new() } else { format!(" {}", readable(&strip.unit)) }
}

fn ticks(scene: &mut Scene, strip: &Strip, area: Area, (from, to): (f64, f64), x: &impl Fn(f64) -> f64) {
    let inside = |event: &&Event| event.time_h >= from && event.time_h <= to && event.value.is_finite();
    let shown: Vec<Event> = strip.events.iter().filter(inside).copied().collect();
    let most = largest(values(&shown));
    let mut free = f64::NEG_INFINITY;
    for (index, event) in shown.iter().enumerate() {
        let share = if most > 0.0 { (event.value / most).clamp(0.0, 1.0) } else { 0.0 };
        let top = area.bottom() - 3.0 - (area.height - 5.0) * share;
        scene.line(vec![(x(event.time_h), area.bottom()), (x(event.time_h), top)], INK, 1.6);
        // A label stands where it touches neither the one before nor the next tick.
        let label = if index == 0 || free == f64::NEG_INFINITY {
            format!("{}{}", number(event.value, 3), unit(strip))
        } else {
            number(event.value, 3)
        };
        let (start, room) = (x(event.time_h) + 4.0, width(&label, SMALL, Weight::Regular));
        let next = shown.get(index + 1).map_or(area.right(), |next| x(next.time_h));
        if start > free && start + room + 3.0 <= next {
            scene.text((start, (top + 6.0).min(area.bottom() - 3.0)), label, Face::regular(SMALL, MUTED));
            free = start + room + 4.0;
        }
    }
}

fn steps(scene: &mut Scene, strip: &Strip, area: Area, (from, to): (f64, f64), x: &impl Fn(f64) -> f64) {
    let (least, most) = (-largest(strip.events.iter().map(|event| -event.value)), largest(values(&strip.events)));
    let height = |value: f64| {
        let share = if most > least { ((value - least) / (most - least)).clamp(0.0, 1.0) } else { 0.0 };
        area.bottom() - 1.0 - (area.height - 6.0) * share
    };
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (index, event) in strip.events.iter().enumerate() {
        let until = strip.events.get(index + 1).map_or(to, |next| next.time_h).min(to);
        let start = event.time_h.max(from);
        if until > start && event.value.is_finite() {
            points.push((x(start), height(event.value)));
            points.push((x(until), height(event.value)));
        }
    }
    if let (Some(first), Some(last)) = (points.first().copied(), points.last().copied()) {
        // From nothing to the level, which may lie below it.
        let nothing = if least < 0.0 { height(0.0) } else { area.bottom() };
        let mut filled = vec![(first.0, nothing)];
        filled.extend(&points);
        filled.push((last.0, nothing));
        scene.push(super::scene::Shape::Polygon { points: filled, colour: MUTED, alpha: 0.18 });
        scene.line(points, MUTED, 1.2);
        let label = match (least < 0.0, most > 0.0) {
            (true, true) => format!("{} to {}{}", number(least, 3), number(most, 3), unit(strip)),
            (true, false) => format!("down to {}{}", number(least, 3), unit(strip)),
            _ => format!("up to {}{}", number(most, 3), unit(strip)),
        };
        scene.text((area.left + 5.0, area.top - 1.0), label, Face::regular(SMALL, MUTED));
    }
}
