//! What does the command line mean? A function's template, the flags over it, and the platform's defaults
//! under both become one complete configuration; the platform's flags become what its parts ask for. No
//! instance is started here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::args::{FunctionArgs, PlatformArgs};
use super::unpacked::{self, Unpacked};
use super::{console, isolation};
use crate::function::asynchronous::Asynchronous;
use crate::function::template::{
    self, AsyncFields, Code, Fields, Note, NoteKind, Resource, Template, TemplateFunction,
};
use crate::function::variables;
use crate::function::{
    Broken, Function, HOOK_TIMEOUT, HealthCheck, Initializer, InitializerKind, PreStop, Project,
};
use crate::instance::{StartAndStop, Surroundings};
use crate::log::Log;
use crate::scaling::{Freeze, Upkeep};

/// What a template has to say for the platform, and changes nothing here: `config` tells it.
const REQUIRED: [&str; 2] = ["cpu", "diskSize"];

/// How long an invocation may take unless template or flags say so.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a function's fields are from, and how it is named where somebody is to do something about it.
#[derive(Clone, Copy)]
struct Origin<'a> {
    template: &'a Path,
    resource: &'a Resource,
    /// Whether it has to be chosen: `--resource`.
    is_one_of_several: bool,
}

/// All that is to run: those functions of the template that are the `choice`, or the command line's. `verb` is the command
/// that its author has typed. `sources` gets the files and directories that this depends on, or would if they were there,
/// also where it is an error.
pub fn project(
    args: &FunctionArgs,
    verb: &str,
    choice: Choice,
    sources: &mut Vec<PathBuf>,
) -> Result<Project> {
    sources.extend(args.initializer_script.clone());
    let Some(path) = template_path(args) else {
        let origins = vec![args.code.clone().unwrap_or_else(|| PathBuf::from("."))];
        sources.extend(origins.clone());
        let function = configured(args, verb, Fields::default(), None, origins, &mut Vec::new())?;
        let (functions, broken) = (vec![function], Vec::new());
        return Ok(Project { functions, broken, domains: Vec::new(), notes: Vec::new() });
    };
    sources.push(path.clone());
    let mut template = Template::read(&path).inspect_err(|_| sources.extend(template::base(&path)))?;
    let domains = std::mem::take(&mut template.domains);
    sources.append(&mut template.sources);
    let mut found = std::mem::take(&mut template.notes);
    let is_one_of_several = args.resource.is_some() || template.functions.len() > 1;
    let chosen = choice(template, args).with_context(|| path.display().to_string())?;
    let (mut functions, mut broken, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for function in chosen {
        found.extend(function.notes.iter().cloned());
        let TemplateFunction { resource, fields, faults, origins, .. } = function;
        let mut places = vec![args.code.clone().unwrap_or(origins.code)];
        places.extend(origins.layers);
        sources.extend(places.clone());
        let origin = Origin { template: &path, resource: &resource, is_one_of_several };
        let name = fields.name.clone().unwrap_or_else(|| resource.name.clone());
        let fields =
            template::runnable(fields, &faults, &replaced(args)).with_context(|| path.display().to_string());
        match fields.and_then(|fields| configured(args, verb, fields, Some(origin), places, &mut said)) {
            Ok(function) => functions.push(function),
            Err(reason) => broken.push(Broken { name, reason }),
        }
    }
    if functions.is_empty() && !broken.is_empty() {
        let reasons = broken.iter().map(|Broken { reason, .. }| format!("{reason:#}"));
        bail!("{}", reasons.collect::<Vec<_>>().join("\n"));
    }
    check_names(functions.iter().map(|function| function.name.as_str()))?;
    let mut notes = template_notes(&path, &found);
    notes.extend(said);
    Ok(Project { functions, broken, domains, notes })
}

/// The one function that the command line means. Says what there is to say about it.
pub fn function(args: &FunctionArgs, verb: &str) -> Result<Function> {
    let mut project = project(args, verb, one, &mut Vec::new())?;
    project.notes.iter().for_each(console::note);
    project.functions.pop().context("there is no function")
}

/// Which functions of a template are meant.
pub type Choice = fn(Template, &FunctionArgs) -> Result<Vec<TemplateFunction>>;

/// The one that is named, or the only one.
pub fn one(template: Template, args: &FunctionArgs) -> Result<Vec<TemplateFunction>> {
    Ok(vec![template.choose(args.resource.as_deref())?])
}

/// All of them, unless one is named.
pub fn all(template: Template, args: &FunctionArgs) -> Result<Vec<TemplateFunction>> {
    if args.resource.is_some() || template.functions.len() < 2 {
        return one(template, args);
    }
    check_options(args, &template.functions)?;
    Ok(template.functions)
}

/// Refuses options that are one function's where there are several.
fn check_options(args: &FunctionArgs, functions: &[TemplateFunction]) -> Result<()> {
    let options = [("a command", !args.command.is_empty()), ("--code", args.code.is_some())];
    let names =
        || functions.iter().map(|function| function.resource.name.as_str()).collect::<Vec<_>>().join(", ");
    match options.iter().find(|(_, is_set)| *is_set) {
        Some((option, _)) => bail!("{option} is one function's: choose one of {} with --resource", names()),
        None => Ok(()),
    }
}

/// Refuses functions of one name.
pub fn check_names<'a>(mut all: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut names = BTreeSet::new();
    match all.find(|name| !names.insert(*name)) {
        Some(twice) => bail!("two functions have the name '{twice}': give one another functionName"),
        None => Ok(()),
    }
}

