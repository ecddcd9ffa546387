//! Where the frames of a segmentation lie, and how large their voxels are.

use super::data::Data;

/// How far planes may be from even spacing.
const EVEN: f64 = 0.02;

/// Frames in space.
pub(super) struct Geometry {
    /// For each frame: the number of its plane, from 0.
    pub planes: Vec<i64>,
    /// Volume of a voxel [mm³].
    pub voxel: f64,
    /// Spacing as said and as measured between planes [mm], where they disagree.
    pub disagreement: Option<(f64, f64)>,
}

/// The first item of a functional group: of the frame, else of all frames.
pub(super) fn group<'d>(shared: Option<&'d Data>, frame: &'d Data, tag: u32) -> Option<&'d Data> {
    frame.items(tag).first().or_else(|| shared?.items(tag).first())
}

impl Geometry {
    pub(super) fn of(shared: Option<&Data>, frames: &[Data]) -> Result<Self, String> {
        let mut measures: Option<(Vec<f64>, Option<f64>, Option<f64>)> = None;
        let mut normal: Option<[f64; 3]> = None;
        let mut heights = Vec::with_capacity(frames.len());
        for (at, frame) in frames.iter().enumerate() {
            let number = at + 1;
            let measured = group(shared, frame, 0x0028_9110).ok_or(format!("frame {number} has no pixel measures"))?;
            let one = |tag| measured.decimals(tag).first().copied().filter(|spacing| *spacing > 0.0);
            let found = (measured.decimals(0x0028_0030), one(0x0018_0088), one(0x0018_0050));
            if found.0.len() != 2 || found.0.iter().any(|spacing| *spacing <= 0.0) {
                return Err(format!("frame {number} has no pixel spacing"));
            }
            if measures.as_ref().is_some_and(|known| *known != found) {
                return Err(format!("frame {number} has other spacings than those before"));
            }
            measures = Some(found);
            let turned = group(shared, frame, 0x0020_9116).map(|turned| turned.decimals(0x0020_0037));
            let [a, b, c, d, e, f] = turned.unwrap_or_default().try_into().map_err(|_| {
                format!("frame {number} has no plane orientation, as frames of slides and of volumes without a patient")
            })?;
            let across = [b * f - c * e, c * d - a * f, a * e - b * d];
            let sides = [[a, b, c], [d, e, f], across];
            let skew = sides.iter().any(|side| (dot(side, side) - 1.0).abs() > 2e-3);
            if skew || normal.is_some_and(|known| dot(&known, &across) < 1.0 - 1e-4) {
                return Err(format!("frame {number} is not turned as the others are, or not at right angles"));
            }
            let axis = *normal.get_or_insert(across);
            let place = group(shared, frame, 0x0020_9113).map(|place| place.decimals(0x0020_0032));
            let place: [f64; 3] =
                place.unwrap_or_default().try_into().map_err(|_| format!("frame {number} has no plane position"))?;
            heights.push(dot(&axis, &place));
        }
        let Some((spacing, between, thickness)) = measures else { return Err("it has no frames".into()) };
        let mut sorted = heights.clone();
        sorted.sort_by(f64::total_cmp);
        let least =
            sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 1e-3).fold(f64::INFINITY, f64::min);
        let even = |step: f64| {
            let gaps = sorted.windows(2).map(|pair| (pair[1] - pair[0]) / step);
            gaps.map(|gap| (gap - gap.round()).abs() / gap.max(1.0)).all(|off| off < EVEN)
        };
        let mut disagreement = None;
        let step = match between {
            Some(between) if least.is_infinite() || even(between) => between,
            _ if least.is_finite() && even(least) => {
                disagreement = between.map(|between| (between, least));
                least
            }
            None if least.is_infinite() => thickness.ok_or("it has one plane, and no thickness of it")?,
            _ => return Err("its planes are not evenly spaced".into()),
        };
        let start = sorted.first().copied().unwrap_or(0.0);
        // From gap to gap, so that a step that is a little off does not add up.
        let mut plane = 0_i64;
        let mut known = vec![(start, 0_i64)];
        for pair in sorted.windows(2) {
            plane = plane.saturating_add(((pair[1] - pair[0]) / step).round() as i64);
            known.push((pair[1], plane));
        }
        let planes = heights.iter().map(|height| {
            let at = known.partition_point(|(known, _)| known < height).min(known.len() - 1);
            known[at].1
        });
        Ok(Self { planes: planes.collect(), voxel: spacing[0] * spacing[1] * step, disagreement })
    }
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
