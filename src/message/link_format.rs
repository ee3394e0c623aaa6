//! The link format in which a server lists its resources (RFC 6690), and the filter that a
//! client may put on the list (RFC 6690 §4.1).
//!
//! Text is written through a [`Window`]: it counts everything and keeps what falls into the
//! caller's buffer, so one block of a long list costs no more memory than that block.

/// A buffer that shows a part of a longer text.
#[derive(Debug)]
pub struct Window<'a> {
    out: &'a mut [u8],
    offset: usize,
    filled: usize,
    total: usize,
}

impl<'a> Window<'a> {
    /// A window onto the text from `offset` on, as long as `out` is.
    pub fn new(out: &'a mut [u8], offset: usize) -> Self {
        Window { out, offset, filled: 0, total: 0 }
    }

    /// Writes the next piece of the text.
    pub fn push(&mut self, text: &[u8]) {
        let skip = self.offset.saturating_sub(self.total);
        self.total = self.total.saturating_add(text.len());
        let seen = text.get(skip..).unwrap_or(&[]);
        let room = self.out.get_mut(self.filled..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(seen) {
            *to = *from;
        }
        self.filled += seen.len().min(room.len());
    }

    /// Bytes that stand in the buffer.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Length of the whole text, in the window or not.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whether there is text behind the end of the window.
    pub fn is_cut(&self) -> bool {
        self.offset.saturating_add(self.out.len()) < self.total
    }
}

/// One attribute of a link: a name and perhaps a value, which carries its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// As it is printed; no name is special here.
    pub name: Box<[u8]>,
    /// As it is printed, with quotes if there are any. An attribute without one is a bare word.
    pub value: Option<Box<[u8]>>,
}

impl Attribute {
    /// The value without the quotes around it.
    fn unquoted(&self) -> Option<&[u8]> {
        let value = self.value.as_deref()?;
        Some(match value.strip_prefix(b"\"") {
            Some(inner) => inner.strip_suffix(b"\"").unwrap_or(inner),
            None => value,
        })
    }
}

/// One link of the list, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The path, without the slash it is printed with.
    pub path: &'a [u8],
    /// In the order of adding: the last one is printed first.
    pub attributes: &'a [Attribute],
    /// Print `obs` (RFC 7641 §6).
    pub observable: bool,
    /// Print `osc` (RFC 8613 §9).
    pub oscore: bool,
}

impl Link<'_> {
    /// Writes the link.
    pub fn write(&self, to: &mut Window<'_>) {
        to.push(b"</");
        to.push(self.path);
        to.push(b">");
        for attribute in self.attributes.iter().rev() {
            to.push(b";");
            to.push(&attribute.name);
            if let Some(value) = &attribute.value {
                to.push(b"=");
                to.push(value);
            }
        }
        if self.observable {
            to.push(b";obs");
        }
        if self.oscore {
            to.push(b";osc");
        }
    }

    /// The attribute with this name that was added last.
    fn attribute(&self, name: &[u8]) -> Option<&Attribute> {
        self.attributes.iter().rev().find(|a| *a.name == *name)
    }
}

/// Which links a client wants to see (RFC 6690 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter<'a> {
    /// All of them.
    All,
    /// None: the query is not of the form `name=pattern`.
    Nothing,
    /// Those whose path matches.
    Path(Pattern<'a>),
    /// Those with an attribute of this name whose value matches.
    Attribute(&'a [u8], Pattern<'a>),
}

/// What a value is compared with: `foo`, or `foo*` for everything that begins with `foo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern<'a> {
    text: &'a [u8],
    is_prefix: bool,
}

impl<'a> Pattern<'a> {
    fn new(text: &'a [u8]) -> Self {
        match text.strip_suffix(b"*") {
            Some(text) => Pattern { text, is_prefix: true },
            None => Pattern { text, is_prefix: false },
        }
    }

    fn matches(&self, value: &[u8]) -> bool {
        if self.is_prefix { value.starts_with(self.text) } else { value == self.text }
    }

    /// Whether one of the words of `value` matches. A prefix may run on over a space: `foo b*`
    /// finds `foo bar`.
    fn matches_word(&self, value: &[u8]) -> bool {
        let mut rest = value;
        while !rest.is_empty() {
            let end = rest.iter().position(|&b| b == b' ');
            let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
            if self.matches(if self.is_prefix { rest } else { word }) {
                return true;
            }
            rest = end.and_then(|end| rest.get(end + 1..)).unwrap_or(&[]);
        }
        false
    }
}

impl<'a> Filter<'a> {
    /// Reads the query of a request for `/.well-known/core`. An empty query, and one with an empty
    /// name, ask for everything; one without `=` for nothing.
    pub fn new(query: &'a [u8]) -> Self {
        if query.is_empty() {
            return Filter::All;
        }
        let Some(at) = query.iter().position(|&b| b == b'=') else { return Filter::Nothing };
        let (name, pattern) = (query.get(..at).unwrap_or(&[]), query.get(at + 1..).unwrap_or(&[]));
        match name {
            b"" => Filter::All,
            b"href" => Filter::Path(Pattern::new(pattern.strip_prefix(b"/").unwrap_or(pattern))),
            name => Filter::Attribute(name, Pattern::new(pattern)),
        }
    }

