//! How the demo is shown on a terminal: shortened where it is long, and it says so.

use serde_json::Value;

use super::client::Reply;
use super::script::{Chapter, Step};
use super::{Call, say};

/// Lines of an answer that are shown.
const SHOWN_LINES: usize = 40;
/// Characters that are shown of a pipeline's events.
const SHOWN_OF_EVENTS: usize = 280;

pub(super) fn chapter(number: usize, chapter: &Chapter) {
    say(format!("━━ {number}. {}\n", chapter.title));
}

pub(super) fn step(step: &Step, call: &Call, reply: &Reply) {
    say(format!("── {}", step.title));
    say(format!("> {} {}", step.tool, arguments(call)));
    let lines: Vec<&str> = reply.text.lines().collect();
    for line in lines.iter().take(SHOWN_LINES) {
        say(format!("  {}", shortened(line, step.shown)));
    }
    if lines.len() > SHOWN_LINES {
        say(format!("  … {} more lines", lines.len() - SHOWN_LINES));
    }
    say("");
}

/// The arguments as the script has them; of many events the beginning, and how many there are.
fn arguments(call: &Call) -> String {
    let said = call.said.split_whitespace().collect::<Vec<_>>().join(" ");
    let (Some(events), Some(open)) = (call.events.as_ref(), said.strip_suffix('}')) else {
        return said;
    };
    let count = events.len();
    let events: Vec<String> = events.iter().map(Value::to_string).collect();
    let events = events.join(",");
    let begin: String = events.chars().take(SHOWN_OF_EVENTS).collect();
    format!(
        "{open}, \"events\": [{begin} … ({count} events, {} in all)]}}",
        size(events.len())
    )
}

/// The beginning and the end of a line, and how long it is.
fn shortened(line: &str, (head, tail): (usize, usize)) -> String {
    let chars: Vec<char> = line.chars().collect();
    let (Some(begin), Some(end)) = (
        chars.get(..head),
        chars.len().checked_sub(tail).and_then(|at| chars.get(at..)),
    ) else {
        return line.to_owned();
    };
    if chars.len() <= head + tail {
        return line.to_owned();
    }
    let (begin, end): (String, String) = (begin.iter().collect(), end.iter().collect());
    format!("{begin} … ({} in all) … {end}", size(line.len()))
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        _ => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_two_ends_and_tells_its_length() {
        assert_eq!(shortened("äbcdefghi", (4, 5)), "äbcdefghi");
        assert_eq!(
            shortened("äbcdefghij", (2, 3)),
            "äb … (11 bytes in all) … hij"
        );
        assert_eq!(shortened("", (2, 3)), "");
        assert_eq!(size(4_199), "4.1 kB");
    }
}
