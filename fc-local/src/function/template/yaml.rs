//! A YAML document as plain values that know their line. What a template means is not known here.

use anyhow::{Result, anyhow, bail};
use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};

/// A value and the line it starts on, counted from 1.
#[derive(Clone, Debug)]
pub struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The first document of `text`.
pub fn parse(text: &str) -> Result<Node> {
    let documents = MarkedYamlOwned::load_from_str(text).map_err(|error| anyhow!("{error}"))?;
    match documents.into_iter().next() {
        Some(document) => Node::of(document),
        None => bail!("the file is empty"),
    }
}

impl Node {
    fn of(node: MarkedYamlOwned) -> Result<Node> {
        let line = node.span.start.line();
        let value = match node.data {
            YamlDataOwned::Value(scalar) => match scalar {
                ScalarOwned::Null => Value::Null,
                ScalarOwned::Boolean(value) => Value::Bool(value),
                ScalarOwned::Integer(value) => Value::Int(value),
                ScalarOwned::FloatingPoint(value) => Value::Float(value.into_inner()),
                ScalarOwned::String(value) => Value::Text(value),
            },
            YamlDataOwned::Representation(text, ..) => Value::Text(text),
            YamlDataOwned::Sequence(items) => {
                Value::List(items.into_iter().map(Node::of).collect::<Result<_>>()?)
            }
            YamlDataOwned::Mapping(entries) => {
                let mut map = Vec::with_capacity(entries.len());
                let mut merged = Vec::new();
                for (key, value) in entries {
                    let key_line = key.span.start.line();
                    let Some(key) = Node::of(key)?.text() else {
                        bail!("line {key_line}: a key must be a plain value");
                    };
                    let value = Node::of(value)?;
                    if key == "<<" { merged.push(value) } else { map.push((key, value)) }
                }
                merge(&mut map, merged);
                Value::Map(map)
            }
            YamlDataOwned::Tagged(_, inner) => Node::of(*inner)?.value,
            YamlDataOwned::Alias(_) => bail!("line {line}: this alias has no anchor"),
            YamlDataOwned::BadValue => bail!("line {line}: this value does not fit its tag"),
        };
        Ok(Node { line, value })
    }

    /// The entry `key` of a mapping; an explicit null counts as absent.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(name, node)| name == key && !matches!(node.value, Value::Null))
                .map(|(_, node)| node),
            _ => None,
        }
    }

    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// A scalar as text, the way it reaches an environment variable.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Null => Some(String::new()),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// `<<: *defaults`: keys of the mapping itself win over merged ones.
fn merge(map: &mut Vec<(String, Node)>, merged: Vec<Node>) {
    for source in merged {
        let sources = match source.value {
            Value::List(items) => items,
            _ => vec![source],
        };
        for (key, value) in sources.iter().flat_map(Node::entries) {
            if !map.iter().any(|(name, _)| name == key) {
                map.push((key.clone(), value.clone()));
            }
        }
    }
}
