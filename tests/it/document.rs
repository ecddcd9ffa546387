//! The document of the model library: that it is of the files as they are, and what it says of a user's file.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

fn document(arguments: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_homeostat")).args(["model", "doc"]).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_document_of_the_library_is_of_its_files() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let (folder, figures) = (TempDir::new().unwrap(), docs.join("figures/models"));
    let written = folder.path().join("models.md");
    let (code, _, said) = document(&["-o", written.to_str().unwrap(), "--figures", figures.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    let here = fs::read_to_string(written).unwrap().replace(figures.to_str().unwrap(), "figures/models");
    let there = fs::read_to_string(docs.join("models.md")).unwrap();
    let differs = here.lines().zip(there.lines()).find(|(here, there)| here != there);
    let say = "`homeostat model doc -o docs/models.md --figures figures/models` brings it up to date";
    assert!(here == there, "docs/models.md is of other files: {say}\n{differs:?}");
}

#[test]
fn a_page_has_equations_and_parameters_with_their_sources() {
    let folder = TempDir::new().unwrap();
    let model = folder.path().join("cup.model");
    let text = "component cup\n  \"A cup that cools.\"\n\n# Assumes still air.\n#\n# Newton's law.\n\ntime [min]\n\
        parameter k [1/min] ~ LogNormal(0.1,\n    30%)  source \"Newton 1701\"   \"Loss | a minute.\"   # aside\n\
        parameter room [K] = 293 [K]   source \"assumed: a room\"\nstate heat [K] = 350 [K]   \"Of the cup.\"\n\
        d heat = -k * (heat - room)\noutput temperature [K] = heat  \"What is felt.\"\n";
    fs::write(&model, text).unwrap();
    let (code, page, said) = document(&[model.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "## cup\n\nA cup that cools.\n\nAssumes still air.\n\nNewton's law.\n",
        "```\ntime [min]\nstate heat [K] = 350 [K]\nd heat = -k * (heat - room)\noutput temperature [K] = heat\n```\n",
        "| k | 1/min | `LogNormal(0.1, 30%)` | Loss \\| a minute. | Newton 1701 |",
        "| room | K | `293 [K]` |  | assumed: a room |",
    ] {
        assert!(page.contains(part), "{part}\nis not in\n{page}");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let (code, page, said) = document(&["theophyline"]);
    assert_eq!((code, page.as_str()), (Some(1), ""));
    assert!(said.contains("M2014") && said.contains("theophylline"), "{said}");
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("none/models.md");
    let (code, _, said) = document(&["theophylline", "-o", missing.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("C6001"), "{said}");
}
