//! What of a text of several lines is worth a line of its own? Where the text comes from is not known here.

/// The longest excerpt, in characters.
const LONGEST: usize = 200;

/// The first line up to its limit, and how much is missing.
pub fn first_line(text: &str) -> String {
    let text = text.trim();
    let line = text.lines().next().unwrap_or_default();
    let end = line.char_indices().nth(LONGEST).map_or(line.len(), |(at, _)| at);
    let shown = line.get(..end).unwrap_or(line);
    match text.len() - shown.len() {
        0 => shown.to_owned(),
        left => format!("{shown}… and {left} bytes more"),
    }
}

/// The last line up to its limit, of which a program that fails says most in, and how much stands before it.
pub fn last_line(text: &str) -> String {
    let text = text.trim();
    let line = text.lines().next_back().unwrap_or_default();
    let begin = line.char_indices().rev().nth(LONGEST - 1).map_or(0, |(at, _)| at);
    let shown = line.get(begin..).unwrap_or(line);
    match text.len() - shown.len() {
        0 => shown.to_owned(),
        left => format!("{left} bytes and …{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_one_short_line_is_shown_as_it_is() {
        for text in ["", "no luck", &"é".repeat(LONGEST)] {
            let padded = format!(" {text}\r\n");
            assert_eq!((first_line(&padded).as_str(), last_line(&padded).as_str()), (text, text));
        }
    }

    #[test]
    fn what_is_cut_is_told() {
        let page = "<!doctype html>\n<title>500</title>\nbye";
        assert_eq!(first_line(page), "<!doctype html>… and 23 bytes more");
        assert_eq!(last_line(page), "35 bytes and …bye");
        let long = "é".repeat(LONGEST + 1);
        assert_eq!(first_line(&long), format!("{}… and 2 bytes more", "é".repeat(LONGEST)));
        assert_eq!(last_line(&long), format!("2 bytes and …{}", "é".repeat(LONGEST)));
    }
}
