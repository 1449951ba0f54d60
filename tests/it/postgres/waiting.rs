//! A deploy job that waits at a gate while its database goes and comes.

use crate::commands::Cli;
use crate::commands::gate::Waiting;

use super::server::OwnServer;

#[test]
fn a_wait_at_a_gate_outlives_an_outage() {
    let Some(mut server) = OwnServer::start() else {
        return;
    };
    let cli = Cli::at(&OwnServer::url(server.port));
    cli.receiver("build");
    cli.receiver("scan");
    cli.group("ready", "build scan");
    cli.event("build", "web", true).well();
    let check = [
        "gate", "check", "--group", "ready", "--name", "web", "--wait", "10m",
    ];
    let waiting = Waiting::start(&cli, &check);
    waiting.says("missing: «scan»");
    server.down("fast");
    server.up();
    cli.event("scan", "web", true).well();
    let (code, told) = waiting.ended();
    assert_eq!((code, told.starts_with("PASS")), (Some(0), true), "{told}");
    // A job that begins while nobody answers waits for that too.
    server.down("immediate");
    let early = Waiting::start(&cli, &check);
    early.says("Trying again");
    server.up();
    assert_eq!(early.ended().0, Some(0));
}
