//! Figures: what is written on them, that they are well-formed and whole, and what happens where they cannot be.

use std::path::Path;

use homeostat::report::{
    Effect, EffectChart, EffectPanel, Event, FanChart, Figure, Format, Frame, Panel, ParameterChart, ParameterPanel,
    Readings, Ribbon, SaveError, Scale, Strip, TraceChart, TracePanel, effect_chart, fan_chart, parameter_chart,
    trace_chart,
};
use homeostat::stats::{Histogram, rank_histograms};

const NOTICE: &str = "research and educational software, not a medical device";

fn frame(notice: Option<&str>) -> Frame {
    Frame {
        title: "Plasma <glucose> & more".into(),
        subtitle: "somebody".into(),
        caveats: vec!["late lunch: 3 of 100 draws could not be simulated".into()],
        notice: notice.map(String::from),
        alarm: None,
        source: "anna.twin".into(),
    }
}

/// A ribbon around a wave, hourly.
fn ribbon(name: &str, from: usize, to: usize, level: f64) -> Ribbon {
    let times_h: Vec<f64> = (from..=to).map(|hour| hour as f64).collect();
    let around = |by: f64| times_h.iter().map(|time| level * (1.2 + (time / 4.0).sin()) + by).collect();
    Ribbon {
        name: name.into(),
        q05: around(-2.0),
        q25: around(-1.0),
        q50: around(0.0),
        q75: around(1.0),
        q95: around(2.0),
        times_h,
    }
}

fn fan(ribbons: Vec<Ribbon>, readings: Vec<Readings>) -> FanChart {
    FanChart {
        frame: frame(None),
        panels: vec![Panel {
            quantity: "plasma_glucose".into(),
            unit: "mg/dL".into(),
            ribbons,
            readings,
            target: Some((70.0, 180.0)),
            scale: Scale::Linear,
        }],
        strips: vec![Strip {
            name: "bolus_insulin".into(),
            unit: "[iU]".into(),
            events: vec![Event { time_h: 7.0, value: 4.5 }, Event { time_h: 12.0, value: 6.0 }],
            held: false,
        }],
        window_h: None,
        epoch: None,
    }
}

fn parameters() -> ParameterChart {
    let draws: Vec<f64> = (0..400).map(|i| 2.8 + (f64::from(i) * 0.7).sin()).collect();
    let panel = ParameterPanel {
        name: "CL".into(),
        unit: "L/h".into(),
        prior: (0..50).map(|i| (f64::from(i) / 5.0, 0.1)).collect(),
        posterior: Histogram::of(&draws, 40),
        contraction: 0.87,
    };
    ParameterChart { frame: frame(None), parameters: vec![panel.clone(), panel] }
}

fn traces() -> TraceChart {
    let chains: Vec<Vec<f64>> =
        (0..4).map(|chain| (0..3000).map(|i| f64::from(chain) + (f64::from(i) * 1.7).sin()).collect()).collect();
    let ranks = rank_histograms(&chains, 20);
    let panel = TracePanel {
        name: "ka".into(),
        unit: "1/h".into(),
        chains,
        ranks,
        r_hat: 1.0034,
        ess_bulk: 1234.4,
        ess_tail: 987.0,
    };
    TraceChart { frame: frame(None), parameters: vec![panel] }
}

fn effects() -> EffectChart {
    let effect = |scenario: &str, median: f64| Effect {
        scenario: scenario.into(),
        q05: median - 5.0,
        q25: median - 2.0,
        median,
        q75: median + 2.0,
        q95: median + 5.0,
        p_better: Some(0.9),
    };
    EffectChart {
        frame: frame(None),
        baseline: "as it was".into(),
        outcomes: vec![EffectPanel {
            output: "plasma_glucose".into(),
            outcome: "peak".into(),
            unit: "mg/dL".into(),
            better: Some("lower"),
            effects: vec![effect("late lunch", -12.0), effect("early lunch", 3.0)],
        }],
    }
}

