//! A YAML document as values that know their line, read as js-yaml reads it. What a template means is not known here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::node::{Line, NODE_SIZE, Node, Value};
use super::placeholder;
use super::scalar;

/// How large a document may be with every alias and reference replaced by what it stands for: far more than a template
/// has, and little memory.
const MAX_SIZE: usize = 1024 * 1024;

/// How deep its lists and mappings may be nested: a template has less than ten, and whoever walks them recurses.
const MAX_DEPTH: usize = 64;

/// The one document of `text`, which is the content of `file`; without one, of the template itself.
pub fn parse(text: &str, file: Option<&Arc<Path>>) -> Result<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_characters(text)?;
    check_bounds(text)?;
    let mut builder = Builder { file: file.cloned(), open: Vec::new(), anchored: HashMap::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| explained(&error, text))?;
        let line = span.start.line();
        builder.take(event, line).map_err(|error| of_placeholder(text, line).unwrap_or(error))?;
    }
    builder.root.ok_or_else(|| anyhow!("the file is empty"))
}

fn check_characters(text: &str) -> Result<()> {
    let unprintable =
        |c: char| (c.is_control() && !"\t\n\r\u{85}".contains(c)) || "\u{fffe}\u{ffff}".contains(c);
    if let Some((before, _)) = text.split_once(unprintable) {
        bail!("line {}: a control character; YAML takes none as such", before.lines().count().max(1));
    }
    Ok(())
}

fn of_placeholder(text: &str, line: usize) -> Option<anyhow::Error> {
    placeholder::failure(text, line).map(|reason| anyhow!(reason))
}

/// What the parser found wrong, with the commonest reason in the words that help.
fn explained(error: &ScanError, text: &str) -> anyhow::Error {
    let number = error.marker().line();
    if let Some(error) = of_placeholder(text, number) {
        return error;
    }
    let line = |number: usize| text.lines().nth(number.saturating_sub(1)).unwrap_or_default();
    let is_tabbed = |number: usize| {
        let line = line(number);
        line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t')
    };
    match [number, number + 1].into_iter().find(|number| is_tabbed(*number)) {
        Some(number) => anyhow!("line {number}: a tab indents it; YAML takes spaces only"),
        None if line(number).contains(": @") => {
            anyhow!("line {number}: a text that begins with '@' needs quotes, as in '@every 4m'")
        }
        None => anyhow!("line {number}: {}", error.info()),
    }
}

/// Refuses what is too deep or too large before any of it is built: what an alias stands for is copied.
fn check_bounds(text: &str) -> Result<()> {
    let mut size = Size(text.len());
    size.check(1)?;
    // The anchor of each open list or mapping, and the size before it.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut anchored = HashMap::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| explained(&error, text))?;
        let before = size.0;
        let ended = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, before));
                size.add(NODE_SIZE);
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop(),
            Event::Scalar(text, _, anchor, _) => {
                size.add(NODE_SIZE + text.len());
                Some((anchor, before))
            }
            Event::Alias(anchor) => {
                size.add(anchored.get(&anchor).copied().unwrap_or(NODE_SIZE));
                None
            }
            _ => None,
        };
        if let Some((anchor, before)) = ended.filter(|(anchor, _)| *anchor > 0) {
            let anchor_size = size.0 - before;
            anchored.insert(anchor, anchor_size);
            // A copy is kept.
            size.add(anchor_size);
        }
        size.check(span.start.line())?;
        if open.len() > MAX_DEPTH {
            bail!("line {}: lists and mappings are nested more than {MAX_DEPTH} deep", span.start.line());
        }
    }
    Ok(())
}

/// The size of a document so far.
#[derive(Default)]
pub struct Size(usize);

impl Size {
    pub fn add(&mut self, size: usize) {
        self.0 = self.0.saturating_add(size);
    }

    pub fn check(&self, line: usize) -> Result<()> {
        if self.0 > MAX_SIZE {
            bail!(
                "line {line}: the template, with its aliases and references replaced, is over {MAX_SIZE} bytes"
            );
        }
        Ok(())
    }
}

/// Builds a document from its events.
struct Builder {
    file: Option<Arc<Path>>,
    open: Vec<Open>,
    anchored: HashMap<usize, Node>,
    root: Option<Node>,
}

/// A list or mapping that is not over yet.
struct Open {
    anchor: usize,
    line: usize,
    tag: Option<String>,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Map),
}

#[derive(Default)]
struct Map {
    entries: Vec<(String, Node)>,
    /// The key whose value comes next; `None` inside is `<<`.
    key: Option<(Option<String>, usize)>,
    merged: Vec<Node>,
}

