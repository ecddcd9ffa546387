//! A NIfTI-1 label map whose labels have given volumes: balls of voxels, side by side, numbered as a label table has them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::Vocabulary;
use super::super::readers::label_numbers;
use super::{Content, code};
use crate::units::Unit;

/// Edge of a voxel [mm].
const EDGE: f64 = 3.0;

pub(super) fn write(content: &Content, vocabulary: &Vocabulary) -> Result<Vec<u8>, String> {
    let millilitre = Unit::parse("mL").map_err(|error| error.to_string())?;
    let mut balls: Vec<(u8, usize)> = Vec::new();
    for sheet in &content.sheets {
        let structure = code(vocabulary, "totalsegmentator", &sheet.name)?;
        let [reading] = sheet.readings.as_slice() else {
            return Err(format!("`{}` has more than one scan: one file is one scan", sheet.name));
        };
        let volume = sheet.unit.convert(reading.value, &millilitre);
        let volume = volume.ok_or_else(|| format!("`{}` is no volume", sheet.name))?;
        let numbers = label_numbers(structure);
        if numbers.is_empty() {
            return Err(format!("the label table has no `{structure}`"));
        }
        // Of a structure of several parts each is as large.
        let voxels = volume * 1000.0 / EDGE.powi(3) / numbers.len() as f64;
        balls.extend(numbers.into_iter().map(|number| (number, voxels.round() as usize)));
    }
    // Each ball in a cube of its own, with air around it.
    let side = |voxels: usize| (2.0 * (3.0 * voxels as f64 / (4.0 * std::f64::consts::PI)).cbrt()).ceil() as usize + 6;
    let (width, depth) =
        (balls.iter().map(|(_, n)| side(*n)).max().unwrap_or(1), balls.iter().map(|(_, n)| side(*n)).sum::<usize>());
    let mut voxels = vec![0u8; width * width * depth.max(1)];
    let mut from = 0;
    for (number, count) in balls {
        let edge = side(count);
        let middle = (edge as f64 - 1.0) / 2.0;
        let mut places: Vec<(f64, usize)> = Vec::with_capacity(edge.pow(3));
        for (x, y, z) in (0..edge).flat_map(|x| (0..edge).flat_map(move |y| (0..edge).map(move |z| (x, y, z)))) {
            let from_middle = [x, y, z].map(|at| (at as f64 - middle).powi(2)).iter().sum();
            places.push((from_middle, x + width * (y + width * (from + z))));
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        places.iter().take(count).for_each(|(_, at)| voxels[*at] = number);
        from += edge;
    }
    let mut bytes = header([width, width, depth.max(1)]);
    bytes.extend(voxels);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes).and_then(|()| gzip.finish()).map_err(|error| error.to_string())
}

/// A NIfTI-1 header of unsigned bytes (nifti1.h of the NIfTI Data Format Working Group, 2007).
fn header(size: [usize; 3]) -> Vec<u8> {
    let mut bytes = vec![0u8; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348i32.to_le_bytes());
    let dimensions = [3, size[0] as i16, size[1] as i16, size[2] as i16, 1, 1, 1, 1];
    dimensions.iter().enumerate().for_each(|(at, value)| put(40 + 2 * at, &value.to_le_bytes()));
    put(70, &2i16.to_le_bytes());
    put(72, &8i16.to_le_bytes());
    let edges = [1.0, EDGE as f32, EDGE as f32, EDGE as f32];
    edges.iter().enumerate().for_each(|(at, value)| put(76 + 4 * at, &value.to_le_bytes()));
    put(108, &352f32.to_le_bytes());
    put(112, &1f32.to_le_bytes());
    // Millimetres.
    put(123, &[2]);
    put(254, &1i16.to_le_bytes());
    for axis in 0..3 {
        put(280 + 16 * axis + 4 * axis, &(EDGE as f32).to_le_bytes());
    }
    put(344, b"n+1\0");
    bytes
}
