//! Units, and the newest event of each receiver for each.

use epr_mcp::domain::gate::Latest;
use epr_mcp::domain::search::TextMatch;
use epr_mcp::domain::unit::Unit;

use super::scene::Scene;
use crate::harness::{record_event, unit};

pub(crate) async fn units_are_found_by_key_row_name_and_version(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let mut units = Vec::new();
    for (name, version, release) in [
        ("web", "1", "a"),
        ("web", "1", "b"),
        ("web", "2", "a"),
        ("api", "1", "a"),
        ("web", "1", "c"),
    ] {
        let unit = Unit {
            version: version.to_owned(),
            release: release.to_owned(),
            ..unit(name)
        };
        scene.event(receiver, &unit, true).await;
        scene.event(receiver, &unit, false).await;
        units.push((scene.row(&unit).await, unit));
    }
    let rows: Vec<i64> = units.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5], "one row a unit, however many events");

    // By key: those that there are, beside one that there is not.
    let keys: Vec<_> = units.iter().map(|(_, unit)| unit.key()).collect();
    let stranger = unit("stranger").key();
    let found = scene
        .store
        .unit_ids(&[keys[3], stranger, keys[0]])
        .await
        .unwrap();
    assert_eq!(found, [(keys[3], rows[3]), (keys[0], rows[0])]);

    // By row.
    let mut found = scene.store.units(&[rows[4], rows[1], 99]).await.unwrap();
    found.sort();
    assert_eq!(found, [units[1].clone(), units[4].clone()]);
    assert_eq!(scene.store.units(&[]).await.unwrap(), []);

    // By name, newest first, page after page.
    let (web, _) = scene
        .store
        .names(&TextMatch::Exact("web".into()), 1)
        .await
        .unwrap()[0]
        .clone();
    let newest_first = |wanted: &[usize]| -> Vec<(i64, Unit)> {
        wanted.iter().map(|i| units[*i].clone()).collect()
    };
    let page = scene.store.units_by_name(Some(web), None, 2).await.unwrap();
    assert_eq!(page, newest_first(&[4, 2]));
    let page = scene
        .store
        .units_by_name(Some(web), Some(page[1].0), 10)
        .await
        .unwrap();
    assert_eq!(page, newest_first(&[1, 0]));
    let all = scene.store.units_by_name(None, None, 10).await.unwrap();
    assert_eq!(all, newest_first(&[4, 3, 2, 1, 0]));
    assert_eq!(
        scene.store.units_by_name(Some(99), None, 10).await.unwrap(),
        []
    );

    // By name and version.
    let found = scene.store.units_by_version(web, "1", 10).await.unwrap();
    assert_eq!(found, [rows[4], rows[1], rows[0]]);
    assert_eq!(
        scene.store.units_by_version(web, "1", 2).await.unwrap(),
        [rows[4], rows[1]]
    );
    assert!(
        scene
            .store
            .units_by_version(web, "3", 2)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn the_newest_event_of_each_receiver_is_kept_for_each_unit(scene: Scene) {
    let (a, b, c) = (
        scene.receiver("a").await,
        scene.receiver("b").await,
        scene.receiver("c").await,
    );
    let (web, api) = (unit("web"), unit("api"));
    scene.event(a, &web, true).await;
    scene.event(b, &web, true).await;
    scene.event(a, &api, false).await;
    scene.event(a, &web, false).await;
    scene.event(c, &api, true).await;
    let (web, api) = (scene.row(&web).await, scene.row(&api).await);

    let latest = |seq, success| Latest { seq, success };
    let mut found = scene.store.latest(&[api, web], &[b, a]).await.unwrap();
    found.sort_by_key(|(row, id, _)| (*row, *id));
    assert_eq!(
        found,
        [
            (web, a, latest(4, false)),
            (web, b, latest(2, true)),
            (api, a, latest(3, false))
        ]
    );
    assert_eq!(scene.store.latest(&[web], &[c]).await.unwrap(), []);
    assert_eq!(scene.store.latest(&[], &[a]).await.unwrap(), []);
    assert_eq!(scene.store.latest(&[99], &[a]).await.unwrap(), []);

    assert_eq!(scene.store.unit_receivers(web, 10).await.unwrap(), [a, b]);
    assert_eq!(scene.store.unit_receivers(api, 10).await.unwrap(), [a, c]);
    assert_eq!(scene.store.unit_receivers(api, 1).await.unwrap(), [a]);
    assert_eq!(scene.store.unit_receivers(99, 10).await.unwrap(), []);
}

pub(crate) async fn units_of_a_receiver_come_by_their_newest_event(scene: Scene) {
    let (a, b) = (scene.receiver("a").await, scene.receiver("b").await);
    // The first unit's newest event comes last: it moves to the front.
    for name in ["u0", "u1", "u2", "u3", "u0"] {
        scene.event(a, &unit(name), true).await;
    }
    scene.event(b, &unit("u1"), true).await;
    let mut rows = Vec::new();
    for name in ["u0", "u1", "u2", "u3"] {
        rows.push(scene.row(&unit(name)).await);
    }
    let all = [(rows[0], 5), (rows[3], 4), (rows[2], 3), (rows[1], 2)];
    assert_eq!(scene.store.latest_of(a, None, 10).await.unwrap(), all);
    assert_eq!(scene.store.latest_of(a, None, 2).await.unwrap(), all[..2]);
    assert_eq!(
        scene.store.latest_of(a, Some(4), 10).await.unwrap(),
        all[2..]
    );
    assert_eq!(
        scene.store.latest_of(b, None, 10).await.unwrap(),
        [(rows[1], 6)]
    );
    assert_eq!(
        scene
            .store
            .latest_of(scene.receiver_id(), None, 10)
            .await
            .unwrap(),
        []
    );
}

pub(crate) async fn five_fields_of_255_characters_outside_ascii_come_back(scene: Scene) {
    let receiver = scene.receiver("r").await;
    let wide = |c: char| c.to_string().repeat(255);
    let first = Unit {
        name: wide('𝕏'),
        version: wide('ü'),
        release: wide('語'),
        platform_id: wide('\u{10fffd}'),
        package: wide('ש'),
    };
    // Units that agree in all but the last character of one field.
    let mut units = vec![first.clone()];
    for field in 0..5 {
        let mut unit = first.clone();
        let parts = [
            &mut unit.name,
            &mut unit.version,
            &mut unit.release,
            &mut unit.platform_id,
            &mut unit.package,
        ];
        let part = parts.into_iter().nth(field).unwrap();
        part.pop();
        part.push('x');
        units.push(unit);
    }
    let mut commands = Vec::new();
    for (n, unit) in units.iter().enumerate() {
        commands.push(record_event(scene.event_id(), receiver, unit, n % 2 == 0));
    }
    assert!(scene.write(&commands).await.iter().all(Result::is_ok));
    let seqs: Vec<i64> = (1..=6).collect();
    let events = scene.store.events(&seqs).await.unwrap();
    let back: Vec<&Unit> = events.iter().map(|event| &event.unit).collect();
    assert_eq!(back, units.iter().collect::<Vec<_>>());
    for unit in &units {
        let row = scene.row(unit).await;
        assert_eq!(
            scene.store.units(&[row]).await.unwrap(),
            [(row, unit.clone())]
        );
    }
    let names = scene
        .store
        .names(&TextMatch::Prefix(wide('𝕏')), 5)
        .await
        .unwrap();
    assert_eq!(
        names.len(),
        1,
        "the other name differs in its last character"
    );
}
