//! The fields of one function in a template. What the platform would refuse is refused here, with its line; what nothing
//! here needs only leaves a note. How a document becomes values and how references are followed is not known here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use super::asynchronous::{self, AsyncFields};
use super::code::Code;
use super::document::{Document, Resource};
use super::fields::{integer, line_of, seconds, string, strings};
use super::findings::Findings;
use super::name;
use super::node::{Node, Value};
use super::note::{Kind, Note};
use super::{senders, timers, triggers};
use crate::function::configuration::{
    HOOK_TIMEOUT, HealthCheck, HttpTrigger, Initializer, InitializerKind, LOG_BEGIN_RULE, MEMORY,
    MEMORY_STEP, PreStop, Sender, Timer,
};
use crate::function::{header_text, variables};

/// The fields of one resource that matter to a function running locally; `None` is "not written".
#[derive(Debug, Default)]
pub struct Fields {
    pub name: Option<String>,
    pub region: Option<String>,
    pub http_trigger: Option<HttpTrigger>,
    pub other_triggers: Vec<HttpTrigger>,
    pub senders: Vec<Sender>,
    pub timers: Vec<Timer>,
    pub container: bool,
    pub code: Code,
    /// Local directories and packages; layers of the platform are not here.
    pub layers: Vec<PathBuf>,
    pub handler: Option<String>,
    pub runtime: Option<String>,
    pub command: Vec<String>,
    pub port: Option<u16>,
    pub memory_mb: Option<u64>,
    pub timeout: Option<Duration>,
    pub concurrency: Option<usize>,
    pub variables: Vec<(String, String)>,
    pub initializer: Option<Initializer>,
    pub pre_stop: Option<PreStop>,
    pub health: Option<HealthCheck>,
    pub asynchronous: AsyncFields,
    pub log_project: Option<String>,
    pub log_store: Option<String>,
    pub log_begin_rule: Option<String>,
}

/// The fields of `resource`, as far as they can be read.
pub fn fields(resource: &Resource, document: &Document, found: &mut Findings) -> Fields {
    let Resource { name, node, props, line, .. } = resource;
    if !matches!(props.value, Value::Map(_)) {
        found.of(Err::<(), _>(anyhow!("line {line}: the resource '{name}' has no 'props'")));
        return Fields::default();
    }
    let runtime = found.of(string(props, "runtime"));
    let container = found.of(is_container(props, runtime.as_deref()));
    let config = if container { "customContainerConfig" } else { "customRuntimeConfig" };
    let nothing = Node::new(props.line.clone(), Value::Null);
    let config = props.get(config).unwrap_or(&nothing);
    let lifecycle = props.get("instanceLifecycleConfig").unwrap_or(&nothing);
    let log = props.get("logConfig").unwrap_or(&nothing);
    let command = found.of_field("command", command(config, container));
    let triggers = triggers::of(props, found);
    check_needless(props, &mut found.notes);
    note_missing(props, container, &mut found.notes);
    Fields {
        name: name_of(props, name, found),
        region: found.needless_text(props, "region"),
        http_trigger: triggers.used,
        other_triggers: triggers.others,
        senders: senders::of(props),
        timers: timers::of(props, found),
        container,
        code: Code::of(props, node, &document.root, &document.directory, &command),
        layers: layers(props, &document.directory, &mut found.notes),
        handler: found.needless_text(props, "handler"),
        runtime,
        command,
        port: found.of_field("port", integer(config, "port", 1..=65535)),
        memory_mb: memory(props, found),
        timeout: found.of_field("timeout", seconds(props, "timeout", 1..=86400)),
        concurrency: found.of_field("instanceConcurrency", integer(props, "instanceConcurrency", 1..=200)),
        variables: variables_of(props, found),
        initializer: initializer_of(lifecycle, props, found),
        pre_stop: found.of(pre_stop(lifecycle)),
        health: found
            .of_field("healthCheckConfig", config.get("healthCheckConfig").map(health).transpose())
            .flatten(),
        asynchronous: asynchronous::of(props, found),
        log_project: found.needless_text(log, "project"),
        log_store: found.needless_text(log, "logstore"),
        log_begin_rule: log_begin_rule(props, found),
    }
}

fn name_of(props: &Node, resource: &str, found: &mut Findings) -> Option<String> {
    let written = found.needless_text(props, "functionName");
    match name::of(props, written, resource) {
        Ok(name) if props.get("functionName").is_none() => {
            found.notes.push(missing(props, "functionName", &format!("'{name}'")));
            Some(name)
        }
        read => found.of(read.map(Some)),
    }
}

