//! What a check of calibration says: as text, as JSON, as a table of ranks, around its figure.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Arguments;
use crate::cli::Stop;
use crate::cli::columns::{Align, aligned};
use crate::inference::CONFIDENCE;
use crate::report::Frame;
use crate::twin::{CalibrationCheck, Fit, MOST_FAILED, NOTICE, Outcome, POOR_R_HAT};

/// Columns of the text.
const WIDTH: usize = 110;

/// A check with what it was asked for.
pub(super) struct Told<'a> {
    pub arguments: &'a Arguments,
    pub bundle: &'a str,
    pub check: &'a CalibrationCheck,
    pub seconds: f64,
}

impl Told<'_> {
    fn poor(&self) -> usize {
        self.check.fits().filter(|fit| fit.poor()).count()
    }

    /// Fits in which some quantity had fewer effective draws than ranks.
    fn short(&self) -> usize {
        self.check.fits().filter(|fit| fit.compared.iter().any(|draws| *draws < self.check.largest_rank)).count()
    }

    fn gradients(&self) -> u64 {
        self.check.fits().map(|fit| fit.gradients).sum()
    }

    fn subtitle(&self) -> String {
        let Arguments { model, chains, warmup, draws, .. } = self.arguments;
        format!(
            "Model {model} · record of {} · {} simulations, {chains} chains of {draws} draws after {warmup} of warmup",
            self.bundle,
            self.check.outcomes.len()
        )
    }

    pub fn frame(&self) -> Frame {
        let reasons = self.check.reasons();
        let mut caveats = Vec::new();
        let (unsimulated, uncalibrated) = self.check.failed();
        if unsimulated + uncalibrated > 0 {
            caveats.push(format!("{unsimulated} simulations could not be simulated, {uncalibrated} not calibrated."));
        }
        Frame {
            title: "Ranks of the truth among the draws".into(),
            subtitle: self.subtitle(),
            caveats,
            notice: (!reasons.is_empty()).then(|| reasons.join(" ")),
            alarm: Some("This check failed: calibration does not give back what was simulated.".into()),
            source: format!("simulation-based calibration · seed {}", self.arguments.seed),
        }
    }

    pub fn text(&self) -> String {
        let mut rows =
            vec![["quantity", "p", "mean rank", "spread", "95 % band", "all at once", ""].map(String::from).to_vec()];
        for (quantity, result) in self.check.quantities.iter().zip(&self.check.ranks.quantities) {
            let word = |inside: bool| String::from(if inside { "inside" } else { "OUTSIDE" });
            let how: Vec<&str> = result.departures.iter().map(|departure| departure.words()).collect();
            let p = if result.p_value < 1e-4 { "< 0.0001".into() } else { format!("{:.4}", result.p_value) };
            let (mean, spread) = (format!("{:.3}", result.mean), format!("{:.3}", result.spread));
            let (alone, together) = (word(result.within_band), word(result.passed));
            rows.push(vec![quantity.name.clone(), p, mean, spread, alone, together, how.join(", ")]);
        }
        let aligns = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Left, Align::Left, Align::Left];
        let mut lines = vec![self.subtitle(), String::new()];
        lines.extend(aligned(&rows, &aligns, WIDTH));
        let joint = &self.check.ranks.joint_band;
        lines.push(format!(
            "\nUniform ranks have mean 0.5 and spread 1; a spread above 1 means draws too narrow. The band of one quantity holds \
             {:.1} % of right calibrations,\nthat of all at once {:.2} % for each, so that all {} stay inside in at least {:.0} % \
             of checks: by it the check is judged.",
            100.0 * self.check.ranks.band.coverage,
            100.0 * joint.coverage,
            self.check.quantities.len(),
            100.0 * CONFIDENCE
        ));
        let (unsimulated, uncalibrated) = self.check.failed();
        let fits = self.check.fits().count();
        lines.push(format!(
            "{fits} of {} simulations calibrated; {unsimulated} could not be simulated, {uncalibrated} not be calibrated (at most \
             {:.0} % may).",
            self.check.outcomes.len(),
            100.0 * MOST_FAILED
        ));
        lines.extend(self.common_reasons().into_iter().map(|(reason, times)| format!("  - {times} ×: {reason}")));
        lines.push(format!(
            "{} fits are poor by themselves (R̂ above {POOR_R_HAT}, or divergences); {} had fewer than {} effective draws of some \
             quantity.",
            self.poor(),
            self.short(),
            self.check.largest_rank
        ));
        lines.push(format!("{:.0} s, {} gradients.\n", self.seconds, self.gradients()));
        let reasons = self.check.reasons();
        lines.push(if reasons.is_empty() { "Passed.".into() } else { "FAILED:".into() });
        lines.extend(reasons.into_iter().map(|reason| format!("  - {reason}")));
        lines.push(NOTICE.into());
        lines.join("\n") + "\n"
    }

    /// Why simulations have no ranks, the most common reasons first; reasons that differ by a number are one.
    fn common_reasons(&self) -> Vec<(String, usize)> {
        let mut counted: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for outcome in &self.check.outcomes {
            let reason = match outcome {
                Outcome::Ranked(_) => continue,
                Outcome::NotSimulated(why) => format!("not simulated: {why}"),
                Outcome::NotCalibrated(why) => format!("not calibrated: {why}"),
            };
            let kind = reason.replace(|letter: char| letter.is_ascii_digit() || letter == '.', "");
            counted.entry(kind).or_insert((reason, 0)).1 += 1;
        }
        let mut found: Vec<(String, usize)> = counted.into_values().collect();
        found.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        found.truncate(5);
        found
    }

    pub fn json(&self) -> Json {
        let check = self.check;
        let (unsimulated, uncalibrated) = check.failed();
        let band = check.ranks.band.differences().into_iter().zip(check.ranks.joint_band.differences());
        let band: Vec<Json> = band
            .map(|((low, high), (joint_low, joint_high))| {
                json!({ "low": low, "high": high, "joint_low": joint_low, "joint_high": joint_high })
            })
            .collect();
        let quantities = check.quantities.iter().zip(&check.ranks.quantities).enumerate();
        let quantities: Vec<Json> = quantities
            .map(|(index, (quantity, result))| {
                json!({
                    "name": quantity.name,
                    "unit": quantity.unit,
                    "passed": result.passed,
                    "within_own_band": result.within_band,
                    "p_value": result.p_value,
                    "mean_rank": result.mean,
                    "spread": result.spread,
                    "departures": result.departures,
                    "ranks": check.fits().map(|fit| fit.ranks[index]).collect::<Vec<_>>(),
                    "ecdf_difference": result.differences,
                })
            })
            .collect();
        json!({
            "notice": NOTICE,
            "model": self.arguments.model,
            "bundle": self.bundle,
            "seed": self.arguments.seed,
            "simulations": check.outcomes.len(),
            "calibrated": check.fits().count(),
            "not_simulated": unsimulated,
            "not_calibrated": uncalibrated,
            "reasons_without_ranks": self.common_reasons(),
            "poor_fits": self.poor(),
            "short_of_effective_draws": self.short(),
            "largest_rank": check.largest_rank,
            "band_coverage": check.ranks.band.coverage,
            "joint_band_coverage_each": check.ranks.joint_band.coverage,
            "band": band,
            "quantities": quantities,
            "verdict": { "passed": check.passed(), "reasons": check.reasons() },
            "seconds": self.seconds,
            "gradients": self.gradients(),
        })
    }

    /// The table of ranks: a row a simulation and quantity; one row for a simulation without ranks.
    pub fn ranks(&self) -> Result<Vec<u8>, Stop> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let titles = [
            "simulation",
            "status",
            "quantity",
            "unit",
            "truth",
            "rank",
            "draws_compared",
            "worst_r_hat",
            "divergences",
        ];
        let mut rows: Vec<Vec<String>> = vec![titles.map(String::from).to_vec()];
        for (number, outcome) in (1..).zip(&self.check.outcomes) {
            let without =
                |why: String| vec![vec![number.to_string(), why].into_iter().chain(vec![String::new(); 7]).collect()];
            rows.extend(match outcome {
                Outcome::Ranked(fit) => self.rows(number, fit),
                Outcome::NotSimulated(why) => without(format!("not simulated: {why}")),
                Outcome::NotCalibrated(why) => without(format!("not calibrated: {why}")),
            });
        }
        let unwritten = |error: String| Stop::Internal(format!("the table of ranks cannot be made: {error}"));
        for row in rows {
            table.write_record(row).map_err(|error| unwritten(error.to_string()))?;
        }
        table.into_inner().map_err(|error| unwritten(error.to_string()))
    }

    fn rows(&self, number: usize, fit: &Fit) -> Vec<Vec<String>> {
        let status = if fit.poor() { "poor" } else { "fine" };
        let quantities = self.check.quantities.iter().enumerate();
        let row = quantities.map(|(index, quantity)| {
            vec![
                number.to_string(),
                status.into(),
                quantity.name.clone(),
                quantity.unit.clone(),
                fit.truths[index].to_string(),
                fit.ranks[index].to_string(),
                fit.compared[index].to_string(),
                format!("{:.4}", fit.worst_r_hat),
                fit.divergences.to_string(),
            ]
        });
        row.collect()
    }
}
