//! The data elements of a DICOM file that measuring a segmentation needs; the rest is passed over, pixel data stay on disk.
//!
//! Not the dicom-object crate: it nests as deep as a file says, by recursion, and holds all pixels in memory.

use std::io::{BufRead, Seek, SeekFrom};

use super::data::{Data, Value};

/// Deepest nesting of sequences.
const DEPTH: usize = 24;
/// Longest value that is kept; longer ones are no fields that are needed.
const LONGEST: u64 = 1 << 16;
/// Most elements that are kept.
const ELEMENTS: usize = 1 << 23;
const UNDEFINED: u64 = 0xFFFF_FFFF;

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const RUN_LENGTH: &str = "1.2.840.10008.1.2.5";
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// How the identifiers of all ways to compress pixels as images begin (PS3.6, table A-1), and what they are.
const IMAGES: [(&str, &str); 7] = [
    ("1.2.840.10008.1.2.4.8", "JPEG-LS"),
    ("1.2.840.10008.1.2.4.9", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.10", "a film"),
    ("1.2.840.10008.1.2.4.11", "JPEG XL"),
    ("1.2.840.10008.1.2.4.20", "JPEG 2000"),
    ("1.2.840.10008.1.2.4.5", "JPEG"),
    ("1.2.840.10008.1.2.4.7", "JPEG"),
];

pub(super) const PIXELS: u32 = 0x7FE0_0010;

/// Sequences that are entered where a file does not say what is one.
const SEQUENCES: [u32; 9] = [
    0x0062_0002, // segments
    0x0062_000F, // property type
    0x0062_0011, // its modifiers
    0x5200_9229, // shared functional groups
    0x5200_9230, // per-frame functional groups
    0x0028_9110, // pixel measures
    0x0020_9116, // plane orientation
    0x0020_9113, // plane position
    0x0062_000A, // segment of the frame
];

/// Fields that are kept.
const FIELDS: [u32; 20] = [
    0x0008_0016, // SOP class
    0x0008_0100, // code value
    0x0008_0102, // coding scheme
    0x0018_0050, // slice thickness
    0x0018_0088, // spacing between slices
    0x0020_0032, // position
    0x0020_0037, // orientation
    0x0028_0008, // frames
    0x0028_0010, // rows
    0x0028_0011, // columns
    0x0028_0030, // pixel spacing
    0x0028_0100, // bits allocated
    0x0062_0001, // segmentation type
    0x0062_0004, // segment number
    0x0062_0005, // segment label
    0x0062_000B, // referenced segment number
    0x0062_000E, // maximum fractional value
    0x0062_0010, // fractional type
    0x0002_0010, // transfer syntax
    PIXELS,
];

/// What is wrong, and at which byte.
pub(super) struct Fault {
    pub byte: u64,
    pub message: String,
    /// Right, but of a kind that is not read.
    pub unsupported: bool,
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Implicit,
    Explicit,
    /// All after the first group is compressed as a whole; what comes out is explicit.
    Deflated,
    /// Explicit, with pixels in runs.
    RunLength,
}

/// A file being read.
struct Parser<'r, R> {
    stream: &'r mut R,
    size: u64,
    at: u64,
    explicit: bool,
    kept: usize,
}

/// Reads how a file of so many bytes is written, and where that begins.
pub(super) fn syntax<R: BufRead + Seek>(stream: &mut R, size: u64) -> Result<(Syntax, u64), Fault> {
    let mut parser = Parser { stream, size, at: 0, explicit: true, kept: 0 };
    parser.skip(128)?;
    if &parser.bytes::<4>()? != b"DICM" {
        return Err(parser.fault("this is no DICOM file: `DICM` is missing at byte 128"));
    }
    let mut meta = Data::default();
    while parser.at < size && parser.peek()? == 2 {
        parser.element(&mut meta, 0)?;
    }
    let syntax = match meta.text(0x0002_0010).unwrap_or_default().as_str() {
        IMPLICIT => Syntax::Implicit,
        EXPLICIT => Syntax::Explicit,
        DEFLATED => Syntax::Deflated,
        RUN_LENGTH => Syntax::RunLength,
        other => {
            let image = IMAGES.iter().find(|(begins, _)| other.starts_with(begins)).map(|(_, name)| *name);
            let message = match (other, image) {
                (BIG_ENDIAN, _) => "its data are big-endian".into(),
                (_, Some(name)) => format!("its pixels are compressed as {name} (transfer syntax {other})"),
                _ => format!("the way in which it is written is not known (transfer syntax {other})"),
            };
            return Err(Fault { unsupported: true, ..parser.fault(&message) });
        }
    };
    Ok((syntax, parser.at))
}

/// Reads a file of so many bytes from the place where its data begin, up to its pixels.
pub(super) fn read<R: BufRead + Seek>(stream: &mut R, size: u64, at: u64, syntax: Syntax) -> Result<Data, Fault> {
    let mut parser = Parser { stream, size, at: 0, explicit: syntax != Syntax::Implicit, kept: 0 };
    parser.skip(at)?;
    let mut data = Data::default();
    while parser.at < size && !data.has(PIXELS) {
        parser.element(&mut data, 0)?;
    }
    Ok(data)
}

