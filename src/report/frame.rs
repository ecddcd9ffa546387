//! What every figure has around it: title, warning, legend and footer.

use super::scene::{Anchor, Area, Colour, Face, Scene, Weight};
use super::style::{ALARM, ALARM_GROUND, CAVEAT, INK, Line, MUTED, WHITE};
use super::text::{elide, width, wrap};

/// Words around a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub title: String,
    /// In small letters under the title: who this is, what was done.
    pub subtitle: String,
    /// What else to know before believing the figure, a sentence each, under the subtitle.
    pub caveats: Vec<String>,
    /// Why not to trust the figure, in red across its head: the reasons of a failed verdict.
    pub notice: Option<String>,
    /// The first line of the notice; what is said of a twin that failed if there is none.
    pub alarm: Option<String>,
    /// Where the numbers come from, at the right of the footer: file, model, seed.
    pub source: String,
}

/// Caveats that are shown; of more their number is told.
const CAVEATS: usize = 4;
pub(super) const MARGIN: f64 = 30.0;
/// Size of ordinary text [px].
pub(super) const TEXT: f64 = 12.0;
pub(super) const SMALL: f64 = 10.5;

/// One entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Ribbon { name: String, line: Line },
    Point { name: String, mark: Mark },
    Area { name: String, colour: Colour },
    Line { name: String, line: Line },
}

/// Shapes of measured values, one a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Circle,
    Square,
    Diamond,
}

impl Mark {
    pub(super) fn of(index: usize) -> Self {
        [Self::Circle, Self::Square, Self::Diamond][index % 3]
    }

    /// Draws a mark, with a white edge if it shall be seen on a line as on paper.
    pub(super) fn draw(self, scene: &mut Scene, at: (f64, f64), radius: f64, colour: Colour, edged: bool) {
        match self {
            Self::Circle => {
                if edged {
                    scene.circle(at, radius + 0.7, WHITE);
                }
                scene.circle(at, radius, colour);
            }
            Self::Square | Self::Diamond => {
                for (radius, colour) in [(radius + 0.9, WHITE), (radius, colour)].into_iter().skip(usize::from(!edged))
                {
                    let points = if self == Self::Square {
                        let side = 0.9 * radius;
                        vec![(-side, -side), (side, -side), (side, side), (-side, side)]
                    } else {
                        let half = 1.25 * radius;
                        vec![(-half, 0.0), (0.0, -half), (half, 0.0), (0.0, half)]
                    };
                    let points = points.into_iter().map(|(x, y)| (at.0 + x, at.1 + y)).collect();
                    scene.push(super::scene::Shape::Polygon { points, colour, alpha: 1.0 });
                }
            }
        }
    }
}

impl Frame {
    /// Draws warning, title and subtitle; returns the height at which the rest may begin.
    pub(super) fn head(&self, scene: &mut Scene) -> f64 {
        let room = scene.width - 2.0 * MARGIN;
        let mut y = 0.0;
        if let Some(notice) = &self.notice {
            let alarm = self.alarm.as_deref().unwrap_or("This twin failed its verdict: do not rely on this figure.");
            let mut lines = vec![(true, alarm.to_string())];
            lines.extend(wrap(notice, room, TEXT, Weight::Regular, 3).into_iter().map(|line| (false, line)));
            let height = 18.0 + 17.0 * lines.len() as f64;
            scene.fill(Area { left: 0.0, top: 0.0, width: scene.width, height }, ALARM_GROUND, 1.0);
            scene.fill(Area { left: 0.0, top: 0.0, width: 5.0, height }, ALARM, 1.0);
            for (number, (bold, line)) in lines.into_iter().enumerate() {
                let face = if bold { Face::bold(13.0, ALARM) } else { Face::regular(TEXT, ALARM) };
                scene.text((MARGIN, 21.5 + 17.0 * number as f64), line, face);
            }
            y = height;
        }
        y += 34.0;
        scene.text((MARGIN, y), elide(&self.title, room, 17.0, Weight::Bold), Face::bold(17.0, INK));
        for line in wrap(&self.subtitle, room, TEXT, Weight::Regular, 2) {
            y += 18.0;
            scene.text((MARGIN, y), line, Face::regular(TEXT, MUTED));
        }
        let shown = self.caveats.iter().take(CAVEATS);
        let more = self.caveats.len().saturating_sub(CAVEATS);
        for (number, caveat) in shown.enumerate() {
            let text =
                if number + 1 == CAVEATS && more > 0 { format!("{caveat} (and {more} more)") } else { caveat.clone() };
            for line in wrap(&text, room, TEXT, Weight::Regular, 2) {
                y += 18.0;
                scene.text((MARGIN, y), line, Face::regular(TEXT, CAVEAT));
            }
        }
        y + 12.0
    }

    /// Draws the footer below a height and ends the picture there.
    pub(super) fn foot(&self, scene: &mut Scene, below: f64) {
        let y = below + 30.0;
        let own = format!(
            "Homeostat {} · research and educational software, not a medical device",
            env!("CARGO_PKG_VERSION")
        );
        let room = scene.width - 2.0 * MARGIN - width(&own, SMALL, Weight::Regular) - 24.0;
        scene.text((MARGIN, y), own, Face::regular(SMALL, MUTED));
        let source = elide(&self.source, room, SMALL, Weight::Regular);
        let face = Face::regular(SMALL, MUTED).anchored(Anchor::End);
        scene.text((scene.width - MARGIN, y), source, face);
        scene.height = (y + 16.0).ceil();
    }
}

/// Draws a legend from a height down, in as many rows as it takes; returns the height below it.
pub(super) fn legend(scene: &mut Scene, keys: &[Key], top: f64) -> f64 {
    const SWATCH: f64 = 30.0;
    const ROW: f64 = 20.0;
    if keys.is_empty() {
        return top;
    }
    let right = scene.width - MARGIN;
    let (mut x, mut y) = (MARGIN, top + 10.0);
    for key in keys {
        let (Key::Ribbon { name, .. } | Key::Point { name, .. } | Key::Area { name, .. } | Key::Line { name, .. }) =
            key;
        let swatch = if matches!(key, Key::Point { .. }) { 12.0 } else { SWATCH };
        let name = elide(name, right - MARGIN - swatch - 8.0, TEXT, Weight::Regular);
        let needed = swatch + 7.0 + width(&name, TEXT, Weight::Regular);
        if x > MARGIN && x + needed > right {
            (x, y) = (MARGIN, y + ROW);
        }
        let middle = [(x, y), (x + swatch, y)];
        match key {
            Key::Ribbon { line, .. } => {
                scene.fill(Area { left: x, top: y - 6.5, width: swatch, height: 13.0 }, line.colour, 0.16);
                scene.fill(Area { left: x, top: y - 3.5, width: swatch, height: 7.0 }, line.colour, 0.26);
                scene.dashed(&middle, line.colour, 2.0, line.dashes);
            }
            Key::Line { line, .. } => scene.dashed(&middle, line.colour, 1.8, line.dashes),
            Key::Area { colour, .. } => {
                scene.fill(Area { left: x, top: y - 5.5, width: swatch, height: 11.0 }, *colour, 1.0);
            }
            Key::Point { mark, .. } => mark.draw(scene, (x + 6.0, y), 2.6, INK, false),
        }
        scene.text((x + swatch + 7.0, y + 4.2), name, Face::regular(TEXT, INK));
        x += needed + 22.0;
    }
    y + 14.0
}