/// Where the function has a log; what is not written is the platform's default.
fn log_begin_rule(props: &Node, found: &mut Findings) -> Option<String> {
    let log = props.get("logConfig").filter(|log| !log.says_nothing() && log.broken().is_none())?;
    match log.get("logBeginRule").filter(|rule| !rule.says_nothing()) {
        Some(_) => found.needless_text(log, "logBeginRule"),
        None => Some(LOG_BEGIN_RULE.to_owned()),
    }
}

/// The vendor's schema has 32768 as the most; functions with a GPU have more.
fn memory(props: &Node, found: &mut Findings) -> Option<u64> {
    let has_gpu = props.get("gpuConfig").or(props.get("gpuMemorySize")).is_some();
    let range = *MEMORY.start()..=if has_gpu { 1 << 20 } else { *MEMORY.end() };
    let line = line_of(props, "memorySize");
    let read = integer::<u64>(props, "memorySize", range).and_then(|memory| match memory {
        Some(odd) if !odd.is_multiple_of(MEMORY_STEP) => {
            bail!("line {line}: memorySize must be a multiple of {MEMORY_STEP}, not {odd}")
        }
        memory => Ok(memory),
    });
    let memory = found.of_field("memorySize", read)?;
    if memory > *MEMORY.end() {
        let text = format!("{memory} is over {}, which only functions with a GPU may have", MEMORY.end());
        found.notes.push(Note::remark(line, "memorySize", text));
    }
    Some(memory)
}

/// The layers that are here; the platform's own are noted.
fn layers(props: &Node, directory: &Path, notes: &mut Vec<Note>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let named = props.get("layers").into_iter().flat_map(Node::items).filter(|layer| !layer.says_nothing());
    for layer in named {
        let name = layer.text().unwrap_or_default();
        match directory.join(&name).canonicalize() {
            Ok(path) if !name.is_empty() => found.push(path),
            _ => {
                let text = format!(
                    "the layer '{name}' is not here; a local directory in its place is found at /opt"
                );
                notes.push(Note::new(Kind::Ignored, &layer.line, "layers", text));
            }
        }
    }
    found
}

const RUNTIMES: &str =
    "fc-local runs custom, custom.debian10, custom.debian11, custom.debian12 and custom-container";

fn is_container(props: &Node, runtime: Option<&str>) -> Result<bool> {
    match runtime {
        None | Some("custom" | "custom.debian10" | "custom.debian11" | "custom.debian12") => Ok(false),
        Some("custom-container") => Ok(true),
        Some(other) if other.starts_with("custom") => {
            bail!("line {}: there is no runtime '{other}'; {RUNTIMES}", line_of(props, "runtime"))
        }
        Some(other) => bail!(
            "line {}: runtime '{other}' is run by the platform itself; {RUNTIMES}: one of these with a command runs here too, 's local' runs the others",
            line_of(props, "runtime")
        ),
    }
}

/// The fields that the vendor's schema requires, and what stands for them here.
fn note_missing(props: &Node, container: bool, notes: &mut Vec<Note>) {
    let code = (!container).then_some(("code", "the template's directory"));
    let required = [("region", "cn-hangzhou"), ("runtime", "custom")].into_iter().chain(code);
    let absent = required.filter(|(key, _)| props.get(key).is_none());
    notes.extend(absent.map(|(key, here)| missing(props, key, here)));
}

fn missing(props: &Node, key: &str, here: &str) -> Note {
    let text = format!("it is missing, which the vendor's tool refuses; here it is {here}");
    Note::remark(&props.line, key, text)
}

/// Values that the vendor refuses, of fields that change nothing here.
fn check_needless(props: &Node, notes: &mut Vec<Note>) {
    // What `${env(…)}` gives is always text.
    let number = |node: &Node| node.text().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    // Multiples of 0.05, compared in thousandths: 0.35 has no exact binary form.
    let is_cpu =
        |cpu: f64| (0.05..=16.0).contains(&cpu) && ((cpu * 1000.0).round() as u64).is_multiple_of(50);
    let is_disk = |disk: f64| [512.0, 10240.0].contains(&disk);
    let mut check = |key: &str, fits: &dyn Fn(f64) -> bool, wanted: &str| {
        let written = props.get(key).filter(|node| node.broken().is_none());
        if let Some(node) = written.filter(|node| !fits(number(node))) {
            let text = node.text().unwrap_or_else(|| "a list or mapping".to_owned());
            notes.push(Note::remark(
                &node.line,
                key,
                format!("the vendor's tool takes {wanted}, not {text}"),
            ));
        }
    };
    check("cpu", &is_cpu, "0.05 to 16 in steps of 0.05");
    check("diskSize", &is_disk, "512 or 10240");
}

