//! The header of a NIfTI-1 or NIfTI-2 file: dimensions, number type, scaling, and the affine that gives a voxel its size.

use std::io::Read;

use super::Fault;
use super::affine::{Affine, Place, affine, determinant};

/// Most voxels of one slice, and of all: beyond are no pictures of a person.
const SLICE: u64 = 1 << 24;
const VOXELS: u64 = 1 << 32;
/// Most bytes of header extensions that are looked through.
const EXTENSIONS: u64 = 1 << 20;

/// What the header says.
pub(super) struct Header {
    pub dims: [u64; 3],
    pub number: Number,
    pub big_endian: bool,
    /// Factor and addend of stored numbers, where there are any.
    pub scaling: Option<(f64, f64)>,
    /// Indices to millimetres.
    pub affine: Affine,
    /// Volumes by sform and by qform [mm³], where both are given and are not the same place.
    pub disagreement: Option<(f64, f64)>,
    /// Text of the extensions between header and voxels.
    pub extensions: Vec<u8>,
}

/// How a voxel's number is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Unsigned(usize),
    Signed(usize),
    Float(usize),
}

impl Number {
    pub(super) fn bytes(self) -> usize {
        match self {
            Number::Unsigned(bytes) | Number::Signed(bytes) | Number::Float(bytes) => bytes,
        }
    }

    fn of(code: i16) -> Result<Self, String> {
        Ok(match code {
            2 => Number::Unsigned(1),
            4 => Number::Signed(2),
            8 => Number::Signed(4),
            16 => Number::Float(4),
            64 => Number::Float(8),
            256 => Number::Signed(1),
            512 => Number::Unsigned(2),
            768 => Number::Unsigned(4),
            1024 => Number::Signed(8),
            1280 => Number::Unsigned(8),
            128 | 2304 => return Err("its voxels are colours (RGB), no numbers".into()),
            32 | 1792 | 2048 => return Err("its voxels are complex numbers".into()),
            1536 => return Err("its voxels are 128-bit floating-point numbers".into()),
            1 => return Err("its voxels are single bits, which no program writes as the format has it".into()),
            other => return Err(format!("the number {other} is no type of voxels that NIfTI knows")),
        })
    }
}

/// The fixed part of a header, with the order of its bytes.
struct Fixed {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Fixed {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        if let Some(bytes) = self.bytes.get(at..at + N) {
            array.copy_from_slice(bytes);
        }
        if self.big_endian {
            array.reverse();
        }
        array
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.array(at))
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.array(at))
    }

    fn i64(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.array(at))
    }

    fn f32(&self, at: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.array(at)))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.array(at))
    }
}

/// The fields that matter, of either version.
struct Fields {
    dim: [i64; 8],
    datatype: i16,
    offset: f64,
    scaling: (f64, f64),
    place: Place,
    magic: Vec<u8>,
    length: u64,
}

impl Header {
    /// Reads the header and what is between it and the voxels, so that the stream stands at the first voxel.
    pub(super) fn read(stream: &mut dyn Read) -> Result<Self, Fault> {
        let mut bytes = vec![0; 4];
        stream.read_exact(&mut bytes).map_err(|error| Fault::cut(0, &error))?;
        let size = [i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])];
        let (length, big_endian) = match size[0] {
            348 | 540 => (size[0] as usize, false),
            other => match other.swap_bytes() {
                swapped @ (348 | 540) => (swapped as usize, true),
                _ => {
                    return Err(Fault::not_readable(
                        0,
                        "this is no NIfTI file: its first number is neither 348 nor 540",
                    ));
                }
            },
        };
        bytes.resize(length, 0);
        stream.read_exact(&mut bytes[4..]).map_err(|error| Fault::cut(4, &error))?;
        let fixed = Fixed { bytes, big_endian };
        let fields = if length == 348 { first(&fixed) } else { second(&fixed) };
        let number_at = if length == 348 { 70 } else { 12 };
        let single: &[u8] = if length == 348 { b"n+1" } else { b"n+2" };
        if !fields.magic.starts_with(single) {
            let pair = fields.magic.starts_with(b"ni");
            let message = if pair {
                "this is the header of a pair of files (.hdr and .img)"
            } else {
                "this is no NIfTI file (an older Analyze file, which does not say left from right?)"
            };
            return Err(Fault::not_readable(if length == 348 { 344 } else { 4 }, message));
        }
        let dims = dimensions(&fields.dim)
            .map_err(|message| Fault::not_readable(if length == 348 { 40 } else { 16 }, &message))?;
        let number = Number::of(fields.datatype).map_err(|message| Fault::not_readable(number_at, &message))?;
        let (affine, disagreement) = affine(&fields.place)?;
        let offset = if fields.offset == 0.0 { fields.length as f64 + 4.0 } else { fields.offset };
        if !(offset >= fields.length as f64 && offset <= 1e12 && offset.fract() == 0.0) {
            return Err(Fault::not_readable(
                if length == 348 { 108 } else { 168 },
                &format!("voxels cannot begin at byte {offset}"),
            ));
        }
        let between = offset as u64 - fields.length;
        let mut extensions = Vec::new();
        stream
            .take(between.min(EXTENSIONS))
            .read_to_end(&mut extensions)
            .map_err(|error| Fault::cut(length as u64, &error))?;
        let rest = between - extensions.len() as u64;
        let skipped = std::io::copy(&mut stream.take(rest), &mut std::io::sink());
        if skipped.map_err(|error| Fault::cut(length as u64, &error))? < rest {
            return Err(Fault::short(offset as u64, "it ends before the first voxel"));
        }
        let (slope, inter) = fields.scaling;
        // As nibabel has it: without a slope there is no scaling.
        let scaled = slope.is_finite() && slope != 0.0 && (slope, inter) != (1.0, 0.0);
        if scaled && !inter.is_finite() {
            return Err(Fault::not_readable(if length == 348 { 116 } else { 184 }, "scl_inter is no finite number"));
        }
        let scaling = scaled.then_some((slope, inter));
        Ok(Self { dims, number, big_endian, scaling, affine, disagreement, extensions })
    }

    /// Volume of a voxel [mm³].
    pub(super) fn voxel(&self) -> f64 {
        determinant(&self.affine).abs()
    }

    pub(super) fn slice(&self) -> usize {
        (self.dims[0] * self.dims[1]) as usize
    }

    /// Bytes of all voxels.
    pub(super) fn bytes(&self) -> u64 {
        self.dims.iter().product::<u64>() * self.number.bytes() as u64
    }
}

