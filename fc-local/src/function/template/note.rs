//! What is worth saying about a template that runs all the same. Who says it is not known here.

use std::fmt;

use super::node::Line;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub line: Line,
    pub kind: Kind,
    /// As in `customRuntimeConfig.port`; empty is the whole file.
    pub field: String,
    /// Why, or what to do about it.
    pub text: String,
    /// The known name that an unknown one was probably meant to be.
    pub nearest: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A field that changes nothing here.
    Ignored,
    /// A field that nobody knows.
    Unknown,
    /// A value that could not be made out, which nothing here needs.
    Unresolved,
    /// Anything else.
    Remark,
}

impl Note {
    pub fn new(kind: Kind, line: &Line, field: &str, text: impl Into<String>) -> Note {
        Note { line: line.clone(), kind, field: field.to_owned(), text: text.into(), nearest: None }
    }

    pub fn remark(line: &Line, field: &str, text: impl Into<String>) -> Note {
        Note::new(Kind::Remark, line, field, text)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.text)
    }
}
