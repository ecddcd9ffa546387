//! The files of a bundle: each is read once, hashed, and remembered with its name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Origin;
use super::table::Table;
use crate::diagnostic::{Diagnostic, Location, Source, Span, nearest};

/// A text file of the bundle.
pub(super) struct TextFile {
    /// Its name in the bundle; origins carry it.
    pub name: Arc<str>,
    /// Its text without byte order mark, under the path the user gave; diagnostics carry it.
    pub source: Source,
}

/// Where something was read: a cell of a table or a span of another text.
#[derive(Clone)]
pub(super) enum Place {
    Cell { table: Rc<Table>, row: usize, column: usize },
    Text { file: Rc<TextFile>, span: Span },
    Spot { path: Rc<str>, origin: Origin },
}

impl Place {
    pub(super) fn location(&self) -> Location {
        match self {
            Place::Cell { table, row, column } => table.location(*row, *column),
            Place::Text { file, span } => file.source.locate(*span),
            Place::Spot { path, origin } => match (&origin.path, origin.line) {
                (Some(at), _) => Location::file(format!("{path}#{at}")),
                (None, Some(line)) => Location::line(&**path, line, None),
                (None, None) => Location::file(&**path),
            },
        }
    }

    pub(super) fn origin(&self) -> Origin {
        match self {
            Place::Spot { origin, .. } => origin.clone(),
            Place::Cell { table, row, .. } => {
                Origin { file: table.file.name.clone(), line: Some(table.line_number(*row)), path: None }
            }
            Place::Text { file, span } => {
                let before = file.source.text.get(..span.start).unwrap_or("");
                Origin { file: file.name.clone(), line: Some(before.matches('\n').count() + 1), path: None }
            }
        }
    }

    /// The path of the file as the user gave it.
    pub(super) fn path(&self) -> &str {
        match self {
            Place::Spot { path, .. } => path,
            Place::Cell { table, .. } => &table.file.source.name,
            Place::Text { file, .. } => &file.source.name,
        }
    }
}

