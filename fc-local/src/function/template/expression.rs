//! What stands between `${` and `}`: names, calls and the operators that templates use of JavaScript's. What the names
//! mean is not known here.

use anyhow::{Result, anyhow, bail};

use super::yaml::{Line, Node, Value};

/// How deep an expression may be nested: whoever reads it recurses.
const MAX_DEPTH: usize = 32;

/// What names and calls mean.
pub trait Names {
    /// The value of `name`; `None` is JavaScript's undefined.
    fn value(&self, name: &str) -> Result<Option<Node>>;
    fn call(&self, name: &str, arguments: &[Node]) -> Result<Node>;
}

/// The value of `expression`, whose errors are those of `line`; `None` is undefined.
pub fn evaluate(expression: &str, line: &Line, names: &dyn Names) -> Result<Option<Node>> {
    let mut reader = Reader { rest: expression, line, names, depth: 0 };
    let value = reader.choice(true)?;
    reader.skip_space();
    if !reader.rest.is_empty() {
        bail!("'{}' is not understood", reader.rest);
    }
    Ok(value)
}

struct Reader<'a> {
    rest: &'a str,
    line: &'a Line,
    names: &'a dyn Names,
    depth: usize,
}

type Found = Result<Option<Node>>;

/// What `is_live` is false for is read and not asked for: what is not needed need not be there.
impl<'a> Reader<'a> {
    /// `a ? b : c`
    fn choice(&mut self, is_live: bool) -> Found {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            bail!("it is nested more than {MAX_DEPTH} deep");
        }
        let condition = self.or(is_live)?;
        let value = if self.take("?") {
            let chosen = is_true(condition.as_ref());
            let first = self.choice(is_live && chosen)?;
            if !self.take(":") {
                bail!("a '?' has no ':'");
            }
            let second = self.choice(is_live && !chosen)?;
            if chosen { first } else { second }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(value)
    }

    fn or(&mut self, is_live: bool) -> Found {
        let mut value = self.and(is_live)?;
        while self.take("||") {
            let is_decided = is_true(value.as_ref());
            let other = self.and(is_live && !is_decided)?;
            value = if is_decided { value } else { other };
        }
        Ok(value)
    }

    fn and(&mut self, is_live: bool) -> Found {
        let mut value = self.equality(is_live)?;
        while self.take("&&") {
            let goes_on = is_true(value.as_ref());
            let other = self.equality(is_live && goes_on)?;
            value = if goes_on { other } else { value };
        }
        Ok(value)
    }

    fn equality(&mut self, is_live: bool) -> Found {
        let value = self.sum(is_live)?;
        for (operator, wanted) in [("===", true), ("!==", false), ("==", true), ("!=", false)] {
            if self.take(operator) {
                let other = self.sum(is_live)?;
                let text = |node: &Option<Node>| node.as_ref().and_then(Node::text);
                return Ok(Some(self.node(Value::Bool((text(&value) == text(&other)) == wanted))));
            }
        }
        Ok(value)
    }

    fn sum(&mut self, is_live: bool) -> Found {
        let mut value = self.unary(is_live)?;
        while self.take("+") {
            let other = self.unary(is_live)?;
            if !is_live {
                continue;
            }
            let (Some(one), Some(other)) = (value, other) else { bail!("a part of a sum is not there") };
            value = Some(match (&one.value, &other.value) {
                (Value::Int(one), Value::Int(other)) => self.node(Value::Int(one.saturating_add(*other))),
                _ => match (one.text(), other.text()) {
                    (Some(one), Some(other)) => self.node(Value::Text(one + &other)),
                    _ => bail!("a list or mapping cannot be added"),
                },
            });
        }
        Ok(value)
    }

