//! `fc-local start --attach` and `--debug-command`: how is a function run for a debugger, and what does its author have to
//! know? What a debugger's stop means is not known here.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::args::{PlatformArgs, StartArgs};
use super::load::{self, Choice};
use crate::function::places::Places;
use crate::function::{Function, Project, environment};
use crate::id;
use crate::instance::{Debugging, Isolate};
use crate::log::Log;
use crate::scaling::Upkeep;

/// Longer than anybody debugs.
pub const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// What the command line asks for.
pub fn of(args: &StartArgs) -> Result<Debugging> {
    if args.attach && !args.function.command.is_empty() {
        bail!(
            "--attach waits for a function that you start: leave its command out, or have it run below --debug-command"
        );
    }
    let Some(command) = &args.debug_command else {
        return Ok(if args.attach { Debugging::Attached } else { Debugging::Off });
    };
    match shlex::split(command) {
        Some(words) if !words.is_empty() => Ok(Debugging::Below(words)),
        _ => bail!("--debug-command '{command}' is not a command; check its quotes"),
    }
}

/// What is to run; one function where it is debugged, which needs no command when it is attached to.
pub fn project(args: &StartArgs, sources: &mut Vec<PathBuf>) -> Result<Project> {
    let mut function = args.function.clone();
    if args.attach {
        function.template = load::template_path(&function);
        function.command = vec!["your own".to_owned()];
    }
    load::project(&function, "start", choice(args)?, sources)
}

/// One function is debugged at a time.
pub fn choice(args: &StartArgs) -> Result<Choice> {
    Ok(if of(args)?.is_on() { load::one } else { load::all })
}

/// What is attached to is not ours, so that it has no file system of our making.
pub fn platform(args: &StartArgs, debugging: &Debugging) -> PlatformArgs {
    let isolate = if *debugging == Debugging::Attached { Isolate::Off } else { args.platform.isolate };
    PlatformArgs { isolate, ..args.platform.clone() }
}

/// What is debugged is left as it is: one instance, never frozen, never idle for too long.
pub fn limits(debugging: &Debugging, max_instances: u16, upkeep: Upkeep) -> (usize, Upkeep) {
    if debugging.is_on() {
        (1, Upkeep { idle_timeout: NEVER, freeze: None })
    } else {
        (max_instances.into(), upkeep)
    }
}

/// Says how the function is debugged, and writes what an IDE needs for it.
pub fn announce(args: &StartArgs, debugging: &Debugging, functions: &[Function], log: &Log) -> Result<()> {
    let [function] = functions else { return Ok(()) };
    match debugging {
        Debugging::Off => return Ok(()),
        Debugging::Below(words) => {
            log.event(None, &format!("debugging: the command runs below '{}'", words.join(" ")))
        }
        Debugging::Attached => {
            // Whoever starts it does so in this machine's file system.
            let places = match function.maps_code {
                true => Places::substituted(&function.code, function.code.display().to_string(), None),
                false => Places::unmapped(&function.code),
            };
            let variables = environment::added(function, &places, &id::instance(), function.port);
            if let Some(file) = &args.attach_env {
                write(file, &variables).with_context(|| format!("cannot write {}", file.display()))?;
                let path = file.display().to_string();
                let path = if path.contains('/') { path } else { format!("./{path}") };
                let path = shlex::try_quote(&path).unwrap_or(path.as_str().into());
                log.event(
                    None,
                    &format!("its variables are in {path}; for a shell: set -a; . {path}; set +a"),
                );
            }
            let port = function.port;
            let text = format!(
                "debugging: start your function; it has to listen on 0.0.0.0:{port}, with these variables:"
            );
            log.event(None, &text);
            log.event(None, &pasted(&variables));
        }
    }
    log.event(None, "debugging: one instance, no time limits, no freeze, no memory limit");
    Ok(())
}

/// The beginning of a command in a shell.
fn pasted(variables: &BTreeMap<String, String>) -> String {
    let quoted = |value: &String| shlex::try_quote(value).map(String::from).unwrap_or_default(); // no NUL gets here
    let words = variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
    ["env".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// A line for each, as dotenv and the IDEs read them. Among them are what the author keeps secret.
fn write(file: &Path, variables: &BTreeMap<String, String>) -> Result<()> {
    let text: String =
        variables.iter().map(|(name, value)| format!("{name}={}\n", in_a_file(value))).collect();
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(file)?;
    Ok(file.write_all(text.as_bytes())?)
}

fn in_a_file(value: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+,=".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('$', "\\$")
        .replace('`', "\\`");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_can_be_pasted_into_a_shell() {
        let text = pasted(&variables(&[("A", "plain"), ("B", "it's $HOME"), ("C", ""), ("D", "a\nb")]));
        let script = format!("{text} sh -c 'printf \"%s|\" \"$A\" \"$B\" \"$C\" \"$D\"'");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "plain|it's $HOME||a\nb|");
    }

    #[test]
    fn a_value_in_a_file_is_plain_or_quoted() {
        for (value, wanted) in [
            ("", ""),
            ("a-b_c/d:e.f", "a-b_c/d:e.f"),
            ("a b", "\"a b\""),
            ("a\"b\\c\nd$e`f", "\"a\\\"b\\\\c\\nd\\$e\\`f\""),
        ] {
            assert_eq!(in_a_file(value), wanted, "{value:?}");
        }
    }
}
