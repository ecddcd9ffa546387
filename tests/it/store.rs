//! The twin file: what is written is read back bit for bit, and what is not as written is refused by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use homeostat::diagnostic::explain;
use homeostat::twin::store::{Group, Store, StoreError, Values, Variable, check_writable, read, write};
use serde_json::{Map, Value, json};

fn attributes(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn variable(name: &str, dimensions: &[&str], shape: &[usize], values: Values) -> Variable {
    let dimensions = dimensions.iter().map(|name| name.to_string()).collect();
    Variable { name: name.into(), dimensions, shape: shape.into(), values, attributes: Map::new() }
}

/// Draws of two parameters, in an order that is not that of the alphabet, with every kind of value and attribute.
fn sample(first: f64) -> Store {
    let mut draws: Vec<f64> = (0..12).map(|i| first + f64::from(i) / 7.0).collect();
    draws[1] = f64::NAN;
    draws[2] = f64::INFINITY;
    draws[3] = f64::NEG_INFINITY;
    draws[4] = -0.0;
    draws[5] = f64::from_bits(0x7ff8_0000_dead_beef);
    draws[6] = f64::MIN_POSITIVE / 3.0;
    let mut volume = variable("V", &["chain", "draw"], &[2, 6], Values::F64(draws));
    volume.attributes =
        attributes(json!({ "unit": "L", "long_name": "volume of distribution", "bounds": [0.0, null] }));
    Store {
        attributes: attributes(json!({ "seed": 1, "verdict": { "passed": true }, "person": "Zoë" })),
        groups: vec![
            Group {
                name: "posterior".into(),
                attributes: attributes(json!({ "created_by": "a test" })),
                variables: vec![
                    variable("chain", &["chain"], &[2], Values::I64(vec![0, 1])),
                    variable("draw", &["draw"], &[6], Values::I64((0..6).collect())),
                    volume,
                    variable("CL", &["chain", "draw"], &[2, 6], Values::F64(vec![f64::NAN; 12])),
                    variable("scale", &[], &[], Values::F64(vec![3.5])),
                ],
            },
            Group {
                name: "observed_data".into(),
                attributes: Map::new(),
                variables: vec![
                    variable("counts", &["time"], &[3], Values::I64(vec![i64::MIN, 0, i64::MAX])),
                    variable("nothing", &["none"], &[0], Values::F64(vec![])),
                ],
            },
            Group {
                name: "sample_stats".into(),
                attributes: Map::new(),
                variables: vec![variable(
                    "diverging",
                    &["chain", "draw"],
                    &[1, 3],
                    Values::Bool(vec![false, true, false]),
                )],
            },
        ],
        texts: vec![
            ("homeostat/model/day.model".into(), "component day\n  \"µ\"\n".into()),
            ("homeostat/empty.txt".into(), String::new()),
        ],
    }
}

/// NaN is unequal to itself: numbers are compared by their bits.
fn assert_same(left: &Store, right: &Store) {
    let bits = |store: &Store| {
        let mut store = store.clone();
        for variable in store.groups.iter_mut().flat_map(|group| &mut group.variables) {
            if let Values::F64(values) = &variable.values {
                variable.values = Values::I64(values.iter().map(|value| value.to_bits() as i64).collect());
            }
        }
        store
    };
    assert_eq!(bits(left), bits(right));
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anna.twin");
    (folder, path)
}

/// Every file below a folder, as a path below it.
fn files(folder: &Path) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_string());
            }
        }
    }
    found.sort();
    found
}

/// The names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The only code, after checking that it has a page.
fn code(error: &StoreError) -> &'static str {
    let diagnostics = error.diagnostics().expect("an error of the user");
    let codes: Vec<&'static str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert!(explain(codes[0]).is_some(), "{} has no page", codes[0]);
    assert!(codes.iter().all(|code| *code == codes[0]));
    codes[0]
}