/// A node that is complete, and whether it is the key `<<` if it is a key.
struct Done {
    node: Node,
    is_merge_key: bool,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<()> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                bail!("line {line}: a second document begins; Serverless Devs reads files of one")
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, line, tag.as_deref(), Kind::List(Vec::new()))?
            }
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, line, tag.as_deref(), Kind::Map(Map::default()))?
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = scalar_value(&text, is_plain, tag.as_deref(), line)?;
                let node = Node::new(self.line(line), value);
                let is_merge_key = is_plain && tag.is_none() && text == "<<";
                self.place(anchor, Done { node, is_merge_key })?;
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchored.get(&anchor) else {
                    bail!("line {line}: this alias has no anchor");
                };
                self.place(0, Done { node: node.clone(), is_merge_key: false })?;
            }
            _ => {}
        }
        Ok(())
    }

    fn line(&self, number: usize) -> Line {
        Line { number, file: self.file.clone() }
    }

    fn open(&mut self, anchor: usize, line: usize, tag: Option<&Tag>, kind: Kind) -> Result<()> {
        let tag = tag.map(|tag| known_tag(tag, line)).transpose()?;
        self.open.push(Open { anchor, line, tag, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.kind {
            Kind::List(items) => Value::List(items),
            Kind::Map(map) => Value::Map(map.merged()?),
        };
        let fits = match (&value, open.tag.as_deref()) {
            (_, None) => true,
            (Value::List(_), Some(tag)) => ["seq", "omap", "pairs"].contains(&tag),
            (_, Some(tag)) => ["map", "set"].contains(&tag),
        };
        if !fits {
            bail!("line {}: this value does not fit its tag", open.line);
        }
        let node = Node::new(self.line(open.line), value);
        self.place(open.anchor, Done { node, is_merge_key: false })
    }

    /// Puts a node where it belongs.
    fn place(&mut self, anchor: usize, done: Done) -> Result<()> {
        if anchor > 0 {
            self.anchored.insert(anchor, done.node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(done.node),
            Some(Open { kind: Kind::List(items), .. }) => items.push(done.node),
            Some(Open { kind: Kind::Map(map), .. }) => map.place(done)?,
        }
        Ok(())
    }
}

impl Map {
    fn place(&mut self, done: Done) -> Result<()> {
        let Done { node, is_merge_key } = done;
        match self.key.take() {
            None if is_merge_key => self.key = Some((None, node.line.number)),
            None => {
                let key = match &node.value {
                    Value::Null => Some("null".to_owned()),
                    value => value.text(),
                };
                let Some(key) = key else {
                    bail!("line {}: a key must be a plain value", node.line.number);
                };
                if let Some((_, first)) = self.entries.iter().find(|(name, _)| *name == key) {
                    let (second, first) = (node.line.number, first.line.number);
                    bail!(
                        "line {second}: the key '{key}' is there a second time, the first is near line {first}"
                    );
                }
                self.key = Some((Some(key), node.line.number));
            }
            Some((Some(key), _)) => self.entries.push((key, node)),
            Some((None, line)) => match node.value {
                Value::List(items) => {
                    items.iter().try_for_each(|item| mergeable(item, line))?;
                    self.merged.extend(items);
                }
                _ => {
                    mergeable(&node, line)?;
                    self.merged.push(node);
                }
            },
        }
        Ok(())
    }

    /// The entries with those of `<<: *defaults`: keys of the mapping itself win over merged ones.
    fn merged(self) -> Result<Vec<(String, Node)>> {
        let mut entries = self.entries;
        for (key, value) in self.merged.iter().flat_map(Node::entries) {
            if !entries.iter().any(|(name, _)| name == key) {
                entries.push((key.clone(), value.clone()));
            }
        }
        Ok(entries)
    }
}

fn mergeable(node: &Node, line: usize) -> Result<()> {
    match node.value {
        Value::Map(_) => Ok(()),
        _ => bail!("line {line}: '<<' takes a mapping, or a list of mappings"),
    }
}

fn scalar_value(text: &str, is_plain: bool, tag: Option<&Tag>, line: usize) -> Result<Value> {
    let as_text = || Value::Text(text.to_owned());
    let Some(tag) = tag else {
        return Ok(if is_plain { scalar::plain(text) } else { as_text() });
    };
    if tag.handle.clone() + &tag.suffix == "!" {
        return Ok(as_text());
    }
    let value = match known_tag(tag, line)?.as_str() {
        "str" | "binary" | "timestamp" => as_text(),
        "null" => Value::Null,
        "bool" | "int" => scalar::plain(text),
        "float" => match scalar::number(text) {
            Some(Value::Int(value)) => Value::Float(value as f64),
            other => other.unwrap_or_else(as_text),
        },
        _ => bail!("line {line}: this value does not fit its tag"),
    };
    Ok(value)
}

/// The name of one of YAML's own tags. The vendor's reader has no others.
fn known_tag(tag: &Tag, line: usize) -> Result<String> {
    let name = match tag.handle.as_str() {
        "tag:yaml.org,2002:" => tag.suffix.as_str(),
        _ => "",
    };
    const KNOWN: [&str; 12] =
        ["str", "binary", "timestamp", "null", "bool", "int", "float", "seq", "map", "set", "omap", "pairs"];
    if !KNOWN.contains(&name) {
        bail!("line {line}: the tag '{}{}' is unknown to Serverless Devs", tag.handle, tag.suffix);
    }
    Ok(name.to_owned())
}
