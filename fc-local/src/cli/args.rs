//! The command line: its commands, options and help. What they mean for a function is in `load.rs`, how a
//! value is read in `values.rs`.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments are the help text, and brackets in it hold defaults"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::values::{
    CONSOLE_VARIABLE, Listen, address, concurrency, console_address, duration, duration_within, host_name,
    isolate, log_time, memory, path, shell, variable,
};
use crate::instance::Isolate;
use crate::log::LogTime;

/// How the log is read.
const LEGEND: &str =
    "Log: time (Z: UTC), instance (-: none), source: | stdout ! stderr i Initializer * platform # warning";

/// Function Compute's half of a custom runtime, on your machine: starts the function, calls its hooks, invokes, freezes,
/// scales and stops it as the platform does.
#[derive(Parser)]
#[command(name = "fc-local", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve a function, or all of a template, until Ctrl-C: HTTP triggers, custom domains and the API
    Start(StartArgs),
    /// Start the function, invoke it once, stop it; the body goes to stdout, everything else to stderr
    Invoke(InvokeArgs),
    /// Test whether the function is fit for the platform; exit code 1 if not, 2 if nobody can tell
    Check(CheckArgs),
    /// Show what a template says, each value with its line and origin; exit code 1 if start would refuse some of it
    Config(ConfigArgs),
    /// Show what a running 'fc-local start' serves: functions, instances, invocations
    Status(StatusArgs),
    /// Show its log, whole or that of one request or instance, and follow it
    Logs(LogsArgs),
    /// Make the code package: a directory as a zip, the same bytes for the same files
    Package(PackageArgs),
    /// Print a sample of what a trigger sends, or list them
    Event(EventArgs),
    /// Make the project of a new function
    New(NewArgs),
}

#[derive(Args)]
#[command(after_help = LEGEND)]
pub struct StartArgs {
    /// Where callers connect [127.0.0.1:8080, or the next port that is free]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub listen: Option<Listen>,

    /// Where the console is, or --no-console [127.0.0.1:9080, or the next]
    #[arg(long, value_name = "ADDRESS", value_parser = console_address, env = CONSOLE_VARIABLE, hide_env = true)]
    pub console: Option<SocketAddr>,
    #[arg(long, hide = true)]
    pub no_console: bool,
    /// Also take calls to this host name [localhost, the template's domains]
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub allow_host: Vec<String>,
    /// Start an instance of each function at once, not with its first call
    #[arg(long)]
    pub warm: bool,
    /// Start anew when the code or the template changes
    #[arg(long)]
    pub watch: bool,
    /// Fire no timers
    #[arg(long)]
    pub no_timers: bool,
    /// Instances of a function; calls beyond get 429
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_instances: u16,
    /// Debug: run the command below this one, as in 'gdbserver :1234'
    #[arg(long, value_name = "CMD", conflicts_with = "attach")]
    pub debug_command: Option<String>,
    /// Debug: wait for a function that you start
    #[arg(long, conflicts_with = "watch")]
    pub attach: bool,
    /// Write the variables that it needs to a file
    #[arg(long, value_name = "FILE", requires = "attach")]
    pub attach_env: Option<PathBuf>,
    /// Destroy an instance idle for this long
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "TIME")]
    pub idle_timeout: Duration,
    #[command(flatten)]
    pub function: FunctionArgs,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

