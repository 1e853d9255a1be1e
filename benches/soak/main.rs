//! `make soak`: the figures of what the server promises under load, attack and exhaustion, measured
//! from one process against another, printed and asserted. `SOAK=short` is for machines that have
//! other things to do; names of scenarios as arguments choose some of them.

#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod server;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: the figures are read from Linux's /proc");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use report::Report;
    type Scenario = fn(&mut Report) -> std::io::Result<()>;
    let scenarios: [(&str, Scenario); 10] = [
        ("idle", load::idle_connections),
        ("fairness", load::fairness),
        ("suddenly-slow", load::suddenly_slow),
        ("all-slow", load::all_slow_at_once),
        ("blocked", load::all_workers_blocked),
        ("slow-heads", hostile::slow_heads),
        ("slow-uploads", hostile::slow_uploads),
        ("slow-readers", hostile::slow_readers),
        ("descriptors", hostile::descriptor_exhaustion),
        ("leaks", load::leaks),
    ];
    let arguments: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    if arguments.first().is_some_and(|first| first == server::SERVE) {
        return match server::serve() {
            Ok(()) => std::process::ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                std::process::ExitCode::FAILURE
            }
        };
    }
    let mut report = Report::new(std::env::var("SOAK").is_ok_and(|it| it == "short"));
    for (name, scenario) in scenarios {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            report.run(name, scenario);
        }
    }
    report.outcome()
}