impl<R: BufRead + Seek> Parser<'_, R> {
    fn fault(&self, message: &str) -> Fault {
        Fault { byte: self.at, message: message.into(), unsupported: false }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).map_err(|error| self.fault(&format!("it ends too early: {error}")))?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16, Fault> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn tag(&mut self) -> Result<u32, Fault> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// The group of the next element.
    fn peek(&mut self) -> Result<u16, Fault> {
        let group = self.u16()?;
        self.at -= 2;
        self.stream.seek_relative(-2).map_err(|error| self.fault(&error.to_string()))?;
        Ok(group)
    }

    fn room(&self, length: u64) -> Result<(), Fault> {
        if length > self.size.saturating_sub(self.at) {
            return Err(self.fault(&format!("it ends too early: {length} bytes should follow")));
        }
        Ok(())
    }

    fn skip(&mut self, length: u64) -> Result<(), Fault> {
        self.room(length)?;
        let seek = self.stream.seek(SeekFrom::Start(self.at + length));
        seek.map_err(|error| self.fault(&error.to_string()))?;
        self.at += length;
        Ok(())
    }

    /// The length of the next element's value, and whether it is said to be a sequence (`None`: not said).
    fn length(&mut self) -> Result<(u64, Option<bool>, bool), Fault> {
        if !self.explicit {
            return Ok((u64::from(self.u32()?), None, false));
        }
        let kind = self.bytes::<2>()?;
        if !kind.iter().all(u8::is_ascii_uppercase) {
            return Err(self.fault("the kind of a value is not two capital letters"));
        }
        let long = matches!(
            &kind,
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"UC" | b"UN" | b"UR" | b"UT" | b"SV" | b"UV"
        );
        if !long {
            return Ok((u64::from(self.u16()?), Some(false), false));
        }
        self.u16()?;
        let unknown = &kind == b"UN";
        Ok((u64::from(self.u32()?), if unknown { None } else { Some(&kind == b"SQ") }, unknown))
    }

    fn element(&mut self, into: &mut Data, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH {
            return Err(self.fault("its sequences are nested too deep"));
        }
        let tag = self.tag()?;
        let (length, sequence, unknown) = self.length()?;
        let wanted = FIELDS.contains(&tag) || SEQUENCES.contains(&tag);
        if wanted {
            self.kept += 1;
            if self.kept > ELEMENTS {
                return Err(self.fault("it has more elements than a segmentation can have"));
            }
        }
        if tag == PIXELS {
            if length == UNDEFINED {
                into.push(tag, Value::Parts(self.parts()?));
                return Ok(());
            }
            into.push(tag, Value::Away(self.at, length));
            return self.skip(length);
        }
        if length == UNDEFINED || sequence == Some(true) || (sequence.is_none() && SEQUENCES.contains(&tag)) {
            // What is written as unknown is written without kinds inside.
            let outer = self.explicit;
            self.explicit &= !unknown;
            let items = self.items(length, depth + 1);
            self.explicit = outer;
            let items = items?;
            if wanted {
                into.push(tag, Value::Items(items));
            }
            return Ok(());
        }
        self.room(length)?;
        if !wanted || length > LONGEST {
            return self.skip(length);
        }
        let mut bytes = vec![0; length as usize];
        self.stream.read_exact(&mut bytes).map_err(|error| self.fault(&format!("it ends too early: {error}")))?;
        self.at += length;
        into.push(tag, Value::Bytes(bytes));
        Ok(())
    }

    /// Places and lengths of the parts in which compressed pixels come, after the table of where frames begin.
    fn parts(&mut self) -> Result<Vec<(u64, u64)>, Fault> {
        let mut parts = Vec::new();
        loop {
            let tag = self.tag()?;
            let length = u64::from(self.u32()?);
            match tag {
                0xFFFE_E0DD => break,
                0xFFFE_E000 => parts.push((self.at, length)),
                _ => return Err(self.fault("a part of the compressed pixels should begin here")),
            }
            self.skip(length)?;
            self.kept += 1;
            if self.kept > ELEMENTS {
                return Err(self.fault("its pixels have more parts than a segmentation can have"));
            }
        }
        parts.drain(..parts.len().min(1));
        Ok(parts)
    }

    fn items(&mut self, length: u64, depth: usize) -> Result<Vec<Data>, Fault> {
        let end = if length == UNDEFINED {
            None
        } else {
            self.room(length)?;
            Some(self.at + length)
        };
        let mut items = Vec::new();
        while end.is_none_or(|end| self.at < end) {
            let tag = self.tag()?;
            let length = u64::from(self.u32()?);
            match tag {
                0xFFFE_E0DD => break,
                0xFFFE_E000 => {
                    let mut item = Data::default();
                    self.item(&mut item, length, depth)?;
                    self.kept += 1;
                    if self.kept > ELEMENTS {
                        return Err(self.fault("it has more items than a segmentation can have"));
                    }
                    items.push(item);
                }
                _ => return Err(self.fault("an item of a sequence should begin here")),
            }
        }
        Ok(items)
    }

    fn item(&mut self, item: &mut Data, length: u64, depth: usize) -> Result<(), Fault> {
        if length != UNDEFINED {
            self.room(length)?;
            let end = self.at + length;
            while self.at < end {
                self.element(item, depth)?;
            }
            return Ok(());
        }
        loop {
            if self.peek()? == 0xFFFE {
                self.tag()?;
                self.u32()?;
                return Ok(());
            }
            self.element(item, depth)?;
        }
    }
}
