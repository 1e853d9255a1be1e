//! What runs, and within which limits? A function's configuration, complete. Where its parts come from
//! (template, flags, defaults) is not known here.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::account::ACCOUNT_ID;
use super::asynchronous::Asynchronous;
use super::package::Kept;
use super::rewrite::Rewrite;
use super::schedule::Schedule;

/// All that is to run: every function of a template, or the one of a command line, and the domains that lead to them.
#[derive(Debug)]
pub struct Project {
    /// At least one; no two have the same name.
    pub functions: Vec<Function>,
    /// Those that cannot run.
    pub broken: Vec<Broken>,
    /// No two have the same name.
    pub domains: Vec<CustomDomain>,
    /// What there is to say about it.
    pub notes: Vec<String>,
}

/// A function of a template that cannot run.
#[derive(Debug)]
pub struct Broken {
    pub name: String,
    pub reason: anyhow::Error,
}

/// A custom domain, which callers name as the host; `*.` stands for any name below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomDomain {
    pub name: String,
    /// What its calls have to show: as [`HttpTrigger::auth_type`].
    pub auth_type: String,
    /// As they are written: exact paths come before prefixes, and longer ones first, wherever they stand.
    pub routes: Vec<Route>,
}

/// Which function of the project answers which path of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `/a` is exact, `/a/*` all that begins so.
    pub path: String,
    pub function: String,
    /// In upper case; empty is any.
    pub methods: Vec<String>,
    /// The first that matches the path replaces it.
    pub rewrites: Vec<Rewrite>,
}

/// The version that is not published yet.
pub const LATEST: &str = "LATEST";

/// A function's HTTP trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTrigger {
    pub name: String,
    /// The version or alias that it calls: what runs here is [`LATEST`].
    pub qualifier: String,
    /// In upper case; empty is any.
    pub methods: Vec<String>,
    /// `anonymous`, `function`, `bearer`, `jwt`.
    pub auth_type: String,
    /// Callers reach it by a custom domain alone.
    pub disables_internet_url: bool,
}

/// A timer trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    pub name: String,
    /// As [`HttpTrigger::qualifier`]: whatever it names, what runs here is called.
    pub qualifier: String,
    pub schedule: Schedule,
    /// Whether it fires.
    pub is_enabled: bool,
    /// What the event has as its `payload`.
    pub payload: String,
}

/// A trigger of a system that nothing here stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Sender {
    /// Its type in the template, such as `oss`.
    pub kind: String,
    pub name: String,
    /// The name of the sample of what it sends, where there is one.
    pub sample: Option<&'static str>,
}

/// A function's configuration; one value for as long as neither template nor code changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub name: String,
    pub region: String,
    /// Where it reaches the API that serves it; there is none where nobody but fc-local calls it.
    pub endpoint: Option<String>,
    pub handler: String,
    /// As the platform calls it: `custom`, `custom.debian12`, `custom-container`.
    pub runtime: String,
    /// The command as the user wrote it, `/code/…` included.
    pub command: Vec<String>,
    /// The directory that stands for `/code`; also the working directory.
    pub code: PathBuf,
    /// Where code and layers are from: directories and packages by the names that were given for them.
    pub origins: Vec<PathBuf>,
    /// The packages that code and layers are from, for as long as somebody has them.
    pub unpacked: Vec<Kept>,
    /// Directories whose content is in `/opt`; of two files of one name the later directory's is there.
    pub layers: Vec<PathBuf>,
    /// Without one, as without a template, everything is answered.
    pub http_trigger: Option<HttpTrigger>,
    /// Those of other qualifiers, which nothing here answers to.
    pub other_triggers: Vec<HttpTrigger>,
    pub senders: Vec<Sender>,
    pub timers: Vec<Timer>,
    /// Whether `/code` means `code`, and `/opt` the layers: not without a template, where they are paths like any
    /// other.
    pub maps_code: bool,
    /// The first instance's port.
    pub port: u16,
    pub memory_mb: u64,
    pub timeout: Duration,
    /// Calls at once per instance.
    pub concurrency: usize,
    /// The user's own variables.
    pub variables: Vec<(String, String)>,
    pub initializer: Option<Initializer>,
    pub pre_stop: Option<PreStop>,
    pub health: Option<HealthCheck>,
    pub asynchronous: Asynchronous,
    pub log_project: String,
    pub log_store: String,
    /// By which lines an entry of its log begins, as the platform calls it; `None` without a log.
    pub log_begin_rule: Option<String>,
}

