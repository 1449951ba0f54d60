//! Medians.

use std::time::Duration;

/// Measured values, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a time in milliseconds.
    pub(crate) fn push_time(&mut self, time: Duration) {
        self.push(time.as_secs_f64() * 1e3);
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which the part `q` of the sample lies.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        let at = (last as f64 * q).round() as usize;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// The middle of the ratios of two samples taken in turns: what a machine does to both of a pair
/// falls out.
pub(crate) fn median_ratio(ours: &Sample, theirs: &Sample) -> f64 {
    let mut ratios = Sample::default();
    for (ours, theirs) in ours.0.iter().zip(&theirs.0) {
        ratios.push(ours / theirs);
    }
    ratios.median()
}
