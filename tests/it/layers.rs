//! The rules that hold the source together, as checks: layers, printing, files, names, panics, lengths, pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use homeostat::diagnostic::all_pages;

/// Layers bottom up, and what each may import; `ARCHITECTURE.md` shows the same table.
const LAYERS: [(&str, &str); 13] = [
    ("diagnostic", "–"),
    ("units", "diagnostic"),
    ("stats", "–"),
    ("inference", "stats"),
    ("model", "diagnostic, units, stats"),
    ("sim", "units, model"),
    ("patient", "diagnostic, units"),
    ("population", "diagnostic, units, stats, model"),
    ("likelihood", "all above"),
    ("twin", "all above"),
    ("scenario", "all above"),
    ("report", "units, stats, inference, patient, likelihood, twin, scenario"),
    ("cli", "all above"),
];

/// Layers that may open files: readers, loaders, the twin file, report writers and the command line.
const FILES: [&str; 6] = ["model", "patient", "twin", "scenario", "report", "cli"];

/// Drugs, organs, analytes, diseases, foods: data, not code.
const NAMES: &[&str] = &[
    "glucose",
    "insulin",
    "glucagon",
    "hba1c",
    "theophylline",
    "warfarin",
    "vancomycin",
    "digoxin",
    "tacrolimus",
    "metformin",
    "caffeine",
    "midazolam",
    "aspirin",
    "creatinine",
    "albumin",
    "bilirubin",
    "haemoglobin",
    "hemoglobin",
    "cholesterol",
    "triglycerides",
    "cortisol",
    "sodium",
    "potassium",
    "liver",
    "hepatic",
    "kidney",
    "renal",
    "brain",
    "lung",
    "pancreas",
    "muscle",
    "adipose",
    "stomach",
    "intestine",
    "gut",
    "spleen",
    "heart",
    "cardiac",
    "diabetes",
    "diabetic",
    "t1d",
    "t2d",
    "hypertension",
    "cancer",
    "cirrhosis",
    "meal",
    "meals",
    "breakfast",
    "lunch",
    "dinner",
    "carbohydrate",
    "carbohydrates",
    "carbs",
    "cgm",
    "cyp2c9",
    "cyp2c19",
    "cyp2d6",
    "vkorc1",
];

/// A source file with its path below the repository, with `/`.
struct Code {
    path: String,
    text: String,
}

impl Code {
    /// The layer, for a file of one.
    fn layer(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        inside.split_once('/').map(|(layer, _)| layer)
    }

    /// How many modules deep the file is: 1 for `src/x/mod.rs` and `src/x.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// The text without comments and test modules, line by line with numbers.
    fn plain(&self) -> Vec<(usize, &str)> {
        let mut lines = Vec::new();
        let mut in_tests = false;
        for (number, line) in self.text.lines().enumerate() {
            if line == "#[cfg(test)]" {
                in_tests = true;
            }
            if !in_tests && !line.trim_start().starts_with("//") {
                lines.push((number + 1, line));
            }
            // rustfmt ends an item of the file's top with a brace, or a statement of one line with a semicolon.
            if in_tests && (line == "}" || (line.ends_with(';') && !line.starts_with(' '))) {
                in_tests = false;
            }
        }
        lines
    }

    /// The plain lines without the attributes that hold the command line's help: examples are documentation.
    fn without_help(&self) -> Vec<(usize, &str)> {
        let mut in_help = false;
        let mut lines = self.plain();
        lines.retain(|(_, line)| {
            in_help |= line.trim_start().starts_with("#[command(") || line.trim_start().starts_with("#[arg(");
            let kept = !in_help;
            in_help &= !line.ends_with(")]");
            kept
        });
        lines
    }

    fn plain_text(&self) -> String {
        self.plain().into_iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn code(folder: &str) -> Vec<Code> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() && entry.file_name() != "target" {
                collect(&entry.path(), files);
            } else if entry.path().extension().is_some_and(|end| end == "rs") {
                files.push(entry.path());
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| Code {
            path: file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"),
            text: fs::read_to_string(&file).unwrap(),
        })
        .collect()
}

/// What a layer may import.
fn allowed(layer: &str) -> BTreeSet<&'static str> {
    let at = LAYERS.iter().position(|(name, _)| *name == layer).unwrap_or_else(|| panic!("`{layer}` is no layer"));
    match LAYERS[at].1 {
        "–" => BTreeSet::new(),
        "all above" => LAYERS[..at].iter().map(|(name, _)| *name).collect(),
        some => some.split(", ").collect(),
    }
}

/// The first name after every `crate::`, and after as many `super::` as lead out of a file's layer.
fn imports(code: &Code) -> BTreeSet<String> {
    let text = code.plain_text();
    let mut found = BTreeSet::new();
    let mut after = |rest: &str| {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            None => vec![rest],
            // A group: the names at its own level.
            Some(inner) => {
                let mut depth = 0;
                let mut starts = vec![0];
                for (at, letter) in inner.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => starts.push(at + 1),
                        _ => {}
                    }
                }
                starts.into_iter().map(|at| inner[at..].trim_start()).collect()
            }
        };
        for name in names {
            let end = name.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(name.len());
            if LAYERS.iter().any(|(layer, _)| *layer == &name[..end]) {
                found.insert(name[..end].to_string());
            }
        }
    };
    for (at, _) in text.match_indices("crate::") {
        after(&text[at + "crate::".len()..]);
    }
    let up = "super::".repeat(code.depth());
    for (at, _) in text.match_indices(&up) {
        after(&text[at + up.len()..]);
    }
    found.remove(code.layer().unwrap_or(""));
    found
}