/// All that `start` without options refuses of a template's function.
pub fn refusals(function: &TemplateFunction, template: &Path, is_one_of_several: bool) -> Vec<String> {
    let (args, fields) = (FunctionArgs::default(), &function.fields);
    let origin = Origin { template, resource: &function.resource, is_one_of_several };
    let mut unpacked = Vec::new();
    let code = code(&args, fields, Some(origin), &mut unpacked).map(drop);
    let layers = fields.layers.iter().try_for_each(|layer| place(layer, &mut unpacked).map(drop));
    let variables = merged(fields.variables.clone(), &[]).map(drop);
    let command = command(&args, "start", fields, Some(origin)).map(drop);
    let found = [code, layers, variables, command].into_iter().filter_map(Result::err);
    let template = format!("{}: ", template.display());
    let said = function.faults.iter().map(|fault| fault.text.clone());
    let said = said.chain(found.map(|fault| format!("{fault:#}")));
    said.map(|text| text.strip_prefix(&template).map_or(text.clone(), str::to_owned)).collect()
}

/// What is said of a template: what nothing here needs, each in a line, and all that changes nothing in one.
fn template_notes(path: &Path, notes: &[Note]) -> Vec<String> {
    let worth = notes.iter().filter(|note| matches!(note.kind, NoteKind::Unresolved | NoteKind::Remark));
    let mut said: Vec<String> = worth.map(|note| format!("{}: {note}", path.display())).collect();
    let notes: Vec<Note> =
        notes.iter().filter(|note| !REQUIRED.contains(&note.field.as_str())).cloned().collect();
    said.extend(template::summary(&notes).map(|text| format!("{}: {text}", path.display())));
    said
}

/// The fields of a template whose values are given on the command line.
fn replaced(args: &FunctionArgs) -> Vec<&'static str> {
    let given = [
        ("command", !args.command.is_empty()),
        ("healthCheckConfig", args.health_check.is_some()),
        ("instanceConcurrency", args.concurrency.is_some()),
        ("maxAsyncRetryAttempts", args.async_retries.is_some()),
        ("memorySize", args.memory.is_some()),
        ("port", args.port.is_some()),
        ("timeout", args.timeout.is_some()),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field).collect()
}