#[test]
fn what_is_written_is_read_back_bit_for_bit() {
    let (_folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    assert_same(&read(&path).unwrap(), &sample(1.0));
}

#[test]
fn an_empty_store_is_a_twin_too() {
    let (_folder, path) = place();
    write(&path, &Store::default(), false).unwrap();
    assert_eq!(read(&path).unwrap(), Store::default());
}

#[test]
fn equal_stores_make_equal_files() {
    let (_one, first) = place();
    let (_two, second) = place();
    write(&first, &sample(1.0), false).unwrap();
    write(&second, &sample(1.0), false).unwrap();
    assert_eq!(files(&first), files(&second));
    for file in files(&first) {
        assert_eq!(fs::read(first.join(&file)).unwrap(), fs::read(second.join(&file)).unwrap(), "{file}");
    }
}

#[test]
fn metadata_is_what_zarr_readers_expect() {
    let (_folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    let json = |file: &str| -> Value { serde_json::from_slice(&fs::read(path.join(file)).unwrap()).unwrap() };
    let volume = json("posterior/V/zarr.json");
    assert_eq!(volume["dimension_names"], json!(["chain", "draw"]));
    assert_eq!(volume["shape"], json!([2, 6]));
    assert_eq!(volume["chunk_grid"]["configuration"]["chunk_shape"], json!([1, 6]));
    assert_eq!(volume["data_type"], json!("float64"));
    assert_eq!(volume["attributes"]["unit"], json!("L"));
    assert_eq!(json("posterior/scale/zarr.json")["shape"], json!([]));
    let root = json("zarr.json");
    assert_eq!(root["attributes"]["homeostat_twin_version"], json!(1));
    assert_eq!(root["consolidated_metadata"]["metadata"]["posterior/V"], volume);
    assert_eq!(json("posterior/zarr.json")["consolidated_metadata"]["metadata"]["V"], volume);
}

#[test]
fn every_damaged_file_is_named() {
    let (_folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    let all = files(&path);
    // Root, 3 groups, 8 arrays, 2 texts, the manifest; chunks of chain, draw, counts, scale, diverging; 2 each of V, CL.
    assert_eq!(all.len(), 1 + 3 + 8 + 2 + 1 + 5 + 4);
    for file in all {
        let whole = fs::read(path.join(&file)).unwrap();
        let mut damages = vec![None, Some([whole.clone(), vec![b' ']].concat())];
        if !whole.is_empty() {
            damages.push(Some(whole[..whole.len() - 1].to_vec()));
            damages.push(Some(Vec::new()));
            for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                damages.push(Some(flipped));
            }
        }
        for damage in damages {
            match &damage {
                Some(bytes) => fs::write(path.join(&file), bytes).unwrap(),
                None => fs::remove_file(path.join(&file)).unwrap(),
            }
            let error = read(&path).unwrap_err();
            let StoreError::Damaged { files, .. } = &error else { panic!("{file}: {error}") };
            assert_eq!(files.iter().map(|damage| damage.file.as_str()).collect::<Vec<_>>(), [file.as_str()]);
            assert_eq!(code(&error), "T3004");
            assert!(error.diagnostics().unwrap().to_string().contains(&file));
        }
        fs::write(path.join(&file), whole).unwrap();
    }
    assert_same(&read(&path).unwrap(), &sample(1.0));
}

#[test]
fn all_damages_are_told_at_once() {
    let (_folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    fs::remove_file(path.join("posterior/V/c/1/0")).unwrap();
    fs::write(path.join("homeostat/model/day.model"), "component night\n").unwrap();
    let error = read(&path).unwrap_err();
    let text = error.diagnostics().unwrap().to_string();
    assert!(text.contains("posterior/V/c/1/0") && text.contains("homeostat/model/day.model"), "{text}");
    assert!(text.contains("found no file"), "{text}");
}

#[test]
fn another_version_is_named() {
    let (_folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    let root = fs::read_to_string(path.join("zarr.json")).unwrap();
    let later = root.replacen("\"homeostat_twin_version\": 1", "\"homeostat_twin_version\": 7", 1);
    assert_ne!(root, later);
    fs::write(path.join("zarr.json"), later).unwrap();
    // A changed number in a file that the manifest covers is damage, not a version.
    assert_eq!(code(&read(&path).unwrap_err()), "T3004");
    // A later version need not keep this manifest.
    fs::remove_file(path.join("homeostat/manifest.sha256")).unwrap();
    let error = read(&path).unwrap_err();
    assert_eq!(error, StoreError::OtherVersion { path: path.clone(), found: "7".into() });
    assert_eq!(code(&error), "T3003");
}

#[test]
fn what_is_not_a_twin_is_named_for_what_it_is() {
    let (folder, path) = place();
    assert_eq!(code(&read(&path).unwrap_err()), "T3001");
    assert_eq!(code(&read(&folder.path().join("no/such/place.twin")).unwrap_err()), "T3001");
    type Make = fn(&Path);
    let make: [(&str, Make); 5] = [
        ("a file", |path| fs::write(path, "hello").unwrap()),
        ("an empty folder", |path| fs::create_dir(path).unwrap()),
        ("a patient bundle", |path| fs::write(path.join("patient.toml"), "").unwrap()),
        ("a Zarr store", |path| fs::write(path.join("zarr.json"), r#"{"attributes":{}}"#).unwrap()),
        ("some other folder", |path| fs::write(path.join("thesis.tex"), "years").unwrap()),
    ];
    for (number, (words, make)) in make.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.twin"));
        if number > 1 {
            fs::create_dir(&path).unwrap();
        }
        make(&path);
        let error = read(&path).unwrap_err();
        assert_eq!(code(&error), "T3002");
        assert!(error.to_string().contains(words), "{error}");
        // Neither does writing replace it, overwriting allowed or not.
        for overwrite in [false, true] {
            let before = if path.is_dir() { names(&path) } else { vec![] };
            assert_eq!(code(&write(&path, &sample(1.0), overwrite).unwrap_err()), "T3008");
            assert_eq!(code(&check_writable(&path, overwrite).unwrap_err()), "T3008");
            assert_eq!(if path.is_dir() { names(&path) } else { vec![] }, before);
        }
    }
    assert_eq!(fs::read_to_string(folder.path().join("0.twin")).unwrap(), "hello");
}

#[test]
fn a_twin_is_replaced_only_when_asked_and_only_if_all_in_it_is_ours() {
    let (folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    assert_eq!(code(&write(&path, &sample(2.0), false).unwrap_err()), "T3007");
    assert_same(&read(&path).unwrap(), &sample(1.0));
    write(&path, &sample(2.0), true).unwrap();
    assert_same(&read(&path).unwrap(), &sample(2.0));

    fs::write(path.join("posterior/notes.txt"), "mine").unwrap();
    let error = write(&path, &sample(3.0), true).unwrap_err();
    assert_eq!(code(&error), "T3008");
    assert!(error.to_string().contains("posterior/notes.txt"), "{error}");
    assert_eq!(fs::read_to_string(path.join("posterior/notes.txt")).unwrap(), "mine");
    fs::remove_file(path.join("posterior/notes.txt")).unwrap();

    // A damaged twin is a twin: calibrating again mends it.
    fs::remove_file(path.join("posterior/V/c/0/0")).unwrap();
    write(&path, &sample(3.0), true).unwrap();
    assert_same(&read(&path).unwrap(), &sample(3.0));
    assert_eq!(names(folder.path()), ["anna.twin"]);
}

#[test]
fn a_path_that_cannot_be_written_is_refused() {
    let (folder, _) = place();
    fs::write(folder.path().join("file"), "").unwrap();
    for path in ["missing/anna.twin", "file/anna.twin", ".."] {
        let path = folder.path().join(path);
        assert_eq!(code(&check_writable(&path, true).unwrap_err()), "T3006", "{}", path.display());
        assert_eq!(code(&write(&path, &sample(1.0), true).unwrap_err()), "T3006", "{}", path.display());
    }
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).unwrap();
    // An administrator may write everywhere, and then has written a whole twin.
    match write(&locked.join("anna.twin"), &sample(1.0), false) {
        Err(error) => assert_eq!(code(&error), "T3006"),
        Ok(()) => assert_same(&read(&locked.join("anna.twin")).unwrap(), &sample(1.0)),
    }
    assert_eq!(names(folder.path()), ["file", "locked"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_kept() {
    let (folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    let link = folder.path().join("link.twin");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    write(&link, &sample(2.0), true).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_same(&read(&path).unwrap(), &sample(2.0));
}

#[cfg(unix)]
#[test]
fn leftovers_of_a_dead_run_are_cleaned_and_the_old_twin_survives() {
    let (folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    // Killed while writing: a part of the new one lies beside the old one.
    fs::create_dir(folder.path().join(".anna.twin.new-99999-0")).unwrap();
    fs::write(folder.path().join(".anna.twin.new-99999-0/zarr.json"), "{").unwrap();
    fs::create_dir(folder.path().join(".anna.twin.newest")).unwrap();
    assert_same(&read(&path).unwrap(), &sample(1.0));
    write(&path, &sample(2.0), true).unwrap();
    assert_eq!(names(folder.path()), [".anna.twin.newest", "anna.twin"]);

    // Killed between the two renames: the old one is aside; reading says where it is.
    fs::rename(&path, folder.path().join(".anna.twin.old-99999-0")).unwrap();
    let error = read(&path).unwrap_err();
    assert_eq!(code(&error), "T3001");
    assert!(error.diagnostics().unwrap().to_string().contains(".anna.twin.old-99999-0"));
    // The next write puts it back first, so that one that is refused loses nothing.
    assert_eq!(code(&write(&path, &sample(3.0), false).unwrap_err()), "T3007");
    assert_same(&read(&path).unwrap(), &sample(2.0));
    assert_eq!(names(folder.path()), [".anna.twin.newest", "anna.twin"]);

    // Killed before the old one was removed, and while it was.
    write(&folder.path().join(".anna.twin.old-99999-1"), &sample(1.0), false).unwrap();
    fs::create_dir(folder.path().join(".anna.twin.trash-99999-2")).unwrap();
    write(&path, &sample(3.0), true).unwrap();
    assert_same(&read(&path).unwrap(), &sample(3.0));
    assert_eq!(names(folder.path()), [".anna.twin.newest", "anna.twin"]);
}

#[test]
fn writers_and_readers_of_one_path_take_turns() {
    let (folder, path) = place();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..5 {
                    write(path, &sample(f64::from(writer)), true).unwrap();
                    read(path).unwrap();
                }
            });
        }
    });
    let last = read(&path).unwrap();
    let values = last.group("posterior").and_then(|group| group.variable("V")).and_then(|v| v.values.as_f64()).unwrap();
    assert!([0.0, 1.0, 2.0, 3.0].contains(&values[0]));
    assert_eq!(names(folder.path()), ["anna.twin"]);
}

/// Not a test of its own: the writer that `a_kill_leaves_no_half_written_twin` kills.
#[test]
#[ignore = "run by another test"]
fn writer_to_be_killed() {
    let Some(path) = std::env::var_os("HOMEOSTAT_TEST_TWIN") else { return };
    for first in 2.. {
        write(Path::new(&path), &sample(f64::from(first)), true).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_kill_leaves_no_half_written_twin() {
    let (folder, path) = place();
    write(&path, &sample(1.0), false).unwrap();
    let mut replaced = 0;
    for round in 0..12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["store::writer_to_be_killed", "--exact", "--ignored"])
            .env("HOMEOSTAT_TEST_TWIN", &path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60 + 17 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let whole = match read(&path) {
            Err(StoreError::NotFound { aside: Some(aside), .. }) => read(&aside),
            found => found,
        };
        let whole = whole.unwrap();
        let first = whole.groups[0].variable("V").and_then(|v| v.values.as_f64()).unwrap()[0];
        assert_same(&whole, &sample(first));
        replaced += usize::from(first > 1.0);
        // The next write finds what the killed one left.
        write(&path, &sample(1.0), true).unwrap();
        assert_same(&read(&path).unwrap(), &sample(1.0));
        assert_eq!(names(folder.path()), ["anna.twin"]);
    }
    assert!(replaced > 0, "no writer was killed at work");
}

#[test]
fn a_store_that_does_not_hold_together_is_our_error() {
    let (folder, path) = place();
    let broken: [fn(&mut Store); 9] = [
        |store| store.groups[0].variables[2].shape = vec![2, 5],
        |store| store.groups[0].variables[2].dimensions = vec!["chain".into()],
        |store| store.groups[0].variables[2].name = "a/b".into(),
        |store| store.groups[0].variables[2].name = "CL".into(),
        |store| store.groups[0].variables[0] = variable("chain", &["chain"], &[3], Values::I64(vec![0, 1, 2])),
        |store| store.groups[1].name = "posterior".into(),
        |store| store.groups[1].name = "homeostat".into(),
        |store| store.texts[0].0 = "homeostat/../../x".into(),
        |store| store.texts[0].0 = "posterior/x".into(),
    ];
    for (number, broken) in broken.into_iter().enumerate() {
        let mut store = sample(1.0);
        broken(&mut store);
        let error = write(&path, &store, true).unwrap_err();
        assert!(matches!(error, StoreError::Invalid(_)), "{number}: {error}");
        assert!(error.diagnostics().is_none());
    }
    assert!(names(folder.path()).is_empty());
}
