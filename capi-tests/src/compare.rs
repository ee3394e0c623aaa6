//! What is compared of two outputs, and what of one output is a claim that it makes about itself.

/// A difference from the reference that is meant: `mend TOPIC | WANTED | GOT`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mend<'a> {
    pub(crate) topic: &'a str,
    pub(crate) wanted: &'a str,
    pub(crate) got: &'a str,
}

impl<'a> Mend<'a> {
    /// Reads one line, or says that it is none.
    pub(crate) fn parse(line: &'a str) -> Option<Mend<'a>> {
        let mut fields = line.strip_prefix("mend ")?.splitn(3, " | ");
        Some(Mend {
            topic: fields.next()?.trim(),
            wanted: fields.next().unwrap_or("").trim(),
            got: fields.next().unwrap_or("").trim(),
        })
    }

    /// Whether the program's source explains the topic, in a comment with `mend TOPIC:`.
    pub(crate) fn explained(&self, source: &str) -> bool {
        source.contains(&format!("mend {}:", self.topic))
    }
}

/// The lines of an output that count: neither meant differences nor remarks.
pub(crate) fn compared(output: &str) -> Vec<&str> {
    output.lines().filter(|line| !line.starts_with("mend ") && !line.starts_with('~')).collect()
}

/// The lines that differ, as `- wanted` and `+ got` with the number of the line among those compared.
/// Empty when nothing differs.
pub(crate) fn differences(wanted: &str, got: &str) -> Vec<String> {
    let (wanted, got) = (compared(wanted), compared(got));
    let common = common_lengths(&wanted, &got);
    let (mut w, mut g, mut lines) = (0, 0, Vec::new());
    while w < wanted.len() || g < got.len() {
        if w < wanted.len() && g < got.len() && wanted[w] == got[g] {
            (w, g) = (w + 1, g + 1);
        } else if w < wanted.len() && (g == got.len() || common[w + 1][g] >= common[w][g + 1]) {
            lines.push(format!("{:4} - {}", w + 1, wanted[w]));
            w += 1;
        } else {
            lines.push(format!("{:4} + {}", g + 1, got[g]));
            g += 1;
        }
    }
    lines
}

/// How many lines the rests behind each pair of positions have in common, in order: the table of the
/// longest common subsequence.
fn common_lengths(wanted: &[&str], got: &[&str]) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; got.len() + 1]; wanted.len() + 1];
    for w in (0..wanted.len()).rev() {
        for g in (0..got.len()).rev() {
            table[w][g] = if wanted[w] == got[g] {
                table[w + 1][g + 1] + 1
            } else {
                table[w + 1][g].max(table[w][g + 1])
            };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_and_mends_do_not_count() {
        assert!(differences("a\n~ 12 ms\nmend x | 1 | 2\nb\n", "a\nmend x | 1 | 1\nb\n~ 9 ms\n").is_empty());
    }

    #[test]
    fn a_missing_line_and_a_changed_line_are_shown() {
        assert_eq!(differences("a\nb\n", "a\nc\nd\n"), ["   2 - b", "   2 + c", "   3 + d"]);
    }

    #[test]
    fn a_line_too_many_is_the_only_one_shown() {
        assert_eq!(differences("a\nb\nc\nd\n", "a\nx\nb\nc\nd\n"), ["   2 + x"]);
    }

    #[test]
    fn a_mend_has_a_topic_what_is_wanted_and_what_came() {
        let mend = Mend::parse("mend duplicate | 1 call | 2 calls").unwrap();
        assert_eq!(mend, Mend { topic: "duplicate", wanted: "1 call", got: "2 calls" });
        assert!(mend.explained("/* mend duplicate: the handler runs once */"));
        assert!(!mend.explained("/* mend other: .. */"));
        assert_eq!(Mend::parse("mended | 1 | 2"), None);
    }
}