/// The flags over what the template says, or over nothing.
fn configured(
    args: &FunctionArgs,
    verb: &str,
    template: Fields,
    origin: Option<Origin<'_>>,
    origins: Vec<PathBuf>,
    said: &mut Vec<String>,
) -> Result<Function> {
    let command = command(args, verb, &template, origin)?;
    let mut unpacked = Vec::new();
    let code = code(args, &template, origin, &mut unpacked)?;
    let layers = template.layers.iter().map(|layer| place(layer, &mut unpacked)).collect::<Result<_>>()?;
    let left_out = unpacked.iter().flat_map(|unpacked| &unpacked.left_out);
    said.extend(left_out.map(|link| format!("a link that leads out of its package is left out: {link}")));
    Ok(Function {
        name: template.name.unwrap_or_else(|| "local".to_owned()),
        region: template.region.unwrap_or_else(|| "cn-hangzhou".to_owned()),
        endpoint: None,
        handler: template.handler.unwrap_or_else(|| "index.handler".to_owned()),
        runtime: template.runtime.unwrap_or_else(|| "custom".to_owned()),
        command,
        layers,
        http_trigger: template.http_trigger,
        other_triggers: template.other_triggers,
        senders: template.senders,
        timers: template.timers,
        maps_code: origin.is_some() || args.code.is_some(),
        code,
        origins,
        unpacked: unpacked.into_iter().map(|unpacked| unpacked.kept).collect(),
        port: args.port.or(template.port).unwrap_or(9000),
        memory_mb: args.memory.or(template.memory_mb).unwrap_or(512),
        timeout: args.timeout.or(template.timeout).unwrap_or(INVOCATION_TIMEOUT),
        concurrency: args.concurrency.or(template.concurrency).unwrap_or(1),
        variables: merged(template.variables, &args.env)?,
        initializer: initializer(args, template.initializer)?,
        pre_stop: pre_stop(args, template.pre_stop),
        health: args.health_check.clone().map(HealthCheck::new).or(template.health),
        asynchronous: asynchronous(args, template.asynchronous, origin.is_some()),
        log_project: template.log_project.unwrap_or_default(),
        log_store: template.log_store.unwrap_or_default(),
        log_begin_rule: template.log_begin_rule,
    })
}

/// How asynchronous invocations are treated. Without a template nothing forbids to ask for their tasks.
fn asynchronous(args: &FunctionArgs, fields: AsyncFields, has_template: bool) -> Asynchronous {
    let default = Asynchronous::default();
    Asynchronous {
        retries: args.async_retries.or(fields.retries).unwrap_or(default.retries),
        max_age: fields.max_age.unwrap_or(default.max_age),
        on_success: fields.on_success,
        on_failure: fields.on_failure,
        tracks_tasks: fields.tracks_tasks || !has_template,
    }
}

/// What the instances share. Says how `function` finds its code and its layers, unless it is as usual.
pub fn surroundings(args: &PlatformArgs, log: Arc<Log>, function: &Function) -> Result<Surroundings> {
    let times = StartAndStop { start_timeout: args.start_timeout, sigterm_grace: args.sigterm };
    let surroundings = Surroundings::new(log, times, args.isolate);
    isolation::settle(&surroundings, args.isolate, function)?;
    surroundings.prepare(function);
    Ok(surroundings)
}

/// When instances are frozen and stopped.
pub fn upkeep(args: &PlatformArgs, idle_timeout: Duration) -> Upkeep {
    let freeze = Freeze { after: args.freeze_after, with_hooks: args.hooks_at_freeze };
    Upkeep { idle_timeout, freeze: (!args.no_freeze).then_some(freeze) }
}

/// The template asked for; without one and without a command, the template people have.
pub fn template_path(args: &FunctionArgs) -> Option<PathBuf> {
    match &args.template {
        Some(path) => Some(path.clone()),
        None if args.command.is_empty() => default_template(),
        None => None,
    }
}

/// The template in the current directory, by the names that the vendor's tool looks for.
pub fn default_template() -> Option<PathBuf> {
    ["s.yaml", "s.YAML", "s.YML", "s.yml"].map(PathBuf::from).into_iter().find(|path| path.is_file())
}

