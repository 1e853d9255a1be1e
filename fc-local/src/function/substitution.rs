//! Where does a text name the platform's directories `/code` and `/opt` as a path, and what does it say with others in
//! their places? The text is a word of a command, a shell's text or a variable's value: a path, a list of paths, a URL,
//! JSON. What stands for the directories is not known here, nor whether they need a substitute at all.

/// A directory of the platform's, and what stands for it: a path without characters that a shell or a list of paths
/// would take for its own.
pub type Substitute<'a> = (&'static str, &'a str);

/// `text` with the substitutes in the places of the directories. One pass: a substitute may lie below another's
/// directory.
pub fn substituted(text: &str, substitutes: &[Substitute<'_>]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, _) in text.match_indices('/') {
        let Some((before, from)) = text.split_at_checked(at).filter(|_| at >= copied) else { continue };
        let named = substitutes.iter().find_map(|(directory, substitute)| {
            let after = from.strip_prefix(directory)?;
            (may_begin(before) && may_end(after)).then_some((directory.len(), after, substitute))
        });
        if let Some((length, after, substitute)) = named {
            result.push_str(before.get(copied..).unwrap_or_default());
            // The root directory as a substitute brings the slash that follows.
            result.push_str(if after.starts_with('/') {
                substitute.trim_end_matches('/')
            } else {
                substitute
            });
            copied = at + length;
        }
    }
    result.push_str(text.get(copied..).unwrap_or_default());
    result
}

/// Whether any of `directories` is named in `text`.
pub fn names(text: &str, directories: &[&'static str]) -> bool {
    let marked: Vec<Substitute<'_>> = directories.iter().map(|directory| (*directory, "\0")).collect();
    substituted(text, &marked).contains('\0')
}

/// Whether an absolute path may begin behind `before`.
fn may_begin(before: &str) -> bool {
    let mut before = before;
    loop {
        let mut chars = before.chars();
        let Some(last) = chars.next_back() else { return true };
        let rest = chars.as_str();
        match last {
            // A quote opens where what it quotes could stand without it; after a variable's name it closes. `@` is the
            // same: the name of a file with more arguments begins with it, that of a host ends before it.
            '"' | '\'' | '`' | '@' => before = without_prefix(rest.trim_end_matches('\\')),
            // `\/code`, as JSON may have it.
            '\\' => before = rest.trim_end_matches('\\'),
            ':' => return !names_host(rest),
            '=' | ',' | ';' | '|' | '&' | '<' | '>' | '(' | '[' | '{' => return true,
            // `${NAME:-/code}`.
            '-' | '+' => return rest.ends_with(':'),
            // The first line of a script.
            '!' => return rest.ends_with('#'),
            '/' => return ends_in_empty_authority(before),
            '\n' => return true,
            _ if last.is_whitespace() => return !rest.ends_with('\\'),
            // An option of one letter: `-I/code/include`.
            _ if last.is_ascii_alphabetic() => match rest.strip_suffix('-') {
                Some(rest) => before = rest,
                None => return false,
            },
            _ => return false,
        }
    }
}

/// What is before a text in quotes, without the letter that Python has there: `open(r'/code/x')`.
fn without_prefix(before: &str) -> &str {
    let shorter = before.strip_suffix(['r', 'f', 'b', 'u']);
    shorter.filter(|rest| rest.ends_with(['(', '[', '=', ',', ' '])).unwrap_or(before)
}

/// `user@host`, behind which a path is another machine's.
fn names_host(before: &str) -> bool {
    let is_boundary = |c: char| c.is_whitespace() || "\"'`=,;:([{<>|&".contains(c);
    let element = before.rsplit(is_boundary).next().unwrap_or_default();
    element.find('@').is_some_and(|at| at > 0)
}

/// `file://`, behind which a path begins. SQLite's is a relative one, and absolute with a slash more.
fn ends_in_empty_authority(before: &str) -> bool {
    let head = before.trim_end_matches('/');
    let Some(head) = head.strip_suffix(':') else { return false };
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let scheme = head.rsplit(|c| !is_of_scheme(c)).next().unwrap_or_default();
    let is_relative = scheme.starts_with("sqlite") || scheme.starts_with("duckdb");
    match before.len() - head.len() - ":".len() {
        2 => !scheme.is_empty() && !is_relative,
        3 => !scheme.is_empty(),
        _ => false,
    }
}

/// Whether the name of a directory may end before `after`.
fn may_end(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        None => true,
        Some('/' | ':' | ',' | ';' | '=' | '"' | '\'' | '`' | ')' | ']' | '}' | '|' | '&' | '<' | '>') => {
            true
        }
        // The quote of a text in a text, JSON's `\/`, a line that goes on.
        Some('\\') => after.trim_start_matches('\\').starts_with(['"', '\'', '/', '\n']),
        Some('$') => continues_list(chars.as_str()),
        Some(c) => c.is_whitespace(),
    }
}

/// `${NAME:+:$NAME}`: a list that goes on if there is more.
fn continues_list(after_dollar: &str) -> bool {
    let name = after_dollar.strip_prefix('{');
    let rest = name.map(|name| name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'));
    rest.is_some_and(|rest| rest.starts_with(":+:") || rest.starts_with("+:"))
}

#[cfg(test)]
mod tests;
