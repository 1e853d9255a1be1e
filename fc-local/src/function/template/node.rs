//! A template's values as they are handed on: each knows where it stands and how it came there. How they are read and
//! what they mean is not known here.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::number;

/// Where a value stands: a line of the template, or of a file that the template extends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// None is the template itself.
    pub file: Option<Arc<Path>>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            None => write!(f, "{}", self.number),
            Some(file) => write!(f, "{} of {}", self.number, file.display()),
        }
    }
}

/// A value, where it stands, and how it came to be this one.
#[derive(Clone, Debug)]
pub struct Node {
    pub line: Line,
    pub value: Value,
    /// What it is inherited from, as in `template 'base'`.
    pub inherited: Option<Arc<str>>,
    /// Its text before references were replaced, and what they were replaced from.
    pub written: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// A text whose references lead nowhere, and why.
    Broken {
        text: String,
        reason: String,
    },
}

/// What a node counts for beside its text.
pub const NODE_SIZE: usize = 64;

impl Node {
    pub fn new(line: Line, value: Value) -> Node {
        Node { line, value, inherited: None, written: None }
    }

    /// What it counts for in a document.
    pub fn size(&self) -> usize {
        let inner = match &self.value {
            Value::Text(text) => text.len(),
            Value::Broken { text, reason } => text.len() + reason.len(),
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Map(entries) => {
                entries.iter().map(|(key, node)| NODE_SIZE + key.len() + node.size()).sum()
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        };
        NODE_SIZE + inner
    }

    /// The entry `key` of a mapping. One that says nothing counts as absent: exports write down whatever is not set.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).filter(|node| !node.says_nothing())
    }

    /// The same with empty lists and mappings, which references can lead to; an explicit null counts as absent.
    pub fn entry(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, node)| name == key && !matches!(node.value, Value::Null))
            .map(|(_, node)| node)
    }

    /// Whether it is null, or a list or mapping that has nothing else in it.
    pub fn says_nothing(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::List(items) => items.iter().all(Node::says_nothing),
            Value::Map(entries) => entries.iter().all(|(_, node)| node.says_nothing()),
            _ => false,
        }
    }

    /// What a dotted path leads to.
    pub fn at(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// A scalar as text, the way it reaches an environment variable.
    pub fn text(&self) -> Option<String> {
        self.value.text()
    }

    /// The first value below that could not be made out, and why.
    pub fn broken(&self) -> Option<(&Node, &str)> {
        match &self.value {
            Value::Broken { reason, .. } => Some((self, reason)),
            Value::List(items) => items.iter().find_map(Node::broken),
            Value::Map(entries) => entries.iter().find_map(|(_, node)| node.broken()),
            _ => None,
        }
    }

    /// The same mapping without what is null, as the vendor hands it on.
    pub fn without_nulls(self) -> Node {
        let value = match self.value {
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .filter(|(_, node)| !matches!(node.value, Value::Null))
                    .map(|(key, node)| (key, node.without_nulls()))
                    .collect(),
            ),
            Value::List(items) => Value::List(items.into_iter().map(Node::without_nulls).collect()),
            value => value,
        };
        Node { value, ..self }
    }
}

impl Value {
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(number::float_text(*value)),
            Value::Null => Some(String::new()),
            Value::List(_) | Value::Map(_) | Value::Broken { .. } => None,
        }
    }
}
