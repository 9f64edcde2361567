//! Lists of tags and names as people type them. What is clear is understood; what could be meant in two
//! ways is refused, with both in their right form.

use dataset::failure::Usage;

/// What parts a list, where no tag can be meant; a backslash before one makes it a letter of a tag.
const SEPARATORS: [char; 4] = [',', ';', '、', '，'];

/// Words that a list of tags which must all be there can do without.
const AND: [&str; 4] = ["and", "&", "&&", "+"];

/// Words by which other programs are asked for either of two tags.
const OR: [&str; 4] = ["or", "|", "||", "~"];

/// Tags as they are typed, `"a b -c"` or `"a, b, -c"`: those that must be there, and those that must not.
///
/// # Errors
/// [`Usage`] where a word is no plain tag, or more than one thing could be meant.
pub fn read_tags(text: &str) -> Result<(Vec<String>, Vec<String>), Usage> {
    let items = items(text);
    if items.len() > 1
        && let Some(item) = items.iter().find(|item| item.split_whitespace().count() > 1)
    {
        let words: Vec<&str> = item.split_whitespace().collect();
        return Err(Usage(format!(
            "--tags: `{item}` between commas could be one tag or {}: write {} for one tag, or `{}` without commas for several",
            words.len(),
            words.join("_"),
            words.join(" ")
        )));
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let words: Vec<&str> = items.iter().flat_map(|item| item.split_whitespace()).collect();
    for word in &words {
        if words.len() > 1 && is_one_of(&AND, word) {
            continue;
        }
        let (list, tag) = match word.strip_prefix('-') {
            Some(tag) => (&mut without, tag),
            None => (&mut with, *word),
        };
        check_tag(word, tag, words.len())?;
        list.push(tag.to_lowercase());
    }
    if with.is_empty() && without.is_empty() && !words.is_empty() {
        return Err(Usage(format!("--tags `{text}` names no tag")));
    }
    Ok((sorted(with), sorted(without)))
}

fn check_tag(word: &str, tag: &str, words: usize) -> Result<(), Usage> {
    let refuse = |why: String| Err(Usage(format!("--tags: {why}")));
    if words > 1 && (is_one_of(&OR, tag) || tag.eq_ignore_ascii_case("not")) || is_either(tag) {
        return refuse(format!(
            "`{word}` is understood as part of a tag's name here: all tags named must be there (`long_hair smile`), those with \
             a dash must not (`-comic`); for either of two tags make two crawls, one with each"
        ));
    }
    if is_bracketed(tag) {
        return refuse(format!(
            "`{word}` is no plain tag: brackets and quotation marks group nothing here; write tags one after the other, and \
             `_` for the spaces in one, as hatsune_miku"
        ));
    }
    if !is_plain(tag) {
        return refuse(format!(
            "`{word}` is no plain tag: write whole tags, with a dash before those that must not be there"
        ));
    }
    Ok(())
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// `cat|dog`: tags of letters with a bar between; in tags that show a face it stands otherwise.
fn is_either(tag: &str) -> bool {
    let word = |part: &str| part.chars().filter(|letter| letter.is_alphabetic()).count() > 1;
    tag.split_once('|')
        .is_some_and(|(left, right)| word(left) && word(right))
}

/// A word with an opening bracket or mark that it does not close.
fn is_bracketed(tag: &str) -> bool {
    let opens = tag.starts_with(['(', '{', '[', '"', '“', '«']) && !is_balanced(tag);
    let closes = tag.ends_with([')', '}', ']', '"', '”', '»']) && !is_balanced(tag);
    let letters = tag.chars().filter(|letter| letter.is_alphabetic()).count();
    (opens || closes) && letters > 1
}

fn is_balanced(tag: &str) -> bool {
    let count = |letter: char| tag.chars().filter(|other| *other == letter).count();
    let pairs = [('(', ')'), ('{', '}'), ('[', ']'), ('“', '”'), ('«', '»')];
    count('"') == 0 && pairs.iter().all(|(open, close)| count(*open) == count(*close))
}

fn is_plain(tag: &str) -> bool {
    !tag.is_empty() && !tag.contains('*') && !tag.starts_with(['~', '-'])
}

/// A name as a tag: `_` for spaces, which part the words of a list of tags.
pub fn one_word(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("_")
}

/// Sorted, each once.
pub fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

/// Names as people write them, several with commas, as tags: lower-case, `_` for spaces.
///
/// # Errors
/// [`Usage`] where one is no name.
pub fn read_names(flag: &str, names: &[String]) -> Result<Vec<String>, Usage> {
    let mut tags = Vec::new();
    for name in names {
        let items = items(name);
        if items.is_empty() {
            return Err(no_name(flag, name));
        }
        for item in items {
            let words: Vec<&str> = item.split_whitespace().collect();
            let tag = one_word(&item).to_lowercase();
            let inner = words.len() > 2 && words[1..words.len() - 1].iter().any(|word| is_one_of(&OR, word));
            if inner {
                return Err(Usage(format!(
                    "--{flag} `{item}` could be one name or two: write {tag} for one name; for either of two make two crawls, \
                     one with each"
                )));
            }
            if !is_plain(&tag) {
                return Err(no_name(flag, &item));
            }
            tags.push(tag);
        }
    }
    Ok(sorted(tags))
}

fn no_name(flag: &str, name: &str) -> Usage {
    Usage(format!(
        "--{flag} `{name}` is no name: write one whole name, as `hatsune miku` or hatsune_miku; several that must all be there \
         with commas, or with the flag repeated"
    ))
}

/// A tag or name with a backslash before what would part it.
pub fn escaped(tag: &str) -> String {
    let mut text = String::with_capacity(tag.len());
    for letter in tag.chars() {
        if SEPARATORS.contains(&letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// The parts of a list with commas between, trimmed, none empty.
fn items(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut items = vec![String::new()];
    let (mut depth, mut at) = (0_usize, 0);
    while at < letters.len() {
        let letter = letters[at];
        let next = letters.get(at + 1).copied();
        match letter {
            '\\' if next.is_some_and(|next| SEPARATORS.contains(&next)) => {
                items.last_mut().expect("there is always one").extend(next);
                at += 1;
            }
            _ if depth == 0 && parts(&letters, at) => items.push(String::new()),
            _ => {
                depth = match letter {
                    '(' if closes_later(&letters[at..]) => depth + 1,
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
                items.last_mut().expect("there is always one").push(letter);
            }
        }
        at += 1;
    }
    let trimmed = items.iter().map(|item| item.trim().to_string());
    trimmed.filter(|item| !item.is_empty()).collect()
}

/// Whether a bracket closes within its word.
fn closes_later(letters: &[char]) -> bool {
    letters
        .iter()
        .take_while(|letter| !letter.is_whitespace())
        .any(|letter| *letter == ')')
}

/// Whether a letter parts a list there. Within a word only a comma between letters does: tags are called
/// `1,000_views`, `yes,_my_lord` and `steins;gate`.
fn parts(letters: &[char], at: usize) -> bool {
    if !SEPARATORS.contains(&letters[at]) {
        return false;
    }
    let before = at.checked_sub(1).map(|before| letters[before]);
    let after = letters.get(at + 1).copied();
    let ends =
        |letter: Option<char>| letter.is_none_or(|letter| letter.is_whitespace() || SEPARATORS.contains(&letter));
    let named = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, ')' | '!' | '?'))
    };
    // `;)` and the like are tags.
    if ends(after) {
        return before.is_none_or(|_| ends(before) || named(before)) || letters[at] == ',';
    }
    if ends(before) {
        return letters[at] == ',' && after.is_some_and(|letter| letter.is_alphanumeric() || letter == '-');
    }
    let digits = [before, after]
        .iter()
        .all(|letter| letter.is_some_and(|letter| letter.is_ascii_digit()));
    let goes_on = after.is_some_and(|letter| letter.is_alphanumeric() || letter == '-');
    letters[at] == ',' && named(before) && goes_on && !digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> (Vec<String>, Vec<String>) {
        read_tags(text).expect(text)
    }

    #[test]
    fn lists_of_tags_are_read_with_spaces_and_with_commas() {
        let expected = (vec!["long_hair".to_string(), "smile".into()], vec!["comic".to_string()]);
        for text in [
            "long_hair smile -comic",
            "long_hair, smile, -comic",
            "long_hair,smile,-comic",
            "long_hair , smile ,-comic,",
            "long_hair; smile; -comic",
            "Long_Hair、 smile， -comic",
            "long_hair and smile & -comic",
            "\tlong_hair\nsmile  -comic smile",
        ] {
            assert_eq!(tags(text), expected, "{text}");
        }
        assert_eq!(tags(""), (vec![], vec![]));
        assert_eq!(tags(" , "), (vec![], vec![]));
    }

    #[test]
    fn tags_with_commas_brackets_and_faces_stay_whole() {
        for tag in [
            "1,000_views",
            "yes,_my_lord",
            "steins;gate",
            "fate/grand_order",
            "saber_(fate/stay_night)",
            "foo_(a,b)",
            ":)",
            ";)",
            ";d",
            ":|",
            "|_|",
            "(o)_(o)",
            ">:(",
            "\\m/",
            "おい、脱げよ",
            "and",
            "or",
            "dead_or_alive",
            "!",
            "...",
            "k-on!",
            "c.c.",
        ] {
            assert_eq!(tags(tag).0, [tag], "{tag}");
            if !["and", "or"].contains(&tag) {
                assert_eq!(tags(&format!("{tag} smile, ")).0.len(), 2, "{tag}");
            }
        }
        assert_eq!(tags(r"hey\, you\,me").0, ["hey,", "you,me"]);
        for tag in ["hey,", "a;", "you,me"] {
            assert_eq!(tags(&escaped(tag)).0, [tag]);
        }
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused_with_the_right_forms() {
        for (text, expected) in [
            ("a or b", "two crawls"),
            ("a OR b", "two crawls"),
            ("cat | dog", "two crawls"),
            ("cat||dog", "two crawls"),
            ("a ~ b", "two crawls"),
            ("not comic", "-comic"),
            ("(cat dog)", "group nothing"),
            ("-(cat dog)", "group nothing"),
            ("{cat dog}", "group nothing"),
            ("\"hatsune miku\" smile", "hatsune_miku"),
            ("long hair, blue eyes", "long_hair for one tag"),
            ("blue*", "no plain tag"),
            ("-", "no plain tag"),
            ("~a", "no plain tag"),
            ("--a", "no plain tag"),
            ("and &", "no tag"),
        ] {
            let error = read_tags(text).expect_err(text).to_string();
            assert!(
                error.starts_with("--tags") && error.contains(expected),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn names_are_read_one_by_one_and_with_commas() {
        let names = |name: &str| read_names("character", &[name.to_string()]);
        for text in ["miku, rin", "miku,rin", "Miku ,Rin,", "miku; rin", "rin、 miku"] {
            assert_eq!(names(text).expect(text), ["miku", "rin"], "{text}");
        }
        assert_eq!(
            names("Hatsune  Miku, kagamine rin").expect("reads"),
            ["hatsune_miku", "kagamine_rin"]
        );
        for (name, tag) in [
            ("spice and wolf", "spice_and_wolf"),
            ("dead_or_alive", "dead_or_alive"),
            ("steins;gate", "steins;gate"),
            ("saber (fate/stay night)", "saber_(fate/stay_night)"),
            (r"hello\, good-bye", "hello,_good-bye"),
            ("yes,_my_lord", "yes,_my_lord"),
            ("panty & stocking", "panty_&_stocking"),
        ] {
            assert_eq!(names(name).expect(name), [tag]);
        }
        for (name, expected) in [
            ("miku or rin", "miku_or_rin for one name"),
            ("miku | rin", "two crawls"),
            ("-miku", "is no name"),
            (" ", "is no name"),
            (",", "is no name"),
            ("miku, *", "is no name"),
        ] {
            let error = names(name).expect_err(name).to_string();
            assert!(
                error.contains(expected) && error.contains("--character"),
                "{name}: {error}"
            );
        }
    }
}
