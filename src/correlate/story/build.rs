//! Details of builds as their producers gave them, row by row, so that a long list can be paged.

use super::events::Events;
use crate::correlate::facts::Details;

/// One row of the details of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// The event, system, machine, platform, duration.
    Head,
    /// A step, by its place.
    Step(usize),
    /// A build argument.
    Argument(usize),
    /// A label.
    Label(usize),
    /// What a scanner found.
    Scan,
    /// Another field.
    Other(usize),
    /// How many fields found no room.
    LeftOut,
}

/// The details of one event.
#[derive(Debug)]
pub(super) struct Build<'a> {
    /// The place of the event.
    pub entry: usize,
    /// The details.
    pub details: &'a Details,
    /// How many rows all builds before it have.
    first_row: usize,
}

impl Build<'_> {
    /// Whether it says more than fields that are not known.
    pub(super) fn tells(&self) -> bool {
        let details = self.details;
        let named = [
            &details.system,
            &details.node,
            &details.duration,
            &details.platform,
        ];
        named.into_iter().any(Option::is_some)
            || !details.steps.is_empty()
            || details.scan.is_some()
    }

    /// Whether it says what a scanner found, and nothing of how something was built.
    pub(super) fn is_scan(&self) -> bool {
        self.details.scan.is_some() && self.details.steps.is_empty() && self.details.node.is_none()
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let details = self.details;
        std::iter::once(Row::Head)
            .chain((0..details.steps.len()).map(Row::Step))
            .chain(details.scan.iter().map(|_| Row::Scan))
            .chain((0..details.arguments.len()).map(Row::Argument))
            .chain((0..details.labels.len()).map(Row::Label))
            .chain((0..details.other.len()).map(Row::Other))
            .chain((details.left_out > 0).then_some(Row::LeftOut))
    }
}

/// All details of a run.
#[derive(Debug, Default)]
pub(super) struct Builds<'a> {
    /// By event.
    pub list: Vec<Build<'a>>,
    rows: usize,
}

impl<'a> Builds<'a> {
    /// Gathers them.
    pub(super) fn of(events: &Events<'a>) -> Self {
        let mut out = Self::default();
        for (at, entry) in events.counted() {
            if let Some(details) = entry.facts().details.as_deref() {
                let build = Build {
                    entry: at,
                    details,
                    first_row: out.rows,
                };
                out.rows += build.rows().count();
                out.list.push(build);
            }
        }
        out
    }

    /// How many rows there are in all.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// One row and the build that it belongs to.
    pub(super) fn row(&self, at: usize) -> Option<(&Build<'a>, Row)> {
        let after = self.list.partition_point(|build| build.first_row <= at);
        let build = self.list.get(after.checked_sub(1)?)?;
        Some((build, build.rows().nth(at - build.first_row)?))
    }
}