/// A container's entrypoint and command belong to its image, which does not run here.
fn command(config: &Node, container: bool) -> Result<Vec<String>> {
    if container {
        return Ok(Vec::new());
    }
    let mut command = strings(config, "command")?;
    let arguments = strings(config, "args")?;
    if command.is_empty() && !arguments.is_empty() {
        command.push("/code/bootstrap".to_owned());
    }
    command.extend(arguments);
    Ok(command)
}

fn variables_of(props: &Node, found: &mut Findings) -> Vec<(String, String)> {
    let Some(node) = props.get("environmentVariables") else { return Vec::new() };
    let fault = match &node.value {
        Value::Map(entries) => {
            let read = entries.iter().filter_map(|(name, value)| variable(name, value, found));
            return read.collect();
        }
        Value::Broken { reason, .. } => anyhow!("line {}: environmentVariables: {reason}", node.line),
        _ => anyhow!("line {}: environmentVariables must be a mapping", node.line),
    };
    found.of(Err(fault))
}

fn variable(name: &str, value: &Node, found: &mut Findings) -> Option<(String, String)> {
    if let Value::Broken { text, reason } = &value.value {
        let field = format!("environmentVariables.{name}");
        let reason = format!("{reason}; the function gets the text as it is");
        found.notes.push(Note::new(Kind::Unresolved, &value.line, &field, reason));
        return Some((name.to_owned(), text.clone()));
    }
    let text =
        value.text().with_context(|| format!("line {}: the variable {name} must be a text", value.line));
    let checked = variables::check_name(name).with_context(|| format!("line {}", value.line));
    Some((name.to_owned(), found.of(checked.and(text).map(Some))?))
}

fn initializer_of(lifecycle: &Node, props: &Node, found: &mut Findings) -> Option<Initializer> {
    let initializer = found.of(initializer(lifecycle));
    if let Some(Initializer { kind: InitializerKind::Command(_), .. }) = initializer
        && props.get("gpuConfig").is_none()
        && let Some(command) = lifecycle.at("initializer.command")
    {
        let text = "the platform takes it for functions with a gpuConfig only";
        let field = "instanceLifecycleConfig.initializer.command";
        found.notes.push(Note::remark(&command.line, field, text));
    }
    initializer
}

fn initializer(lifecycle: &Node) -> Result<Option<Initializer>> {
    let Some(node) = lifecycle.get("initializer") else {
        return Ok(None);
    };
    let timeout = seconds(node, "timeout", 1..=300)?.unwrap_or(HOOK_TIMEOUT);
    let command = strings(node, "command")?;
    let handler = string(node, "handler")?.is_some_and(|handler| !handler.is_empty());
    let kind = match (handler, command.is_empty()) {
        (true, false) => {
            bail!("line {}: an initializer has a handler or a command, not both", line_of(node, "command"))
        }
        (_, false) => InitializerKind::Command(command),
        (true, true) => InitializerKind::Code,
        (false, true) => return Ok(None),
    };
    Ok(Some(Initializer { kind, timeout }))
}

fn pre_stop(lifecycle: &Node) -> Result<Option<PreStop>> {
    let Some(node) = lifecycle.get("preStop") else {
        return Ok(None);
    };
    let timeout = seconds(node, "timeout", 1..=90)?.unwrap_or(HOOK_TIMEOUT);
    let handler = string(node, "handler")?.is_some_and(|handler| !handler.is_empty());
    Ok(handler.then_some(PreStop { timeout }))
}

/// The vendor requires no field of it: without a path there is nothing to ask for.
fn health(node: &Node) -> Result<Option<HealthCheck>> {
    let Some(path) = string(node, "httpGetUrl")?.filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    header_text::check_path("httpGetUrl", &path)
        .with_context(|| format!("line {}", line_of(node, "httpGetUrl")))?;
    let defaults = HealthCheck::new(path);
    Ok(Some(HealthCheck {
        initial_delay: seconds(node, "initialDelaySeconds", 0..=120)?.unwrap_or(defaults.initial_delay),
        period: seconds(node, "periodSeconds", 1..=120)?.unwrap_or(defaults.period),
        timeout: seconds(node, "timeoutSeconds", 1..=3)?.unwrap_or(defaults.timeout),
        failure_threshold: integer(node, "failureThreshold", 1..=120)?.unwrap_or(defaults.failure_threshold),
        success_threshold: integer(node, "successThreshold", 1..=120)?.unwrap_or(defaults.success_threshold),
        path: defaults.path,
    }))
}
