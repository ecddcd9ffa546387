//! Files that fuzzing found to take a way of their own through a reader or the model language: none may panic or hang.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use homeostat::model::Library;
use homeostat::patient::{Patient, Vocabulary};

/// Far beyond what any of them takes.
const LONGEST: Duration = Duration::from_secs(20);

/// A folder in memory where the system has such a place: a disk takes minutes for tens of thousands of small files.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs each file of a corpus; how many there were.
fn run(name: &str, mut one: impl FnMut(&[u8])) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fuzz/corpus/{name}.tar.gz"));
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut files = 0;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let start = Instant::now();
        one(&bytes);
        let path = entry.path().unwrap();
        assert!(start.elapsed() < LONGEST, "{name}/{} takes {:?}", path.display(), start.elapsed());
        files += 1;
    }
    files
}

#[test]
fn readers_end_well_on_every_file_of_their_corpus() {
    let vocabulary = Vocabulary::embedded().unwrap();
    let folder = folder();
    for target in targets::TARGETS {
        let files = run(target.name, |bytes| targets::read(target, bytes, folder.path(), vocabulary));
        assert!(files >= 5, "{}: {files} files", target.name);
    }
}

#[test]
fn the_model_language_ends_well_on_every_file_of_its_corpus() {
    let library = Library::embedded();
    let folder = folder();
    let files = run("model", |bytes| targets::compile(bytes, folder.path(), &library));
    assert!(files > 10, "{files} files");
}

/// The help for a file of no known format lists every format there is.
#[test]
fn every_format_is_fuzzed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("patient.toml"), "[[source]]\nfile = \"a.bin\"\n").unwrap();
    std::fs::write(folder.path().join("a.bin"), [7; 50]).unwrap();
    let (_, found) = Patient::read(folder.path());
    let help = found.iter().find_map(|finding| (finding.code == "P2032").then(|| finding.help.clone())).flatten();
    let help = help.unwrap_or_else(|| panic!("{found}"));
    let formats: Vec<&str> =
        help.split("one of: ").nth(1).unwrap().split("; ").map(|one| one.split(' ').next().unwrap()).collect();
    assert!(formats.len() >= 19, "{formats:?}");
    for format in formats {
        assert!(targets::TARGETS.iter().any(|target| target.name == format), "{format} is not fuzzed");
    }
}