    fn unary(&mut self, is_live: bool) -> Found {
        if !self.rest.trim_start().starts_with("!=") && self.take("!") {
            let value = self.unary(is_live)?;
            return Ok(Some(self.node(Value::Bool(!is_true(value.as_ref())))));
        }
        let mut value = self.primary(is_live)?;
        loop {
            if self.take(".") {
                let name = self.name(true);
                if name.is_empty() {
                    bail!("a '.' has no name behind it");
                }
                value = value.and_then(|node| node.get(name).cloned());
            } else if self.take("[") {
                let key = self.choice(is_live)?;
                if !self.take("]") {
                    bail!("a '[' has no ']'");
                }
                value = value.and_then(|node| element(&node, key.as_ref()));
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self, is_live: bool) -> Found {
        self.skip_space();
        if let Some(quote) = self.rest.chars().next().filter(|first| ['\'', '"', '`'].contains(first)) {
            return self.text(quote).map(Some);
        }
        if self.take("(") {
            let value = self.choice(is_live)?;
            if !self.take(")") {
                bail!("a '(' has no ')'");
            }
            return Ok(value);
        }
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let (number, rest) = self.rest.split_at(digits);
            self.rest = rest;
            let number = number.parse().map_err(|_| anyhow!("{number} is too large"))?;
            return Ok(Some(self.node(Value::Int(number))));
        }
        let name = self.name(false);
        if name.is_empty() {
            bail!("a value is missing");
        }
        if self.take("(") {
            let arguments = self.arguments(is_live)?;
            return if is_live { self.names.call(name, &arguments).map(Some) } else { Ok(None) };
        }
        match name {
            "true" | "false" => Ok(Some(self.node(Value::Bool(name == "true")))),
            "null" | "undefined" => Ok(None),
            _ if is_live => self.names.value(name),
            _ => Ok(None),
        }
    }

    fn arguments(&mut self, is_live: bool) -> Result<Vec<Node>> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() && !self.take(",") {
                bail!("a call has no ')'");
            }
            let argument = self.choice(is_live)?;
            arguments.push(argument.unwrap_or_else(|| self.node(Value::Null)));
        }
        Ok(arguments)
    }

    fn text(&mut self, quote: char) -> Result<Node> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => {
                    text.extend(letters.next().map(|(_, letter)| if letter == 'n' { '\n' } else { letter }))
                }
                letter if letter == quote => {
                    self.rest = self.rest.get(at + letter.len_utf8()..).unwrap_or_default();
                    return Ok(self.node(Value::Text(text)));
                }
                letter => text.push(letter),
            }
        }
        bail!("a text has no {quote} at its end")
    }

    /// A name, also one with a hyphen where it is `within` a path: nothing is ever subtracted.
    fn name(&mut self, within: bool) -> &'a str {
        self.skip_space();
        let is_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || (within && c == '-');
        let length = self.rest.len() - self.rest.trim_start_matches(is_of_name).len();
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        name
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn node(&self, value: Value) -> Node {
        Node { line: self.line.clone(), value }
    }
}

fn element(node: &Node, key: Option<&Node>) -> Option<Node> {
    match (&node.value, &key?.value) {
        (Value::List(items), Value::Int(index)) => items.get(usize::try_from(*index).ok()?).cloned(),
        _ => node.get(&key?.text()?).cloned(),
    }
}

/// As JavaScript has it.
fn is_true(node: Option<&Node>) -> bool {
    match node.map(|node| &node.value) {
        None | Some(Value::Null | Value::Bool(false) | Value::Int(0)) => false,
        Some(Value::Text(text)) => !text.is_empty(),
        Some(Value::Float(number)) => *number != 0.0 && !number.is_nan(),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Few;

    fn text(text: &str) -> Node {
        Node { line: Line::default(), value: Value::Text(text.to_owned()) }
    }

    impl Names for Few {
        fn value(&self, name: &str) -> Result<Option<Node>> {
            let a = Node { line: Line::default(), value: Value::List(vec![text("first"), text("second")]) };
            let map =
                vec![("a".to_owned(), a), ("b-c".to_owned(), text("hyphen")), ("e".to_owned(), text(""))];
            Ok((name == "vars").then(|| Node { line: Line::default(), value: Value::Map(map) }))
        }

        fn call(&self, name: &str, arguments: &[Node]) -> Result<Node> {
            if name == "fails" {
                bail!("it was asked");
            }
            let words: Vec<String> = arguments.iter().filter_map(Node::text).collect();
            Ok(text(&format!("{name}<{}>", words.join("|"))))
        }
    }

    fn value(expression: &str) -> Result<Option<String>> {
        Ok(evaluate(expression, &Line::default(), &Few)?.and_then(|node| node.text()))
    }

    #[test]
    fn an_expression_is_read_as_javascript_reads_it() {
        for (expression, wanted) in [
            ("vars.b-c", "hyphen"),
            (" vars . a [ 1 ] ", "second"),
            ("vars['b-c']", "hyphen"),
            ("f('a', \"b\", g(`c`))", "f<a|b|g<c>>"),
            ("f()", "f<>"),
            ("f('it\\'s, (so)')", "f<it's, (so)>"),
            ("vars.none || 'other'", "other"),
            ("vars.e || vars['b-c']", "hyphen"),
            ("vars['b-c'] || fails()", "hyphen"),
            ("vars.none && fails() || 'end'", "end"),
            ("vars['b-c'] === 'hyphen' ? 'yes' : fails()", "yes"),
            ("vars.e != '' ? fails() : 'no'", "no"),
            ("!vars.e ? 'empty' : 'full'", "empty"),
            ("'a' + 'b' + 1", "ab1"),
            ("1 + 2", "3"),
            ("('a')", "a"),
            ("true", "true"),
            ("42", "42"),
        ] {
            assert_eq!(value(expression).expect(expression).as_deref(), Some(wanted), "{expression}");
        }
        for undefined in ["none", "vars.none", "vars.none.further", "vars.a[7]", "null"] {
            assert_eq!(value(undefined).expect(undefined), None, "{undefined}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let deep = "(".repeat(100_000);
        for text in
            ["", "vars.", "f(", "f('a'", "'a", "a b", "vars[", "a ? b", "1 2", "+", "%", "fails()", &deep]
        {
            assert!(value(text).is_err(), "{text:.20}");
        }
    }
}
