//! What fc-local costs: a request through its gateway and one made directly, in turn; a thaw; a whole `fc-local invoke`.
//! It builds nothing but itself: first run `cargo build --release --package fc-local` and `… --example hello`.

use harness::*;
use std::process::{Command, Stdio};
use std::{error::Error, io, thread, time::Duration};

/// Well past the 10 ms after which an idle instance is frozen.
const FROZEN: Duration = Duration::from_millis(25);

fn main() -> Result<(), Box<dyn Error>> {
    let mut report = Report::start("local");
    let built = |program: &str| folders::target().join("release").join(program);
    let hello = built("examples/hello");
    let direct = Server::new("fc-runtime", Build::Dynamic, hello.clone());
    let direct = Running::start(&direct.with_environment("FCRT_LIFECYCLE_LINES", "off"))?;
    let gateway = "start --listen 127.0.0.1:{PORT} --env FCRT_LIFECYCLE_LINES=off --port".split(' ');
    let function = [free_port().to_string(), "--".into(), hello.display().to_string()];
    let arguments = gateway.map(String::from).chain(function).collect();
    let gateway = Server { arguments, ..Server::new("fc-local", Build::Own, built("fc-local")) };
    let relay = Running::start(&gateway)?;

    let (mut directly, mut through) = (Client::connect(direct.port, 0)?, Client::connect(relay.port, 0)?);
    let requests = report.scale.pick(50, 300, 1_000);
    let mut all = [Series::of(&gateway)];
    report.take_turns(&mut all, report.scale.pick(2, 7, 21), |series, _| {
        let many =
            |client: &mut Client| (0..requests).map(|_| client.timed(GET)).collect::<io::Result<Sample>>();
        let straight = many(&mut directly)?.median();
        through.timed(GET)?; // thaws
        let relayed = many(&mut through)?.median();
        thread::sleep(FROZEN);
        let frozen = through.timed(GET)?;
        let port = free_port().to_string();
        let mut invoke = Command::new(&gateway.program);
        invoke.args(["invoke", "--port", &port, "--"]).arg(&hello).stdout(Stdio::null());
        let invoked = timed(|| {
            let is_done = invoke.status()?.success();
            is_done.then_some(()).ok_or_else(|| io::Error::other("fc-local invoke failed"))
        })?;
        series.record([("directly", straight), ("relayed", relayed), ("ratio", relayed / straight)]);
        series.record([("thawed", frozen), ("invoked", invoked / 1e3)]);
        Ok(())
    })?;
    let columns = [
        median("directly", "a request directly: µs", 1),
        median("relayed", "through fc-local", 1),
        median("ratio", "ratio", 2),
        median("thawed", "after a freeze", 1),
        median("invoked", "fc-local invoke: ms", 2),
    ];
    report.table("local", "What fc-local costs", &columns, &all);
    report.finish()
}
