//! The affine of a NIfTI file: from a voxel's indices to millimetres, as the header tells it in up to three ways.

use super::Fault;

pub(super) type Affine = [[f64; 4]; 3];

/// The fields that tell it.
pub(super) struct Place {
    /// Edges of a voxel from the second on; the first tells the hand of the qform.
    pub pixdim: [f64; 4],
    /// Of sform and qform: positive where it is given.
    pub codes: (i32, i32),
    /// Three numbers of the qform's quaternion, and the origin.
    pub quaternion: [f64; 6],
    /// The sform.
    pub rows: Affine,
    pub units: i32,
}

/// The affine as nibabel chooses it (sform, else qform, else the voxel's edges), in millimetres.
pub(super) fn affine(place: &Place) -> Result<(Affine, Option<(f64, f64)>), Fault> {
    let to_mm = match place.units & 7 {
        1 => 1000.0,
        3 => 0.001,
        // Where nothing is said, all programs mean millimetres.
        _ => 1.0,
    };
    let in_mm = |affine: Affine| affine.map(|row| row.map(|value| value * to_mm));
    let (sform, qform) = place.codes;
    let by_quaternion = (qform > 0).then(|| of_quaternion(place)).flatten().map(in_mm);
    let mut disagreement = None;
    let chosen = if sform > 0 {
        let chosen = in_mm(place.rows);
        let edge = chosen.iter().flat_map(|row| &row[..3]).fold(0.0_f64, |most, value| most.max(value.abs()));
        if let Some(other) = by_quaternion.filter(|other| {
            let apart = |columns: std::ops::Range<usize>| {
                let pairs =
                    chosen.iter().zip(other).flat_map(|(a, b)| a[columns.clone()].iter().zip(&b[columns.clone()]));
                pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()))
            };
            apart(0..3) > 1e-3 * edge || apart(3..4) > 0.5 * edge
        }) {
            disagreement = Some((determinant(&chosen).abs(), determinant(&other).abs()));
        }
        chosen
    } else if qform > 0 {
        by_quaternion.ok_or_else(|| Fault::no_size("its qform is no rotation (quatern_b, c, d)"))?
    } else {
        let edge = |at: usize| place.pixdim[at].abs();
        in_mm([[edge(1), 0.0, 0.0, 0.0], [0.0, edge(2), 0.0, 0.0], [0.0, 0.0, edge(3), 0.0]])
    };
    if chosen.iter().flatten().any(|value| !value.is_finite()) {
        return Err(Fault::no_size("its affine has entries that are no finite numbers"));
    }
    let volume = determinant(&chosen).abs();
    if !(volume > 1e-12 && volume < 1e9) {
        return Err(Fault::no_size(&format!("by its affine a voxel has a volume of {volume} mm³")));
    }
    Ok((chosen, disagreement))
}

/// Rotation by the unit quaternion, times the voxel's edges.
fn of_quaternion(place: &Place) -> Option<Affine> {
    let [b, c, d, x, y, z] = place.quaternion;
    let rest = 1.0 - (b * b + c * c + d * d);
    if rest.is_nan() || rest < -1e-5 {
        return None;
    }
    let a = rest.max(0.0).sqrt();
    let s = 2.0 / (a * a + b * b + c * c + d * d);
    let hand = if place.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let edges = [place.pixdim[1].abs(), place.pixdim[2].abs(), place.pixdim[3].abs() * hand];
    let turn = [
        [1.0 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)],
        [s * (b * c + a * d), 1.0 - s * (b * b + d * d), s * (c * d - a * b)],
        [s * (b * d - a * c), s * (c * d + a * b), 1.0 - s * (b * b + c * c)],
    ];
    let origin = [x, y, z];
    Some(std::array::from_fn(|row| {
        [turn[row][0] * edges[0], turn[row][1] * edges[1], turn[row][2] * edges[2], origin[row]]
    }))
}

pub(super) fn determinant(m: &Affine) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}
