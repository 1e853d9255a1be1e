//! The value of what stands between `${` and `}`: the functions that the vendor's tool has, and how it reads what is not
//! quite an expression. How texts are put together is not known here.

use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::dotenv::Variables;
use super::expression::{self, Expression, Operator};
use super::node::{Line, Node, Value};
use super::trouble::{Resolved, broken, joined};
use super::yaml;
use crate::function::account;

/// How large a file may be that a template reads.
const MAX_FILE: u64 = 1024 * 1024;

/// What an expression can see.
pub trait Context {
    /// What a path leads to that begins with `vars`, `this` or `resources`.
    fn lookup(&self, path: &[&str]) -> Resolved<Option<Value>>;
    fn variables(&self) -> &Variables;
    /// Where relative paths begin.
    fn directory(&self) -> &Path;
    fn line(&self) -> &Line;
    /// Remembers where a value is from, for whoever wants to see it.
    fn note_origin(&self, origin: String);
    /// Remembers a file that was read.
    fn note_file(&self, file: PathBuf);
}

/// The value of `code`; what is undefined is none.
pub fn value(context: &dyn Context, code: &str) -> Resolved<Value> {
    let evaluation = Evaluation { context, code };
    let found = match read(code) {
        Read::Path(path) => {
            if code.trim() != code {
                context.note_origin("Serverless Devs takes no spaces here".to_owned());
            }
            context.lookup(&path)?
        }
        Read::Expression(text) => match expression::parse(&text) {
            Some(expression) => Some(evaluation.of(&expression)?),
            None => return broken(format!("'${{{code}}}' is nothing that fc-local understands")),
        },
    };
    match found {
        Some(value) if !matches!(value, Value::Null) => Ok(value),
        _ => broken(format!("'${{{code}}}' is not found; {}", evaluation.what_there_is())),
    }
}

/// How the vendor's tool takes what stands between the braces.
enum Read<'a> {
    Path(Vec<&'a str>),
    Expression(String),
}

/// A call without a quoted argument gets its quotes; what is no call and has a dot is a path.
fn read(code: &str) -> Read<'_> {
    let trimmed = code.trim();
    let Some(call) = trimmed.find('(').filter(|at| trimmed.rfind(')').is_some_and(|end| *at < end)) else {
        return match trimmed.contains('.') {
            true => Read::Path(trimmed.split('.').collect()),
            false => Read::Expression(trimmed.to_owned()),
        };
    };
    let quotes = |quote: char| {
        let (first, last) = (trimmed.find(quote), trimmed.rfind(quote));
        first.zip(last).is_some_and(|(first, last)| last > first + 1)
    };
    let end = trimmed.rfind(')').unwrap_or(call);
    let argument = trimmed.get(call + 1..end).unwrap_or_default();
    if quotes('\'') || quotes('"') || argument.is_empty() {
        return Read::Expression(trimmed.to_owned());
    }
    let (name, rest) = (trimmed.get(..call).unwrap_or_default(), trimmed.get(end + 1..).unwrap_or_default());
    Read::Expression(format!("{name}('{argument}'){rest}"))
}

struct Evaluation<'a> {
    context: &'a dyn Context,
    code: &'a str,
}

