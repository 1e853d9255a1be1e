//! `{{ … }}`: what a template of the registry leaves open until 's init' makes a project of it. What references are is not
//! known here.

/// Why `text` is not what it stands for; `None` when nothing in it is left open.
pub fn reason(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("{{")?;
    let (inner, _) = rest.split_once("}}")?;
    Some(format!("'{{{{{inner}}}}}' is filled in by 's init'"))
}

/// The same of what a YAML parser fails at in line `number` of `text` or beside it, with the line.
pub fn failure(text: &str, number: usize) -> Option<String> {
    [number, number.saturating_sub(1), number + 1].into_iter().find_map(|number| {
        let line = text.lines().nth(number.checked_sub(1)?)?;
        let (before, _) = line.split_once("{{")?;
        // In quotes, and in a comment, it is a text.
        let is_open = |quote: char| before.matches(quote).count() % 2 == 1;
        let is_text = is_open('"') || is_open('\'') || before.contains('#');
        reason(line).filter(|_| !is_text).map(|reason| format!("line {number}: {reason}"))
    })
}
