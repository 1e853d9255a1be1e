//! What does a rewrite rule of a custom domain's route make of a request's target? The vendor's rules ("Configure a rewrite
//! policy"): a rule that matches the path replaces it, with the groups that the replacement names. Which rules a route
//! has is not known here.

use regex_lite::{Captures, Regex};

/// One rule, ready for use.
#[derive(Clone, Debug)]
pub struct Rewrite {
    pattern: Regex,
    replacement: String,
    /// Whether `$1` in the replacement is a group's text.
    has_groups: bool,
}

impl Rewrite {
    /// `equalRules`: the path as a whole. None for a pattern that is larger than any rule need be.
    pub fn equal(path: &str, replacement: &str) -> Result<Rewrite, regex_lite::Error> {
        let pattern = Regex::new(&format!("^{}$", regex_lite::escape(path)))?;
        Ok(Rewrite { pattern, replacement: replacement.to_owned(), has_groups: false })
    }

    /// `wildcardRules`: anywhere in the path, or after `^` at its beginning; `*` is any text, and a group.
    pub fn wildcard(wildcard: &str, replacement: &str) -> Result<Rewrite, regex_lite::Error> {
        let (start, rest) = match wildcard.strip_prefix('^') {
            Some(rest) => ("^", rest),
            None => ("", wildcard),
        };
        let literals: Vec<String> = rest.split('*').map(regex_lite::escape).collect();
        Rewrite::regex(&format!("{start}{}", literals.join("(.*)")), replacement)
    }

    /// `regexRules`.
    pub fn regex(pattern: &str, replacement: &str) -> Result<Rewrite, regex_lite::Error> {
        Ok(Rewrite { pattern: Regex::new(pattern)?, replacement: replacement.to_owned(), has_groups: true })
    }

    /// The path, and the query where the replacement has one, that replace `path`; `None` when the rule does not match.
    pub fn apply(&self, path: &str) -> Option<String> {
        let captures = self.pattern.captures(path)?;
        Some(if self.has_groups { expanded(&self.replacement, &captures) } else { self.replacement.clone() })
    }
}

/// The same rule, however it was compiled.
impl PartialEq for Rewrite {
    fn eq(&self, other: &Rewrite) -> bool {
        let key =
            |rule: &Rewrite| (rule.pattern.as_str().to_owned(), rule.replacement.clone(), rule.has_groups);
        key(self) == key(other)
    }
}

impl Eq for Rewrite {}

/// `replacement` with the text of group 12 for `$12`, which is none where there is no such group.
fn expanded(replacement: &str, captures: &Captures<'_>) -> String {
    let mut parts = replacement.split('$');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        match number.parse() {
            Ok(number) => whole.push_str(captures.get(number).map_or("", |group| group.as_str())),
            Err(_) => {
                whole.push('$');
                whole.push_str(number);
            }
        }
        whole.push_str(rest);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's own examples.
    #[test]
    fn rules_rewrite_as_the_vendors_page_says() {
        type Make = fn(&str, &str) -> Result<Rewrite, regex_lite::Error>;
        let (equal, wildcard, regex): (Make, Make, Make) =
            (Rewrite::equal, Rewrite::wildcard, Rewrite::regex);
        for (make, pattern, replacement, path, wanted) in [
            (equal, "/old", "/new", "/old", Some("/new")),
            (equal, "/old", "/new", "/test/old", None),
            (equal, "/serviceName.Qualifier", "/serviceA", "/serviceName.Qualifier", Some("/serviceA")),
            (equal, "/serviceName.Qualifier", "/serviceA", "/serviceNamexQualifier", None),
            (equal, "/price", "/$1", "/price", Some("/$1")),
            (wildcard, "/old", "/new", "/old", Some("/new")),
            (wildcard, "/old", "/new", "/test/old", Some("/new")),
            (wildcard, "^/old", "/new", "/old", Some("/new")),
            (wildcard, "^/old", "/new", "/test/old", None),
            (wildcard, "/api/*", "/$1", "/api/getFunctionName", Some("/getFunctionName")),
            (wildcard, "/api/*", "/$1", "/api/getFunctionName&Version=1", Some("/getFunctionName&Version=1")),
            (
                wildcard,
                "/css/*",
                "/public/static/css/$1",
                "/css/style.css",
                Some("/public/static/css/style.css"),
            ),
            (
                wildcard,
                "/ServiceName/*/FunctionName/*/Qualifier/*",
                "/$1.$3/$2",
                "/ServiceName/svc-a/FunctionName/func-a/Qualifier/1",
                Some("/svc-a.1/func-a"),
            ),
            (wildcard, "/f..c", "/helloworld", "/f..c", Some("/helloworld")),
            (wildcard, "/f..c", "/helloworld", "/func", None),
            (regex, "^/old/[a-z]+/", "/new", "/old/ab/", Some("/new")),
            (regex, "^/old/[a-z]+/", "/new", "/test/a-b/", None),
            (regex, "^/api/.+?/(.*)", "/api/v2/$1", "/api/v1/test", Some("/api/v2/test")),
            (regex, "^/(a)$", "/$1b$2$x$", "/a", Some("/ab$x$")),
        ] {
            let rule = make(pattern, replacement).expect("a rule");
            assert_eq!(rule.apply(path).as_deref(), wanted, "{pattern} {replacement} {path}");
            assert_eq!(rule, make(pattern, replacement).expect("a rule"));
        }
    }

    #[test]
    fn what_is_no_regular_expression_or_takes_too_much_is_no_rule() {
        for pattern in ["(", "[a", "a{9999999}", "(?=a)"] {
            assert!(Rewrite::regex(pattern, "/").is_err(), "{pattern}");
        }
    }
}
