//! `${env('NAME')}`, `${vars.x}`, `${this.props.x}`, `${file('./x')}`: what a template may leave open, and what stands
//! there in the end. Its fields are not known here.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use regex_lite::Regex;

use super::dotenv::Dotenv;
use super::expression::{self, Names};
use super::yaml::{self, Line, Node, Size, Value};

/// How deep references may refer to references: deeper ones refer to themselves.
const DEPTH: usize = 16;

/// How large a file may be that a reference reads.
const MAX_FILE: u64 = 1024 * 1024;

/// What references can see.
pub struct Scope<'a> {
    /// The whole document, for `${vars.…}` and `${resources.…}`.
    pub document: &'a Node,
    /// The resource, for `${this.…}`, and its name.
    pub this: Option<(&'a str, &'a Node)>,
    pub dotenv: &'a Dotenv,
    /// Where the paths of the template begin.
    pub directory: &'a Path,
    /// What references have been replaced by so far: those that refer to several others double it with each.
    replaced: RefCell<Size>,
    seen: RefCell<Seen>,
}

/// What was found on the way.
#[derive(Default)]
pub struct Seen {
    /// References and their values.
    pub substituted: Vec<(Line, String, String)>,
    /// Files that were read, or would have been.
    pub files: Vec<PathBuf>,
}

