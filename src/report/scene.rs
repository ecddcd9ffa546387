//! A picture as plain shapes in pixels, before it becomes SVG or PNG.

/// An opaque colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// This colour over white, at a share of its strength.
    pub(super) fn lighter(self, share: f64) -> Self {
        let mix = |channel: u8| (255.0 - share * (255.0 - f64::from(channel))).round() as u8;
        Self(mix(self.0), mix(self.1), mix(self.2))
    }
}

/// Which point of a text stands at its x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// How a text looks; `size` is that of the em [px].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Face {
    pub size: f64,
    pub weight: Weight,
    pub colour: Colour,
    pub anchor: Anchor,
}

impl Face {
    pub(super) fn regular(size: f64, colour: Colour) -> Self {
        Self { size, weight: Weight::Regular, colour, anchor: Anchor::Start }
    }

    pub(super) fn bold(size: f64, colour: Colour) -> Self {
        Self { weight: Weight::Bold, ..Self::regular(size, colour) }
    }

    pub(super) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// One thing drawn; coordinates in pixels from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// `alpha` is the share of what is beneath that is hidden.
    Polygon {
        points: Vec<(f64, f64)>,
        colour: Colour,
        alpha: f64,
    },
    Line {
        points: Vec<(f64, f64)>,
        colour: Colour,
        width: f64,
    },
    Circle {
        centre: (f64, f64),
        radius: f64,
        colour: Colour,
    },
    /// `at` is on the baseline.
    Text {
        at: (f64, f64),
        text: String,
        face: Face,
    },
}

impl Shape {
    /// Whether every coordinate is a number.
    fn is_finite(&self) -> bool {
        let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        match self {
            Self::Polygon { points, .. } => points.len() > 2 && points.iter().all(finite),
            Self::Line { points, .. } => points.len() > 1 && points.iter().all(finite),
            Self::Circle { centre, .. } => finite(centre),
            Self::Text { at, .. } => finite(at),
        }
    }
}

/// A box on the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// Shapes in the order in which they are drawn, on white.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

impl Scene {
    /// An empty picture; its height is set when all is drawn.
    pub(super) fn new(width: f64) -> Self {
        Self { width, height: 0.0, shapes: Vec::new() }
    }

    /// Adds a shape; one that has no place (a coordinate that is not a number) is not drawn.
    pub(super) fn push(&mut self, shape: Shape) {
        if shape.is_finite() {
            self.shapes.push(shape);
        }
    }

    pub(super) fn fill(&mut self, area: Area, colour: Colour, alpha: f64) {
        let Area { left, top, .. } = area;
        let points = vec![(left, top), (area.right(), top), (area.right(), area.bottom()), (left, area.bottom())];
        self.push(Shape::Polygon { points, colour, alpha });
    }

    pub(super) fn line(&mut self, points: Vec<(f64, f64)>, colour: Colour, width: f64) {
        self.push(Shape::Line { points, colour, width });
    }

    /// A line of dashes: lengths drawn and left out in turn, from the first [px]; none is a whole line.
    pub(super) fn dashed(&mut self, points: &[(f64, f64)], colour: Colour, width: f64, dashes: &[f64]) {
        for points in split(points, dashes) {
            self.line(points, colour, width);
        }
    }

    pub(super) fn circle(&mut self, centre: (f64, f64), radius: f64, colour: Colour) {
        self.push(Shape::Circle { centre, radius, colour });
    }

    pub(super) fn text(&mut self, at: (f64, f64), text: impl Into<String>, face: Face) {
        let text = text.into();
        if !text.is_empty() {
            self.push(Shape::Text { at, text, face });
        }
    }
}

/// The drawn pieces of a dashed line.
fn split(points: &[(f64, f64)], dashes: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let finite = points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
    if dashes.is_empty() || dashes.iter().sum::<f64>() <= 0.0 || !finite {
        return vec![points.to_vec()];
    }
    let mut pieces = Vec::new();
    let (mut number, mut left) = (0, dashes[0]);
    let mut piece: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if number % 2 == 0 {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if number % 2 == 0 {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            number += 1;
            left = dashes[number % dashes.len()];
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_keep_their_lengths_around_a_corner() {
        let pieces = split(&[(0.0, 0.0), (5.0, 0.0), (5.0, 6.0)], &[4.0, 2.0]);
        assert_eq!(pieces, vec![vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 1.0), (5.0, 5.0)]]);
        assert_eq!(split(&[(0.0, 0.0), (5.0, 0.0)], &[]).len(), 1);
    }

    #[test]
    fn what_has_no_place_is_not_drawn() {
        let mut scene = Scene::new(100.0);
        scene.line(vec![(0.0, 0.0), (1.0, f64::NAN)], Colour(0, 0, 0), 1.0);
        scene.circle((f64::INFINITY, 0.0), 1.0, Colour(0, 0, 0));
        scene.line(vec![(0.0, 0.0)], Colour(0, 0, 0), 1.0);
        assert!(scene.shapes.is_empty());
    }
}