fn command(
    args: &FunctionArgs,
    verb: &str,
    template: &Fields,
    origin: Option<Origin<'_>>,
) -> Result<Vec<String>> {
    if !args.command.is_empty() {
        return Ok(args.command.clone());
    }
    let Some(Origin { template: path, resource, is_one_of_several }) = origin else {
        bail!(
            "nothing to run: add the command after --, as in 'fc-local {verb} -- python3 app.py', or a template with -t s.yaml"
        );
    };
    if template.container {
        let Resource { name, line, .. } = resource;
        let choice = if is_one_of_several { format!("--resource {name} ") } else { String::new() };
        bail!(
            "{}: line {line}: the container '{name}' runs its image's command, which is not here; add it: fc-local {verb} … {choice}-- COMMAND ARGS…",
            path.display()
        );
    }
    match template.command.as_slice() {
        [] => Ok(vec!["/code/bootstrap".to_owned()]),
        command => Ok(command.to_vec()),
    }
}

/// The directory of the code: the one named, else the template's, else the current one.
fn code(
    args: &FunctionArgs,
    template: &Fields,
    origin: Option<Origin<'_>>,
    unpacked: &mut Vec<Unpacked>,
) -> Result<PathBuf> {
    if let Some(directory) = &args.code {
        return canonical(directory);
    }
    match (&template.code, origin.map(|origin| origin.template)) {
        (Code::Directory(path) | Code::Package(path), _) => place(path, unpacked),
        // A container's code is in its image.
        (Code::Missing(text), Some(path)) if !template.container => bail!("{}: {text}", path.display()),
        (_, Some(path)) => canonical(&directory_of(path)),
        (_, None) => std::env::current_dir().context("the current directory"),
    }
}

/// Where the template is.
fn directory_of(template: &Path) -> PathBuf {
    let parent = template.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// The directory that `path` is, or that is unpacked of it.
fn place(path: &Path, all: &mut Vec<Unpacked>) -> Result<PathBuf> {
    if !path.is_file() {
        return canonical(path);
    }
    let unpacked = unpacked::unpack(path)?;
    let directory = canonical(&unpacked.directory);
    all.push(unpacked);
    directory
}

fn canonical(directory: &Path) -> Result<PathBuf> {
    match directory.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(path) => bail!("the code '{}' is not a directory", path.display()),
        Err(error) => bail!("the code '{}': {error}", directory.display()),
    }
}

/// The template's variables with the flags' over them.
fn merged(template: Vec<(String, String)>, flags: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let mut merged = template;
    for (name, value) in flags {
        variables::check_name(name)?;
        merged.retain(|(known, _)| known != name);
        merged.push((name.clone(), value.clone()));
    }
    variables::check_values(&merged)?;
    Ok(merged)
}

/// The flags' Initializer, or the template's with the flags' timeout.
fn initializer(args: &FunctionArgs, template: Option<Initializer>) -> Result<Option<Initializer>> {
    let chosen = if let Some(command) = &args.initializer_command {
        match shlex::split(command) {
            Some(words) if !words.is_empty() => Some(InitializerKind::Command(words)),
            _ => bail!("--initializer-command '{command}' is not a command; check its quotes"),
        }
    } else if let Some(file) = &args.initializer_script {
        let script = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the script {}", file.display()))?;
        let shell = args.shell.clone().unwrap_or_else(|| "/bin/sh".to_owned());
        Some(InitializerKind::Command(vec![shell, "-c".to_owned(), script]))
    } else if args.initializer {
        if matches!(&template, Some(Initializer { kind: InitializerKind::Command(_), .. })) {
            bail!(
                "--initializer: the template has an initializer of type command; a function has one type of Initializer"
            );
        }
        Some(InitializerKind::Code)
    } else {
        None
    };
    let template_timeout = template.as_ref().map(|initializer| initializer.timeout);
    let timeout = args.initializer_timeout.or(template_timeout).unwrap_or(HOOK_TIMEOUT);
    let kind = chosen.or(template.map(|initializer| initializer.kind));
    Ok(kind.map(|kind| Initializer { kind, timeout }))
}

