//! The lines of a file that may be compressed, however long it is; tells where it was cut short.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use super::super::super::intake::Intake;
use super::super::{Input, Spot};

/// No line of a VCF of a person, nor of thousands, is longer.
const LONGEST: u64 = 64 << 20;

/// How a file of bgzip ends, so that one that was cut between two of its blocks is known.
const END: [u8; 28] = [31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0, 27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(super) struct Stream {
    source: Box<dyn BufRead>,
    packed: bool,
    line: Vec<u8>,
    done: bool,
}

impl Stream {
    /// Opens the file; P2002 where it cannot be read, P2074 where its end is missing.
    pub(super) fn open(intake: &mut Intake, input: &Input) -> Option<Self> {
        let mut file = intake.stream(input)?;
        let head = file.fill_buf().map(|head| head[..head.len().min(18)].to_vec()).unwrap_or_default();
        let packed = head.starts_with(&[31, 139]);
        let blocks = head.get(..4).is_some_and(|start| start == &END[..4]) && head.get(12..14) == Some(b"BC");
        if blocks && ended(&mut file) == Some(false) {
            cut_short(intake, Spot::Whole, "the block that ends every such file is missing");
        }
        let source: Box<dyn BufRead> = if packed {
            Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Some(Self { source, packed, line: Vec::new(), done: false })
    }

    /// The next line without its end.
    pub(super) fn line(&mut self, intake: &mut Intake, number: usize) -> Option<&[u8]> {
        if self.done {
            return None;
        }
        self.line.clear();
        let read = (&mut self.source).take(LONGEST).read_until(b'\n', &mut self.line);
        match read {
            Ok(0) => {
                self.done = true;
                return None;
            }
            Ok(_) if self.line.last() != Some(&b'\n') && self.line.len() as u64 == LONGEST => {
                self.done = true;
                intake.wrong(Spot::Line(number), "the line is longer than 64 MiB", "is it a VCF file?");
                return None;
            }
            Ok(_) => {}
            Err(error) => {
                self.done = true;
                let place = Spot::Line(number);
                if self.packed {
                    cut_short(intake, place, &error.to_string());
                } else {
                    intake.wrong(place, &format!("it cannot be read on: {error}"), "copy the file again");
                }
                return None;
            }
        }
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        let text = self.line.as_slice();
        Some(if number == 1 { text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text) } else { text })
    }
}

fn cut_short(intake: &mut Intake, spot: Spot, why: &str) {
    let message = format!("the compressed file is cut short or damaged: {why}");
    intake.wrong_as("P2074", spot, &message, "copy or download it again; `gzip -t FILE` tells whether it is whole");
}

/// Whether the file ends as bgzip ends it; it is where it was before.
fn ended(file: &mut BufReader<File>) -> Option<bool> {
    let mut tail = [0; END.len()];
    let length = file.get_ref().metadata().ok()?.len();
    let at = length.checked_sub(END.len() as u64)?;
    file.seek(SeekFrom::Start(at)).ok()?;
    let whole = file.read_exact(&mut tail).is_ok() && tail == END;
    file.seek(SeekFrom::Start(0)).ok()?;
    Some(whole)
}

/// The first bytes of a file, unpacked as far as they go.
pub(super) fn opened(head: &[u8]) -> Vec<u8> {
    if !head.starts_with(&[31, 139]) {
        return head.to_vec();
    }
    let mut start = Vec::new();
    let mut source = MultiGzDecoder::new(head).take(4096);
    let mut block = [0; 512];
    while let Ok(count) = source.read(&mut block)
        && count > 0
    {
        start.extend_from_slice(&block[..count]);
    }
    start
}