    /// Whether this link is wanted. Of several attributes with one name only the last added
    /// counts. Relation types, resource types and interface descriptions are lists of words
    /// (RFC 6690 §2, §3.1, §3.2).
    pub fn wants(&self, link: &Link<'_>) -> bool {
        match self {
            Filter::All => true,
            Filter::Nothing => false,
            Filter::Path(pattern) => pattern.matches(link.path),
            Filter::Attribute(name, pattern) => {
                let Some(value) = link.attribute(name).and_then(Attribute::unquoted) else { return false };
                match *name {
                    b"rt" | b"if" | b"rel" => pattern.matches_word(value),
                    _ => pattern.matches(value),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(name: &str, value: Option<&str>) -> Attribute {
        Attribute { name: name.as_bytes().into(), value: value.map(|v| v.as_bytes().into()) }
    }

    fn wants(query: &str, attributes: &[Attribute]) -> bool {
        let link = Link { path: b"sensors/temp", attributes, observable: false, oscore: false };
        Filter::new(query.as_bytes()).wants(&link)
    }

    fn print(link: &Link<'_>) -> String {
        let mut buf = [0; 200];
        let mut window = Window::new(&mut buf, 0);
        link.write(&mut window);
        let n = window.filled();
        String::from_utf8_lossy(&buf[..n]).into_owned()
    }

    #[test]
    fn attributes_are_printed_last_added_first_then_obs_then_osc() {
        let attributes =
            [attribute("ct", Some("0")), attribute("rt", Some("\"x\"")), attribute("bare", None)];
        let link = Link { path: b"a/b", attributes: &attributes, observable: true, oscore: true };
        assert_eq!(print(&link), "</a/b>;bare;rt=\"x\";ct=0;obs;osc");
    }

    #[test]
    fn a_path_filter_may_begin_with_a_slash() {
        for query in ["href=/sensors/temp", "href=sensors/temp", "href=/sens*", "href=*", "href=/*"] {
            assert!(wants(query, &[]), "{query}");
        }
        for query in ["href=", "href=/", "href=//sensors/temp", "href=/sensors", "href"] {
            assert!(!wants(query, &[]), "{query}");
        }
    }

    #[test]
    fn a_resource_type_matches_by_word() {
        let rt = [attribute("rt", Some("\"secs foo bar\""))];
        for query in ["rt=secs", "rt=foo", "rt=bar", "rt=fo*", "rt=foo b*", "rt=*", "", "=", "=x"] {
            assert!(wants(query, &rt), "{query}");
        }
        for query in ["rt=", "rt=fo", "rt=secs foo", "rt=\"secs", "rt=ar*", "rt", "if=foo", "r=foo"] {
            assert!(!wants(query, &rt), "{query}");
        }
    }

    #[test]
    fn any_other_attribute_matches_whole() {
        let title = [attribute("title", Some("\"Internal Clock\""))];
        assert!(wants("title=Internal Clock", &title));
        assert!(wants("title=Int*", &title));
        assert!(!wants("title=Clock", &title));
        assert!(!wants("title=Internal", &title));
    }

    #[test]
    fn an_attribute_without_a_value_matches_nothing_and_an_empty_one_the_empty_pattern() {
        assert!(!wants("x=*", &[attribute("x", None)]));
        assert!(wants("x=", &[attribute("x", Some(""))]));
        assert!(wants("x=", &[attribute("x", Some("\"\""))]));
        assert!(!wants("rt=*", &[attribute("rt", Some(""))]), "no word, no match");
    }

    #[test]
    fn a_lone_quote_is_a_value_of_no_length() {
        assert!(wants("x=", &[attribute("x", Some("\""))]));
        assert!(!wants("x=y", &[attribute("x", Some("\""))]));
    }

    #[test]
    fn of_two_attributes_with_one_name_the_last_added_counts() {
        let both = [attribute("rt", Some("one")), attribute("rt", Some("two"))];
        assert!(wants("rt=two", &both));
        assert!(!wants("rt=one", &both));
    }

    proptest! {
        #[test]
        fn every_window_shows_the_part_of_the_text_it_covers(
            pieces in proptest::collection::vec("[a-z]{0,9}", 0..12),
            offset in 0usize..60,
            len in 0usize..60,
        ) {
            let whole = pieces.concat();
            let mut buf = vec![0; len];
            let mut window = Window::new(&mut buf, offset);
            pieces.iter().for_each(|p| window.push(p.as_bytes()));
            let (filled, total, cut) = (window.filled(), window.total(), window.is_cut());
            let end = whole.len().min(offset + len);
            let expected = whole.as_bytes().get(offset..end).unwrap_or(&[]);
            prop_assert_eq!(&buf[..filled], expected);
            prop_assert_eq!(total, whole.len());
            prop_assert_eq!(cut, offset + len < whole.len());
        }

        #[test]
        fn no_query_and_no_value_is_too_strange(query: Vec<u8>, name: Vec<u8>, value: Option<Vec<u8>>) {
            let attributes = [Attribute { name: name.into(), value: value.map(Into::into) }];
            let link = Link { path: b"", attributes: &attributes, observable: false, oscore: false };
            let _ = Filter::new(&query).wants(&link);
        }
    }
}
