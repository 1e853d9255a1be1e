//! What is found out about a function beside what it is: what keeps it from running, and what is only worth saying. One
//! fault does not hide another: whoever reads a field hands on what came of it. Which fields there are is not known here.

use anyhow::Result;

use super::fields::{line_of, string};
use super::node::{Line, Node};
use super::note::{Kind, Note};

/// What was found out about a function while its fields were read.
#[derive(Default)]
pub struct Findings {
    pub notes: Vec<Note>,
    /// Why it cannot run.
    pub faults: Vec<anyhow::Error>,
}

impl Findings {
    /// What was read, or nothing in its place, so that the other fields are read too.
    pub fn of<T: Default>(&mut self, read: Result<T>) -> T {
        read.unwrap_or_else(|fault| {
            self.faults.push(fault);
            T::default()
        })
    }

    /// The same of what a function runs without.
    pub fn needless<T: Default>(&mut self, field: &str, line: &Line, read: Result<T>) -> T {
        read.unwrap_or_else(|fault| {
            // The note says line and field itself.
            let text = format!("{fault:#}");
            let text = text.strip_prefix(&format!("line {line}: ")).unwrap_or(&text);
            let text = text.strip_prefix(&format!("{field} ")).unwrap_or(text);
            self.notes.push(Note::remark(line, field, text));
            T::default()
        })
    }

    /// A text without which a function runs as well.
    pub fn needless_text(&mut self, node: &Node, key: &str) -> Option<String> {
        if let Some((broken, reason)) = node.get(key).and_then(Node::broken) {
            self.notes.push(Note::new(Kind::Unresolved, &broken.line, key, reason));
            return None;
        }
        self.needless(key, line_of(node, key), string(node, key))
    }
}