/// Every number in the attributes that say where something is.
fn coordinates(svg: &str) -> Vec<f64> {
    let mut found = Vec::new();
    for attribute in [" x=\"", " y=\"", " points=\"", " cx=\"", " cy=\"", " r=\"", " x1=\"", " y1=\""] {
        for rest in svg.split(attribute).skip(1) {
            let value = rest.split('"').next().unwrap();
            let numbers = value.split([',', ' ']).filter(|number| !number.is_empty());
            found.extend(numbers.map(|number| number.parse::<f64>().unwrap_or(f64::NAN)));
        }
    }
    found
}

/// Checks what every figure must be, and returns its SVG.
fn checked(figure: &Figure) -> String {
    let svg = figure.svg().unwrap();
    well_formed(&svg);
    let (width, height) = figure.size();
    let (width, height) = (f64::from(width) * 10.0, f64::from(height) * 10.0);
    let coordinates = coordinates(&svg);
    assert!(coordinates.len() > 10);
    for number in &coordinates {
        assert!(number.is_finite() && *number >= -0.02 * width && *number <= width.max(height) * 1.02, "{number}");
    }
    assert!(svg.contains(NOTICE), "{svg}");
    assert!(svg.contains(&format!("Homeostat {}", env!("CARGO_PKG_VERSION"))));
    assert!(!svg.contains("NaN") && !svg.contains(">inf"));
    svg
}

/// A small check of XML: tags nest and close, attributes are quoted, `&` and `<` stand only where they may.
fn well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "stray > in {text}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["lt", "gt", "amp", "quot", "apos"].contains(&name), "&{name}");
        }
        let end = at + rest[at..].find('>').expect("a tag that ends");
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        assert!(!tag.contains('<'), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty());
}

fn all() -> Vec<Figure> {
    let readings =
        Readings { name: "measured".into(), times_h: vec![1.0, 5.0], values: vec![110.0, 90.0], beyond: vec![0, -1] };
    let ribbons = vec![ribbon("as it was", 0, 24, 100.0), ribbon("late lunch", 0, 24, 80.0)];
    vec![
        fan_chart(&fan(ribbons, vec![readings])),
        parameter_chart(&parameters()),
        trace_chart(&traces()),
        effect_chart(&effects()),
    ]
}

#[test]
fn figures_say_what_they_show_and_in_which_unit() {
    let words: [&[&str]; 4] = [
        &[
            "plasma glucose [mg/dL]",
            "as it was",
            "late lunch",
            "measured",
            "target range",
            "4.5 IU",
            "time since the epoch [h]",
            "50 % and 90 %",
        ],
        &["CL", "[L/h]", "contraction 0.87", "prior", "posterior"],
        &["ka", "[1/h]", "R-hat 1.003", "ESS bulk 1234, tail 987", "chain 4"],
        &["peak [mg/dL]", "late lunch", "−12 [−17, −7] mg/dL", "0.90", "lower is better", "as it was"],
    ];
    for (figure, words) in all().iter().zip(words) {
        let svg = checked(figure);
        for word in words {
            assert!(svg.contains(word), "{word}");
        }
        assert!(svg.contains("Plasma &lt;glucose&gt; &amp; more"));
        assert!(svg.contains("3 of 100 draws could not be simulated"));
        assert!(!svg.contains("failed its verdict"));
    }
}

#[test]
fn a_twin_that_failed_says_so_across_the_head_of_every_figure() {
    let notice = Some("R-hat of `ka` is 1.07, above 1.01.");
    let mut charts = (fan(vec![ribbon("as it was", 0, 24, 100.0)], vec![]), parameters(), traces(), effects());
    charts.0.frame = frame(notice);
    charts.1.frame = frame(notice);
    charts.2.frame = frame(notice);
    charts.3.frame = frame(notice);
    for figure in [fan_chart(&charts.0), parameter_chart(&charts.1), trace_chart(&charts.2), effect_chart(&charts.3)] {
        let svg = checked(&figure);
        assert!(svg.contains("This twin failed its verdict: do not rely on this figure."));
        assert!(svg.contains("R-hat of `ka` is 1.07"));
        // In red, and before anything else is drawn.
        let banner = svg.find("failed its verdict").unwrap();
        assert!(banner < svg.find("Plasma &lt;glucose&gt; &amp; more\n").unwrap());
        assert!(svg[..banner].rsplit_once("<text").unwrap().1.contains("#B0101C"));
    }
}

