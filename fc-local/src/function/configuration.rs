//! The function as it will run: template, flags and defaults merged once. Nothing here starts anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cli::args::FunctionArgs;
use crate::function::environment;
use crate::function::template::{self, Template};

/// A function's configuration; one value for as long as neither template nor code changes.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: String,
    pub region: String,
    pub handler: String,
    /// What the user would recognise: `/code/…` as written.
    pub command: Vec<String>,
    /// Stands for `/code`; also the working directory.
    pub code: PathBuf,
    /// Whether `/code/…` in the command means `code`: not without a template, where it is a path like any other.
    pub maps_code: bool,
    pub port: u16,
    pub memory_mb: u64,
    pub timeout: Duration,
    pub concurrency: usize,
    pub environment: Vec<(String, String)>,
    pub initializer: Option<(Initializer, Duration)>,
    pub pre_stop: Option<Hook>,
    pub health: Option<HealthCheck>,
    pub async_retries: u32,
    pub log_project: String,
    pub log_store: String,
}

/// The Initializer's two types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initializer {
    /// `POST /initialize`.
    Code,
    /// A command run beside the server.
    Command(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct Hook {
    pub timeout: Duration,
}

/// `healthCheckConfig`, with the platform's defaults.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    pub path: String,
    pub initial_delay: Duration,
    pub period: Duration,
    pub timeout: Duration,
    pub failure_threshold: u32,
    pub success_threshold: u32,
}

impl HealthCheck {
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
    /// Reads the template when there is one and lays the flags over it.
    pub fn load(args: &FunctionArgs) -> Result<Function> {
        let template_path = args.template_path();
        let template = match &template_path {
            Some(path) => template::read(path, args.resource.as_deref())?,
            None => Template::default(),
        };
        let from_template = template_path.is_some();
        let command = Self::command(args, &template, from_template)?;
        let code = match args.code.as_deref().or(template.code.as_deref()) {
            Some(directory) => canonical(directory)?,
            None => match &template_path {
                Some(path) => {
                    canonical(path.parent().filter(|path| *path != Path::new("")).unwrap_or(Path::new(".")))?
                }
                None => std::env::current_dir()?,
            },
        };
        let mut variables = template.environment;
        for (name, value) in &args.env {
            environment::allowed(name)?;
            variables.retain(|(known, _)| known != name);
            variables.push((name.clone(), value.clone()));
        }
        environment::check_size(&variables)?;
        Ok(Function {
            name: template.name.unwrap_or_else(|| "local".to_owned()),
            region: template.region.unwrap_or_else(|| "cn-hangzhou".to_owned()),
            handler: template.handler.unwrap_or_else(|| "index.handler".to_owned()),
            command,
            maps_code: from_template || args.code.is_some(),
            code,
            port: args.port.or(template.port).unwrap_or(9000),
            memory_mb: args.memory.or(template.memory_mb).unwrap_or(512),
            timeout: args.timeout.or(template.timeout).unwrap_or(Duration::from_secs(3)),
            concurrency: args.concurrency.or(template.concurrency).unwrap_or(1),
            environment: variables,
            initializer: args.initializer(template.initializer)?,
            pre_stop: args.pre_stop_hook(template.pre_stop),
            health: args.health_check.clone().map(HealthCheck::new).or(template.health),
            async_retries: args.async_retries.or(template.async_retries).unwrap_or(3),
            log_project: template.log_project.unwrap_or_default(),
            log_store: template.log_store.unwrap_or_default(),
        })
    }

    fn command(args: &FunctionArgs, template: &Template, from_template: bool) -> Result<Vec<String>> {
        if !args.command.is_empty() {
            return Ok(args.command.clone());
        }
        if template.container {
            bail!(
                "a custom-container resource runs its image's command, which is not here; add it: fc-local start … -- COMMAND ARGS…"
            );
        }
        if !from_template {
            bail!(
                "nothing to run: add the command after --, as in 'fc-local start -- python3 app.py', or a template with -t s.yaml"
            );
        }
        match template.command.as_slice() {
            [] => Ok(vec!["/code/bootstrap".to_owned()]),
            command => Ok(command.to_vec()),
        }
    }

    /// `/code/…` as the path it stands for here.
    pub fn mapped(&self, argument: &str) -> String {
        let directory = |rest: &str| self.code.join(rest).display().to_string();
        match argument.strip_prefix("/code") {
            Some("") if self.maps_code => directory(""),
            Some(rest) if self.maps_code && rest.starts_with('/') => directory(rest.trim_start_matches('/')),
            _ => argument.to_owned(),
        }
    }

    /// The command as one line, for messages.
    pub fn command_line(&self) -> String {
        self.command.join(" ")
    }
}

fn canonical(directory: &Path) -> Result<PathBuf> {
    match directory.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(path) => bail!("the code '{}' is not a directory", path.display()),
        Err(error) => bail!("the code '{}': {error}", directory.display()),
    }
}
