//! The figures: counts, and what lies in the middle of many lengths of time.

use crate::correlate::shown::DAY;
use crate::domain::time::Timestamp;

/// The middle and the far end of many lengths of time, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many were measured.
    pub count: usize,
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median: Option<i64>,
    /// The smallest that nine in ten do not exceed (nearest rank).
    pub p90: Option<i64>,
}

impl Spread {
    /// Of these lengths, in any order.
    pub(super) fn of(mut micros: Vec<i64>) -> Self {
        micros.sort_unstable();
        let count = micros.len();
        let at = |place: usize| micros.get(place).copied();
        let median = match (count % 2, at(count / 2)) {
            (0, Some(upper)) => {
                at((count / 2).saturating_sub(1)).map(|lower| lower.midpoint(upper))
            }
            (_, middle) => middle,
        };
        let p90 = at((count * 9).div_ceil(10).saturating_sub(1));
        Self { count, median, p90 }
    }
}

/// How many deployments failed, each counted once, by what shows it first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// They were recorded as not successful.
    pub not_successful: usize,
    /// They were rolled back.
    pub rolled_back: usize,
    /// An incident came up before the next deployment.
    pub incident: usize,
}

impl Failures {
    /// All of them.
    pub const fn all(self) -> usize {
        self.not_successful + self.rolled_back + self.incident
    }
}

/// The figures of a service in an environment, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Deployments in the window, failed ones among them.
    pub deployments: usize,
    /// Those that were recorded as successful; some may have been rolled back later.
    pub succeeded: usize,
    /// Those that failed, by what shows it.
    pub failures: Failures,
    /// The first deployment in the window.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
    /// From change to deployment.
    pub lead: Spread,
    /// Of those measured, the ones without a merge: they are counted from the first event of the
    /// change or commit, and so are longer.
    pub lead_from_first_commit: usize,
    /// From failure to service restored.
    pub restore: Spread,
}

impl Figures {
    /// Failed deployments in percent of all; nothing where there was none.
    pub fn change_failure_percent(&self) -> Option<f64> {
        (self.deployments > 0).then(|| self.failures.all() as f64 * 100.0 / self.deployments as f64)
    }

    /// Successful deployments a day over a length of time in microseconds.
    pub fn per_day(&self, micros: i64) -> Option<f64> {
        (micros > 0).then(|| self.succeeded as f64 / (micros as f64 / DAY as f64))
    }

    /// Microseconds from the first to the last deployment.
    pub fn span(&self) -> i64 {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return 0;
        };
        last.as_micros().saturating_sub(first.as_micros())
    }
}

/// What one row is counted up from.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) figures: Figures,
    pub(super) leads: Vec<i64>,
    pub(super) restores: Vec<i64>,
}

impl Tally {
    /// Counts a deployment at an instant.
    pub(super) fn deployed(&mut self, at: Timestamp, ok: bool) {
        let figures = &mut self.figures;
        figures.deployments += 1;
        figures.succeeded += usize::from(ok);
        figures.first = Some(figures.first.map_or(at, |first| first.min(at)));
        figures.last = Some(figures.last.map_or(at, |last| last.max(at)));
    }

    /// Adds another tally.
    pub(super) fn add(&mut self, other: &Self) {
        let (sum, figures) = (&mut self.figures, &other.figures);
        sum.deployments += figures.deployments;
        sum.succeeded += figures.succeeded;
        sum.failures.not_successful += figures.failures.not_successful;
        sum.failures.rolled_back += figures.failures.rolled_back;
        sum.failures.incident += figures.failures.incident;
        sum.first = [sum.first, figures.first].into_iter().flatten().min();
        sum.last = [sum.last, figures.last].into_iter().flatten().max();
        sum.lead_from_first_commit += figures.lead_from_first_commit;
        self.leads.extend(&other.leads);
        self.restores.extend(&other.restores);
    }

    /// The figures.
    pub(super) fn finish(self) -> Figures {
        Figures {
            lead: Spread::of(self.leads),
            restore: Spread::of(self.restores),
            ..self.figures
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_and_the_far_end() {
        let of = |micros: &[i64]| {
            let spread = Spread::of(micros.to_vec());
            (spread.median, spread.p90)
        };
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[7]), (Some(7), Some(7)));
        assert_eq!(of(&[4, 1]), (Some(2), Some(4)));
        assert_eq!(of(&[5, 1, 3]), (Some(3), Some(5)));
        let ten: Vec<i64> = (1..=10).collect();
        assert_eq!(of(&ten), (Some(5), Some(9)));
    }

    proptest! {
        #[test]
        fn a_spread_lies_between_the_ends(micros in proptest::collection::vec(any::<i64>(), 1..60)) {
            let (least, most) = (*micros.iter().min().unwrap(), *micros.iter().max().unwrap());
            let spread = Spread::of(micros);
            let (median, p90) = (spread.median.unwrap(), spread.p90.unwrap());
            prop_assert!(least <= median && median <= p90.max(median) && p90 <= most);
        }
    }
}