/// The flags' PreStop, or the template's with the flags' timeout.
fn pre_stop(args: &FunctionArgs, template: Option<PreStop>) -> Option<PreStop> {
    let is_configured = args.pre_stop || template.is_some();
    let timeout = args.pre_stop_timeout.or(template.map(|hook| hook.timeout)).unwrap_or(HOOK_TIMEOUT);
    is_configured.then_some(PreStop { timeout })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        function: FunctionArgs,
    }

    fn args(line: &[&str]) -> FunctionArgs {
        Line::try_parse_from([&["fc-local"], line].concat()).expect("a command line").function
    }

    fn template(kind: InitializerKind) -> Option<Initializer> {
        Some(Initializer { kind, timeout: Duration::from_secs(9) })
    }

    fn words(words: &[&str]) -> InitializerKind {
        InitializerKind::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn without_a_template_the_defaults_are_the_platforms() {
        let function = function(&args(&["--", "python3", "app.py"]), "start").expect("a function");
        assert_eq!((function.name.as_str(), function.region.as_str()), ("local", "cn-hangzhou"));
        assert_eq!((function.port, function.memory_mb, function.concurrency), (9000, 512, 1));
        assert_eq!((function.timeout, function.asynchronous.retries), (Duration::from_secs(3), 3));
        assert!(function.initializer.is_none() && function.pre_stop.is_none() && function.health.is_none());
        assert!(!function.maps_code, "nothing stands for /code");
    }

    #[test]
    fn a_function_without_a_command_says_what_to_add() {
        let nothing = command(&args(&[]), "check", &Fields::default(), None).expect_err("nothing to run");
        assert!(nothing.to_string().contains("'fc-local check -- python3 app.py'"), "{nothing}");
    }

    #[test]
    fn a_flag_replaces_the_variable_of_the_template_and_no_other() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let template = vec![variable("A", "template"), variable("B", "template")];
        let merged = merged(template, &[variable("A", "flag"), variable("C", "flag")]).expect("variables");
        assert_eq!(merged, [variable("B", "template"), variable("A", "flag"), variable("C", "flag")]);
        assert!(super::merged(Vec::new(), &[variable("FC_REGION", "x")]).is_err());
    }

    #[test]
    fn the_flags_initializer_wins_and_keeps_the_templates_timeout() {
        for (line, from_template, wanted) in [
            (vec![], None, None),
            (vec![], template(InitializerKind::Code), Some((InitializerKind::Code, 9))),
            (vec!["--initializer"], None, Some((InitializerKind::Code, 3))),
            (vec!["--initializer"], template(InitializerKind::Code), Some((InitializerKind::Code, 9))),
            (vec!["--initializer-timeout", "5s"], template(words(&["a"])), Some((words(&["a"]), 5))),
            (vec!["--initializer-timeout", "5s"], None, None),
            (
                vec!["--initializer-command", "sh -c 'a b'"],
                template(InitializerKind::Code),
                Some((words(&["sh", "-c", "a b"]), 9)),
            ),
        ] {
            let found = initializer(&args(&line), from_template).expect("an initializer or none");
            let found = found.map(|initializer| (initializer.kind, initializer.timeout.as_secs()));
            assert_eq!(found, wanted, "{line:?}");
        }
    }

    #[test]
    fn a_function_has_one_type_of_initializer() {
        let error = initializer(&args(&["--initializer"]), template(words(&["a"]))).expect_err("two types");
        assert!(error.to_string().contains("a function has one type of Initializer"), "{error}");
    }

    #[test]
    fn pre_stop_is_called_when_flags_or_template_configure_it() {
        let secs = Duration::from_secs;
        let from_template = || Some(PreStop { timeout: secs(9) });
        for (line, template, wanted) in [
            (vec![], None, None),
            (vec!["--pre-stop-timeout", "5s"], None, None),
            (vec!["--pre-stop"], None, Some(secs(3))),
            (vec!["--pre-stop"], from_template(), Some(secs(9))),
            (vec!["--pre-stop-timeout", "5s"], from_template(), Some(secs(5))),
        ] {
            let found = pre_stop(&args(&line), template).map(|hook| hook.timeout);
            assert_eq!(found, wanted, "{line:?}");
        }
    }
}
