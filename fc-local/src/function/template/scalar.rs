//! What a scalar without quotes is: js-yaml's rules, which the vendor reads templates by. A timestamp stays a text,
//! where the vendor's tool makes an empty mapping of it. Where scalars stand is not known here.

use super::node::Value;

/// The value of a scalar without quotes and tag.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

/// `text` as a number, if it is one.
pub fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    integer(digits, negative).or_else(|| float(digits, negative, digits.len() < text.len()))
}

fn integer(digits: &str, negative: bool) -> Option<Value> {
    let (base, digits) = match digits.get(..2) {
        Some("0b") => (2, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0x") => (16, digits.get(2..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let signed = |value: i128| if negative { -value } else { value };
    Some(match i128::from_str_radix(digits, base) {
        Ok(value) => Value::Int(signed(value)),
        Err(_) => {
            let value = digits.chars().filter_map(|c| c.to_digit(base));
            let value = value.fold(0.0, |sum, digit| sum * f64::from(base) + f64::from(digit));
            Value::Float(if negative { -value } else { value })
        }
    })
}

fn float(digits: &str, negative: bool, is_signed: bool) -> Option<Value> {
    let value = match digits {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if !is_signed => f64::NAN,
        _ => {
            let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
                Some((mantissa, exponent)) => (mantissa, Some(exponent)),
                None => (digits, None),
            };
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let are_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
            let starts_well = match whole.chars().next() {
                Some(first) => first.is_ascii_digit(),
                None => !is_signed && !fraction.is_empty(),
            };
            let exponent_digits = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
            let ends_well = exponent_digits
                .is_none_or(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()));
            if !starts_well || !ends_well || !are_digits(whole) || !are_digits(fraction) {
                return None;
            }
            digits.parse::<f64>().ok()?
        }
    };
    Some(Value::Float(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_javascript_makes_of_them() {
        for (text, wanted) in [
            ("1.10", "1.1"),
            ("1.0", "1"),
            ("1.", "1"),
            (".5", "0.5"),
            ("0123", "123"),
            ("0x1F", "31"),
            ("-0x1f", "-31"),
            ("0o17", "15"),
            ("0b101", "5"),
            ("+12", "12"),
            ("1e3", "1000"),
            ("6.02e23", "6.02e+23"),
            ("1e-7", "1e-7"),
            ("1e21", "1e+21"),
            ("-0", "0"),
            ("-.inf", "-Infinity"),
            (".nan", "NaN"),
            ("12345678901234567890", "12345678901234567890"),
        ] {
            assert!(!matches!(plain(text), Value::Text(_)), "{text}");
            assert_eq!(plain(text).text().as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_a_text() {
        for text in [
            "1.2.3",
            "0x",
            "0xG",
            "0b2",
            "0o8",
            "1e",
            "1e+",
            "e3",
            ".",
            "+",
            "-",
            "-.nan",
            "_1",
            "1_",
            "1_000",
            "+.5",
            "yes",
            "no",
            "on",
            "y",
            "2001-12-14",
            "12:30",
            "1,000",
            "0X1F",
            "١٢",
        ] {
            assert!(matches!(plain(text), Value::Text(_)), "{text}: {:?}", plain(text));
        }
    }
}
