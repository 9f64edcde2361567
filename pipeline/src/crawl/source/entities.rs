//! Character references of HTML in texts of a site that escapes them even in JSON.

use scraper::Html;

/// Longer names there are none: `&CounterClockwiseContourIntegral;`.
const LONGEST_NAME: usize = 33;

/// The text with its references (`&amp;`, `&#039;`, `&#x27;`) as the characters they stand for, once: what
/// comes of that is not read again. Only references that end in a semicolon are any; what names no
/// character stays as it is.
pub fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (read, left) = match reference(after) {
            Some((name, left)) => (character_of(name), left),
            None => ("&".to_string(), after),
        };
        plain.push_str(&read);
        rest = left;
    }
    plain.push_str(rest);
    plain
}

/// What stands before the semicolon of a reference, and what follows it.
fn reference(after: &str) -> Option<(&str, &str)> {
    let (name, left) = after.split_once(';')?;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
    let is_one = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(letter);
    is_one.then_some((name, left))
}

fn character_of(name: &str) -> String {
    let reference = format!("&{name};");
    let read: String = Html::parse_fragment(&reference).root_element().text().collect();
    // Spaces at an end are the parser's business alone.
    let shown = if read.is_empty() { reference } else { read };
    shown.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_each_form_are_read_once() {
        for (escaped, plain) in [
            ("grabbing_another&#039;s_arm", "grabbing_another's_arm"),
            ("&lt;o&gt;_&lt;o&gt; &quot;x&quot;", "<o>_<o> \"x\""),
            ("caf&eacute; &hearts; &#x2665;&#X41;", "café ♥ ♥A"),
            ("a&amp;lt;b &amp;amp;", "a&lt;b &amp;"),
            (
                "a&b; &; &nothing_such; q&a &copy=1",
                "a&b; &; &nothing_such; q&a &copy=1",
            ),
            ("&unknownname; &#xzz; &", "&unknownname; &#xzz; &"),
            ("東方 &", "東方 &"),
            ("", ""),
        ] {
            assert_eq!(unescaped(escaped), plain, "{escaped}");
        }
        assert_eq!(unescaped("a&#0;b&#1114112;&#xd800;"), "a\u{fffd}b\u{fffd}\u{fffd}");
    }
}
