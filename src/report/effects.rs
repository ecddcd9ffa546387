//! A forest plot of paired contrasts: what each scenario changes, and how sure that is.

use super::axis::{Axis, Scale, fixed, number};
use super::density::ticks;
use super::fan::titled;
use super::figure::Figure;
use super::frame::{Frame, MARGIN, SMALL, TEXT};
use super::scene::{Anchor, Area, Face, Scene, Weight};
use super::style::{AXIS, GRID, INK, MUTED, line};
use super::text::{elide, readable, width};

/// Contrasts of scenarios against a baseline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EffectChart {
    pub frame: Frame,
    /// The scenario with which the others are compared.
    pub baseline: String,
    pub outcomes: Vec<EffectPanel>,
}

/// One outcome in every scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EffectPanel {
    /// The output of the model that is asked about.
    pub output: String,
    pub outcome: String,
    pub unit: String,
    /// Which direction is good: "lower" or "higher".
    pub better: Option<&'static str>,
    pub effects: Vec<Effect>,
}

/// The difference that a scenario makes, over draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    pub scenario: String,
    pub q05: f64,
    pub q25: f64,
    pub median: f64,
    pub q75: f64,
    pub q95: f64,
    pub p_better: Option<f64>,
}

const WIDTH: f64 = 960.0;
const ROW: f64 = 26.0;

/// Draws a forest plot.
pub fn effect_chart(chart: &EffectChart) -> Figure {
    let mut scene = Scene::new(WIDTH);
    let mut y = chart.frame.head(&mut scene) + 8.0;
    let mut scenarios: Vec<&str> = Vec::new();
    for effect in chart.outcomes.iter().flat_map(|panel| &panel.effects) {
        if !scenarios.contains(&effect.scenario.as_str()) {
            scenarios.push(&effect.scenario);
        }
    }
    let words = "point: median · thick line: 50 % of draws · thin line: 90 %";
    scene.text((MARGIN, y + 6.0), words, Face::regular(SMALL, MUTED));
    y += 10.0;
    let names = scenarios.iter().map(|name| width(name, TEXT, Weight::Regular)).fold(80.0, f64::max).min(250.0);
    let left = MARGIN + names + 18.0;
    // At the right a column for the numbers and one for the probability.
    let (numbers, probability) = (WIDTH - MARGIN - 78.0, WIDTH - MARGIN);
    let plot_width = numbers - 210.0 - left;
    for panel in &chart.outcomes {
        y += 34.0;
        head(&mut scene, panel, &chart.baseline, y, (numbers, probability));
        let span = least_span(panel);
        let height = ROW * panel.effects.len() as f64 + 6.0;
        let area = Area { left, top: y + 10.0, width: plot_width, height };
        let ends = panel.effects.iter().flat_map(|effect| [effect.q05, effect.median, effect.q95]);
        let axis = Axis::around(ends.chain([0.0]), Scale::Linear, 5);
        let x = |value: f64| area.left + axis.place(value) * area.width;
        for (tick, _) in &axis.ticks {
            scene.line(vec![(x(*tick), area.top), (x(*tick), area.bottom())], GRID, 0.8);
        }
        scene.line(vec![(x(0.0), area.top), (x(0.0), area.bottom())], AXIS, 1.4);
        for (index, effect) in panel.effects.iter().enumerate() {
            let middle = area.top + 3.0 + ROW * (index as f64 + 0.5);
            let number = scenarios.iter().position(|name| *name == effect.scenario).unwrap_or(0);
            // The baseline has the first look.
            let colour = line(number + 1, scenarios.len() + 1).colour;
            let name = elide(&effect.scenario, names, TEXT, Weight::Regular);
            let face = Face::regular(TEXT, INK).anchored(Anchor::End);
            scene.text((left - 14.0, middle + 4.2), name, face);
            scene.line(vec![(x(effect.q05), middle), (x(effect.q95), middle)], colour, 1.6);
            scene.line(vec![(x(effect.q25), middle), (x(effect.q75), middle)], colour, 5.0);
            scene.circle((x(effect.median), middle), 5.0, super::style::WHITE);
            scene.circle((x(effect.median), middle), 4.0, colour);
            words_beside(&mut scene, effect, (&panel.unit, span), middle + 4.2, (numbers, probability));
        }
        scene.line(vec![(area.left, area.bottom()), (area.right(), area.bottom())], AXIS, 1.0);
        // The unit stands in the head: only a factor needs words here.
        ticks(&mut scene, &axis, if axis.factor.is_some() { &panel.unit } else { "1" }, area);
        y = area.bottom() + if axis.factor.is_some() { 32.0 } else { 20.0 };
    }
    if chart.outcomes.iter().all(|panel| panel.effects.is_empty()) {
        y += 30.0;
        scene.text((MARGIN, y), "no contrast to show", Face::regular(TEXT, MUTED));
    }
    chart.frame.foot(&mut scene, y);
    Figure { scene, title: format!("{}. {}", chart.frame.title, chart.frame.subtitle) }
}

