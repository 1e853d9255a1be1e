//! `${…}`: what a template leaves open, replaced as the vendor's tool replaces it. A reference that leads nowhere is a
//! value like others, which only stops whoever needs it. Which fields there are is not known here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::dotenv::Variables;
use super::evaluation::{self, Context};
use super::node::{Line, NODE_SIZE, Node, Value};
use super::placeholder;
use super::trouble::{Resolved, Trouble, broken, joined};
use super::yaml::Size;

/// How deep references may refer to references: deeper ones refer to themselves.
const DEPTH: usize = 16;

/// What a reference can see.
pub struct Scope<'a> {
    /// The whole document, for `${vars.…}` and `${resources.…}`.
    document: &'a Node,
    /// Where relative paths begin.
    directory: &'a Path,
    variables: &'a Variables,
    /// The files that references have read.
    files: RefCell<BTreeSet<PathBuf>>,
    /// What references have been replaced by so far: those that refer to several others double it with each.
    replaced: RefCell<Size>,
    /// Where the values of the text at hand are from.
    origins: RefCell<Vec<String>>,
}

/// The resource that is `this`.
#[derive(Clone, Copy)]
pub struct This<'a> {
    pub name: &'a str,
    pub node: &'a Node,
}

/// Where a reference stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    line: &'a Line,
    this: Option<This<'a>>,
    depth: usize,
}

impl<'a> Scope<'a> {
    pub fn new(document: &'a Node, directory: &'a Path, variables: &'a Variables) -> Scope<'a> {
        Scope {
            document,
            directory,
            variables,
            files: RefCell::default(),
            replaced: RefCell::default(),
            origins: RefCell::default(),
        }
    }

    /// `node` with every reference replaced.
    pub fn resolve(&self, node: &Node, this: Option<This<'_>>) -> Result<Node> {
        self.resolve_at(node, this, 0)
    }

    fn resolve_at(&self, node: &Node, this: Option<This<'_>>, depth: usize) -> Result<Node> {
        let mut written = None;
        let value = match &node.value {
            Value::Text(text) if text.contains("${") => {
                let outer = self.origins.take();
                let value = self.text(text, Place { line: &node.line, this, depth });
                let origins = self.origins.replace(outer);
                let origins =
                    if origins.is_empty() { String::new() } else { format!(" ({})", origins.join(", ")) };
                written = Some(format!("{text}{origins}").into());
                match value {
                    Ok(value) => value,
                    Err(Trouble::Broken(reason)) => Value::Broken { text: text.clone(), reason },
                    Err(Trouble::TooLarge(error)) => return Err(error),
                }
            }
            Value::List(items) => {
                let items = items.iter().map(|item| self.resolve_at(item, this, depth));
                Value::List(items.collect::<Result<_>>()?)
            }
            Value::Map(entries) => {
                let entries = entries.iter();
                let entries = entries
                    .map(|(key, value)| Ok((key.clone(), unfilled(self.resolve_at(value, this, depth)?))));
                Value::Map(entries.collect::<Result<_>>()?)
            }
            value => value.clone(),
        };
        Ok(Node { line: node.line.clone(), value, inherited: node.inherited.clone(), written })
    }

    /// A text that is one reference takes the referenced value as it is, a number stays a number.
    fn text(&self, text: &str, place: Place<'_>) -> Resolved<Value> {
        if place.depth > DEPTH {
            return broken(format!("'{text}' refers to itself"));
        }
        let mut out = String::new();
        let mut rest = text;
        let mut left_open = None;
        // Without its brace it is no reference.
        while let Some((before, code, after)) = next_reference(rest) {
            let value = self.reference(code, place)?;
            if before.is_empty() && out.is_empty() && after.is_empty() {
                return Ok(value);
            }
            rest = after;
            out.push_str(before);
            match value {
                Value::Broken { text, reason } => {
                    out.push_str(&text);
                    left_open = Some(reason);
                }
                value => out.push_str(&joined(&value, code)?),
            }
        }
        out.push_str(rest);
        Ok(match left_open {
            Some(reason) => Value::Broken { text: out, reason },
            None => Value::Text(out),
        })
    }

    fn reference(&self, code: &str, place: Place<'_>) -> Resolved<Value> {
        self.count(NODE_SIZE, place)?;
        if let Some(name) = self.name_of_sibling(code, place)? {
            return Ok(name);
        }
        if is_left_open(code) {
            let reason = format!("'${{{code}}}' is known to a deployment only");
            return Ok(Value::Broken { text: format!("${{{code}}}"), reason });
        }
        let value = match evaluation::value(&At { scope: self, place }, code)? {
            // What a variable or a file says may refer to something itself.
            Value::Text(text) if text.contains("${") => {
                self.text(&text, Place { depth: place.depth + 1, ..place })?
            }
            value => value,
        };
        let node = Node::new(place.line.clone(), value);
        self.count(node.size(), place)?;
        Ok(node.value)
    }

    /// What a deployment puts out of a function of this very template and is known already: its name.
    fn name_of_sibling(&self, code: &str, place: Place<'_>) -> Resolved<Option<Value>> {
        match code.split('.').collect::<Vec<_>>().as_slice() {
            ["resources", name, "output", "functionName"] => {
                self.lookup(&["resources", name, "props", "functionName"], place)
            }
            _ => Ok(None),
        }
    }

    fn count(&self, size: usize, place: Place<'_>) -> Resolved<()> {
        let mut replaced = self.replaced.borrow_mut();
        replaced.add(size);
        replaced.check(place.line.number).map_err(Trouble::TooLarge)
    }

    /// The files that references have read.
    pub fn files(self) -> Vec<PathBuf> {
        self.files.into_inner().into_iter().collect()
    }

    /// What the path leads to: `vars`, `this` and `resources` are its beginnings.
    fn lookup(&self, path: &[&str], place: Place<'_>) -> Resolved<Option<Value>> {
        let Some((root, path)) = path.split_first() else { return Ok(None) };
        let Place { this, depth, .. } = place;
        let text = |text: &str| Ok(Some(Value::Text(text.to_owned())));
        let (start, path, this) = match (*root, path, this) {
            ("this" | "that", ["name"], Some(this)) if this.node.get("name").is_none() => {
                return text(this.name);
            }
            ("this" | "that", ["access"], Some(this)) if this.node.get("access").is_none() => {
                match self.document.get("access") {
                    Some(access) => (access, path.get(1..).unwrap_or_default(), Some(this)),
                    None => return text("default"),
                }
            }
            ("this" | "that", path, Some(this)) => (this.node, path, Some(this)),
            ("resources", [name, path @ ..], _) => {
                match self.document.get("resources").and_then(|all| all.entry(name)) {
                    Some(node) => (node, path, Some(This { name, node })),
                    None => return Ok(None),
                }
            }
            ("vars" | "components", path, _) => match self.document.entry(root) {
                Some(node) => (node, path, this),
                None => return broken(format!("the template has no '{root}'")),
            },
            _ => return Ok(None),
        };
        let Some((node, rest)) = walk(start, path) else { return Ok(None) };
        let inner = Place { line: &node.line, this, depth: depth + 1 };
        let found = match (&node.value, depth > DEPTH) {
            (Value::Text(text), true) => return broken(format!("'{text}' refers to itself")),
            (Value::Text(text), false) if text.contains("${") => self.text(text, inner)?,
            (Value::Text(text), _) => Value::Text(text.clone()),
            _ => self.resolve_at(node, this, depth + 1).map_err(Trouble::TooLarge)?.value,
        };
        self.note_origin(format!("line {}", node.line));
        // What a reference gave may be a mapping, into which the path goes on.
        let node = Node::new(node.line.clone(), found);
        match walk(&node, rest) {
            Some((node, [])) => Ok(Some(node.value.clone())),
            Some((node, ["length"])) => Ok(length(&node.value)),
            _ => Ok(None),
        }
    }

    /// Remembers where a value is from, for whoever wants to see it.
    fn note_origin(&self, origin: String) {
        let mut origins = self.origins.borrow_mut();
        if origins.len() < DEPTH && !origins.contains(&origin) {
            origins.push(origin);
        }
    }
}

/// The scope as an expression at one place sees it.
struct At<'a> {
    scope: &'a Scope<'a>,
    place: Place<'a>,
}

