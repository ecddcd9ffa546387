//! Finds model files by name: the library inside the program, a folder, or the texts that a twin kept.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};

use super::compose::compose;
use super::composed::Composed;
use super::parse::parse;
use super::scope::Part;
use super::syntax::{File, Name, StatementKind};

static MODELS: Dir = include_dir!("$CARGO_MANIFEST_DIR/models");

/// Where model files are found.
#[derive(Clone, Debug)]
pub struct Library {
    /// In order of name.
    files: Vec<Source>,
    /// Whether files outside may be read.
    closed: bool,
}

impl Library {
    /// The library that comes with the program.
    pub fn embedded() -> Self {
        let files = MODELS.files().filter(|file| file.path().extension().is_some_and(|end| end == "model"));
        let source = |file: &include_dir::File| {
            Some(Source::new(format!("models/{}", file.path().display()), file.contents_utf8()?))
        };
        Self::sorted(files.filter_map(source).collect(), false)
    }

    /// Every `*.model` file of a folder.
    ///
    /// # Errors
    /// M2014 for a folder or a file that cannot be read.
    pub fn folder(folder: &Path) -> Result<Self, Diagnostics> {
        let unreadable = |error: std::io::Error| {
            Diagnostic::error("M2014", format!("the model folder cannot be read: {error}"))
                .at_location(Location::file(folder.display().to_string()))
                .help("give a folder that holds `*.model` files")
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|end| end == "model") {
                files.push(read(&path)?);
            }
        }
        Ok(Self::sorted(files, false))
    }

    /// These texts and no others: what a twin kept.
    pub fn of(files: Vec<Source>) -> Self {
        Self { files, closed: true }
    }

    fn sorted(mut files: Vec<Source>, closed: bool) -> Self {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Self { files, closed }
    }

    /// Names of all models, with the sentence that each says of itself.
    pub fn names(&self) -> Vec<(String, String)> {
        let about = |source: &Source| parse(source, &mut Diagnostics::new()).map(|file| file.about).unwrap_or_default();
        self.files.iter().map(|source| (stem(&source.name).to_string(), about(source))).collect()
    }

    /// Reads, checks and composes a model by its name in the library, or by a path that ends in `.model` (the files
    /// that it uses are looked for beside it, then in the library); warnings come with it.
    ///
    /// # Errors
    /// Every finding: M1001 to M1004 of its writing, M2001 to M2014 of its names, M3001 and U1001 to U1002 of its
    /// units, M4001 to M4003 of its priors.
    pub fn load(&self, name_or_path: &str) -> Result<(Composed, Diagnostics), Diagnostics> {
        let mut loader =
            Loader { library: self, beside: None, found: Diagnostics::new(), parts: Vec::new(), open: Vec::new() };
        let (source, beside) = self.find(name_or_path)?;
        loader.beside = beside;
        loader.take(source, String::new());
        let Loader { found, parts, .. } = loader;
        // The file named comes first; each once, though a part may be used twice.
        let mut sources: Vec<Source> = Vec::new();
        for part in parts.iter().rev() {
            if !sources.contains(&part.file.source) {
                sources.push(part.file.source.clone());
            }
        }
        if parts.is_empty() {
            return Err(found);
        }
        compose(&parts, sources, found)
    }

    /// The file of a name or path, and the folder where what it uses is looked for first.
    pub(super) fn find(&self, name_or_path: &str) -> Result<(Source, Option<PathBuf>), Diagnostic> {
        if let Some(kept) = self.files.iter().find(|file| &*file.name == name_or_path) {
            return Ok((kept.clone(), None));
        }
        let path = Path::new(name_or_path);
        if !self.closed && (name_or_path.ends_with(".model") || path.components().count() > 1) {
            return Ok((read(path)?, Some(path.parent().unwrap_or(Path::new("")).to_path_buf())));
        }
        Ok((self.named(name_or_path).cloned().ok_or_else(|| self.unknown(name_or_path))?, None))
    }

    fn named(&self, name: &str) -> Option<&Source> {
        self.files.iter().find(|file| stem(&file.name) == name)
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let known = self.files.iter().map(|file| stem(&file.name));
        Diagnostic::error("M2014", format!("there is no model `{name}`")).suggest(name, known)
    }
}

fn read(path: &Path) -> Result<Source, Diagnostic> {
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Source::new(path.display().to_string(), text)),
            Err(_) => Err(unreadable(path, "it is not text in UTF-8")),
        },
        Err(error) => Err(unreadable(path, &error.to_string())),
    }
}

fn unreadable(path: &Path, reason: &str) -> Diagnostic {
    Diagnostic::error("M2014", format!("the model file cannot be read: {reason}"))
        .at_location(Location::file(path.display().to_string()))
        .help("give the path of a `.model` file, or a name that `homeostat model list` shows")
}

fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.strip_suffix(".model").unwrap_or(file)
}

struct Loader<'l> {
    library: &'l Library,
    /// The folder of the file named, where the files that it uses may be.
    beside: Option<PathBuf>,
    found: Diagnostics,
    parts: Vec<Part>,
    /// Names of the files being taken, to find a file that uses itself.
    open: Vec<String>,
}

impl Loader<'_> {
    /// Takes a file and what it uses, the used ones first.
    fn take(&mut self, source: Source, prefix: String) {
        let Some(file) = parse(&source, &mut self.found) else { return };
        self.open.push(stem(&source.name).to_string());
        for statement in &file.statements {
            if let StatementKind::Use { file: used, alias } = &statement.kind {
                let prefix = alias.as_ref().map_or(prefix.clone(), |alias| format!("{prefix}{}.", alias.text));
                self.used(&file, used, prefix);
            }
        }
        self.open.pop();
        self.parts.push(Part { file, prefix });
    }

    fn used(&mut self, file: &File, used: &Name, prefix: String) {
        if self.open.contains(&used.text) {
            let ring = self.open.iter().chain([&used.text]).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            self.found.push(
                Diagnostic::error("M2003", format!("`{}` uses itself", used.text))
                    .at(&file.source, used.span)
                    .label(ring.join(" uses ")),
            );
            return;
        }
        let path = self.beside.as_ref().map(|folder| folder.join(format!("{}.model", used.text)));
        let beside = path.filter(|path| path.is_file()).map(|path| read(&path));
        match beside.or_else(|| self.library.named(&used.text).cloned().map(Ok)) {
            Some(Ok(source)) => self.take(source, prefix),
            Some(Err(diagnostic)) => self.found.push(diagnostic.at(&file.source, used.span)),
            None => self.found.push(self.library.unknown(&used.text).at(&file.source, used.span)),
        }
    }
}