#[test]
fn layers_import_only_downwards() {
    let mut wrong = Vec::new();
    for file in code("src").iter().filter(|file| file.layer().is_some()) {
        let allowed = allowed(file.layer().unwrap());
        let upward: Vec<String> = imports(file).into_iter().filter(|name| !allowed.contains(name.as_str())).collect();
        if !upward.is_empty() {
            wrong.push(format!("{} imports {}", file.path, upward.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_import_scan_sees_every_way_to_write_one() {
    for (path, text) in [
        ("src/units/mod.rs", "use crate::model::Program;\n"),
        ("src/units/mod.rs", "use super::model;\n"),
        ("src/units/parse.rs", "fn f() -> super::super::model::Program {}\n"),
        ("src/units/parse.rs", "use crate::{\n    diagnostic::{Diagnostic, Span},\n    model::Program,\n};\n"),
    ] {
        let file = Code { path: path.into(), text: text.into() };
        assert!(imports(&file).contains("model"), "{text}");
    }
    let inner = Code { path: "src/units/parse.rs".into(), text: "use super::model;\n// crate::model\n".into() };
    assert!(imports(&inner).is_empty());
}

#[test]
fn the_layers_are_the_crates_modules_and_the_table_of_the_architecture() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(modules, LAYERS.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>());
    let written = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows: Vec<(&str, &str)> = written
        .lines()
        .skip_while(|line| !line.starts_with("| layer |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`'), cells[2])
        })
        .collect();
    assert_eq!(rows, LAYERS);
}

/// Every line outside tests and comments that holds one of the words, in the files that are not excepted.
fn uses(words: &[&str], excepted: impl Fn(&Code) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in code("src").iter().filter(|file| !excepted(file)) {
        for (number, line) in file.plain() {
            let hit = words.iter().find(|word| {
                line.match_indices(**word).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
                })
            });
            if let Some(word) = hit {
                found.push(format!("{}:{number}: `{word}`", file.path));
            }
        }
    }
    found
}

#[test]
fn only_the_command_line_prints() {
    // A build script talks to cargo by printing.
    let found = uses(&["print!", "println!", "eprint!", "eprintln!", "dbg!", "indicatif"], |file| {
        file.layer() == Some("cli") || file.path == "src/build.rs"
    });
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn only_readers_loaders_and_writers_touch_files() {
    let found = uses(&["std::fs", "fs::", "File::"], |file| file.layer().is_some_and(|layer| FILES.contains(&layer)));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn randomness_enters_only_as_a_seed() {
    let found = uses(&["thread_rng", "from_os_rng", "from_entropy", "OsRng", "rand::rng(", "rand::random"], |_| false);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn nothing_a_user_can_reach_panics() {
    let found = uses(&["panic!(", "todo!(", "unimplemented!("], |_| false);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let mut calls = Vec::new();
    for file in code("src") {
        let lines = file.plain();
        let hits = lines.iter().filter(|(_, line)| line.contains(".unwrap()") || line.contains(".expect("));
        calls.extend(hits.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())));
    }
    assert!(calls.is_empty(), "\n{}", calls.join("\n"));
}

#[test]
fn no_drug_organ_analyte_or_disease_is_in_the_code() {
    let mut found = Vec::new();
    for file in code("src") {
        for (number, line) in file.without_help() {
            // `CamelCase` and `snake_case` are taken apart.
            let mut apart = String::new();
            for letter in line.chars() {
                if letter.is_uppercase() {
                    apart.push(' ');
                }
                apart.push(letter);
            }
            let lower = line.to_lowercase();
            let apart = apart.to_lowercase();
            let words =
                [&lower, &apart].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
            for word in words.filter(|word| NAMES.contains(word)).collect::<BTreeSet<_>>() {
                found.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn files_say_their_job_and_stay_short() {
    let mut wrong = Vec::new();
    for file in ["src", "tests", "benches", "examples"].iter().flat_map(|folder| code(folder)) {
        if !file.text.starts_with("//! ") {
            wrong.push(format!("{} does not open with `//! `", file.path));
        }
        let lines = file.text.lines().count();
        if lines > 500 {
            wrong.push(format!("{} has {lines} lines", file.path));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Codes written as literals in the source, with a file that uses each.
fn codes_used() -> BTreeMap<String, String> {
    let mut used = BTreeMap::new();
    for file in code("src") {
        for (_, line) in file.plain() {
            for literal in line.split('"').skip(1).step_by(2) {
                let bytes = literal.as_bytes();
                if bytes.len() == 5 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit) {
                    used.insert(literal.to_string(), file.path.clone());
                }
            }
        }
    }
    used
}

#[test]
fn every_code_has_a_page_and_every_page_a_use() {
    let used = codes_used();
    assert!(used.len() > 30, "the scan finds the codes");
    let mut pages = BTreeSet::new();
    for (code, page) in all_pages() {
        assert!(pages.insert(code.clone()), "{code} has two pages");
        let (title, body) = page.split_once('\n').unwrap_or((&page, ""));
        assert!(
            title.split_whitespace().count() > 1 && body.trim().len() > 60,
            "the page of {code} says nothing:\n{page}"
        );
    }
    let without: Vec<String> =
        used.iter().filter(|(code, _)| !pages.contains(*code)).map(|(code, file)| format!("{code} ({file})")).collect();
    assert!(without.is_empty(), "no page: {}", without.join(", "));
    let unused: Vec<&String> = pages.iter().filter(|code| !used.contains_key(*code)).collect();
    assert!(unused.is_empty(), "no use: {unused:?}");
}