#[derive(Args)]
#[command(after_help = LEGEND)]
pub struct InvokeArgs {
    /// The event
    #[arg(long, value_name = "JSON", conflicts_with_all = ["event_file", "http", "example"])]
    pub event: Option<String>,
    /// A file with the event; '-' is standard input, also without the option
    #[arg(long, value_name = "FILE", conflicts_with_all = ["http", "example"])]
    pub event_file: Option<PathBuf>,
    #[arg(value_name = "-", hide = true, value_parser = ["-"], conflicts_with_all = ["event", "event_file", "http", "example"])]
    pub standard_input: Option<String>,
    /// A sample of what a trigger sends: see fc-local event
    #[arg(long, value_name = "TYPE", conflicts_with = "http")]
    pub example: Option<String>,
    /// A field of the sample, as in oss.object.key=a/b.txt
    #[arg(long, value_name = "PATH=VALUE", requires = "example")]
    pub set: Vec<String>,
    /// An HTTP call instead of an event, as in 'GET /path?x=1'
    #[arg(long, value_name = "REQUEST")]
    pub http: Option<String>,
    /// A header of the HTTP call, as in 'Accept: text/plain'
    #[arg(long, value_name = "NAME: VALUE", requires = "http")]
    pub header: Vec<String>,
    /// The body of the HTTP call; '@FILE' reads it
    #[arg(long, value_name = "DATA", requires = "http")]
    pub data: Option<String>,
    #[command(flatten)]
    pub function: FunctionArgs,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

#[derive(Args)]
pub struct CheckArgs {
    /// Time an idle connection must live, up to 15m
    #[arg(long, default_value = "20s", value_parser = duration_within::<0, 900>, value_name = "TIME")]
    pub idle: Duration,
    #[command(flatten)]
    pub function: FunctionArgs,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

#[derive(Args)]
pub struct ConfigArgs {
    /// Serverless Devs template [s.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// This function alone
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,
    /// Show variables that are named like secrets too
    #[arg(long)]
    pub show_secrets: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Which console is asked.
#[derive(Args)]
pub struct ConsoleArgs {
    /// The console's address, as 'fc-local start' prints it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9080", value_parser = console_address, env = CONSOLE_VARIABLE)]
    pub console: SocketAddr,
}

#[derive(Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub console: ConsoleArgs,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub console: ConsoleArgs,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the newest lines
    #[arg(short = 'n', long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub lines: u16,
    /// Those of this request, by its id
    #[arg(long, value_name = "ID")]
    pub request: Option<String>,
    /// Those of this instance, by its id or the six letters of it that the log shows
    #[arg(long, value_name = "ID")]
    pub instance: Option<String>,
    /// Those of this function
    #[arg(long, value_name = "NAME")]
    pub function: Option<String>,
    /// Those of this level and above: debug, info, warn, error
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
    /// Those with this text in them, in any case
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// The log's clock: utc or local
    #[arg(long, default_value = "utc", value_parser = log_time, value_name = "ZONE")]
    pub log_time: LogTime,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PackageArgs {
    /// The directory that becomes /code
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// The package [DIR.zip]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also write an SBOM beside it (CycloneDX): the crates in the binary that this project makes
    #[arg(long, value_name = "CARGO.TOML")]
    pub sbom: Option<PathBuf>,
    /// How cargo built it, as in -- --target x86_64-unknown-linux-musl --features json
    #[arg(last = true, value_name = "CARGO OPTIONS", requires = "sbom")]
    pub cargo: Vec<String>,
}

#[derive(Args)]
pub struct EventArgs {
    /// Whose, as in fc-local event oss --set oss.object.key=a/b.txt [all are listed]
    #[arg(value_name = "TYPE")]
    pub name: Option<String>,
    /// A field by its path or the end of it; JSON where the sample has no text
    #[arg(long, value_name = "PATH=VALUE", requires = "name")]
    pub set: Vec<String>,
}

#[derive(Args)]
pub struct NewArgs {
    /// Where; the last part is the function's name
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Depend on this checkout of fc-runtime [the one that fc-local was built in]
    #[arg(long, value_name = "DIR")]
    pub runtime: Option<PathBuf>,
    /// For what this trigger sends: see fc-local event
    #[arg(long, value_name = "TYPE")]
    pub event: Option<String>,
}

#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Function")]
pub struct FunctionArgs {
    /// Serverless Devs template [s.yaml without a command]
    #[arg(short, long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// Which function of the template, where there are several
    #[arg(long, value_name = "NAME")]
    pub resource: Option<String>,
    /// The directory that stands for /code
    #[arg(long, value_name = "DIR")]
    pub code: Option<PathBuf>,
    /// An invocation's time limit [3s]
    #[arg(long, value_parser = duration_within::<1, 86400>, value_name = "TIME")]
    pub timeout: Option<Duration>,
    /// Requests at once per instance [1]
    #[arg(long, value_name = "N", value_parser = concurrency)]
    pub concurrency: Option<usize>,
    /// Memory limit in MB [512]
    #[arg(long, value_name = "MB", value_parser = memory)]
    pub memory: Option<u64>,
    /// The first instance's port [9000]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// A variable for the function
    #[arg(short, long, value_name = "K=V", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Call POST /initialize
    #[arg(long)]
    pub initializer: bool,
    /// Run this instead, as in 'sh -c "…"'
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["initializer", "initializer_script"])]
    pub initializer_command: Option<String>,
    /// Run this script instead
    #[arg(long, value_name = "FILE", conflicts_with = "initializer")]
    pub initializer_script: Option<PathBuf>,
    /// The script's shell: sh, bash, csh or zsh [/bin/sh]
    #[arg(long, value_name = "SHELL", requires = "initializer_script", value_parser = shell)]
    pub shell: Option<String>,
    /// The Initializer's time limit [3s]
    #[arg(long, value_parser = duration_within::<1, 300>, value_name = "TIME")]
    pub initializer_timeout: Option<Duration>,
    /// Call GET /pre-stop
    #[arg(long)]
    pub pre_stop: bool,
    /// PreStop's time limit [3s]
    #[arg(long, value_parser = duration_within::<1, 90>, value_name = "TIME")]
    pub pre_stop_timeout: Option<Duration>,
    /// Check health at this path
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub health_check: Option<String>,
    /// Retries of a failed async call [3], after --async-retry-delay
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=8))]
    pub async_retries: Option<u32>,
    #[arg(long, value_name = "TIME", value_parser = duration, hide = true)]
    pub async_retry_delay: Option<Duration>,
    /// The function's command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Args, Clone)]
#[command(next_help_heading = "Platform")]
pub struct PlatformArgs {
    /// Freeze this long after the last response
    #[arg(long, default_value = "10ms", value_parser = duration, value_name = "TIME")]
    pub freeze_after: Duration,
    /// Never freeze
    #[arg(long)]
    pub no_freeze: bool,
    /// Also PreStop before each freeze, Initializer after each thaw
    #[arg(long, conflicts_with = "no_freeze")]
    pub hooks_at_freeze: bool,
    /// The port must be open within
    #[arg(long, default_value = "120s", value_parser = duration, value_name = "TIME")]
    pub start_timeout: Duration,
    /// SIGTERM at a stop, SIGKILL this much later
    #[arg(long, default_value = "0s", value_parser = duration, value_name = "TIME")]
    pub sigterm: Duration,
    /// The status of an HTTP call that timed out
    #[arg(long, default_value_t = 502, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..=599))]
    pub http_timeout_status: u16,
    /// The log's clock: utc or local
    #[arg(long, default_value = "utc", value_parser = log_time, value_name = "ZONE")]
    pub log_time: LogTime,
    /// Mount /code with bubblewrap: auto, on, off
    #[arg(long, default_value = "auto", value_name = "WHEN", value_parser = isolate)]
    pub isolate: Isolate,
    /// One JSON object per line instead of text
    #[arg(long)]
    pub json: bool,
}