fn head(scene: &mut Scene, panel: &EffectPanel, baseline: &str, y: f64, (numbers, probability): (f64, f64)) {
    let against = if baseline.is_empty() { String::new() } else { format!(", change from “{baseline}”") };
    let better = panel.better.map(|better| format!(" · {better} is better")).unwrap_or_default();
    let title = titled(&panel.outcome, &panel.unit);
    let room = numbers - 190.0 - MARGIN;
    let bold = elide(&title, room, TEXT, Weight::Bold);
    let after = MARGIN + width(&bold, TEXT, Weight::Bold);
    scene.text((MARGIN, y), bold, Face::bold(TEXT, INK));
    let rest = elide(&format!("{against}{better}"), room - (after - MARGIN), TEXT, Weight::Regular);
    scene.text((after, y), rest, Face::regular(TEXT, MUTED));
    let face = Face::regular(SMALL, MUTED).anchored(Anchor::End);
    scene.text((numbers, y), "median [90 % interval]", face);
    if panel.better.is_some() {
        scene.text((probability, y), "P(better)", face);
    }
}

/// The least width of an interval of the panel, which says how many decimals are worth reading.
fn least_span(panel: &EffectPanel) -> f64 {
    let spans = panel.effects.iter().map(|effect| effect.q95 - effect.q05).filter(|span| *span > 0.0);
    spans.fold(f64::INFINITY, f64::min)
}

fn words_beside(
    scene: &mut Scene,
    effect: &Effect,
    (unit, span): (&str, f64),
    y: f64,
    (numbers, probability): (f64, f64),
) {
    let decimals = if span.is_finite() { (1 - span.log10().floor() as i32).clamp(0, 6) as usize } else { 0 };

    if !effect.median.is_finite() {
        let face = Face::regular(TEXT, MUTED).anchored(Anchor::End);
        scene.text((numbers, y), "no draw could be simulated", face);
        return;
    }
    let signed = |value: f64| match value {
        _ if span < 1e6 && span > 1e-4 => match fixed(value, decimals) {
            text if value > 0.0 && text.chars().any(|c| c.is_ascii_digit() && c != '0') => format!("+{text}"),
            text => text,
        },
        value if value > 0.0 => format!("+{}", number(value, 3)),
        value => number(value, 3),
    };
    let unit = if unit == "1" { String::new() } else { format!(" {}", readable(unit)) };
    let text = format!("{} [{}, {}]{unit}", signed(effect.median), signed(effect.q05), signed(effect.q95));
    let face = Face::regular(TEXT, INK).anchored(Anchor::End);
    scene.text((numbers, y), elide(&text, 200.0, TEXT, Weight::Regular), face);
    if let Some(p) = effect.p_better.filter(|p| p.is_finite()) {
        // A share of finitely many draws proves neither certainty.
        let text = match p {
            p if p > 0.995 => "> 0.99".to_string(),
            p if p < 0.005 => "< 0.01".to_string(),
            p => fixed(p, 2),
        };
        scene.text((probability, y), text, Face::bold(TEXT, INK).anchored(Anchor::End));
    }
}