impl Context for At<'_> {
    fn lookup(&self, path: &[&str]) -> Resolved<Option<Value>> {
        self.scope.lookup(path, self.place)
    }

    fn variables(&self) -> &Variables {
        self.scope.variables
    }

    fn directory(&self) -> &Path {
        let file = self.place.line.file.as_deref();
        file.map_or(self.scope.directory, |file| file.parent().unwrap_or(self.scope.directory))
    }

    fn line(&self) -> &Line {
        self.place.line
    }

    fn note_origin(&self, origin: String) {
        self.scope.note_origin(origin);
    }

    fn note_file(&self, file: PathBuf) {
        self.scope.files.borrow_mut().insert(file);
    }
}

/// A field that 's init' was to fill in has no value yet. In a list, as in a command, it is a text like any other.
fn unfilled(node: Node) -> Node {
    let value = match node.value {
        Value::Text(text) => match placeholder::reason(&text) {
            Some(reason) => Value::Broken { text, reason },
            None => Value::Text(text),
        },
        value => value,
    };
    Node { value, ..node }
}

/// As far into `node` as `path` leads, and what is left of it.
fn walk<'n, 'p>(node: &'n Node, path: &'p [&'p str]) -> Option<(&'n Node, &'p [&'p str])> {
    let (mut node, mut path) = (node, path);
    while let Some((key, rest)) = path.split_first() {
        let next = match &node.value {
            Value::Map(_) => Some(node.entry(key)?),
            Value::List(items) => key.parse().ok().and_then(|at: usize| items.get(at)),
            _ => None,
        };
        let Some(next) = next else { break };
        (node, path) = (next, rest);
    }
    Some((node, path))
}

fn length(value: &Value) -> Option<Value> {
    let length = match value {
        Value::Text(text) => text.encode_utf16().count(),
        Value::List(items) => items.len(),
        _ => return None,
    };
    i128::try_from(length).ok().map(Value::Int)
}

/// The next `${…}` of a text: what is before it, in it and after it.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (code, after) = rest.split_once('}')?;
    Some((before, code, after))
}

/// What the vendor's tool leaves as it is until a deployment knows it.
fn is_left_open(code: &str) -> bool {
    let mut parts = code.split('.');
    let (first, third) = (parts.next(), parts.nth(1));
    !code.contains('(')
        && match first {
            Some("self" | "shared") => true,
            Some("resources" | "components") => matches!(third, Some("output" | "info")),
            _ => false,
        }
}
