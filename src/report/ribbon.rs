//! Ribbons of a fan chart: bands and medians, with gaps where there is no number.

use super::fan::Ribbon;
use super::scene::{Scene, Shape};
use super::style::{Line, WHITE};

/// The part of a ribbon in a window, cut at its ends by straight lines.
pub(super) fn clip(ribbon: &Ribbon, from: f64, to: f64) -> Ribbon {
    let lists = [&ribbon.q05, &ribbon.q25, &ribbon.q50, &ribbon.q75, &ribbon.q95];
    let count = lists.iter().map(|list| list.len()).fold(ribbon.times_h.len(), usize::min);
    let times = &ribbon.times_h[..count];
    let mut kept: Vec<(f64, usize, f64)> = Vec::new();
    let cut = |at: f64| {
        let after = times.partition_point(|time| *time < at);
        let inside = after > 0 && after < count && times[after] > at;
        inside.then(|| (at, after - 1, (at - times[after - 1]) / (times[after] - times[after - 1])))
    };
    kept.extend(cut(from));
    kept.extend((0..count).filter(|i| times[*i] >= from && times[*i] <= to).map(|i| (times[i], i, 0.0)));
    kept.extend(cut(to));
    let pick = |list: &[f64]| -> Vec<f64> {
        let value = |(_, index, share): &(f64, usize, f64)| match *share {
            0.0 => list[*index],
            share => list[*index] + share * (list[index + 1] - list[*index]),
        };
        kept.iter().map(value).collect()
    };
    Ribbon {
        name: ribbon.name.clone(),
        times_h: kept.iter().map(|(time, ..)| *time).collect(),
        q05: pick(&ribbon.q05),
        q25: pick(&ribbon.q25),
        q50: pick(&ribbon.q50),
        q75: pick(&ribbon.q75),
        q95: pick(&ribbon.q95),
    }
}

/// Draws the bands of all ribbons of a panel, the wide ones beneath the narrow ones.
pub(super) fn draw_bands(
    scene: &mut Scene,
    ribbons: &[(Ribbon, Line)],
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) {
    // Many fills on each other are mud: then the wide bands are drawn by their edges only.
    let crowded = ribbons.len() > 3;
    for (ribbon, line) in ribbons {
        if !crowded {
            band(scene, ribbon, (&ribbon.q05, &ribbon.q95), *line, 0.16, (x, y));
        }
    }
    for (ribbon, line) in ribbons {
        let alpha = if crowded { 0.16 } else { 0.26 };
        band(scene, ribbon, (&ribbon.q25, &ribbon.q75), *line, alpha, (x, y));
    }
    for (ribbon, line) in ribbons {
        for edge in [&ribbon.q05, &ribbon.q95] {
            for run in runs(&ribbon.times_h, &[edge], (x, y)) {
                scene.line(run.iter().map(|point| (point.0, point.1[0])).collect(), line.colour.lighter(0.5), 0.7);
            }
        }
    }
}

/// Draws the medians over everything, each with a white rim.
pub(super) fn draw_medians(
    scene: &mut Scene,
    ribbons: &[(Ribbon, Line)],
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) {
    for (ribbon, line) in ribbons {
        for run in runs(&ribbon.times_h, &[&ribbon.q50], (x, y)) {
            let points: Vec<(f64, f64)> = run.iter().map(|point| (point.0, point.1[0])).collect();
            if let [only] = points[..] {
                scene.circle(only, 4.0, WHITE);
                scene.circle(only, 3.2, line.colour);
                continue;
            }
            if line.dashes.is_empty() {
                scene.line(points.clone(), WHITE, 3.4);
            }
            scene.dashed(&points, line.colour, 2.0, line.dashes);
        }
    }
}

fn band(
    scene: &mut Scene,
    ribbon: &Ribbon,
    (low, high): (&[f64], &[f64]),
    line: Line,
    alpha: f64,
    places: (&impl Fn(f64) -> f64, &impl Fn(f64) -> f64),
) {
    for run in runs(&ribbon.times_h, &[low, high], places) {
        let mut points: Vec<(f64, f64)> = run.iter().map(|(x, heights)| (*x, heights[0])).collect();
        points.extend(run.iter().rev().map(|(x, heights)| (*x, heights[1])));
        if let [(x, bottom), (_, top)] = points[..] {
            // A single time has no width of its own.
            points = vec![(x - 3.0, bottom), (x + 3.0, bottom), (x + 3.0, top), (x - 3.0, top)];
        }
        scene.push(Shape::Polygon { points, colour: line.colour, alpha });
    }
}

/// A point in time on the picture, with the heights of the lists there.
type Column = (f64, Vec<f64>);

/// Stretches of time in which every list is a number.
fn runs(times: &[f64], lists: &[&[f64]], (x, y): (&impl Fn(f64) -> f64, &impl Fn(f64) -> f64)) -> Vec<Vec<Column>> {
    let mut runs: Vec<Vec<Column>> = Vec::new();
    let mut open = false;
    for (index, time) in times.iter().enumerate() {
        let heights: Vec<f64> = lists.iter().map(|list| y(list[index])).collect();
        if !heights.iter().all(|height| height.is_finite()) || !time.is_finite() {
            open = false;
            continue;
        }
        if !open {
            runs.push(Vec::new());
            open = true;
        }
        if let Some(run) = runs.last_mut() {
            run.push((x(*time), heights));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_cuts_between_times() {
        let list = vec![0.0, 10.0, 20.0, 30.0];
        let ribbon = Ribbon {
            name: "r".into(),
            times_h: vec![0.0, 1.0, 2.0, 3.0],
            q05: list.clone(),
            q25: list.clone(),
            q50: list.clone(),
            q75: list.clone(),
            q95: list,
        };
        let cut = clip(&ribbon, 0.5, 2.25);
        assert_eq!(cut.times_h, [0.5, 1.0, 2.0, 2.25]);
        assert_eq!(cut.q95, [5.0, 10.0, 20.0, 22.5]);
        assert!(clip(&ribbon, 4.0, 5.0).times_h.is_empty());
        assert_eq!(clip(&ribbon, -5.0, 50.0).times_h.len(), 4);
    }

    #[test]
    fn numbers_that_are_missing_split_a_ribbon() {
        let (x, y) = (|time: f64| time, |value: f64| value);
        let found = runs(&[0.0, 1.0, 2.0, 3.0], &[&[1.0, f64::NAN, 3.0, 4.0]], (&x, &y));
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    }
}
