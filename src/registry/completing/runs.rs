//! Completing what names a pipeline run.

use super::Found;
use crate::limits;
use crate::registry::Result;
use crate::store::{RunRange, RunWindow, Store};

/// Ids of runs, their handles, names of pipelines; nothing begun gives the newest runs.
pub(super) async fn runs(store: &dyn Store, begun: &str, found: &mut Found) -> Result<()> {
    let most = limits::COMPLETIONS + 1;
    if begun.is_empty() || begun.starts_with("run_") {
        let newest = store
            .list_runs(&RunRange::All, RunWindow::default(), None, most)
            .await?;
        // Handles stand in no order by which they could be looked up: only the newest are known.
        found.cut |= newest.len() == most && !begun.is_empty();
        for run in newest {
            let handle = run.key.handle();
            let (_, id, _) = run.name.parts();
            if begun.is_empty() {
                found.add(id.to_owned());
            } else if handle.starts_with(begun) {
                found.add(handle);
            }
        }
    }
    if !begun.is_empty() {
        let ids = store.run_ids(begun, most).await?;
        found.all(ids.into_iter().map(|(id, _)| id));
        found.all(store.pipelines(begun, most).await?);
    }
    Ok(())
}