fn first(fixed: &Fixed) -> Fields {
    Fields {
        dim: std::array::from_fn(|at| i64::from(fixed.i16(40 + 2 * at))),
        datatype: fixed.i16(70),
        offset: fixed.f32(108),
        place: Place {
            pixdim: std::array::from_fn(|at| fixed.f32(76 + 4 * at)),
            codes: (i32::from(fixed.i16(254)), i32::from(fixed.i16(252))),
            quaternion: std::array::from_fn(|at| fixed.f32(256 + 4 * at)),
            rows: std::array::from_fn(|row| std::array::from_fn(|at| fixed.f32(280 + 16 * row + 4 * at))),
            units: i32::from(fixed.array::<1>(123)[0]),
        },
        scaling: (fixed.f32(112), fixed.f32(116)),
        magic: fixed.array::<4>(344).to_vec(),
        length: 348,
    }
    .in_file_order(fixed)
}

fn second(fixed: &Fixed) -> Fields {
    Fields {
        dim: std::array::from_fn(|at| fixed.i64(16 + 8 * at)),
        datatype: fixed.i16(12),
        offset: fixed.i64(168) as f64,
        place: Place {
            pixdim: std::array::from_fn(|at| fixed.f64(104 + 8 * at)),
            codes: (fixed.i32(348), fixed.i32(344)),
            quaternion: std::array::from_fn(|at| fixed.f64(352 + 8 * at)),
            rows: std::array::from_fn(|row| std::array::from_fn(|at| fixed.f64(400 + 32 * row + 8 * at))),
            units: fixed.i32(500),
        },
        scaling: (fixed.f64(176), fixed.f64(184)),
        magic: fixed.array::<4>(4).to_vec(),
        length: 540,
    }
    .in_file_order(fixed)
}

impl Fields {
    /// Letters are not turned around with the numbers.
    fn in_file_order(mut self, fixed: &Fixed) -> Self {
        if fixed.big_endian {
            self.magic.reverse();
        }
        self
    }
}

/// Three dimensions; more only where they are of one volume.
fn dimensions(dim: &[i64; 8]) -> Result<[u64; 3], String> {
    let count = dim[0];
    if !(1..=7).contains(&count) {
        return Err(format!("it says that it has {count} dimensions"));
    }
    let count = count as usize;
    let used = &dim[1..=count];
    if let Some(wrong) = used.iter().find(|size| **size < 1) {
        return Err(format!("one of its dimensions is {wrong}"));
    }
    let volumes: i128 = used.iter().skip(3).map(|size| i128::from(*size)).fold(1, i128::saturating_mul);
    if volumes > 1 {
        return Err(format!("it has {count} dimensions and {volumes} volumes; one volume is wanted"));
    }
    if count < 3 {
        return Err(format!("it has {count} dimensions: a picture without depth has no volumes"));
    }
    let sizes = [used[0] as u64, used[1] as u64, used[2] as u64];
    let slice = sizes[0].checked_mul(sizes[1]).filter(|slice| *slice <= SLICE);
    let all = slice.and_then(|slice| slice.checked_mul(sizes[2])).filter(|all| *all <= VOXELS);
    all.map(|_| sizes)
        .ok_or_else(|| format!("{} × {} × {} voxels are no picture of a person", sizes[0], sizes[1], sizes[2]))
}
