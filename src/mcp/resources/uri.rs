//! The addresses of resources.

use crate::domain::unit::{HISTORY_PREFIX, Unit, decode};

/// What a URI points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `epr://overview`
    Overview,
    /// `epr://events/latest`
    LatestEvents,
    /// `epr://events/{id}`
    Event(String),
    /// `epr://receivers/{id}`; a percent-encoded name or type does as well.
    Receiver(String),
    /// `epr://groups/{id}`; a percent-encoded name or type does as well.
    Group(String),
    /// `epr://history/{name}/{version}/{release}/{platform_id}/{package}`
    History(Unit),
    /// `epr://runs/{run}`
    Run(String),
    /// `epr://runs/{run}/timeline`
    RunTimeline(String),
    /// `epr://gates/{group}/{unit}`
    Gate {
        /// Id, name or type.
        group: String,
        /// The unit.
        unit: Unit,
    },
}

impl Address {
    /// Reads a URI of this registry.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        if uri.starts_with(HISTORY_PREFIX) {
            return Unit::parse(uri).ok().map(Self::History);
        }
        let path = uri.strip_prefix("epr://")?;
        match path.split_once('/') {
            None if path == "overview" => Some(Self::Overview),
            Some(("events", "latest")) => Some(Self::LatestEvents),
            Some(("events", id)) => one(id).map(Self::Event),
            Some(("receivers", id)) => one(id).map(Self::Receiver),
            Some(("groups", id)) => one(id).map(Self::Group),
            Some(("runs", rest)) => match rest.rsplit_once('/') {
                Some((run, "timeline")) => one(run).map(Self::RunTimeline),
                _ => one(rest).map(Self::Run),
            },
            Some(("gates", rest)) => {
                let (group, unit) = rest.split_once('/')?;
                Some(Self::Gate {
                    group: one(group)?,
                    unit: embedded(unit)?,
                })
            }
            _ => None,
        }
    }
}

fn one(part: &str) -> Option<String> {
    let text = decode(part)?;
    (!text.is_empty() && !part.contains('/')).then_some(text)
}

/// A unit's path that is one part of another path: percent-encoded once more, though many clients
/// put it in as it is.
fn embedded(part: &str) -> Option<Unit> {
    if part.contains('/') {
        Unit::parse(part).ok()
    } else {
        Unit::parse(&decode(part)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::unit::encode;

    #[test]
    fn every_form_is_read() {
        let unit = Unit {
            name: "a/b".into(),
            version: "1%2".into(),
            release: "r".into(),
            platform_id: "linux/amd64".into(),
            package: "k é".into(),
        };
        assert_eq!(
            Address::parse(&unit.uri()),
            Some(Address::History(unit.clone()))
        );
        let gate = Address::Gate {
            group: "G 1".into(),
            unit: unit.clone(),
        };
        assert_eq!(
            Address::parse(&format!("epr://gates/G%201/{}", encode(&unit.path()))),
            Some(gate.clone())
        );
        assert_eq!(
            Address::parse(&format!("epr://gates/G%201/{}", unit.path())),
            Some(gate)
        );
        assert_eq!(
            Address::parse("epr://events/latest"),
            Some(Address::LatestEvents)
        );
        assert_eq!(
            Address::parse("epr://events/01X"),
            Some(Address::Event("01X".into()))
        );
        assert_eq!(Address::parse("epr://overview"), Some(Address::Overview));
        assert_eq!(
            Address::parse("epr://runs/https%3A%2F%2Fci%2F1"),
            Some(Address::Run("https://ci/1".into()))
        );
        assert_eq!(
            Address::parse("epr://runs/run_x/timeline"),
            Some(Address::RunTimeline("run_x".into()))
        );
    }

    #[test]
    fn nothing_else_is() {
        for bad in [
            "",
            "epr://",
            "epr://x",
            "epr://events/",
            "epr://events/a/b",
            "epr://gates/g",
            "epr://runs/",
            "epr://runs/a/b",
            "epr://runs//timeline",
            "epr://history/a/b",
            "file:///etc",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }
}
