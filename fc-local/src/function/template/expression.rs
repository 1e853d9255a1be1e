//! What stands between `${` and `}`: the part of JavaScript's expressions that templates use. What names and functions
//! stand for is not known here.

use super::node::Value;

/// How deep an expression may be nested.
const DEPTH: usize = 32;

/// How many operators it may have: each is one level more for whoever walks it.
const OPERATORS: usize = 256;

#[derive(Debug, Clone)]
pub enum Expression {
    Value(Value),
    Name(String),
    Member(Box<Expression>, String),
    Index(Box<Expression>, Box<Expression>),
    Call(Box<Expression>, Vec<Expression>),
    Not(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Choice(Box<Expression>, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Coalesce,
    Equal,
    Unequal,
    Add,
}

/// From the loosest to the tightest.
const LEVELS: [&[(&str, Operator)]; 4] = [
    &[("||", Operator::Or), ("??", Operator::Coalesce)],
    &[("&&", Operator::And)],
    &[
        ("===", Operator::Equal),
        ("!==", Operator::Unequal),
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
    ],
    &[("+", Operator::Add)],
];

/// The expression that `text` is; `None` when it is none, or one of which no template makes use.
pub fn parse(text: &str) -> Option<Expression> {
    let mut parser = Parser { rest: text, depth: 0, operators: 0 };
    let expression = parser.choice()?;
    parser.rest.trim().is_empty().then_some(expression)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    operators: usize,
}

impl Parser<'_> {
    fn takes(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(token) else { return false };
        self.rest = rest;
        true
    }

    fn choice(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let condition = self.binary(0)?;
        let is_choice = !self.rest.trim_start().starts_with("?.") && self.takes("?");
        let expression = if is_choice {
            let yes = self.choice()?;
            let no = self.takes(":").then(|| self.choice())??;
            Expression::Choice(Box::new(condition), Box::new(yes), Box::new(no))
        } else {
            condition
        };
        self.depth -= 1;
        Some(expression)
    }

    fn binary(&mut self, level: usize) -> Option<Expression> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(token, _)| self.takes(token)) {
            self.operators += 1;
            if self.operators > OPERATORS {
                return None;
            }
            let right = self.binary(level + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Expression> {
        let mut count = 0;
        while self.takes("!") {
            count += 1;
        }
        let mut expression = self.postfix()?;
        // `!!x` is a truth value, and so is every longer row of them.
        for _ in 0..(if count > 2 { count % 2 + 2 } else { count }) {
            expression = Expression::Not(Box::new(expression));
        }
        Some(expression)
    }

    fn postfix(&mut self) -> Option<Expression> {
        let mut expression = self.primary()?;
        for _ in 0..DEPTH {
            if self.takes("?.") || self.takes(".") {
                expression = Expression::Member(Box::new(expression), self.name()?);
            } else if self.takes("[") {
                let index = self.choice()?;
                expression =
                    self.takes("]").then(|| Expression::Index(Box::new(expression), Box::new(index)))?;
            } else if self.takes("(") {
                let arguments = self.arguments()?;
                expression = Expression::Call(Box::new(expression), arguments);
            } else {
                return Some(expression);
            }
        }
        None
    }

    fn arguments(&mut self) -> Option<Vec<Expression>> {
        let mut arguments = Vec::new();
        while !self.takes(")") {
            if !arguments.is_empty() && !self.takes(",") {
                return None;
            }
            arguments.push(self.choice()?);
        }
        Some(arguments)
    }

    fn primary(&mut self) -> Option<Expression> {
        self.rest = self.rest.trim_start();
        if self.takes("(") {
            let inner = self.choice()?;
            return self.takes(")").then_some(inner);
        }
        if let Some(quote) = self.rest.chars().next().filter(|c| ['\'', '"', '`'].contains(c)) {
            return self.text(quote).map(Value::Text).map(Expression::Value);
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.number();
        }
        Some(match self.name()?.as_str() {
            "true" => Expression::Value(Value::Bool(true)),
            "false" => Expression::Value(Value::Bool(false)),
            "null" | "undefined" => Expression::Value(Value::Null),
            name => Expression::Name(name.to_owned()),
        })
    }

    fn number(&mut self) -> Option<Expression> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        super::scalar::number(digits).map(Expression::Value)
    }

    fn name(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn text(&mut self, quote: char) -> Option<String> {
        let mut chars = self.rest.char_indices().skip(1);
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    c if c.is_alphanumeric() => return None,
                    c => c,
                }),
                c if c == quote => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_expression_is_none_and_none_is_too_deep_to_walk() {
        for text in [
            "", "a b", "(a", "a.", "f(a", "a ? b", "'a", "a[1", "a ||", "1.2.3", "a = b", "() => 1",
            "'\\x41'",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        let many = |text: &str| text.repeat(100_000);
        for text in [
            format!("1{}", many("+1")),
            many("("),
            many("!"),
            format!("a{}", many(".a")),
            many("a?a:"),
            many("f("),
        ] {
            assert!(parse(&text).is_none());
        }
        assert!(parse(&format!("{}a", "!".repeat(99_999))).is_some());
        for text in
            ["f('a', b.c)[0].d", "a || 'b' && !c", "a == 'x' ? 1 : 2", " (a + 1) ", "a?.b ?? \"c\"", "f()"]
        {
            assert!(parse(text).is_some(), "{text}");
        }
    }
}
