//! The registry at a glance: a few statements on one connection.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;

use super::super::errors::Doing;
use super::super::load::{json_list, latest};
use super::super::{rows, statements};
use super::{bound, counters_of, definitions};
use crate::domain::id::ReceiverId;
use crate::domain::search::DefinitionFilter;
use crate::store::{Glance, GlanceLimits, Result};

pub(in crate::store::sqlite) async fn read(
    connection: &mut SqliteConnection,
    most: &GlanceLimits,
) -> Result<Glance> {
    let all = DefinitionFilter::default();
    let groups = definitions::find_groups(connection, &all, None, most.groups).await?;
    let row = sqlx::query(statements::GLANCE)
        .bind(bound(most.receivers))
        .bind(bound(most.names))
        .fetch_one(&mut *connection)
        .await
        .doing("read the registry at a glance")?;
    let mut glance = Glance {
        counters: counters_of(&row)?,
        types: rows::list(&row, 10, "receiver")?,
        groups: groups.rows,
        names: rows::list(&row, 11, "name")?,
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
    glance.units = recent_units(connection, &members, each).await?;
    // Rows are numbered as units come: the greatest are the newest.
    glance.units.sort_unstable_by(|a, b| b.cmp(a));
    glance.units.truncate(units);
    glance.latest = latest(connection, &glance.units, members).await?;
    Ok(glance)
}

/// The units with the newest events of each receiver, up to so many of each.
async fn recent_units(
    connection: &mut SqliteConnection,
    receivers: &BTreeSet<ReceiverId>,
    each: usize,
) -> Result<Vec<i64>> {
    let row = sqlx::query(statements::RECENT_UNITS)
        .bind(json_list(receivers)?)
        .bind(bound(each))
        .fetch_one(connection)
        .await
        .doing("read the newest events")?;
    rows::list(&row, 0, "latest")
}