impl Evaluation<'_> {
    fn of(&self, expression: &Expression) -> Resolved<Value> {
        Ok(match expression {
            Expression::Value(value) => value.clone(),
            Expression::Name(_) | Expression::Member(..) | Expression::Index(..) => {
                self.member(expression)?
            }
            Expression::Call(function, arguments) => self.call(function, arguments)?,
            Expression::Not(inner) => Value::Bool(!is_true(&self.of(inner)?)),
            Expression::Choice(condition, yes, no) => {
                self.of(if is_true(&self.of(condition)?) { yes } else { no })?
            }
            Expression::Binary(operator, left, right) => {
                let left = self.of(left)?;
                match operator {
                    Operator::Or if is_true(&left) => left,
                    Operator::And if !is_true(&left) => left,
                    Operator::Coalesce if !matches!(left, Value::Null) => left,
                    Operator::Or | Operator::And | Operator::Coalesce => self.of(right)?,
                    Operator::Equal => Value::Bool(left.text() == self.of(right)?.text()),
                    Operator::Unequal => Value::Bool(left.text() != self.of(right)?.text()),
                    Operator::Add => self.sum(&left, &self.of(right)?)?,
                }
            }
        })
    }

    fn sum(&self, left: &Value, right: &Value) -> Resolved<Value> {
        let number = |value: &Value| match value {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        };
        if let (Value::Int(left), Value::Int(right)) = (left, right)
            && let Some(sum) = left.checked_add(*right)
        {
            return Ok(Value::Int(sum));
        }
        Ok(match number(left).zip(number(right)) {
            Some((left, right)) => Value::Float(left + right),
            None => Value::Text(joined(left, self.code)? + &joined(right, self.code)?),
        })
    }

    /// A name and what is asked of it: a path, or a part of a value.
    fn member(&self, expression: &Expression) -> Resolved<Value> {
        if let Some(path) = self.path(expression)? {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            return Ok(self.context.lookup(&path)?.unwrap_or(Value::Null));
        }
        let (object, key) = match expression {
            Expression::Member(object, key) => (object, key.clone()),
            Expression::Index(object, key) => (object, self.of(key)?.text().unwrap_or_default()),
            _ => return Ok(Value::Null),
        };
        let node = Node::new(self.context.line().clone(), self.of(object)?);
        let item = key.parse().ok().and_then(|at: usize| node.items().get(at));
        Ok(node.entry(&key).or(item).map_or(Value::Null, |node| node.value.clone()))
    }

    /// `vars.a['b']` as its parts; `None` when it begins with a value.
    fn path(&self, expression: &Expression) -> Resolved<Option<Vec<String>>> {
        let (object, key) = match expression {
            Expression::Name(name) => return Ok(Some(vec![name.clone()])),
            Expression::Member(object, key) => (object, key.clone()),
            Expression::Index(object, key) => (object, self.of(key)?.text().unwrap_or_default()),
            _ => return Ok(None),
        };
        let path = self.path(object)?;
        Ok(path.map(|mut path| {
            path.push(key);
            path
        }))
    }

    fn call(&self, function: &Expression, arguments: &[Expression]) -> Resolved<Value> {
        if let Expression::Member(object, method) = function
            && !matches!(object.as_ref(), Expression::Name(name) if name == "env")
        {
            return self.method(&self.of(object)?, method);
        }
        let arguments = arguments.iter().map(|argument| self.of(argument)).collect::<Resolved<Vec<_>>>()?;
        let first = arguments.first().unwrap_or(&Value::Null);
        let name = match function {
            Expression::Name(name) => name.as_str(),
            Expression::Member(_, method) if method == "init" => "init",
            _ => return broken(format!("'${{{}}}' calls what is no function", self.code)),
        };
        match name {
            "json" | "yaml" | "base64" => self.reading(name, first),
            "env" => self.variable(&text_of(first, name)?, arguments.get(1)),
            "file" => self.file(&text_of(first, name)?).map(Value::Text),
            "path" => self.existing_path(&text_of(first, name)?),
            "config" => self.configured(&text_of(first, name)?),
            "str" | "init" => self.converted(name, first),
            "secret" => broken(format!("'${{{}}}' is kept by the vendor's tool alone", self.code)),
            _ => broken(format!("'${{{}}}': there is no function '{name}'", self.code)),
        }
    }

    fn method(&self, value: &Value, method: &str) -> Resolved<Value> {
        let text = text_of(value, method)?;
        Ok(Value::Text(match method {
            "trim" => text.trim().to_owned(),
            "toLowerCase" => text.to_lowercase(),
            "toUpperCase" => text.to_uppercase(),
            "toString" => text,
            _ => return broken(format!("'${{{}}}': fc-local does not know '{method}()'", self.code)),
        }))
    }

    fn variable(&self, name: &str, default: Option<&Value>) -> Resolved<Value> {
        match self.context.variables().get(name) {
            Some(found) if !found.value.is_empty() => {
                self.context.note_origin(match found.file {
                    Some(file) => format!("{name} of {}", file.display()),
                    None => format!("exported {name}"),
                });
                Ok(Value::Text(found.value))
            }
            _ => match default.filter(|default| !matches!(default, Value::Null)) {
                Some(default) => {
                    self.context.note_origin(format!("default of {name}"));
                    Ok(default.clone())
                }
                None => broken(format!(
                    "the environment variable '{name}' is not set; export it, write it into .env or write ${{env('{name}', 'default')}}"
                )),
            },
        }
    }

    fn file(&self, name: &str) -> Resolved<String> {
        let path = self.context.directory().join(name);
        let read = || -> std::io::Result<Option<Vec<u8>>> {
            let metadata = path.metadata()?;
            // Neither a pipe, which may never end, nor what fills the memory.
            (metadata.is_file() && metadata.len() <= MAX_FILE).then(|| std::fs::read(&path)).transpose()
        };
        let content = match read() {
            Ok(Some(content)) => content,
            Ok(None) => return broken(format!("{} is no file of up to {MAX_FILE} bytes", path.display())),
            Err(error) => return broken(format!("cannot read {}: {error}", path.display())),
        };
        self.context.note_origin(format!("file {name}"));
        self.context.note_file(path);
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    fn existing_path(&self, name: &str) -> Resolved<Value> {
        let path = self.context.directory().join(name);
        let path = normalized(&std::path::absolute(&path).unwrap_or(path));
        if name.is_empty() || !path.exists() {
            return broken(format!("{} does not exist", path.display()));
        }
        let slash = if name.ends_with('/') && path != Path::new("/") { "/" } else { "" };
        Ok(Value::Text(format!("{}{slash}", path.display())))
    }

    fn reading(&self, function: &str, text: &Value) -> Resolved<Value> {
        let text = text_of(text, function)?;
        match function {
            "base64" => Ok(Value::Text(STANDARD.encode(text))),
            "yaml" => match yaml::parse(&text, None) {
                Ok(node) => Ok(node.value),
                Err(error) => broken(format!("'${{{}}}': {error}", self.code)),
            },
            _ => match serde_json::from_str(&text) {
                Ok(value) => Ok(self.of_json(value)),
                Err(error) => broken(format!("'${{{}}}': {error}", self.code)),
            },
        }
    }

    fn of_json(&self, value: serde_json::Value) -> Value {
        let node = |value| Node::new(self.context.line().clone(), self.of_json(value));
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => match number.as_i128() {
                Some(number) => Value::Int(number),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(items) => Value::List(items.into_iter().map(node).collect()),
            serde_json::Value::Object(entries) => {
                Value::Map(entries.into_iter().map(|(key, value)| (key, node(value))).collect())
            }
        }
    }

    /// What the vendor's tool knows of the author's account: made up, as in the function's variables.
    fn configured(&self, name: &str) -> Resolved<Value> {
        let value = match name {
            "AccountID" => account::ACCOUNT_ID,
            "AccessKeyID" => account::ACCESS_KEY_ID,
            "AccessKeySecret" => account::ACCESS_KEY_SECRET,
            "SecurityToken" => account::SECURITY_TOKEN,
            _ => return broken(format!("'${{{}}}' is configured in the vendor's tool alone", self.code)),
        };
        self.context.note_origin("made up".to_owned());
        Ok(Value::Text(value.to_owned()))
    }

    /// `str('vars.x')` and `env.init('vars.x')`: what the path leads to, or the text itself.
    fn converted(&self, function: &str, argument: &Value) -> Resolved<Value> {
        let text = text_of(argument, function)?;
        let path: Vec<&str> = text.split('.').collect();
        let found = self.context.lookup(&path).unwrap_or(None);
        let text = match found {
            Some(value) => joined(&value, self.code)?,
            None => text,
        };
        if function == "str" {
            return Ok(Value::Text(text));
        }
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        match text.get(..end).and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok(Value::Int(number)),
            None => broken(format!("'${{{}}}' is not a number", self.code)),
        }
    }

    fn what_there_is(&self) -> &'static str {
        match self.code.split(['.', '(']).next().unwrap_or_default() {
            "vars" => "it is not below 'vars'",
            "this" => "it is not in this resource",
            "resources" => "no such resource has it",
            _ => "there are env('…'), file('…'), path('…'), json('…'), vars.…, this.… and resources.…",
        }
    }
}

fn text_of(value: &Value, function: &str) -> Resolved<String> {
    match value.text() {
        Some(text) if !matches!(value, Value::Null) => Ok(text),
        _ => broken(format!("{function}() takes a text")),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Broken { .. } => false,
        Value::Bool(value) => *value,
        Value::Int(value) => *value != 0,
        Value::Float(value) => *value != 0.0 && !value.is_nan(),
        Value::Text(text) => !text.is_empty(),
        Value::List(_) | Value::Map(_) => true,
    }
}

/// A path without `.` and `..`, whatever is there.
pub fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