#[test]
fn a_png_has_two_pixels_a_pixel_and_is_not_empty() {
    for figure in all() {
        let bytes = figure.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let (width, height) = figure.size();
        assert_eq!((reader.info().width, reader.info().height), (2 * width, 2 * height));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let drawn = pixels.chunks(3).filter(|pixel| pixel.iter().any(|channel| *channel < 250)).count();
        let share = drawn as f64 / f64::from(4 * width * height);
        assert!(share > 0.01 && share < 0.6, "{share}");
        // The margins stay white.
        assert!(pixels[..3 * 2 * width as usize * 10].iter().all(|channel| *channel == 255));
    }
}

#[test]
fn odd_data_are_drawn_or_left_out_and_never_break_a_figure() {
    let nan = vec![f64::NAN; 5];
    let times: Vec<f64> = (0..5).map(f64::from).collect();
    let constant = |value: f64| Ribbon {
        name: "flat".into(),
        times_h: times.clone(),
        q05: vec![value; 5],
        q25: vec![value; 5],
        q50: vec![value; 5],
        q75: vec![value; 5],
        q95: vec![value; 5],
    };
    let unknown = Ribbon { name: "unknown".into(), q50: nan.clone(), ..constant(1.0) };
    let all_unknown =
        Ribbon { times_h: times.clone(), q05: nan.clone(), q25: nan.clone(), q75: nan, ..unknown.clone() };
    let long = Ribbon { name: "a name without end ".repeat(40), ..constant(5.0) };
    let one = ribbon("one", 3, 3, 100.0);
    let odd_reading = Readings {
        name: "odd".into(),
        times_h: vec![f64::NAN, 2.0, 3.0],
        values: vec![1.0, f64::INFINITY, 4.0],
        beyond: vec![],
    };
    for ribbons in [
        vec![],
        vec![constant(0.0)],
        vec![constant(1e-12)],
        vec![constant(1e12)],
        vec![constant(-3.0)],
        vec![unknown],
        vec![all_unknown],
        vec![one],
        vec![long],
        vec![Ribbon::default()],
        (0..12).map(|i| ribbon(&format!("s{i}"), 0, 24, 10.0 * f64::from(i))).collect(),
    ] {
        for scale in [Scale::Linear, Scale::Log] {
            for window in [None, Some((2.5, 3.5)), Some((500.0, 501.0))] {
                let mut chart = fan(ribbons.clone(), vec![odd_reading.clone()]);
                chart.panels[0].scale = scale;
                chart.window_h = window;
                checked(&fan_chart(&chart));
            }
        }
    }
    let no_panel = FanChart { panels: vec![], ..fan(vec![], vec![]) };
    checked(&fan_chart(&no_panel));
    let outside = fan_chart(&FanChart { window_h: Some((500.0, 501.0)), ..fan(vec![ribbon("r", 0, 24, 1.0)], vec![]) });
    assert!(checked(&outside).contains("nothing to show in this window"));

    let mut parameters = parameters();
    for draws in [vec![], vec![1.0], vec![1.0; 100], vec![f64::NAN; 4], vec![0.0, 1e300]] {
        let posterior = Histogram::of(&draws, 40);
        parameters.parameters.push(ParameterPanel { posterior, contraction: f64::NAN, ..ParameterPanel::default() });
    }
    let infinite = vec![(0.0, f64::INFINITY), (1.0, 1.0), (2.0, f64::NAN)];
    parameters.parameters.push(ParameterPanel { prior: infinite, ..ParameterPanel::default() });
    checked(&parameter_chart(&parameters));
    checked(&parameter_chart(&ParameterChart { parameters: vec![], ..parameters }));

    let mut traces = traces();
    for chains in [vec![], vec![vec![]], vec![vec![1.0]], vec![vec![f64::NAN; 3], vec![2.0; 3]]] {
        let ranks = rank_histograms(&chains, 20);
        traces.parameters.push(TracePanel { chains, ranks, r_hat: f64::NAN, ..TracePanel::default() });
    }
    checked(&trace_chart(&traces));

    let mut effects = effects();
    let unknown = Effect { scenario: "broken".into(), q05: f64::NAN, median: f64::NAN, ..Effect::default() };
    let none = Effect { scenario: "a name without end ".repeat(20), ..Effect::default() };
    effects.outcomes[0].effects.extend([unknown, none]);
    assert!(checked(&effect_chart(&effects)).contains("no draw could be simulated"));
    checked(&effect_chart(&EffectChart { outcomes: vec![], ..effects }));
}