/// The bundle's folder, with what was read of it.
pub(super) struct Files {
    folder: PathBuf,
    read: BTreeMap<String, (Rc<TextFile>, [u8; 32])>,
    /// Files that were read as a stream.
    streamed: BTreeMap<String, [u8; 32]>,
}

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.into(), read: BTreeMap::new(), streamed: BTreeMap::new() }
    }

    /// Reads a file of the bundle, or the one read before; P2002 (no place yet) if it cannot be.
    pub(super) fn text(&mut self, name: &str) -> Result<Rc<TextFile>, Diagnostic> {
        let name = name.trim_start_matches("./");
        if let Some((file, _)) = self.read.get(name) {
            return Ok(file.clone());
        }
        let path = self.inside(name)?;
        let bytes = fs::read(&path).map_err(|error| self.unreadable(name, &error))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let byte = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
            Diagnostic::error("P2002", format!("`{name}` is not UTF-8 text (line {line}, byte {byte})"))
                .help("save it as UTF-8; in a spreadsheet program choose \"CSV UTF-8\"")
        })?;
        Ok(self.keep(name, &path, &bytes, text))
    }

    /// Reads a file that a device or program exported, in whichever encoding: UTF-8, UTF-16 by its mark, else
    /// Windows-1252; or the one read before. P2002 (no place yet) if it cannot be.
    pub(super) fn export(&mut self, name: &str) -> Result<Rc<TextFile>, Diagnostic> {
        let name = name.trim_start_matches("./");
        if let Some((file, _)) = self.read.get(name) {
            return Ok(file.clone());
        }
        let path = self.inside(name)?;
        let bytes = fs::read(&path).map_err(|error| self.unreadable(name, &error))?;
        Ok(match (std::str::from_utf8(&bytes), bytes.as_slice()) {
            (Ok(text), _) => self.keep(name, &path, &bytes, text),
            (_, [0xff, 0xfe, rest @ ..]) => self.keep(name, &path, &bytes, &utf_16(rest, u16::from_le_bytes)),
            (_, [0xfe, 0xff, rest @ ..]) => self.keep(name, &path, &bytes, &utf_16(rest, u16::from_be_bytes)),
            // Letters with accents are where Latin-1 has them; signs that differ stand in no title.
            (_, bytes) => {
                self.keep(name, &path, bytes, &bytes.iter().map(|byte| char::from(*byte)).collect::<String>())
            }
        })
    }

    fn keep(&mut self, name: &str, path: &Path, bytes: &[u8], text: &str) -> Rc<TextFile> {
        let mut text = text.trim_start_matches('\u{feff}').to_string();
        if !text.contains('\n') {
            // Files of the old Macintosh end their lines so.
            text = text.replace('\r', "\n");
        }
        let source = Source::new(path.to_string_lossy(), text);
        let file = Rc::new(TextFile { name: name.into(), source });
        self.read.insert(name.into(), (file.clone(), Sha256::digest(bytes).into()));
        file
    }

    /// The path of a name; P2002 if it leads out of the folder.
    fn inside(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if name.is_empty() || !inside {
            return Err(Diagnostic::error("P2002", format!("`{name}` is not a file inside the bundle"))
                .help("copy the file into the bundle's folder and write its name, so that the bundle is whole"));
        }
        Ok(self.folder.join(name))
    }

    /// Opens a file of the bundle that may be no text, or larger than memory; it is hashed as it lies.
    pub(super) fn stream(&mut self, name: &str) -> Result<BufReader<File>, Diagnostic> {
        let name = name.trim_start_matches("./");
        let path = self.inside(name)?;
        let open = || File::open(&path);
        if !self.streamed.contains_key(name) {
            let mut hash = Sha256::new();
            let mut file = open().map_err(|error| self.unreadable(name, &error))?;
            let mut block = vec![0; 1 << 20];
            loop {
                match file.read(&mut block).map_err(|error| self.unreadable(name, &error))? {
                    0 => break,
                    count => hash.update(&block[..count]),
                }
            }
            self.streamed.insert(name.into(), hash.finalize().into());
        }
        let file = open().map_err(|error| self.unreadable(name, &error))?;
        Ok(BufReader::with_capacity(1 << 20, file))
    }

    /// The first bytes of a file.
    pub(super) fn head(&self, name: &str) -> Result<Vec<u8>, Diagnostic> {
        let path = self.inside(name)?;
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(|error| self.unreadable(name, &error))?;
        file.take(4096).read_to_end(&mut bytes).map_err(|error| self.unreadable(name, &error))?;
        Ok(bytes)
    }

    /// The files of a name, of which the last part may hold stars (`steps-*.json`), sorted; P2002 if there is none.
    pub(super) fn matching(&self, pattern: &str) -> Result<Vec<String>, Diagnostic> {
        let pattern = pattern.trim_start_matches("./");
        if !pattern.contains('*') {
            self.inside(pattern)?;
            return Ok(vec![pattern.into()]);
        }
        let (folder, last) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, last)| (folder, last));
        let path = if folder.is_empty() { self.folder.clone() } else { self.inside(folder)? };
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| fits(last, name))
            .map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") })
            .collect();
        names.sort();
        if names.is_empty() {
            let finding = Diagnostic::error("P2002", format!("the bundle has no file that fits `{pattern}`"));
            return Err(finding.help(format!("the folder holds {}", listed(&self.present()))));
        }
        Ok(names)
    }

    /// The path of a file of the bundle as the user sees it.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn unreadable(&self, name: &str, error: &std::io::Error) -> Diagnostic {
        let present = self.present();
        if error.kind() == std::io::ErrorKind::NotFound {
            let finding = Diagnostic::error("P2002", format!("the bundle has no file `{name}`"));
            return match nearest(name, present.iter().map(String::as_str)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("the folder holds {}", listed(&present))),
            };
        }
        Diagnostic::error("P2002", format!("`{name}` cannot be read: {error}"))
    }

    /// The names of the files in the folder, sorted.
    fn present(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// The names of the files in the folder that were not read, sorted.
    pub(super) fn unread(&self) -> Vec<String> {
        self.present()
            .into_iter()
            .filter(|name| !self.read.contains_key(name) && !self.streamed.contains_key(name))
            .collect()
    }

    /// One hash of all files read: their names and contents, in the order of the names, so that the order in which
    /// they were read does not matter.
    pub(super) fn hash(&self) -> String {
        let mut all = Sha256::new();
        let texts = self.read.iter().map(|(name, (_, hash))| (name, hash));
        let hashes: BTreeMap<&String, &[u8; 32]> = self.streamed.iter().chain(texts).collect();
        for (name, hash) in hashes {
            all.update(Sha256::digest(name.as_bytes()));
            all.update(hash);
        }
        all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The text of UTF-16; what is none is replaced.
pub(super) fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Whether a name fits a pattern in which a star stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inside = name.strip_prefix(start).and_then(|after| after.strip_suffix(end));
    // Each piece where it comes first: what is left for the next is then as much as can be.
    let found = |left: &mut &str, piece: &str| {
        left.find(piece).map(|at| *left = left.get(at + piece.len()..).unwrap_or_default()).is_some()
    };
    inside.is_some_and(|mut left| middle.split('*').all(|piece| found(&mut left, piece)))
}

/// Names in backquotes, the first dozen.
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    let mut text = names.iter().take(12).map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text.push_str(&format!(" and {} more", names.len() - 12));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By trying every way; it takes forever on many stars.
    fn by_trying(pattern: &str, name: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == name,
            Some((start, rest)) => name.strip_prefix(start).is_some_and(|after| {
                (0..=after.len()).filter_map(|at| after.get(at..)).any(|tail| by_trying(rest, tail))
            }),
        }
    }

    #[test]
    fn stars_stand_for_anything() {
        let words = |letters: &[&str], longest: u32| -> Vec<String> {
            let mut all = vec![String::new()];
            for _ in 0..longest {
                all = all.iter().flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}"))).collect();
            }
            all
        };
        // Blanks stand for letters left out, so that lengths differ.
        let short = |word: String| word.replace(' ', "");
        for pattern in words(&["a", "é", "*", " "], 5).into_iter().map(short) {
            for name in words(&["a", "é", " "], 4).into_iter().map(short) {
                assert_eq!(fits(&pattern, &name), by_trying(&pattern, &name), "{pattern} {name}");
            }
        }
        let (many, name) = ("*a".repeat(200) + "b", "a".repeat(5000));
        assert!(!fits(&many, &name) && fits(&many, &format!("{name}b")));
    }
}
