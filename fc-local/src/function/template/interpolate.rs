//! `${env('NAME')}`, `${vars.x}` and `${this.props.x}`: what a template may leave open. Its fields are not
//! known here.

use std::cell::RefCell;

use anyhow::{Result, bail};

use super::yaml::{Node, Size, Value};

/// How deep references may refer to references: deeper ones refer to themselves.
const DEPTH: usize = 16;

/// What a reference can see.
pub struct Scope<'a> {
    /// The whole document, for `${vars.…}` and `${resources.…}`.
    pub document: &'a Node,
    /// The resource, for `${this.…}`.
    pub this: &'a Node,
    /// What references have been replaced by so far: those that refer to several others double it with each.
    replaced: RefCell<Size>,
}

impl<'a> Scope<'a> {
    pub fn new(document: &'a Node, this: &'a Node) -> Scope<'a> {
        Scope { document, this, replaced: RefCell::default() }
    }

    /// `node` with every reference replaced.
    pub fn resolve(&self, node: &Node) -> Result<Node> {
        self.resolve_at(node, 0)
    }

    fn resolve_at(&self, node: &Node, depth: usize) -> Result<Node> {
        let value = match &node.value {
            Value::Text(text) if text.contains("${") => self.text(text, node.line, depth)?,
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
        Ok(Node { line: node.line, value })
    }

    /// A text that is one reference takes the referenced value as it is, a number stays a number.
    fn text(&self, text: &str, line: usize, depth: usize) -> Result<Value> {
        if depth > DEPTH {
            bail!("line {line}: '{text}' refers to itself");
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once("${") {
            let Some((expression, after)) = reference.split_once('}') else {
                bail!("line {line}: '{text}' has no closing brace");
            };
            let expression = expression.trim();
            rest = after;
            let value = self.lookup(expression, line, depth)?;
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

    fn lookup(&self, expression: &str, line: usize, depth: usize) -> Result<Node> {
        if let Some(arguments) = call(expression, "env") {
            let (name, default) = match arguments.split_once(',') {
                Some((name, default)) => (unquote(name), Some(unquote(default))),
                None => (unquote(arguments), None),
            };
            return match std::env::var(name).ok().or(default.map(str::to_owned)) {
                Some(value) => Ok(Node { line, value: Value::Text(value) }),
                None => bail!(
                    "line {line}: the environment variable '{name}' is not set; export it or write ${{env('{name}', 'default')}}"
                ),
            };
        }
        let (root, path) = expression.split_once('.').unwrap_or((expression, ""));
        let mut node = match root {
            "this" => self.this,
            "vars" | "resources" => match self.document.get(root) {
                Some(node) => node,
                None => bail!("line {line}: '${{{expression}}}': the template has no '{root}'"),
            },
            _ => bail!(
                "line {line}: '${{{expression}}}' is not supported locally; env(…), vars.…, this.… and resources.… are"
            ),
        };
        for key in path.split('.').filter(|key| !key.is_empty()) {
            node = match node.get(key) {
                Some(node) => node,
                None => bail!("line {line}: '${{{expression}}}': there is no '{key}'"),
            };
        }
        self.resolve_at(node, depth + 1)
    }
}

/// The arguments of `name(…)`.
fn call<'a>(expression: &'a str, name: &str) -> Option<&'a str> {
    expression.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')')
}

fn unquote(text: &str) -> &str {
    text.trim().trim_matches(|quote| quote == '\'' || quote == '"')
}