impl<'a> Scope<'a> {
    pub fn new(
        document: &'a Node,
        this: Option<(&'a str, &'a Node)>,
        dotenv: &'a Dotenv,
        directory: &'a Path,
    ) -> Scope<'a> {
        let (replaced, seen) = (RefCell::default(), RefCell::default());
        Scope { document, this, dotenv, directory, replaced, seen }
    }

    pub fn into_seen(self) -> Seen {
        self.seen.into_inner()
    }

    /// `node` with every reference replaced. What refers to nothing is an error.
    pub fn resolve(&self, node: &Node) -> Result<Node> {
        self.resolve_at(node, 0)
    }

    fn resolve_at(&self, node: &Node, depth: usize) -> Result<Node> {
        let value = match &node.value {
            Value::Text(text) if text.contains("${") => self.text(text, &node.line, depth)?,
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.resolve_at(item, depth)).collect::<Result<_>>()?)
            }
            Value::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.resolve_at(value, depth)?)))
                    .collect::<Result<_>>()?,
            ),
            value => value.clone(),
        };
        Ok(Node { line: node.line.clone(), value })
    }

    /// A text that is one reference takes the referenced value as it is, a number stays a number.
    fn text(&self, text: &str, line: &Line, depth: usize) -> Result<Value> {
        if depth > DEPTH {
            bail!("line {line}: '{text}' refers to itself");
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once("${") {
            let Some((expression, after)) = reference.split_once('}') else { break };
            rest = after;
            let value = self.value_of(expression.trim(), line, depth)?;
            let mut replaced = self.replaced.borrow_mut();
            replaced.add(value.size());
            replaced.check(line)?;
            drop(replaced);
            if before.is_empty() && out.is_empty() && rest.is_empty() {
                return Ok(value.value);
            }
            out.push_str(before);
            match value.text() {
                Some(text) => out.push_str(&text),
                None => bail!("line {line}: '${{{expression}}}' is not a plain value"),
            }
        }
        out.push_str(rest);
        Ok(Value::Text(out))
    }

    fn value_of(&self, expression: &str, line: &Line, depth: usize) -> Result<Node> {
        let here = Here { scope: self, line, depth };
        let value = expression::evaluate(expression, line, &here)
            .with_context(|| format!("line {line}: '${{{expression}}}'"))?
            .ok_or_else(|| anyhow!("line {line}: '${{{expression}}}' is not found{}", advice(expression)))?;
        let value = self.resolve_at(&value, depth + 1)?;
        if depth == 0 {
            let text = value.text().unwrap_or_else(|| "a list or mapping".to_owned());
            self.seen.borrow_mut().substituted.push((line.clone(), format!("${{{expression}}}"), text));
        }
        Ok(value)
    }

    /// The absolute path of `path`, which is written in the file of `line`.
    fn path(&self, path: &str, line: &Line) -> PathBuf {
        let of_file = line.file.as_deref().and_then(Path::parent);
        let path = of_file.unwrap_or(self.directory).join(path);
        std::path::absolute(&path).unwrap_or(path).components().collect()
    }

    fn read(&self, path: &str, line: &Line) -> Result<String> {
        let path = self.path(path, line);
        self.seen.borrow_mut().files.push(path.clone());
        let length = std::fs::metadata(&path).with_context(|| path.display().to_string())?.len();
        if length > MAX_FILE {
            bail!("{} has more than {MAX_FILE} bytes", path.display());
        }
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What somebody may have meant who wrote what is not found.
fn advice(expression: &str) -> &'static str {
    match expression.split(['.', '[']).next().map(str::trim) {
        Some("env") => "; a variable of the environment is ${env('NAME')}",
        Some("self") => "; the resource's own fields are ${this.props.…}",
        _ => "",
    }
}

/// What names mean to the reference at one place.
struct Here<'s, 'a> {
    scope: &'s Scope<'a>,
    line: &'s Line,
    depth: usize,
}

impl Here<'_, '_> {
    fn text(&self, text: impl Into<String>) -> Node {
        Node { line: self.line.clone(), value: Value::Text(text.into()) }
    }
}

impl Names for Here<'_, '_> {
    fn value(&self, name: &str) -> Result<Option<Node>> {
        let scope = self.scope;
        Ok(match name {
            "this" | "that" => scope.this.map(|(name, this)| {
                let mut this = this.clone();
                if let Value::Map(entries) = &mut this.value {
                    entries.retain(|(key, _)| key != "name");
                    entries.push(("name".to_owned(), self.text(name)));
                    if !entries.iter().any(|(key, _)| key == "access") {
                        let access = scope.document.get("access").cloned();
                        entries.extend(access.map(|access| ("access".to_owned(), access)));
                    }
                }
                this
            }),
            "vars" | "resources" | "components" => scope.document.get(name).cloned(),
            "cwd" => Some(self.text(scope.path("", self.line).display().to_string())),
            _ => None,
        })
    }

    fn call(&self, name: &str, arguments: &[Node]) -> Result<Node> {
        let argument = |index: usize| {
            // What a value refers to counts, not how.
            let argument = arguments.get(index).map(|node| self.scope.resolve_at(node, self.depth + 1));
            argument.transpose()
        };
        let first = argument(0)?.and_then(|node| node.text()).unwrap_or_default();
        let first = first.as_str();
        match name {
            "env" => match self.scope.dotenv.get(first) {
                Some((value, _)) => Ok(self.text(value)),
                None => argument(1)?.filter(|node| !matches!(node.value, Value::Null)).ok_or_else(|| {
                    anyhow!(
                        "the environment variable '{first}' is not set; export it, write it into .env, or write ${{env('{first}', 'default')}}"
                    )
                }),
            },
            "path" if first.is_empty() => bail!("path() needs one"),
            "path" => {
                let path = self.scope.path(first, self.line);
                match path.exists() {
                    true => Ok(self.text(path.display().to_string())),
                    false => bail!("there is nothing at {}", path.display()),
                }
            }
            "file" => Ok(self.text(self.scope.read(first, self.line)?)),
            "json" => {
                let _: serde_json::Value = serde_json::from_str(first).context("it is not JSON")?;
                yaml::parse_file(first, self.line.file.clone()) // JSON is YAML, whose depth and size are bounded
            }
            "yaml" => yaml::parse_file(first, self.line.file.clone()),
            "str" => Ok(self.text(first)),
            "base64" => Ok(self.text(base64::engine::general_purpose::STANDARD.encode(first))),
            // The command is none that the template knows: here it is 'local'.
            "regex" => {
                let is_match = Regex::new(first).map_err(|error| anyhow!("{error}"))?.is_match("local");
                Ok(Node { line: self.line.clone(), value: Value::Bool(is_match) })
            }
            "config" | "secret" => {
                bail!("{name}('{first}') is in the author's account, which is not asked for here")
            }
            _ => bail!("there is no {name}(); env, path, file, json, yaml, str, base64, regex, config and secret are"),
        }
    }
}
