//! The registry at a glance: a few statements on one connection.

use std::collections::BTreeSet;

use super::super::load::latest;
use super::super::rows;
use super::super::session::{Arg, Session};
use super::super::statements::Statements as _;
use super::{bound, counters_of, definitions};
use crate::domain::id::ReceiverId;
use crate::domain::search::DefinitionFilter;
use crate::store::{Glance, GlanceLimits, Result};

pub(in crate::store::sql) async fn read<S: Session>(
    session: &mut S,
    most: &GlanceLimits,
) -> Result<Glance> {
    let all = DefinitionFilter::default();
    let groups = definitions::find_groups(session, &all, None, most.groups).await?;
    let args = vec![bound(most.receivers), bound(most.names)];
    let row = session
        .one("read the registry at a glance", S::Sql::GLANCE, args)
        .await?;
    let mut glance = Glance {
        counters: counters_of(&row)?,
        types: rows::list(&row, 14, "receiver")?,
        groups: groups.rows,
        names: rows::list(&row, 15, "name")?,
        ..Glance::default()
    };
    let members: BTreeSet<ReceiverId> = glance
        .groups
        .iter()
        .flat_map(|group| group.event_receiver_ids.iter().copied())
        .collect();
    if members.is_empty() {
        return Ok(glance);
    }
    let units = (most.looks / members.len()).max(1);
    // All of them, where they are few.
    let all = usize::try_from(glance.counters.units).is_ok_and(|all| all <= units);
    let each = if all {
        units
    } else {
        (units / members.len()).clamp(1, most.units)
    };
    glance.all_units = all;
    glance.units = recent_units(session, &members, each).await?;
    // Rows are numbered as units come: the greatest are the newest.
    glance.units.sort_unstable_by(|a, b| b.cmp(a));
    glance.units.truncate(units);
    glance.latest = latest(session, &glance.units, members).await?;
    Ok(glance)
}

/// The units with the newest events of each receiver, up to so many of each.
async fn recent_units<S: Session>(
    session: &mut S,
    receivers: &BTreeSet<ReceiverId>,
    each: usize,
) -> Result<Vec<i64>> {
    let args = vec![Arg::ids(receivers), bound(each)];
    let row = session
        .one("read the newest events", S::Sql::RECENT_UNITS, args)
        .await?;
    rows::list(&row, 0, "latest")
}