/// At lines that begin with a date, within two characters.
pub const LOG_BEGIN_RULE: &str = "DefaultRegex";

/// The platform's memory sizes, in MB.
pub const MEMORY: RangeInclusive<u64> = 128..=32768;

/// They are multiples of it.
pub const MEMORY_STEP: u64 = 64;

/// How long a hook may take unless its configuration says so.
pub const HOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// The Initializer hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initializer {
    pub kind: InitializerKind,
    pub timeout: Duration,
}

/// The Initializer's two types, as the platform calls them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitializerKind {
    /// `POST /initialize`.
    Code,
    /// A command run beside the server.
    Command(Vec<String>),
}

/// The PreStop hook: `GET /pre-stop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreStop {
    pub timeout: Duration,
}

/// `healthCheckConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    pub path: String,
    pub initial_delay: Duration,
    pub period: Duration,
    pub timeout: Duration,
    pub failure_threshold: u32,
    pub success_threshold: u32,
}

impl HealthCheck {
    /// A check with the platform's defaults.
    pub fn new(path: String) -> HealthCheck {
        HealthCheck {
            path,
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(3),
            timeout: Duration::from_secs(1),
            failure_threshold: 3,
            success_threshold: 1,
        }
    }
}

impl Function {
    /// The command as one line, for messages.
    pub fn command_line(&self) -> String {
        self.command.join(" ")
    }

    /// What names it everywhere.
    pub fn arn(&self) -> String {
        format!("acs:fc:{}:{ACCOUNT_ID}:functions/{}", self.region, self.name)
    }

    /// All its HTTP triggers, the one that counts first.
    pub fn http_triggers(&self) -> impl Iterator<Item = &HttpTrigger> {
        self.http_trigger.iter().chain(&self.other_triggers)
    }

    /// The samples of what its other triggers send, each once.
    pub fn samples(&self) -> Vec<&'static str> {
        let mut samples = Vec::new();
        for sample in self.senders.iter().filter_map(|sender| sender.sample) {
            if !samples.contains(&sample) {
                samples.push(sample);
            }
        }
        samples
    }

    /// Whether both are configured alike. A package is unpacked into another place each time: what they run counts by
    /// where it is from.
    pub fn is_configured_as(&self, other: &Function) -> bool {
        let configured = |function: &Function| Function {
            code: PathBuf::new(),
            layers: Vec::new(),
            unpacked: Vec::new(),
            ..function.clone()
        };
        configured(self) == configured(other)
    }

    /// Whether the Initializer is a request, which can be repeated; a command is run once per instance.
    pub fn has_code_initializer(&self) -> bool {
        self.initializer.as_ref().is_some_and(|initializer| initializer.kind == InitializerKind::Code)
    }
}

#[cfg(test)]
impl Function {
    /// A function with the platform's defaults, without hooks.
    pub fn example() -> Function {
        Function {
            name: "example".to_owned(),
            region: "cn-hangzhou".to_owned(),
            endpoint: None,
            handler: "index.handler".to_owned(),
            runtime: "custom".to_owned(),
            command: vec!["true".to_owned()],
            code: PathBuf::from("/srv/example"),
            layers: Vec::new(),
            origins: Vec::new(),
            unpacked: Vec::new(),
            http_trigger: None,
            other_triggers: Vec::new(),
            senders: Vec::new(),
            timers: Vec::new(),
            maps_code: true,
            port: 9000,
            memory_mb: 512,
            timeout: Duration::from_secs(3),
            concurrency: 1,
            variables: Vec::new(),
            initializer: None,
            pre_stop: None,
            health: None,
            asynchronous: Asynchronous::default(),
            log_project: String::new(),
            log_store: String::new(),
            log_begin_rule: None,
        }
    }
}