#[test]
fn a_gap_in_a_band_is_a_gap_in_the_picture() {
    let polygons = |chart: &FanChart| fan_chart(chart).svg().unwrap().matches("<polygon").count();
    let mut chart = fan(vec![ribbon("as it was", 0, 24, 100.0)], vec![]);
    let whole = polygons(&chart);
    for list in [0, 1] {
        let ribbon = &mut chart.panels[0].ribbons[0];
        let list = if list == 0 { &mut ribbon.q05 } else { &mut ribbon.q25 };
        list[12] = f64::NAN;
    }
    assert_eq!(polygons(&chart), whole + 2);
}

#[test]
fn ribbons_differ_in_dashes_and_in_lightness() {
    let ribbons: Vec<Ribbon> = (0..3).map(|i| ribbon(&format!("s{i}"), 0, 24, 50.0 * f64::from(i + 1))).collect();
    let svg = fan_chart(&fan(ribbons, vec![])).svg().unwrap();
    // Lines as thick as a median, by colour: how many pieces, and how light.
    let mut pieces: Vec<(String, usize)> = Vec::new();
    for line in svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"20\"")) {
        let colour = line.split("stroke=\"").nth(1).unwrap()[..7].to_string();
        match pieces.iter_mut().find(|(known, _)| *known == colour) {
            Some((_, count)) => *count += 1,
            None => pieces.push((colour, 1)),
        }
    }
    assert_eq!(pieces.len(), 3);
    let channel = |colour: &str, at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap());
    let light = |colour: &str| 0.299 * channel(colour, 1) + 0.587 * channel(colour, 3) + 0.114 * channel(colour, 5);
    for (index, (colour, count)) in pieces.iter().enumerate() {
        for (other, others) in &pieces[..index] {
            assert!((light(colour) - light(other)).abs() > 30.0, "{colour} {other}");
            assert!(count != others);
        }
    }
}

#[test]
fn a_figure_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let figure = effect_chart(&effects());
    for (name, start) in [("a.svg", &b"<svg"[..]), ("b.PNG", &b"\x89PNG"[..])] {
        let path = folder.path().join(name);
        std::fs::write(&path, "what was there").unwrap();
        figure.save(&path).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(start));
    }
    let names = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!(names(folder.path()), 2, "no temporary file is left");

    // A folder stands at the path: the rename fails after the file was written.
    let taken = folder.path().join("taken.svg");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("inside"), "").unwrap();
    let missing = folder.path().join("missing/a.svg");
    for path in [&taken, &missing] {
        let Err(error @ SaveError::System { .. }) = figure.save(path) else { panic!("{path:?}") };
        assert!(error.to_string().contains(".svg` cannot be written"), "{error}");
    }
    assert_eq!(names(folder.path()), 3);
    assert_eq!(names(&taken), 1);
}

#[test]
fn an_ending_that_is_neither_svg_nor_png_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.pdf", "a", "svg", "a.svg.txt"] {
        let path = folder.path().join(name);
        assert!(Format::of(&path).is_err());
        assert!(matches!(effect_chart(&effects()).save(&path), Err(SaveError::Format(_))));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(Format::of(Path::new("a.Svg")), Ok(Format::Svg));
}

