//! Colours and dashes: told apart in colour, by colour-blind eyes and in grey.

use super::scene::Colour;

pub(super) const INK: Colour = Colour(0x22, 0x26, 0x2b);
pub(super) const MUTED: Colour = Colour(0x6a, 0x71, 0x7a);
pub(super) const GRID: Colour = Colour(0xe8, 0xea, 0xed);
pub(super) const AXIS: Colour = Colour(0xa9, 0xb0, 0xb8);
pub(super) const TARGET: Colour = Colour(0xe6, 0xf2, 0xe4);
pub(super) const TARGET_EDGE: Colour = Colour(0x9c, 0xc3, 0x96);
pub(super) const ALARM: Colour = Colour(0xb0, 0x10, 0x1c);
pub(super) const CAVEAT: Colour = Colour(0x8a, 0x4b, 0x08);
pub(super) const ALARM_GROUND: Colour = Colour(0xfd, 0xe9, 0xe8);
pub(super) const WHITE: Colour = Colour(0xff, 0xff, 0xff);

/// How one scenario or chain is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub colour: Colour,
    /// Lengths drawn and left out in turn [px].
    pub dashes: &'static [f64],
}

/// What stands alone, or in front of its prior.
pub(super) const BLUE: Colour = Colour(0x1f, 0x6f, 0xb2);

/// Neighbours differ in hue (after Okabe and Ito 2008), in lightness and in dashes.
const LINES: [Line; 8] = [
    Line { colour: Colour(0x2b, 0x2f, 0x36), dashes: &[] },
    Line { colour: Colour(0xe6, 0x85, 0x1e), dashes: &[9.0, 4.0] },
    Line { colour: Colour(0x1f, 0x6f, 0xb2), dashes: &[2.5, 3.0] },
    Line { colour: Colour(0x2f, 0xb3, 0x8c), dashes: &[10.0, 3.5, 2.5, 3.5] },
    Line { colour: Colour(0x8e, 0x2a, 0x6b), dashes: &[16.0, 5.0] },
    Line { colour: Colour(0xc9, 0xae, 0x1c), dashes: &[6.0, 3.0, 2.0, 3.0, 2.0, 3.0] },
    Line { colour: Colour(0x5a, 0x4f, 0xa3), dashes: &[5.0, 5.0] },
    Line { colour: Colour(0xd9, 0x7b, 0xa6), dashes: &[2.0, 5.0] },
];

/// How number `index` of `count` is drawn; the first of several is the one the others are compared with.
pub(super) fn line(index: usize, count: usize) -> Line {
    if count == 1 { Line { colour: BLUE, dashes: &[] } } else { LINES[index % LINES.len()] }
}

/// Colours of chains, from light to dark and each its own hue; past the last they come again.
pub(super) fn chain(index: usize) -> Colour {
    const CHAINS: [Colour; 6] = [
        Colour(0x1f, 0x6f, 0xb2),
        Colour(0xe6, 0x9f, 0x2e),
        Colour(0x2f, 0xa3, 0x82),
        Colour(0x8e, 0x2a, 0x6b),
        Colour(0x5b, 0x62, 0x6b),
        Colour(0xcf, 0x6f, 0x3a),
    ];
    CHAINS[index % CHAINS.len()]
}