/// The command, without a twin: what it says of paths and of its own words.
#[test]
fn the_command_tells_what_to_write() {
    let plot = |arguments: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_homeostat")).arg("plot").args(arguments).output();
        let run = run.unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap())
    };
    for (path, wanted) in [("out/a.pgn", "out/a.png"), ("a.sgv", "a.svg"), ("a.pdf", "a.svg"), ("a", "a.svg")] {
        let (code, out, err) = plot(&["none.twin", "-o", path]);
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains("error[C6101]") && err.contains(&format!("--> {path}\n")), "{err}");
        assert!(err.contains(&format!("for instance `{wanted}`")), "{err}");
    }
    let (code, _, err) = plot(&["none.twin", "-o", "a.svg"]);
    assert!(code == Some(1) && err.contains("T3001"), "{err}");
    assert_eq!(plot(&["none.twin"]).0, Some(2));
    assert_eq!(plot(&["none.twin", "-o", "a.svg", "--kind", "pie"]).0, Some(2));
    let (code, help, _) = plot(&["--help"]);
    assert_eq!(code, Some(0));
    for word in ["Examples:", "--kind", "effects", "--output", "--from", "not a medical device"] {
        assert!(help.contains(word), "{word}");
    }
}

/// A twin of few draws, which fails its verdict, and every figure of it.
#[test]
fn every_figure_of_a_twin_is_drawn_and_one_that_failed_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let homeostat = |arguments: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_homeostat")).args(arguments).output().unwrap();
        (run.status.code(), String::from_utf8(run.stderr).unwrap())
    };
    let (twin, scenario) = (at("few.twin"), at("half.toml"));
    let few = ["--draws", "40", "--warmup", "200", "--chains", "2"];
    let (code, err) = homeostat(&[&["calibrate", "patients/theophylline_01", "-o", &twin][..], &few].concat());
    assert_eq!(code, Some(3), "{err}");
    std::fs::write(
        &scenario,
        "name = \"half the dose\"\n[[scale]]\ninput = \"oral_theophylline\"\nfactor = 0.5\n\
         [[outcome]]\noutput = \"plasma_theophylline\"\nmeasure = \"peak\"\nbetter = \"lower\"\n",
    )
    .unwrap();
    let cases: [(&str, &[&str], &[&str]); 5] = [
        ("fan", &[], &["plasma theophylline [mg/L]", "as it was", "measured", "320 mg"]),
        (
            "fan",
            &[&scenario, "--from", "2h", "--to", "600 min", "--target", "5:15", "--log"],
            &["as it was", "half the dose", "target range", "as recorded"],
        ),
        ("parameters", &[], &["CL", "[L/h]", "contraction"]),
        ("trace", &[], &["R-hat", "ESS bulk", "chain 2"]),
        ("effects", &[&scenario], &["half the dose", "peak [mg/L]", "P(better)", "&gt; 0.99", "lower is better"]),
    ];
    for (kind, more, words) in cases {
        let path = at("figure.svg");
        let (code, err) = homeostat(&[&["plot", &twin, "-o", &path, "--kind", kind][..], more].concat());
        assert_eq!(code, Some(3), "{kind}: {err}");
        let svg = std::fs::read_to_string(&path).unwrap();
        well_formed(&svg);
        for word in words.iter().chain(&["This twin failed its verdict", "few.twin", NOTICE]) {
            assert!(svg.contains(word), "{kind}: {word}");
        }
        assert!(coordinates(&svg).iter().all(|number| number.is_finite()));
        std::fs::remove_file(&path).unwrap();
    }
    let path = at("none.svg");
    for (more, code, words) in [
        (&["--output", "plasma_theofylline"][..], 1, "did you mean `plasma_theophylline`?"),
        (&["--from", "300h"], 1, "C6103"),
        (&["--kind", "effects"], 2, "name scenario files"),
        (&["--from", "yesterday"], 2, "--from"),
        (&["--from", "9h", "--to", "8h"], 2, "before"),
        (&["--target", "7"], 2, "70:180"),
        (&["--target", "1:2 kg"], 2, "measures something else"),
        (&["no_scenario.toml"], 1, "S5001"),
    ] {
        let (found, err) = homeostat(&[&["plot", &twin, "-o", &path][..], more].concat());
        assert!(found == Some(code) && err.contains(words), "{more:?}: {found:?} {err}");
    }
    let missing = at("missing/a.png");
    let (code, err) = homeostat(&["plot", &twin, "-o", &missing]);
    assert!(code == Some(1) && err.contains("C6001"), "{err}");
    assert!(!Path::new(&path).exists());
}
